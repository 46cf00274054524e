"""A wheel's contents: one .dist-info, tags as named, RECORD against every file, licences, what binaries it holds.

The rules are the binary distribution format's. PyPI notices a RECORD that lies, but most installers do not: whoever
reads RECORD later is misled.
"""

import base64
import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from email.policy import compat32
from keyword import iskeyword
from typing import IO, BinaryIO

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from releasd.core.judging import machos, metadata, zips
from releasd.core.judging.verdict import Expected, Problem

_CHUNK = 1 << 20
_UNHASHED = ("RECORD", "RECORD.jws", "RECORD.p7s")
_NO_HASH = frozenset({"", "md5", "sha1"})  # the format wants sha256 or better
_EXTENSIONS = ("so", "pyd")  # of extension modules
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
_ELF = b"\x7fELF"
_REBUILD = "build the wheel again; nothing may change it after its backend wrote RECORD"


def judge(filename: str, file: BinaryIO, expected: Expected) -> Iterator[Problem]:
    """Yield what is wrong inside of a wheel."""
    closed = tuple(zips.refuse(file))
    yield from closed
    if closed:
        return
    with zipfile.ZipFile(file) as wheel:
        yield from zips.judge(file, wheel)
        if zips.readable(file, wheel):
            yield from _contents(filename, wheel, expected)


def importable(file: BinaryIO) -> tuple[str, ...]:
    """Return the top-level modules and packages that a wheel installs, for a trial import."""
    with zipfile.ZipFile(file) as wheel:
        return tuple(sorted({top for name in wheel.namelist() if (top := _top_level(name))}))


def requires_python(file: BinaryIO) -> SpecifierSet:
    """Return the range of interpreters that a sound wheel's metadata asks for."""
    with zipfile.ZipFile(file) as wheel:
        about = next(name for name in wheel.namelist() if _METADATA.fullmatch(name))
        return metadata.requires_python(_bytes(wheel, about))


def holds_elf(file: BinaryIO) -> bool:
    """Return whether a wheel holds programs or libraries for Linux, whatever its name says."""
    with zipfile.ZipFile(file) as wheel:
        return any(_begins(wheel, info, _ELF) for info in wheel.infolist())


def _begins(wheel: zipfile.ZipFile, info: zipfile.ZipInfo, mark: bytes) -> bool:
    with wheel.open(info) as member:
        return member.read(len(mark)) == mark


def _top_level(name: str) -> str | None:
    head, _, rest = name.partition("/")
    if head.startswith("__"):
        return None
    module, _, suffix = (rest or head).partition(".")
    top = head if rest else module
    if not top.isidentifier() or iskeyword(top) or (rest and module != "__init__"):
        return None
    return top if suffix == "py" or suffix.split(".")[-1] in _EXTENSIONS else None


def _contents(filename: str, wheel: zipfile.ZipFile, expected: Expected) -> Iterator[Problem]:
    names = wheel.namelist()
    infos = sorted({head for head in (n.split("/", 1)[0] for n in names) if head.endswith(".dist-info")})
    if len(infos) != 1:
        yield Problem(f"expected one .dist-info folder, found {len(infos)}", "build it with a PEP 517 backend")
        return
    info = infos[0]
    missing = [part for part in ("METADATA", "WHEEL", "RECORD") if f"{info}/{part}" not in names]
    if missing:
        yield Problem(f"{info} lacks {', '.join(missing)}", "build it with a PEP 517 backend")
        return
    yield from _folder_name(filename, info)
    about = _bytes(wheel, f"{info}/METADATA")
    yield from metadata.judge(about, expected)
    for name in metadata.licence_files(about):
        if f"{info}/licenses/{name}" not in names:
            fix = "list files that exist under license-files in pyproject.toml"
            yield Problem(f"its metadata names the licence {name}, which is not in {info}/licenses", fix)
    yield from _declared_tags(_bytes(wheel, f"{info}/WHEEL"), parse_wheel_filename(filename)[3])
    yield from _record(wheel, info)
    yield from machos.judge(filename, wheel)


def _folder_name(filename: str, info: str) -> Iterator[Problem]:
    name, _, version = info.removesuffix(".dist-info").partition("-")
    wanted = parse_wheel_filename(filename)
    try:
        same = canonicalize_name(name) == wanted[0] and Version(version) == wanted[1]
    except InvalidVersion:
        same = False
    if not same:
        yield Problem(f"its folder {info} is of another name or version than the file", _REBUILD)


def _bytes(wheel: zipfile.ZipFile, name: str) -> bytes:
    with wheel.open(name) as member:
        return member.read(metadata.LIMIT)


def _declared_tags(text: bytes, tags: frozenset[Tag]) -> Iterator[Problem]:
    fields = HeaderParser(policy=compat32).parsestr(text.decode("utf-8", "replace"))
    declared = {str(value) for value in fields.get_all("Tag", [])}
    if declared != {str(tag) for tag in tags}:
        fix = "rename it with `wheel tags`, or build it for that platform"
        yield Problem(f"its name and its WHEEL file disagree on the tags: {sorted(declared)}", fix)


def _record(wheel: zipfile.ZipFile, info: str) -> Iterator[Problem]:
    text = io.StringIO(_bytes(wheel, f"{info}/RECORD").decode("utf-8", "replace"), newline="")
    lines = [row for row in csv.reader(text) if len(row) >= 2]  # noqa: PLR2004 (path, hash)
    rows = {row[0]: row[1] for row in lines}
    if len(rows) != len(lines):
        yield Problem("RECORD lists a file twice", _REBUILD)
    members = {name for name in wheel.namelist() if not name.endswith("/")}
    unhashed = {f"{info}/{name}" for name in _UNHASHED}
    for name in sorted(rows.keys() - members - unhashed):
        yield Problem(f"RECORD lists {name}, which is not there", _REBUILD)
    for name in sorted(members - rows.keys() - unhashed):
        yield Problem(f"{name} is not listed in RECORD", _REBUILD)
    for name in sorted(members & rows.keys() - unhashed):
        yield from _digest(wheel, name, rows[name])


def _digest(wheel: zipfile.ZipFile, name: str, said: str) -> Iterator[Problem]:
    algorithm = said.partition("=")[0]
    if algorithm in _NO_HASH or algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        yield Problem(f"RECORD has no sha256 or better for {name}", _REBUILD)
        return
    with wheel.open(name) as member:
        if said != _record_hash(member, algorithm):
            yield Problem(f"{name} does not have the digest that RECORD says", _REBUILD)


def _record_hash(member: IO[bytes], algorithm: str) -> str:
    digest = hashlib.new(algorithm)
    while chunk := member.read(_CHUNK):
        digest.update(chunk)
    return f"{algorithm}=" + base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
