"""The bill of materials: valid by CycloneDX's own schema, complete, and the same bytes each time."""

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion

from releasd.core.sbom import sbom
from releasd.core.sbomparts import parts_of
from releasd.model import Artifact
from support.fakeports import plan_of

WHEEL = Artifact(filename="demo-1.1.0-py3-none-any.whl", sha256="a" * 64, size=10, build="wheel", host="mini")
METADATA = """Metadata-Version: 2.4
Name: demo
Version: 1.1.0
Summary: Shows things.
License-Expression: MIT OR Apache-2.0
Requires-Dist: Click>=8
Requires-Dist: pytest; extra == "dev"

The description.
"""
UV_LOCK = b"""
version = 1
[[package]]
name = "demo"
version = "1.1.0"
source = { editable = "." }
dependencies = [{ name = "click" }]
[[package]]
name = "click"
version = "8.1.7"
source = { registry = "https://index.example.org/simple" }
dependencies = [{ name = "colorama" }]
[[package]]
name = "colorama"
version = "0.4.6"
[[package]]
name = "pytest"
version = "8.0.0"
"""
CARGO_LOCK = f"""
version = 3
[[package]]
name = "demo-core"
version = "1.1.0"
dependencies = ["libc", "rand 0.8.5"]
[[package]]
name = "libc"
version = "0.2.150"
source = "registry+https://crates.example.org"
checksum = "{"1" * 64}"
[[package]]
name = "rand"
version = "0.7.3"
source = "registry+https://crates.example.org"
checksum = "{"2" * 64}"
[[package]]
name = "rand"
version = "0.8.5"
source = "registry+https://crates.example.org"
checksum = "{"3" * 64}"
""".encode()
LOCKS = {"uv.lock": UV_LOCK, "Cargo.lock": CARGO_LOCK}


def made(locks: dict[str, bytes], metadata: str = METADATA) -> dict[str, Any]:
    """Return the SBOM as a document, once it is known to be valid."""
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415 - 6 s, in every worker that collects

    text = sbom(plan_of("b" * 40), [WHEEL], metadata, locks)
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.decode())
    assert problem is None, problem
    return dict(json.loads(text))


@pytest.mark.parametrize("locks", [{}, {"uv.lock": UV_LOCK}, {"Cargo.lock": CARGO_LOCK}, LOCKS])
@pytest.mark.parametrize("metadata", [METADATA, ""])
def test_it_is_valid(locks: dict[str, bytes], metadata: str) -> None:
    """CycloneDX's own schema, strictly, with each mixture of what a project may have."""
    assert made(locks, metadata)["bomFormat"] == "CycloneDX"


def test_it_names_the_release_and_its_files() -> None:
    """Name, version, licence, and each built file with its digest."""
    root = made(LOCKS)["metadata"]["component"]
    assert root["purl"] == f"pkg:pypi/demo@{plan_of('b' * 40).pep440}"
    assert root["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert root["components"][0]["hashes"] == [{"alg": "SHA-256", "content": WHEEL.sha256}]


def test_a_release_of_crates_is_no_package_of_pythons() -> None:
    """Where all files are crates, the address names Cargo's registry and Cargo's spelling of the version."""
    crate = Artifact(filename="demo-1.1.0-rc.1.crate", sha256="a" * 64, size=10, build="crates", host="mini")
    plan = plan_of("b" * 40, version="1.1.0-rc.1", pep440="1.1.0rc1")
    root = json.loads(sbom(plan, [crate], "", {}))["metadata"]["component"]
    assert (root["purl"], root["version"]) == ("pkg:cargo/demo@1.1.0-rc.1", "1.1.0-rc.1")


def test_what_is_locked_has_its_version_and_who_needs_it() -> None:
    """Packages of both lock files, two versions of one crate apart, and the edges between them."""
    document = made(LOCKS)
    edges = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    assert edges["release"] == ["pkg:cargo/demo-core@1.1.0", "pkg:pypi/click@8.1.7"]
    assert edges["pkg:pypi/click@8.1.7"] == ["pkg:pypi/colorama@0.4.6"]
    assert edges["pkg:cargo/demo-core@1.1.0"] == ["pkg:cargo/libc@0.2.150", "pkg:cargo/rand@0.8.5"]
    libc = next(one for one in document["components"] if one["name"] == "libc")
    assert libc["hashes"] == [{"alg": "SHA-256", "content": "1" * 64}]


def test_what_only_developers_need_is_left_out() -> None:
    """A lock file holds the tests' tools too, which are no part of what is released."""
    named = {one["name"] for one in made(LOCKS)["components"]}
    assert named == {"click", "colorama", "demo-core", "libc", "rand"}


def test_package_without_requirements_has_no_parts() -> None:
    """The commonest small package, with a lock file for its developers: valid, and empty."""
    lock = UV_LOCK.replace(b'dependencies = [{ name = "click" }]', b"")
    assert "components" not in made({"uv.lock": lock}, "Metadata-Version: 2.4\nName: demo\n")


def test_requirements_without_a_lock_have_no_version() -> None:
    """Where nothing is locked, what the metadata asks for is named, extras aside."""
    assert [part.ref for part in parts_of("demo", METADATA, {}).parts] == ["pkg:pypi/click"]


def test_odd_entries_do_not_end_a_release() -> None:
    """A lock file or metadata with entries that nobody can read gives an SBOM of the others."""
    locks = {"uv.lock": b'[[package]]\nversion = 3\n[[package]]\nname = "click"\n', "Cargo.lock": b"package = 3\n"}
    document = made(locks, METADATA.replace("Click>=8", "Click>=8\nRequires-Dist: not a requirement!"))
    assert [one["name"] for one in document["components"]] == ["click"]


def test_same_input_gives_the_same_bytes() -> None:
    """Serial number and time follow from the plan."""
    first = sbom(plan_of("b" * 40), [WHEEL], METADATA, LOCKS)
    assert sbom(plan_of("b" * 40), [WHEEL], METADATA, dict(reversed(LOCKS.items()))) == first
    assert sbom(plan_of("e" * 40), [WHEEL], METADATA, LOCKS) != first
