"""The structure of a zip archive, read as an installer that streams and one that seeks would both read it.

Where the two disagree, one file name can carry two programs (CVE-2025-54368): indexes refuse such archives, and so do
we. Bounded in memory: the directory's size is looked at before the directory is.
"""

import re
import stat
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from releasd.core.judging.verdict import Problem

_END = struct.Struct("<4s4H2LH")  # end of central directory: APPNOTE.TXT 4.3.16
_LOCAL = struct.Struct("<4s2xH10x2L2H")  # local file header: 4.3.7
_END_MARK, _END64_MARK, _LOCAL_MARK = b"PK\5\6", b"PK\6\7", b"PK\3\4"
_END64_SIZE = 20  # of the locator before the end record
_COMMENT = 1 << 16  # bytes that a comment may take after the end record
_DIRECTORY = 8 << 20  # bytes; some 80,000 members, four times those of the largest wheels
_IN_EXTRA = 0xFFFFFFFF  # the size stands in an extra field
_STREAMED = 0x08  # flag: sizes follow the data
_ENCRYPTED = 0x01
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})  # all that installers have to know
_RATIO, _RATIO_FROM = 50, 64 << 20  # PyPI's limits: unpacked to packed size, above so many bytes
_AGAIN = "build the wheel again with its backend alone; nothing may touch the archive afterwards"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]|^/|^[A-Za-z]:|(^|/)(\.\.?|)(/|$)")


def refuse(file: BinaryIO) -> Iterator[Problem]:
    """Yield why the archive must not even be opened: it would not be read within bounds."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _COMMENT - _END.size))
    tail = file.read()
    at = tail.rfind(_END_MARK)
    if at < 0 or len(tail) - at < _END.size:
        yield Problem("not a readable archive: it is no zip, or it was cut off", _AGAIN)
        return
    _, _, _, _, _, directory, _, comment = _END.unpack_from(tail, at)
    if tail[max(0, at - _END64_SIZE) : at].startswith(_END64_MARK) or directory > _DIRECTORY:
        yield Problem("its directory is too large for any index", "put fewer files into the wheel")
    elif len(tail) - at != _END.size + comment:
        yield Problem("there are more bytes after the end of the archive", _AGAIN)


def judge(file: BinaryIO, archive: zipfile.ZipFile) -> Iterator[Problem]:
    """Yield what is wrong with the archive's structure and its members' names."""
    members = archive.infolist()
    yield from _names(members)
    yield from _sizes(members)
    yield from _layout(file, archive)


def readable(file: BinaryIO, archive: zipfile.ZipFile) -> bool:
    """Return whether members can be unpacked within bounds of memory and time, and are what their names say."""
    members = archive.infolist()
    plain = all(info.compress_type in _METHODS and not info.flag_bits & _ENCRYPTED for info in members)
    return plain and not any(_sizes(members)) and not any(_layout(file, archive))


def _names(members: list[zipfile.ZipInfo]) -> Iterator[Problem]:
    for name, count in Counter(info.filename for info in members).items():
        if count > 1:
            fix = "which one is installed depends on the installer; build it again"
            yield Problem(f"the archive holds two members of one name: {name}", fix)
    for info in members:
        if _UNSAFE.search(info.orig_filename.removesuffix("/")):
            yield Problem(f"a member's path leads out of the wheel or is not portable: {info.filename!r}", _AGAIN)
        if stat.S_ISLNK(info.external_attr >> 16):
            yield Problem(f"{info.filename} is a symbolic link, which wheels cannot hold", "copy the file itself")
        if info.compress_type not in _METHODS or info.flag_bits & _ENCRYPTED:
            yield Problem(f"{info.filename} is packed in a way that installers do not know", "store or deflate it")


def _sizes(members: list[zipfile.ZipInfo]) -> Iterator[Problem]:
    packed, unpacked = sum(info.compress_size for info in members), sum(info.file_size for info in members)
    if unpacked > _RATIO_FROM and unpacked > _RATIO * packed:
        yield Problem(
            f"it unpacks to {unpacked >> 20} MB, more than {_RATIO} times its size: indexes take it for a zip bomb",
            "leave generated or padded files out of it",
        )


def _layout(file: BinaryIO, archive: zipfile.ZipFile) -> Iterator[Problem]:
    """Walk from member to member as a streaming reader does; each has to begin where the last one ended."""
    at = 0
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        if info.header_offset != at:
            place = "before the first member" if at == 0 else f"before {info.filename}"
            yield Problem(f"there are bytes {place} that no member owns", _AGAIN)
            return
        file.seek(at)
        head = file.read(_LOCAL.size)
        mark, flags, packed, _, names, extra = _LOCAL.unpack(head) if len(head) == _LOCAL.size else (b"", 0, 0, 0, 0, 0)
        same = file.read(names) == _encoded(info) and (flags & _STREAMED or packed in (info.compress_size, _IN_EXTRA))
        if mark != _LOCAL_MARK or not same:
            yield Problem(f"its directory and its contents disagree at {info.filename}", _AGAIN)
            return
        if flags & _STREAMED:
            yield Problem(f"the size of {info.filename} stands behind its data, which indexes refuse", _AGAIN)
            return
        at += _LOCAL.size + names + extra + info.compress_size
    if at != archive.start_dir:
        yield Problem("there are bytes after the last member that no member owns", _AGAIN)


def _encoded(info: zipfile.ZipInfo) -> bytes:
    try:
        return info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
    except UnicodeError:
        return b""
