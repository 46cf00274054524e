"""Judges built files as an index and its users will: names, metadata, contents and platform tags.

Works on open files handed in; nothing is unpacked to disk. Sources of the rules: the binary distribution format
(RECORD, WHEEL), PEP 625 for sdist names, and what PyPI rejects (publishing-facts.md §0.3 and §2).
"""

import base64
import csv
import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from email.policy import compat32
from keyword import iskeyword
from typing import IO, BinaryIO

from packaging.tags import Tag
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

_CHUNK = 1 << 20
_METADATA_LIMIT = 4 << 20  # a PKG-INFO larger than this is not metadata
_UNHASHED = ("RECORD", "RECORD.jws", "RECORD.p7s")
_EXTENSIONS = ("so", "pyd")  # of extension modules


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the plan promised: the distribution's name and the PEP 440 version."""

    distribution: str
    version: str


def problems(filename: str, file: BinaryIO, expected: Expected) -> tuple[str, ...]:
    """Return everything that is wrong with one built file, empty when it is as planned."""
    judge = _wheel if filename.endswith(".whl") else _sdist
    try:
        return tuple(f"{filename}: {problem}" for problem in judge(filename, file, expected))
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        return (f"{filename}: not a valid distribution file name: {error}",)
    except Exception as error:  # noqa: BLE001 (zipfile, tarfile, zlib and csv raise a dozen kinds on damaged bytes)
        return (f"{filename}: not a readable archive: {type(error).__name__}: {error}",)


def importable(file: BinaryIO) -> tuple[str, ...]:
    """Return the top-level modules and packages that a wheel installs, for a trial import."""
    with zipfile.ZipFile(file) as wheel:
        return tuple(sorted({top for name in wheel.namelist() if (top := _top_level(name))}))


def platforms(filename: str) -> frozenset[str]:
    """Return a wheel's platform tags, such as `any` or `manylinux_2_17_x86_64`."""
    return frozenset(tag.platform for tag in _tags(filename))


def interpreter_for(filename: str) -> str | None:
    """Return the one Python, such as `3.12`, that a wheel is for; None when any new enough one does."""
    tags = _tags(filename)
    if any(tag.abi in {"none", "abi3"} for tag in tags):
        return None
    found = (re.fullmatch(r"cp(\d)(\d+)", tag.interpreter) for tag in sorted(tags, key=str))
    return next((f"{match[1]}.{match[2]}" for match in found if match), None)


def labels_for(filename: str) -> frozenset[str]:
    """Return the labels that a host needs to run this wheel: none for a pure one."""
    wanted: set[str] = set()
    for platform in platforms(filename):
        if "linux" in platform:
            wanted.add("linux")
        if platform.startswith("macosx"):
            wanted.add("macos")
        wanted.update(arch for arch in ("x86_64", "arm64", "aarch64") if platform.endswith(arch))
    return frozenset(wanted)


def _tags(filename: str) -> frozenset[Tag]:
    return parse_wheel_filename(filename)[3]


def _top_level(name: str) -> str | None:
    head, _, rest = name.partition("/")
    if head.startswith("__"):
        return None
    module, _, suffix = (rest or head).partition(".")
    top = head if rest else module
    if not top.isidentifier() or iskeyword(top) or (rest and module != "__init__"):
        return None
    return top if suffix == "py" or suffix.split(".")[-1] in _EXTENSIONS else None


def _named(name: str, version: Version, expected: Expected) -> Iterator[str]:
    if name != canonicalize_name(expected.distribution):
        yield f"its name says {name}, the plan says {expected.distribution}"
    if version != Version(expected.version):
        yield f"its name says version {version}, the plan says {expected.version}"


def _metadata(text: str, expected: Expected) -> Iterator[str]:
    fields = HeaderParser(policy=compat32).parsestr(text)
    name, version = str(fields.get("Name", "")), str(fields.get("Version", ""))
    if canonicalize_name(name) != canonicalize_name(expected.distribution):
        yield f"its metadata names {name!r}, the plan {expected.distribution!r}"
    if not _same_version(version, expected.version):
        yield f"its metadata has version {version}, the plan {expected.version}"


def _same_version(found: str, planned: str) -> bool:
    try:
        return Version(found) == Version(planned)
    except InvalidVersion:
        return False


def _wheel(filename: str, file: BinaryIO, expected: Expected) -> Iterator[str]:
    name, version, _, tags = parse_wheel_filename(filename)
    yield from _named(name, version, expected)
    for platform in sorted({tag.platform for tag in tags}):
        if platform.startswith("linux_"):
            yield f"platform tag {platform} is refused by package indexes: build in a manylinux image or with zig"
    with zipfile.ZipFile(file) as wheel:
        yield from _wheel_contents(wheel, tags, expected)


def _wheel_contents(wheel: zipfile.ZipFile, tags: frozenset[Tag], expected: Expected) -> Iterator[str]:
    names = wheel.namelist()
    if len(names) != len(set(names)):
        yield "the archive holds two members of one name"
    infos = sorted({head for head in (n.split("/", 1)[0] for n in names) if head.endswith(".dist-info")})
    if len(infos) != 1:
        yield f"expected one .dist-info folder, found {len(infos)}"
        return
    missing = [part for part in ("METADATA", "WHEEL", "RECORD") if f"{infos[0]}/{part}" not in names]
    if missing:
        yield f"{infos[0]} lacks {', '.join(missing)}"
        return
    yield from _metadata(_text(wheel, f"{infos[0]}/METADATA"), expected)
    yield from _declared_tags(_text(wheel, f"{infos[0]}/WHEEL"), tags)
    yield from _record(wheel, infos[0])


def _text(wheel: zipfile.ZipFile, name: str) -> str:
    with wheel.open(name) as member:
        return member.read(_METADATA_LIMIT).decode("utf-8", "replace")


def _declared_tags(text: str, tags: frozenset[Tag]) -> Iterator[str]:
    declared = {str(value) for value in HeaderParser(policy=compat32).parsestr(text).get_all("Tag", [])}
    if declared != {str(tag) for tag in tags}:
        yield f"its name and its WHEEL file disagree on the tags: {sorted(declared)}"


def _record(wheel: zipfile.ZipFile, info: str) -> Iterator[str]:
    rows = {row[0]: row[1] for row in csv.reader(io.StringIO(_text(wheel, f"{info}/RECORD"))) if len(row) >= 2}  # noqa: PLR2004 (path, hash)
    members = {name for name in wheel.namelist() if not name.endswith("/")}
    yield from (f"RECORD lists {name}, which is not there" for name in sorted(rows.keys() - members))
    unhashed = {f"{info}/{name}" for name in _UNHASHED}
    yield from (f"{name} is not listed in RECORD" for name in sorted(members - rows.keys() - unhashed))
    for name in sorted(members & rows.keys() - unhashed):
        with wheel.open(name) as member:
            if rows[name] != _record_hash(member):
                yield f"{name} does not have the digest that RECORD says"


def _record_hash(member: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := member.read(_CHUNK):
        digest.update(chunk)
    return "sha256=" + base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def _sdist(filename: str, file: BinaryIO, expected: Expected) -> Iterator[str]:
    name, version = parse_sdist_filename(filename)
    yield from _named(name, version, expected)
    root = filename.removesuffix(".tar.gz")
    with tarfile.open(fileobj=file, mode="r:gz") as sdist:
        members = sdist.getmembers()
        strays = [m.name for m in members if m.name.split("/", 1)[0] != root or ".." in m.name.split("/")]
        if strays:
            yield f"members outside of {root}/: {', '.join(strays[:3])}"
        info = next((m for m in members if m.name == f"{root}/PKG-INFO" and m.isfile()), None)  # a link leads anywhere
        text = sdist.extractfile(info) if info else None
        if text is None:
            yield "it has no PKG-INFO"
        else:
            yield from _metadata(text.read(_METADATA_LIMIT).decode("utf-8", "replace"), expected)
