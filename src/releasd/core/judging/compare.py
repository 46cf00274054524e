"""Two files that should have been the same bytes: which members differ, and in what.

Explains one build done twice. Nothing is unpacked to disk; both files are read within the bounds of core/judging.
"""

import io
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

from releasd.core.judging import sdists, zips

_CHUNK = 1 << 16
_LIMIT = 1 << 30  # bytes of an unpacked tar that are compared
_BINARY = 32 << 20  # bytes of a program that are looked into for the reason
_CONTEXT = 24  # bytes shown of a difference
_SHOWN = 20  # lines about one file
_ELF = b"\x7fELF"
_BUILD_ID = re.compile(rb"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0.{20}", re.DOTALL)  # an SHA-1 note, as linkers write it
_PATH = re.compile(rb"/(?:[\w.@+-]+/)+[\w.@+-]+")
_TIME = re.compile(rb"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of an archive: what its header says, by the words of a message, and how its contents are read.

    `digest` tells whether contents differ: going back in a compressed tar would unpack it again from its beginning.
    """

    name: str
    header: Mapping[str, object]
    digest: object
    open: Callable[[], IO[bytes]]


def differences(filename: str, first: BinaryIO, second: BinaryIO) -> tuple[str, ...]:
    """Return how two files differ, in lines for people; empty where they do not."""
    place = _first_difference(first, second)
    if place is None:
        return ()
    for file in (first, second):
        file.seek(0)
    explain = _zips if filename.endswith(".whl") else _tars
    try:
        lines = list(explain(first, second))
    except Exception as error:  # noqa: BLE001 (zipfile, tarfile and zlib raise a dozen kinds on damaged bytes)
        lines = [f"one of them is no readable archive: {type(error).__name__}: {error}"]
    lines = lines or [f"all members are alike; the archives differ from byte {place} on, in how they are packed"]
    more = [f"and {len(lines) - _SHOWN} differences more"] if len(lines) > _SHOWN else []
    return tuple(f"{filename}: {line}" for line in (*lines[:_SHOWN], *more))


def _zips(first: BinaryIO, second: BinaryIO) -> Iterator[str]:
    for file in (first, second):
        for problem in zips.refuse(file):
            raise zipfile.BadZipFile(problem.what)
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as two:
        if not zips.readable(first, one) or not zips.readable(second, two):
            raise zipfile.BadZipFile("its members are packed in a way that is not read here")
        yield from _members([_zipped(one, info) for info in one.infolist()], [_zipped(two, i) for i in two.infolist()])


def _zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    header = {
        "time": "{}-{:02}-{:02} {:02}:{:02}:{:02}".format(*info.date_time),
        "mode": oct(info.external_attr >> 16),
        "size": info.file_size,
        "compression": info.compress_type,
        "extra field": info.extra.hex(),
    }
    return Member(name=info.filename, header=header, digest=info.CRC, open=lambda: archive.open(info))


def _tars(first: BinaryIO, second: BinaryIO) -> Iterator[str]:
    heads = [(file.read(10), file.seek(0))[0] for file in (first, second)]
    if heads[0] != heads[1]:
        yield f"the gzip headers differ: {_gzip_time(heads[0])} and {_gzip_time(heads[1])}"
    with _tar(first) as one, _tar(second) as two:
        yield from _members([_tarred(one, info) for info in one], [_tarred(two, info) for info in two])


def _tar(file: BinaryIO) -> tarfile.TarFile:
    return tarfile.open(fileobj=sdists.Bounded(file, _LIMIT), mode="r:")


def _gzip_time(head: bytes) -> str:
    return f"made at second {int.from_bytes(head[4:8], 'little')}"


def _tarred(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    header = {
        "time": info.mtime,
        "mode": oct(info.mode),
        "size": info.size,
        "owner": f"{info.uid}:{info.gid} {info.uname}:{info.gname}",
        "type": info.type,
        "target": info.linkname,
    }

    def contents() -> IO[bytes]:
        return (archive.extractfile(info) if info.isfile() else None) or io.BytesIO()

    return Member(name=info.name, header=header, digest=sdists.digest_of(archive, info), open=contents)


def _members(first: list[Member], second: list[Member]) -> Iterator[str]:
    one, two = ({member.name: member for member in members} for members in (first, second))
    for name in sorted(one.keys() - two.keys()):
        yield f"{name} is in the first alone"
    for name in sorted(two.keys() - one.keys()):
        yield f"{name} is in the second alone"
    common = [member.name for member in first if member.name in two]
    if common != [member.name for member in second if member.name in one]:
        yield "the members stand in another order"
    changed = False
    for name in sorted(common, key=lambda name: (name.endswith(".dist-info/RECORD"), name)):
        if name.endswith(".dist-info/RECORD") and changed:
            yield f"{name} differs, as it follows from the others"
            continue
        for line in _pair(one[name], two[name]):
            changed = True
            yield f"{name}: {line}"


def _pair(one: Member, two: Member) -> Iterator[str]:
    for word, value in one.header.items():
        if value != two.header[word]:
            yield f"its {word} is {value} and {two.header[word]}"
    if one.digest == two.digest:
        return
    with one.open() as first, two.open() as second:
        place = _first_difference(first, second)
    if place is not None:
        with one.open() as first, two.open() as second:
            yield from _contents(first.read(_BINARY), second.read(_BINARY), place)


def _contents(first: bytes, second: bytes, place: int) -> Iterator[str]:
    yield f"its bytes differ from {place} on: {_excerpt(first, place)} and {_excerpt(second, place)}"
    if first.startswith(_ELF) and _BUILD_ID.sub(b"", first) == _BUILD_ID.sub(b"", second):
        yield "only its build-id differs: the linker hashed something that is not in the file, such as a path"
        return
    for pattern, told in ((_PATH, "a path of where it was built"), (_TIME, "the time when it was built")):
        mine, theirs = set(pattern.findall(first)), set(pattern.findall(second))
        if mine - theirs and theirs - mine:
            pair = [min(words).decode("utf-8", "replace") for words in (mine - theirs, theirs - mine)]
            yield f"it seems to hold {told}: {pair[0]} and {pair[1]}"


def _excerpt(data: bytes, place: int) -> str:
    return repr(data[place : place + _CONTEXT])[1:]


def _first_difference(first: Any, second: Any) -> int | None:
    place = 0
    while True:
        one, two = first.read(_CHUNK), second.read(_CHUNK)
        if one != two:
            return place + next(
                (at for at, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]),
                min(len(one), len(two)),
            )
        if not one:
            return None
        place += len(one)
