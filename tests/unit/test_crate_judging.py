"""What `check` finds wrong with a `.crate` file."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping

import pytest

from releasd.core import cratefile
from releasd.core.distfiles import problems, too_many_sdists
from releasd.core.judging.crates import missing
from releasd.core.judging.verdict import Expected
from releasd.model import IndexRules

FILENAME = "demo-core-1.2.0-rc.1.crate"
ROOT = "demo-core-1.2.0-rc.1"
MANIFEST = '[package]\nname = "demo-core"\nversion = "1.2.0-rc.1"\ndescription = "d"\nlicense = "MIT"\n'
ORIGINAL = '[package]\nname = "demo-core"\nversion.workspace = true\n'
SOURCE = "pub fn f() {}\n"
GOOD = {
    f"{ROOT}/Cargo.toml": MANIFEST,
    f"{ROOT}/Cargo.toml.orig": ORIGINAL,
    f"{ROOT}/Cargo.lock": "version = 4\n",
    f"{ROOT}/.cargo_vcs_info.json": "{}",
    f"{ROOT}/src/lib.rs": SOURCE,
}
TRACKED = {
    path: hashlib.sha256(text.encode()).hexdigest()
    for path, text in {"core/Cargo.toml": ORIGINAL, "core/src/lib.rs": SOURCE}.items()
}
EXPECTED = Expected(
    distribution="demo", version="1.2.0rc1", semver="1.2.0-rc.1", crates=("demo-core",), tracked=TRACKED
)


def crate(files: Mapping[str, str | bytes], *, links: Mapping[str, str] | None = None, tail: bytes = b"") -> io.BytesIO:
    """Return a file of that contents."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return io.BytesIO(packed.getvalue() + tail)


def told(file: io.BytesIO, filename: str = FILENAME, expected: Expected = EXPECTED) -> str:
    """Return all that is said of it."""
    return "\n".join(map(str, problems(filename, file, expected)))


def test_a_good_crate_has_no_problem() -> None:
    """What cargo adds itself is no stray file, and Python's spelling of the version does not matter."""
    assert told(crate(GOOD)) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({f"{ROOT}/.env": "SECRET=1"}, "not in the release commit: .env"),
        ({f"{ROOT}/src/lib.rs": "pub fn g() {}\n"}, "not in the release commit: src/lib.rs"),
        ({f"{ROOT}/Cargo.toml.orig": "[package]\n"}, "not in the release commit: Cargo.toml.orig"),
        ({f"{ROOT}/../evil": "x"}, f"outside of {ROOT}/"),
        ({"other/evil": "x"}, f"outside of {ROOT}/"),
        ({"/etc/evil": "x"}, f"outside of {ROOT}/"),
        ({f"{ROOT}/Cargo.toml": MANIFEST.replace("demo-core", "other")}, "another crate than its name says"),
        ({f"{ROOT}/Cargo.toml": "[package"}, "not valid TOML"),
        ({f"{ROOT}/Cargo.toml": MANIFEST + '[dependencies]\na = { path = "../a" }\n'}, "a lead out of the crate"),
        ({f"{ROOT}/Cargo.toml": MANIFEST + "edition.workspace = true\n"}, "edition lead out of the crate"),
        ({f"{ROOT}/Cargo.toml": MANIFEST.replace("license", "homepage")}, "lacks description or license"),
    ],
)
def test_what_a_registry_or_its_users_would_refuse(changes: Mapping[str, str], words: str) -> None:
    """Each is found before the tag, and says what is wrong."""
    assert words in told(crate({**GOOD, **changes}))


def test_links_and_data_behind_the_end() -> None:
    """A link is no regular file, and nothing may hide behind the archive."""
    assert "no regular files: demo-core-1.2.0-rc.1/l" in told(crate(GOOD, links={f"{ROOT}/l": "/etc/passwd"}))
    assert "more data after the end" in told(crate(GOOD, tail=gzip.compress(b"x" * 4096)))


def test_a_file_that_is_no_archive() -> None:
    """Damaged bytes are a problem of the file, not of releasd."""
    assert "not a readable archive" in told(io.BytesIO(b"nothing"))
    assert "not a valid file name" in told(crate(GOOD), "demo.crate")


def test_other_crates_and_versions_than_planned() -> None:
    """A crate that nobody asked for, another version, and one that is missing."""
    assert "the plan has no crate demo-core" in told(crate(GOOD), expected=Expected(distribution="x", version="1"))
    older = Expected(distribution="demo", version="1.1.0", semver="1.1.0", crates=("demo-core",))
    assert "the plan says 1.1.0" in told(crate(GOOD), expected=older)
    assert [each.what for each in missing(["demo-1.0.0.whl"], EXPECTED)] == ["no build made the crates demo-core"]
    assert list(missing([FILENAME], EXPECTED)) == []


def test_too_large_in_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry's limits are met before the upload, packed and unpacked; the latter is lowered here, for speed."""
    assert "10.0 MB, a registry takes 10" in told(io.BytesIO(b"\0" * ((10 << 20) + 1)))
    assert cratefile.UNPACKED == 512 << 20
    monkeypatch.setattr(cratefile, "UNPACKED", 1 << 20)
    assert "unpacks to more than 1 MB" in told(crate({**GOOD, f"{ROOT}/zeros": b"\0" * (16 << 20)}))


def test_a_private_registry_demands_no_licence_and_crates_are_no_sdists() -> None:
    """`pypi_rules = false` takes the public registry's demands away; several crates are one release's."""
    bare = {**GOOD, f"{ROOT}/Cargo.toml": '[package]\nname = "demo-core"\nversion = "1.2.0-rc.1"\n'}
    lenient = Expected(
        distribution="demo", version="1", semver="1.2.0-rc.1", crates=("demo-core",), rules=IndexRules(pypi_rules=False)
    )
    assert told(crate(bare), expected=lenient) == ""
    assert too_many_sdists(["a-1.0.0.crate", "b-1.0.0.crate", "a-1.0.0.tar.gz"]) == ()
