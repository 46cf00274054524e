"""An sdist holds what its release commit holds, and nothing leads out of it."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping

import pytest

from releasd.core.distfiles import problems, too_many_sdists
from releasd.core.judging.sdists import tracked_digests
from releasd.core.judging.verdict import Expected
from support.dist import METADATA, NAME, ROOT, VERSION, sdist

SDIST = f"{ROOT}.tar.gz"
TRACKED = {"pyproject.toml": "[project]\n", "src/x.py": "x = 1\n", "tests/test_x.py": "assert x\n"}


def digests(files: Mapping[str, str]) -> dict[str, str]:
    return {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}


def compared(files: Mapping[str, str], *generated: str) -> tuple[list[str], list[str]]:
    """Return problems and notes of an sdist of these files, against TRACKED."""
    expected = Expected(distribution=NAME, version=VERSION, tracked=digests(TRACKED), generated=generated)
    found = problems(SDIST, sdist({f"{ROOT}/{path}": text for path, text in files.items()}), expected)
    return [p.what for p in found if not p.is_note], [p.what for p in found if p.is_note]


def test_tracked_files_are_what_an_sdist_holds() -> None:
    """All of them, byte for byte, with what every backend adds."""
    assert compared(TRACKED | {"x.egg-info/SOURCES.txt": "…", "setup.cfg": "[egg_info]\n"}) == ([], [])


def test_what_is_left_out_is_a_note() -> None:
    """Sdists without tests are usual; that they are is said, not punished."""
    wrong, notes = compared({"pyproject.toml": "[project]\n", "src/x.py": "x = 1\n"})
    assert wrong == []
    assert notes == [f"{SDIST}: it leaves out tracked files: tests/test_x.py"]


def test_a_file_that_is_not_in_the_repository() -> None:
    """A .env, an editor's file, or what someone planted on a build host: named, with the three ways out."""
    wrong, _ = compared(TRACKED | {".env": "TOKEN=x\n"})
    assert wrong == [f"{SDIST}: it holds files that are not in the release commit: .env"]


def test_a_tracked_file_with_other_bytes() -> None:
    """The xz case: the archive's file is not the repository's."""
    wrong, _ = compared(TRACKED | {"src/x.py": "x = 2\n"})
    assert wrong == [f"{SDIST}: it holds tracked files with other bytes than the release commit: src/x.py"]


def test_a_tracked_file_in_another_place() -> None:
    """Backends move a readme or a path dependency; the bytes are the repository's all the same."""
    assert compared(TRACKED | {"vendored/x.py": "x = 1\n"})[0] == []


@pytest.mark.parametrize("path", ["src/_version.py", "src/x.py"])
def test_what_the_project_says_that_its_build_makes(path: str) -> None:
    """`sdist_generated` allows what is named, new or changed, and nothing else."""
    assert compared(TRACKED | {path: "made\n"}, path)[0] == []
    assert compared(TRACKED | {path: "made\n", "other": "y\n"}, path)[0] != []


def test_many_strange_files_make_one_line() -> None:
    """A swept-in folder is told by a few of its files and their number."""
    ((line,), _) = compared(TRACKED | {f"build/{n}.o": f"{n}" for n in range(9)})
    assert line.endswith("build/0.o, build/1.o, build/2.o, build/3.o, build/4.o and 4 more")


def test_manifests_may_be_rewritten() -> None:
    """maturin, poetry and pdm write pyproject.toml or Cargo.toml anew for the sdist."""
    assert compared(TRACKED | {"pyproject.toml": "[project]\nversion = '1'\n"})[0] == []


def test_tracked_digests_are_of_files_alone() -> None:
    """Folders and links of the exported commit have no bytes to compare."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for kind, name in ((tarfile.DIRTYPE, "src"), (tarfile.SYMTYPE, "link")):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "src"
            tar.addfile(entry)
        entry = tarfile.TarInfo("src/x.py")
        entry.size = 6
        tar.addfile(entry, io.BytesIO(b"x = 1\n"))
    made.seek(0)
    assert tracked_digests(made) == digests({"src/x.py": "x = 1\n"})


def judged(data: bytes, filename: str = SDIST) -> str:
    """Return all problems of an sdist of these bytes, as one text."""
    found = problems(filename, io.BytesIO(data), Expected(distribution=NAME, version=VERSION))
    return "; ".join(problem.what for problem in found)


@pytest.mark.parametrize(
    ("target", "leads_out"),
    [("../../etc", True), ("/etc/passwd", True), ("pyproject.toml", False), ("../my_demo-1.2.0/x", False)],
)
def test_links_that_lead_out(target: str, *, leads_out: bool) -> None:
    """A link inside is fine; one that would be followed out of the folder is not."""
    assert ("leads out of the sdist" in judged(sdist(links={f"{ROOT}/link": target}).getvalue())) is leads_out


def test_the_name_that_pep_625_asks_for() -> None:
    """Newer indexes refuse the old spelling with a hyphen."""
    assert f"PEP 625 has it called {SDIST}" in judged(sdist().getvalue(), "my-demo-1.2.0.tar.gz")


def test_data_behind_the_archive() -> None:
    """Tar stops at its end mark; what follows is for nobody to see."""
    assert "more data after the end" in judged(sdist().getvalue() + gzip.compress(b"hidden"))


def test_devices_are_refused() -> None:
    """A pipe or device in an sdist is never meant."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        entry = tarfile.TarInfo(f"{ROOT}/pipe")
        entry.type = tarfile.FIFOTYPE
        tar.addfile(entry)
    assert f"{ROOT}/pipe is a device, a pipe or a sparse file" in judged(made.getvalue())


def test_a_bomb_is_given_up() -> None:
    """Unpacking ends at the limit, whatever the archive still holds."""
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb") as out:
        entry = tarfile.TarInfo(f"{ROOT}/zeros")
        entry.size = 1 << 30
        out.write(entry.tobuf())
        for _ in range(80):
            out.write(bytes(1 << 20))
    assert "unpacks to more than 64 MB" in judged(made.getvalue())


def test_a_huge_header_is_given_up() -> None:
    """Tarfile reads a header into memory whole: one of half a gigabyte is not asked for."""
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb") as out:
        entry = tarfile.TarInfo("././@PaxHeader")
        entry.type, entry.size = tarfile.XHDTYPE, 1 << 29
        out.write(entry.tobuf(tarfile.USTAR_FORMAT))
    assert "unpacks to more than" in judged(made.getvalue())


@pytest.mark.parametrize("present", [True, False])
def test_licence_files_are_there(*, present: bool) -> None:
    """PEP 639: a licence that the metadata names is in the sdist, or the index refuses it."""
    about = METADATA.replace("2.1", "2.4") + "License-File: LICENSE\n"
    files = {f"{ROOT}/pyproject.toml": ""} | ({f"{ROOT}/LICENSE": "MIT"} if present else {})
    assert ("names the licence LICENSE" in judged(sdist(files, metadata=about).getvalue())) is not present


def test_one_sdist_is_enough() -> None:
    """A second one in another spelling is refused by indexes."""
    assert too_many_sdists([SDIST, "x.whl"]) == ()
    (problem,) = too_many_sdists([SDIST, "my-demo-1.2.0.tar.gz"])
    assert "takes one sdist for a release, these are 2" in problem.what
