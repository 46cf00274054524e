"""A folder as a destination, when it is missing, closed, full, cut off, or written to by somebody else."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from pypi_simple import ProjectPage

from releasd.adapters import folder as adapter
from releasd.adapters.folder import FolderIndex
from releasd.errors import Conflict, Denied, Permanent, ReleasdError, Transient
from support.smalldisk import run_on_small_disk
from support.wheels import make_sdist, make_wheel, sha256


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """Return an empty folder."""
    path = tmp_path / "mirror"
    path.mkdir()
    return path


def index(mirror: Path) -> FolderIndex:
    return FolderIndex(name="mirror", path=mirror)


def quiet(_: bytes) -> None:
    """Take an upload's output."""


def links(mirror: Path, project: str = "demo") -> list[str]:
    """Return the links of a project's page, as any client of a simple index reads them."""
    page = ProjectPage.from_html(project, (mirror / project / "index.html").read_bytes(), mirror.as_uri())
    return [f"{package.filename} {package.digests.get('sha256')}" for package in page.packages]


def test_page_that_lists_too_little_or_too_much_is_found_by_every_client(mirror: Path, tmp_path: Path) -> None:
    """The page has each file of every version with its digest, and readers of the standard understand it."""
    made = [make_wheel(tmp_path, "demo", version) for version in ("1.0.0", "1.1.0+cpu.1")]
    made.append(make_sdist(tmp_path, "demo", "1.0.0"))
    for path in made:
        index(mirror).upload([path], quiet)
    assert sorted(links(mirror)) == sorted(f"{path.name} {sha256(path)}" for path in made)


def test_what_others_put_there_is_listed_and_never_replaced(mirror: Path, tmp_path: Path) -> None:
    """A file copied in by hand is seen before the tag, is on the page, and its name is refused to us."""
    theirs = make_wheel(tmp_path, "demo", "1.0.0", body="theirs = 1\n")
    (mirror / "demo").mkdir()
    (mirror / "demo" / theirs.name).write_bytes(theirs.read_bytes())
    digest = sha256(theirs)
    assert [file.sha256 for file in index(mirror).files("demo", "1.0.0")] == [digest]
    ours, new = make_wheel(tmp_path, "demo", "1.0.0"), make_wheel(tmp_path, "demo", "2.0.0")
    with pytest.raises(Conflict, match=ours.name):
        index(mirror).upload([new, ours], quiet)
    assert {path.name for path in (mirror / "demo").iterdir()} == {theirs.name}, "judged together, before any is put"
    index(mirror).upload([new], quiet)
    assert f"{theirs.name} {digest}" in links(mirror)


def test_digest_is_that_of_the_bytes_there_now(mirror: Path, tmp_path: Path) -> None:
    """A byte that rots on the disk shows in the listing at once."""
    wheel = make_wheel(tmp_path, "demo", "1.0.0")
    index(mirror).upload([wheel], quiet)
    (mirror / "demo" / wheel.name).write_bytes(b"rotten")
    (file,) = index(mirror).files("demo", "1.0.0")
    assert file.sha256 == index(mirror).download_sha256(file) != sha256(wheel)


@pytest.mark.parametrize("links_refused", [False, True])
@pytest.mark.parametrize("moment", ["_name", "_write_page"])
def test_upload_killed_anywhere_is_not_there_and_is_completed(
    mirror: Path,
    tmp_path: Path,
    moment: str,
    links_refused: bool,  # noqa: FBT001 - a parameter of pytest
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cut off before the name or before the page, the file counts as lacking; a second upload leaves file and page."""
    if links_refused:
        monkeypatch.setattr(os, "link", _refuse)
    wheel = make_wheel(tmp_path, "demo", "1.0.0")
    with monkeypatch.context() as patch:
        patch.setattr(adapter, moment, _die)
        with pytest.raises(KeyboardInterrupt):
            index(mirror).upload([wheel], quiet)
    assert index(mirror).files("demo", "1.0.0") == ()
    index(mirror).upload([wheel], quiet)
    assert [file.sha256 for file in index(mirror).files("demo", "1.0.0")] == [sha256(wheel)]
    assert links(mirror) == [f"{wheel.name} {sha256(wheel)}"]
    assert {path.name for path in (mirror / "demo").iterdir()} == {wheel.name, "index.html"}


def _refuse(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_a_killed_upload_left_is_cleared_after_a_day(mirror: Path, tmp_path: Path) -> None:
    """A release that was given up leaves no hidden file for ever; what is younger may be somebody's who is at work."""
    (mirror / "demo").mkdir()
    old, young = mirror / "demo/.demo-0.9.tar.gz.0.part", mirror / "demo/.demo-0.8.tar.gz.0.part"
    for path in (old, young):
        path.touch()
    os.utime(old, (0, 0))
    index(mirror).upload([make_wheel(tmp_path, "demo", "1.0.0")], quiet)
    assert (old.exists(), young.exists()) == (False, True)


def test_files_are_readable_for_whoever_serves_them(mirror: Path, tmp_path: Path) -> None:
    """A web server under another user shows files, page and folder, whatever the daemon's umask is."""
    before = os.umask(0o077)
    try:
        index(mirror).upload([make_wheel(tmp_path, "demo", "1.0.0")], quiet)
    finally:
        os.umask(before)
    assert stat.S_IMODE((mirror / "demo").stat().st_mode) & 0o055 == 0o055
    assert {stat.S_IMODE(path.stat().st_mode) for path in (mirror / "demo").iterdir()} == {0o644}


def test_file_system_without_links_is_served_all_the_same(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT and some shares have none: the name is taken by a rename, after a look that nobody has it."""
    monkeypatch.setattr(os, "link", _refuse)
    wheel = make_wheel(tmp_path, "demo", "1.0.0")
    for _ in range(2):
        index(mirror).upload([wheel], quiet)
    assert [file.sha256 for file in index(mirror).files("demo", "1.0.0")] == [sha256(wheel)]
    assert {path.name for path in (mirror / "demo").iterdir()} == {wheel.name, "index.html"}


def _look(index: FolderIndex) -> object:
    return index.files("demo", "1.0.0")


@pytest.mark.parametrize("act", [_look, FolderIndex.check_secret])
def test_folder_that_is_not_there_is_not_made(tmp_path: Path, act: Callable[[FolderIndex], object]) -> None:
    """It may be a disk that is not mounted, whose place would fill up instead; the advice names both ways."""
    with pytest.raises(Permanent, match="No such file") as caught:
        act(index(tmp_path / "none"))
    assert "mount it" in caught.value.advice
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("number", "kind"),
    [(28, "DiskFull"), (122, "DiskFull"), (13, "Denied"), (30, "Denied"), (5, "Transient"), (116, "Transient")],
)
def test_systems_errors_are_told_apart(
    mirror: Path, tmp_path: Path, number: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk and a share that is away pass by; a folder that is closed to us does not."""

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ReleasdError) as caught:
        index(mirror).upload([make_wheel(tmp_path, "demo", "1.0.0")], quiet)
    assert type(caught.value).__name__ == kind
    assert str(mirror) in caught.value.message
    assert caught.value.advice


def test_folder_closed_to_us_is_found_without_writing(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What systemd or the owner keeps closed is told before a release, with the line that opens it."""
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(Denied, match="Permission denied") as caught:
        index(mirror).check_secret()
    assert "ReadWritePaths=" in caught.value.advice


FULL = """
import sys
from pathlib import Path
from releasd.adapters.folder import FolderIndex
from releasd.errors import DiskFull, Transient
mirror = Path(sys.argv[1])
wheel = mirror.parent / "demo-1.0.0-py3-none-any.whl"
wheel.write_bytes(b"0" * (1 << 20))
try:
    FolderIndex(name="mirror", path=mirror).upload([wheel], lambda _: None)
except DiskFull as error:
    print(isinstance(error, Transient), error.advice, list((mirror / "demo").iterdir()))
"""


def test_full_disk_leaves_nothing_and_is_tried_again(mirror: Path) -> None:
    """A real disk of 64 kB: the error says how to look, and what was written so far is gone."""
    assert run_on_small_disk(mirror, FULL).strip() == f"True free some space: df -h {mirror} []"


FULL_LATER = """
import os, sys
from pathlib import Path
from releasd.adapters.folder import FolderIndex
from releasd.errors import DiskFull
mirror = Path(sys.argv[1])
files = [mirror.parent / name for name in ("demo-1.0.0-py3-none-any.whl", "demo-1.0.0.tar.gz")]
for file, size in zip(files, (8, 200)):
    file.write_bytes(b"0" * (size << 10))
for _ in range(4):
    try:
        FolderIndex(name="mirror", path=mirror).upload(files, lambda _: None)
    except DiskFull:
        print(os.statvfs(mirror).f_bfree)
"""


def test_full_disk_gets_no_fuller_by_trying_again(mirror: Path) -> None:
    """The first of two files fits: the attempts that fail at the second leave no further copy of the first."""
    first, *others = run_on_small_disk(mirror, FULL_LATER).split()
    assert others == [first] * 3


def test_file_of_no_project_is_refused(mirror: Path, tmp_path: Path) -> None:
    """Only wheels and sdists say whose they are; what has another name belongs nowhere, nor does a path."""
    assert index(mirror).takes("demo-1.0.0-py3-none-any.whl")
    assert not index(mirror).takes("demo.crate")
    with pytest.raises(Permanent, match="no wheel and no sdist"):
        index(mirror).upload([tmp_path / "demo.crate"], quiet)
    assert list(mirror.iterdir()) == []


def test_file_in_the_place_of_the_project_is_a_conflict(mirror: Path, tmp_path: Path) -> None:
    """Somebody's file has the project's name: it is left alone, and said what it is."""
    (mirror / "demo").write_bytes(b"theirs")
    with pytest.raises(Conflict, match="is a file"):
        index(mirror).upload([make_wheel(tmp_path, "demo", "1.0.0")], quiet)
    assert (mirror / "demo").read_bytes() == b"theirs"


def test_share_that_goes_away_in_the_middle_is_transient(mirror: Path, tmp_path: Path) -> None:
    """A file that vanishes between two looks is no reason to call a person."""
    index(mirror).upload([make_wheel(tmp_path, "demo", "1.0.0")], quiet)
    (file,) = index(mirror).files("demo", "1.0.0")
    (mirror / "demo" / file.filename).unlink()
    with pytest.raises(Transient):
        index(mirror).download_sha256(file)
