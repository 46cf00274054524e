"""SHA256SUMS and provenance: whole, without secrets, and the same bytes each time."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core import provenance
from releasd.core.provenance import Builder, Origin, attached, public_url, read_sums, statement, subjects, sums
from releasd.errors import CheckFailed
from releasd.model import Artifact, BuildSpec, Plan
from support.fakeports import plan_of

COMMIT = "c" * 40
DIGEST = "d" * 64
WHEEL = Artifact(filename="demo-1.1.0-py3-none-any.whl", sha256="a" * 64, size=10, build="wheel", host="mini")
IMAGE = {"host": "mini", "engine": "podman", "image": "quay.io/x:1", "image_id": f"sha256:{'1' * 64}"}


def made(builds: dict[str, Any] | None = None, **origin: Any) -> dict[str, Any]:
    """Return the statement of one wheel as a document."""
    values: dict[str, Any] = {"repository": "/srv/git/demo.git", "commit": COMMIT, "job": 7, "locks": {}} | origin
    return dict(json.loads(statement(plan(), [WHEEL], Origin(**values, builds=builds or {}), Builder(version="1"))))


def plan() -> Plan:
    return plan_of("b" * 40, builds=(BuildSpec(name="wheel", run="make wheel", env={"A": "b"}),))


def test_statement_has_the_form_that_verifiers_look_for() -> None:
    """Types, subject, source, builder and parameters stand where in-toto and SLSA say."""
    document = made(locks={"uv.lock": DIGEST})
    definition, run = (document["predicate"][key] for key in ("buildDefinition", "runDetails"))
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "https://slsa.dev/provenance/v1"
    assert document["subject"] == [{"name": WHEEL.filename, "digest": {"sha256": WHEEL.sha256}}]
    assert definition["externalParameters"]["builds"][0]["run"] == "make wheel"
    assert definition["resolvedDependencies"] == [
        {"uri": f"git+file:///srv/git/demo.git@refs/tags/{plan().tag}", "digest": {"gitCommit": COMMIT}},
        {"uri": f"git+file:///srv/git/demo.git@{COMMIT}#uv.lock", "name": "uv.lock", "digest": {"sha256": DIGEST}},
    ]
    assert run["builder"] == {"id": "urn:releasd:builder", "version": {"releasd": "1"}}
    started = datetime.fromisoformat(run["metadata"]["startedOn"])
    assert (started, started.tzinfo) == (plan().planned_at, UTC)
    assert definition["internalParameters"]["files"] == {WHEEL.filename: {"build": "wheel", "host": "mini"}}


@pytest.mark.parametrize(
    ("digests", "expected"),
    [
        (f"quay.io/x@sha256:{DIGEST} other/x@sha256:{DIGEST}", {"uri": "oci:quay.io/x", "digest": {"sha256": DIGEST}}),
        ("", {"uri": "oci:quay.io/x:1", "digest": {"sha256": "1" * 64}}),
    ],
)
def test_container_images_are_materials(digests: str, expected: object) -> None:
    """By the registry's digest where there is one, else by the image's own id."""
    document = made(builds={"wheel": IMAGE | {"image_digests": digests}, "sdist": {"host": "mini"}})
    assert document["predicate"]["buildDefinition"]["resolvedDependencies"][1:] == [expected]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://ada:hunter2@git.example.org/x.git", "git+https://git.example.org/x.git"),
        ("ssh://git@git.example.org/x.git", "git+ssh://git.example.org/x.git"),
        ("git@git.example.org:x.git", "git+ssh://git@git.example.org/x.git"),
        ("/srv/git/x.git", "git+file:///srv/git/x.git"),
    ],
)
def test_addresses_hold_no_credential(address: str, shown: str) -> None:
    """What is published says where the source is, and never with which password it was fetched."""
    assert public_url(address) == shown


def test_same_input_gives_the_same_bytes() -> None:
    """No clock, no random number, no order of a mapping."""
    first = Origin(repository="/x", commit=COMMIT, job=1, locks={"a": "1", "b": "2"}, builds={"x": {}, "y": {}})
    other = Origin(repository="/x", commit=COMMIT, job=1, locks={"b": "2", "a": "1"}, builds={"y": {}, "x": {}})
    assert statement(plan(), [WHEEL], first, Builder()) == statement(plan(), [WHEEL], other, Builder())


DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
NAMES = st.from_regex(r"[A-Za-z0-9._+-]{1,40}", fullmatch=True)


@given(st.dictionaries(NAMES, DIGESTS, max_size=6))
def test_sums_are_read_as_they_were_written(digests: dict[str, str]) -> None:
    """Writing and reading are each other's inverse."""
    assert read_sums(sums(digests)) == digests


@pytest.mark.parametrize("text", ["x", f"{DIGEST} name", f"{DIGEST}  a/b", f"{DIGEST}  a\n{DIGEST}  a", f"{DIGEST}  "])
def test_odd_sums_are_refused(text: str) -> None:
    """A line that sha256sum would skip, or that names a file elsewhere or twice, is not skipped here."""
    with pytest.raises(CheckFailed, match="SHA256SUMS: line"):
        read_sums(text.encode())


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"_type":"x","predicateType":"y","subject":[]}'])
def test_what_is_no_statement_is_refused(text: bytes) -> None:
    """Anything but a statement of the two types."""
    with pytest.raises(CheckFailed):
        subjects(text)
    with pytest.raises(CheckFailed, match="names no source commit"):
        provenance.source_commit(text)


def test_attachments_come_from_the_evidence() -> None:
    """What `check` recorded is what a forge is given; a job from before this existed has none."""
    evidence = {"attachments": {"b": {"sha256": DIGEST, "size": 1}, "a": {"sha256": DIGEST, "size": 2}}}
    assert [(file.filename, file.size) for file in attached(evidence)] == [("a", 2), ("b", 1)]
    assert attached({}) == ()
