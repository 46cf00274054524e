"""Two builds of one target: what differs is told member by member, and in words that help to find the cause."""

import gzip
import io
import tarfile
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from releasd.core.judging.compare import differences
from support.dist import INFO, ROOT, sdist, wheel, wheel_name

WHEEL, SDIST = wheel_name(), f"{ROOT}.tar.gz"
BUILD_ID = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0"


def zipped(*members: tuple[str, bytes], year: int = 2020, mode: int = 0o644) -> io.BytesIO:
    """Return a zip of these members in this order."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name, (year, 2, 2, 0, 0, 0))
            info.external_attr = mode << 16
            archive.writestr(info, data)
    made.seek(0)
    return made


def told(first: io.BytesIO, second: io.BytesIO, name: str = WHEEL) -> list[str]:
    """Return the differences without the file's name, which each has to begin with."""
    found = differences(name, first, second)
    assert all(line.startswith(f"{name}: ") for line in found)
    return [line.removeprefix(f"{name}: ") for line in found]


def test_the_same_bytes_are_no_difference() -> None:
    """Nothing is said of two files that are one."""
    assert told(wheel(), wheel()) == []
    assert told(sdist(), sdist(), SDIST) == []


def test_contents_are_told_from_the_first_byte_that_differs() -> None:
    """Place and bytes on both sides; RECORD, which only follows, is not explained again."""
    found = told(wheel({"my_demo/__init__.py": "x = 1\n"}), wheel({"my_demo/__init__.py": "x = 2\n"}))
    assert found == [
        r"my_demo/__init__.py: its bytes differ from 4 on: '1\n' and '2\n'",
        f"{INFO}/RECORD differs, as it follows from the others",
    ]


def test_members_of_one_side() -> None:
    """A file that only one host put in is named, with its side."""
    found = told(zipped(("a", b"")), zipped(("b", b"")))
    assert found == ["a is in the first alone", "b is in the second alone"]


def test_times_modes_and_order() -> None:
    """The three usual causes: no SOURCE_DATE_EPOCH, another umask, a folder listed as the disk gives it."""
    one, two = zipped(("a", b""), ("b", b"")), zipped(("b", b""), ("a", b""), year=2021, mode=0o600)
    found = told(one, two)
    assert found[0] == "the members stand in another order"
    assert "a: its time is 2020-02-02 00:00:00 and 2021-02-02 00:00:00" in found
    assert "b: its mode is 0o644 and 0o600" in found


def test_the_same_members_packed_otherwise() -> None:
    """Another compressor gives other bytes for the same contents: said as that."""
    one, two = (io.BytesIO() for _ in range(2))
    text = b"the same thing over and over " * 500
    for made, level in ((one, 1), (two, 9)):
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
            archive.writestr(zipfile.ZipInfo("a", (2020, 2, 2, 0, 0, 0)), text, zipfile.ZIP_DEFLATED, level)
        made.seek(0)
    place = first(one, two)
    assert told(one, two) == [
        f"all members are alike; the archives differ from byte {place} on, in how they are packed"
    ]


def first(one: io.BytesIO, two: io.BytesIO) -> int:
    return next(at for at, (a, b) in enumerate(zip(one.getvalue(), two.getvalue(), strict=False)) if a != b)


def test_a_program_that_differs_in_its_build_id_alone() -> None:
    """The linker hashes what is not in the file; the rest of the program is the same."""
    one, two = (zipped(("x.so", b"\x7fELF" + BUILD_ID + bytes([n]) * 20 + b"rest")) for n in (1, 2))
    assert any("only its build-id differs" in line for line in told(one, two))


def test_a_program_that_holds_the_path_of_its_build() -> None:
    """The two paths are shown: they say which option is missing."""
    one, two = (zipped(("x.so", b"\x7fELF\0/tmp/" + host + b"/src/lib.rs\0")) for host in (b"one", b"two"))
    found = told(one, two)
    assert "x.so: it seems to hold a path of where it was built: /tmp/one/src/lib.rs and /tmp/two/src/lib.rs" in found


def test_a_text_that_holds_the_time_of_its_build() -> None:
    """The two times are shown."""
    one, two = (zipped(("v.py", b"built = '2026-11-23 0" + n + b":00'")) for n in (b"1", b"2"))
    assert any("the time when it was built: 2026-11-23 01:00 and 2026-11-23 02:00" in line for line in told(one, two))


def tarred(mtime: int = 0, uid: int = 0, stamp: int = 0) -> io.BytesIO:
    """Return an sdist of one file with these marks of its builder."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        entry = tarfile.TarInfo(f"{ROOT}/a")
        entry.mtime, entry.uid = mtime, uid
        archive.addfile(entry)
    return io.BytesIO(gzip.compress(plain.getvalue(), mtime=stamp))


def test_sdists_are_compared_by_member_too() -> None:
    """Times and owners of members, and the time in gzip's own header."""
    found = told(tarred(), tarred(mtime=5, uid=7, stamp=9), SDIST)
    assert "the gzip headers differ: made at second 0 and made at second 9" in found
    assert f"{ROOT}/a: its time is 0 and 5" in found
    assert f"{ROOT}/a: its owner is 0:0 : and 7:0 :" in found


def test_many_differences_are_counted() -> None:
    """A log is no place for thousands of lines."""
    found = told(zipped(*((f"m{n}", b"a") for n in range(50))), zipped(*((f"m{n}", b"b") for n in range(50))))
    assert len(found) == 21
    assert found[-1] == "and 30 differences more"


@given(st.binary(max_size=100), st.sampled_from([WHEEL, SDIST]))
def test_garbage_on_one_side_never_crashes(data: bytes, name: str) -> None:
    """The second result is whatever the second host sent."""
    good = wheel() if name == WHEEL else sdist()
    assert told(good, io.BytesIO(data), name)
