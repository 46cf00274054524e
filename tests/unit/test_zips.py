"""The structure of a wheel's zip: whatever two readers could read in two ways is refused."""

import io
import stat
import warnings
import zipfile
from collections.abc import Callable

import pytest

from releasd.core.distfiles import problems
from releasd.core.judging.verdict import Expected
from releasd.model import IndexRules
from support.dist import NAME, VERSION, wheel, wheel_name

EXPECTED = Expected(distribution=NAME, version=VERSION)


def judged(data: bytes) -> str:
    """Return all problems of a wheel of these bytes, as one text."""
    return "; ".join(problem.what for problem in problems(wheel_name(), io.BytesIO(data), EXPECTED))


def added(name: str, data: bytes = b"", **fields: int) -> bytes:
    """Return a good wheel with one more member, whose header has these fields."""
    made = wheel(unlisted={})
    info = zipfile.ZipInfo(name, (2020, 2, 2, 0, 0, 0))
    for field, value in fields.items():
        setattr(info, field, value)
    with zipfile.ZipFile(made, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(info, data)
    return made.getvalue()


def test_bytes_behind_the_archive() -> None:
    """What follows the end is hidden from a reader that seeks, and read by one that streams."""
    assert "more bytes after the end" in judged(wheel().getvalue() + b"\0")


def test_an_archive_behind_another() -> None:
    """Two archives in one file: the first reader takes the one, the second the other."""
    good = wheel().getvalue()
    assert judged(good + good) != ""


def test_bytes_before_the_archive() -> None:
    """A script in front of the archive makes it a program; no index takes it."""
    assert "bytes before the first member" in judged(b"#!/bin/sh\n" + wheel().getvalue())


def test_bytes_between_members() -> None:
    """What no member owns is invisible to most tools."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a", b"x")
        made.write(b"hidden")
        archive.start_dir += 6
        archive.writestr("b", b"y")
    assert "bytes before b that no member owns" in judged(made.getvalue())


def test_a_member_that_the_directory_does_not_know() -> None:
    """A local header without its line in the directory is a second content for readers that stream."""
    data = wheel({"my_demo/__init__.py": "x = 1\n", "my_demo/evil.py": "y = 1\n"}).getvalue()
    hidden = data.replace(b"my_demo/evil.py", b"my_demo/good.py", 1)  # its own header comes before the directory's line
    assert "its directory and its contents disagree at my_demo/evil.py" in judged(hidden)


@pytest.mark.parametrize("name", ["../evil.py", "/etc/passwd", "a/../../b", "C:/x", "a\\b", "a//b", "./a", "a\x01b"])
def test_paths_that_lead_out(name: str) -> None:
    """Absolute paths, `..` and what another system reads as one are refused."""
    assert "leads out of the wheel or is not portable" in judged(added(name))


def test_a_symbolic_link() -> None:
    """Wheels hold no links: an installer would write the target's name into a file, or worse follow it."""
    assert "my_demo/link is a symbolic link" in judged(
        added("my_demo/link", external_attr=(stat.S_IFLNK | 0o777) << 16)
    )


def test_a_compression_that_installers_do_not_know() -> None:
    """bzip2 and others are read by some only; such members are not unpacked here either."""
    assert "packed in a way that installers do not know" in judged(added("x", compress_type=zipfile.ZIP_BZIP2))


def test_sizes_behind_the_data() -> None:
    """A wheel written to a pipe has its sizes behind the data, which streaming readers cannot trust."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError

        def tell(self) -> int:
            raise OSError

    made = Pipe()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a", b"x")
    assert "the size of a stands behind its data" in judged(made.getvalue())


def test_a_bomb_is_not_unpacked(no_reading: Callable[[], None]) -> None:
    """A hundred megabytes of zeros are named from the directory alone."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(100 << 20))
    no_reading()
    assert "unpacks to 100 MB" in judged(made.getvalue())


@pytest.fixture
def no_reading(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes every further reading of a member fail the test."""

    def refuse(*_: object) -> None:
        pytest.fail("a member was unpacked")

    return lambda: monkeypatch.setattr(zipfile.ZipFile, "open", refuse)


def test_a_directory_beyond_all_bounds(no_reading: Callable[[], None]) -> None:
    """A directory that says to have gigabytes is not read: it would take as much memory."""
    data = bytearray(wheel().getvalue())
    at = data.rfind(b"PK\5\6")
    data[at + 12 : at + 16] = (1 << 30).to_bytes(4, "little")
    no_reading()
    assert "its directory is too large" in judged(bytes(data))


def test_zip64_is_beyond_all_bounds() -> None:
    """The long form is for archives that no index takes, and could say any size."""
    data = bytearray(wheel().getvalue())
    at = data.rfind(b"PK\5\6")
    locator = b"PK\6\7" + bytes(16)
    assert "its directory is too large" in judged(bytes(data[:at]) + locator + bytes(data[at:]))


def test_a_file_beyond_the_limit_is_not_opened(no_reading: Callable[[], None]) -> None:
    """What the index would refuse for its size is said at once, with both sizes."""
    small = Expected(distribution=NAME, version=VERSION, rules=IndexRules(max_file_size=100))
    made = wheel()
    no_reading()
    (problem,) = problems(wheel_name(), made, small)
    assert "MB, the index takes 0" in problem.what
    assert "max_file_mb" in problem.fix
