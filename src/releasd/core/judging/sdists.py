"""An sdist's contents: one folder, its PKG-INFO, no way out of it, and nothing but what is in the repository.

PEP 625 names the file, PEP 721 what may be in it. That members are tracked files, byte for byte, is the lesson of xz:
what a release holds and its repository does not is where nobody looks. Read as a stream and bounded in memory.
"""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import BinaryIO

from packaging.utils import canonicalize_name, parse_sdist_filename

from releasd.core.judging import metadata
from releasd.core.judging.verdict import Expected, Problem

_CHUNK = 1 << 20
_ONE_READ = 8 << 20  # bytes; what tarfile wants at once is a header, and no honest one is larger
_RATIO, _RATIO_FROM = 50, 64 << 20  # PyPI's limits for a zip, which suit a tar as well
_MEMBERS = 100_000
_SHOWN = 5  # names in a message
_AGAIN = "build the sdist again with its backend alone"
# What build backends write into an sdist themselves; setup.cfg is made, or extended, by setuptools.
_MADE = ("PKG-INFO", "*.egg-info/*", "setup.cfg")
# Manifests that backends write anew for the sdist: maturin for path dependencies, poetry and pdm for the version.
_REWRITTEN = ("Cargo.toml", "*/Cargo.toml", "Cargo.lock", "*/Cargo.lock", "pyproject.toml", "setup.cfg")


class TooLarge(Exception):
    """The archive asks for more than any sdist needs."""


class Bounded(io.RawIOBase):
    """A gzip stream that gives no more than `limit` bytes in all, and no more than a header's worth at once."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._stream = gzip.GzipFile(fileobj=file)
        self._limit = limit

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True: forward, by reading."""
        return True

    def tell(self) -> int:
        """Return the place in the unpacked stream."""
        return self._stream.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place in the unpacked stream. Raises `TooLarge` behind the limit."""
        if offset > self._limit:
            raise TooLarge
        return self._stream.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes. Raises `TooLarge` where they are too many."""
        if not 0 <= size <= _ONE_READ or self._stream.tell() + size > self._limit + _ONE_READ:
            raise TooLarge
        return self._stream.read(size)


def judge(filename: str, file: BinaryIO, expected: Expected) -> Iterator[Problem]:
    """Yield what is wrong inside of an sdist."""
    size = file.seek(0, 2)
    file.seek(0)
    limit = max(_RATIO_FROM, _RATIO * size)
    try:
        yield from _contents(filename, Bounded(file, limit), expected)
    except TooLarge:
        fix = "leave generated or padded files out of it"
        yield Problem(f"it unpacks to more than {limit >> 20} MB: indexes take it for a bomb", fix)


def tracked_digests(archive: BinaryIO) -> Mapping[str, str]:
    """Return the files of an uncompressed tar, path to sha256."""
    with tarfile.open(fileobj=archive, mode="r:") as tar:
        return {member.name: digest_of(tar, member) for member in tar if member.isfile()}


def _contents(filename: str, stream: Bounded, expected: Expected) -> Iterator[Problem]:
    root = filename.removesuffix(".tar.gz")
    yield from _spelling(filename)
    digests: dict[str, str] = {}
    about: bytes | None = None
    strays: list[str] = []
    with tarfile.open(fileobj=stream, mode="r:") as sdist:
        for member in members_of(sdist):
            yield from _member(member, strays, root)
            if member.isfile():
                digests[member.name] = digest_of(sdist, member)
            if member.name == f"{root}/PKG-INFO" and member.isfile():
                about = _read(sdist, member)
        if has_rest(stream):
            yield Problem("there is more data after the end of the archive", _AGAIN)
    if strays:
        yield Problem(f"members outside of {root}/: {few(strays)}", _AGAIN)
    yield from _about(about, root, digests, expected)
    yield from _compared({name.partition("/")[2]: digest for name, digest in digests.items()}, expected)


def members_of(sdist: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members and let go of them: tarfile keeps all, with whatever their headers say."""
    count = 0
    while (member := sdist.next()) is not None:
        count += 1
        if count > _MEMBERS:
            raise TooLarge
        yield member
        sdist.members.clear()  # type: ignore[attr-defined] # typeshed leaves it out


def has_rest(stream: Bounded) -> bool:
    """Return whether anything but padding follows where tarfile stopped."""
    while chunk := stream.read(_CHUNK):
        if chunk.strip(b"\0"):
            return True
    return False


def _spelling(filename: str) -> Iterator[Problem]:
    name, version = parse_sdist_filename(filename)
    wanted = f"{canonicalize_name(name).replace('-', '_')}-{version}.tar.gz"
    if filename != wanted:
        yield Problem(f"PEP 625 has it called {wanted}", "raise the build backend's version: it spells the name so")


def _member(member: tarfile.TarInfo, strays: list[str], root: str) -> Iterator[Problem]:
    parts = member.name.split("/")
    if parts[0] != root or ".." in parts:
        strays.append(member.name)
    if member.issparse() or member.ischr() or member.isblk() or member.isfifo():
        yield Problem(f"{member.name} is a device, a pipe or a sparse file, which indexes refuse", _AGAIN)
    if member.issym() or member.islnk():
        place = parts[:-1] if member.issym() else []
        if member.linkname.startswith("/") or _leaves([*place, *member.linkname.split("/")], root):
            yield Problem(f"the link {member.name} leads out of the sdist", "put the file itself there")


def _leaves(parts: list[str], root: str) -> bool:
    """Return whether a path leads out of the folder `root`."""
    path: list[str] = []
    for part in parts:
        if part == ".." and not path:
            return True
        if part == "..":
            path.pop()
        elif part not in ("", "."):
            path.append(part)
    return path[:1] != [root]


def digest_of(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    """Return the sha256 of a member's contents; of nothing where it is no file."""
    digest = hashlib.sha256()
    file = tar.extractfile(member) if member.isfile() else None
    while file and (chunk := file.read(_CHUNK)):
        digest.update(chunk)
    return digest.hexdigest()


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read(metadata.LIMIT) if file else b""


def _about(about: bytes | None, root: str, digests: Mapping[str, str], expected: Expected) -> Iterator[Problem]:
    if about is None:
        yield Problem("it has no PKG-INFO", "build it with a PEP 517 backend")
        return
    yield from metadata.judge(about, expected)
    for name in metadata.licence_files(about):
        if f"{root}/{name}" not in digests:
            fix = "list files that exist under license-files in pyproject.toml"
            yield Problem(f"its metadata names the licence {name}, which is not in it", fix)


def _compared(found: Mapping[str, str], expected: Expected) -> Iterator[Problem]:
    """Yield what an sdist holds and the release commit does not; a tracked file may stand under another path.

    One of several packages in a repository has its paths below its own folder.
    """
    tracked = expected.tracked
    if tracked is None:
        return
    yield from _left_out(found, tracked)
    digests = frozenset(tracked.values())
    strange = [path for path, digest in found.items() if digest not in digests]
    allowed = (*_MADE, *expected.generated)
    at_home = {path for path in strange if any(f"/{known}".endswith(f"/{path}") for known in tracked)}
    added = sorted(path for path in strange if path not in at_home and not _any(path, allowed))
    changed = sorted(path for path in at_home if not _any(path, (*_REWRITTEN, *expected.generated)))
    fix = 'commit them, keep them out of the sdist, or say that the build makes them: sdist_generated = ["…"]'
    if added:
        yield Problem(f"it holds files that are not in the release commit: {few(added)}", fix)
    if changed:
        yield Problem(f"it holds tracked files with other bytes than the release commit: {few(changed)}", fix)


def _left_out(found: Mapping[str, str], tracked: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the tracked files that an sdist leaves out: tests and settings often are, and nobody is harmed."""
    absent = sorted(tracked.keys() - found.keys())
    if absent:
        yield Problem(f"it leaves out tracked files: {few(absent)}", "nothing to do if that is meant", is_note=True)


def _any(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def few(names: list[str]) -> str:
    """Return the first of the names, and how many there are besides."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
