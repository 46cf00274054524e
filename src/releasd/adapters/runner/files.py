"""Files in and out of a task's folder: sources unpacked without escape, outputs found and hashed."""

from __future__ import annotations

import errno
import fnmatch
import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator  # noqa: UP035 - also read by Python 3.8

from releasd.adapters.runner.leash import CHUNK
from releasd.adapters.runner.processes import Refused

if TYPE_CHECKING:
    import tarfile


class Unfit(Exception):
    """What a build left cannot be taken, which is the build's own doing."""


def unpack(source: Path, into: Path, beat: Callable[[], object]) -> None:
    """Unpack a tar; only files, folders and links are made, all of them inside.

    Raises:
        Refused: a member would land or point outside of `into`, or is of another kind, or this is no tar.
    """
    import tarfile  # noqa: PLC0415 - 5 ms that a host with git objects need not pay

    folder = os.path.realpath(into)
    try:
        with tarfile.open(source) as tar:
            _extract(tar, folder, beat)
    except tarfile.TarError as error:
        raise Refused(f"sources: {error}") from error


def _extract(tar: tarfile.TarFile, folder: str, beat: Callable[[], object]) -> None:
    for member in tar:
        beat()
        check_member(member, folder)
        member.uid, member.gid = os.geteuid(), os.getegid()
        member.mode = 0o755 if member.isdir() else member.mode & 0o755 | 0o600
        if hasattr(tar, "extraction_filter"):  # judged above, the same on every version
            tar.extract(member, folder, filter="fully_trusted")
        else:
            tar.extract(member, folder)


def check_member(member: tarfile.TarInfo, folder: str) -> None:
    """Raise `Refused` unless this member may be unpacked into `folder`, a real path, as that is filled by now."""
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise Refused(f"sources: {member.name} is neither file, folder nor link")
    path = Path(folder, member.name)
    places = [path if member.isdir() else path.parent]
    if member.issym():
        places.append(path.parent / member.linkname)
    elif member.islnk():
        places.append(Path(folder, member.linkname))
    is_plain = not member.name.startswith("/") and ".." not in member.name.split("/")
    if not is_plain or not all(os.path.commonpath([os.path.realpath(place), folder]) == folder for place in places):
        raise Refused(f"sources: {member.name} would land or point outside of the folder")


def collect(out: Path, globs: list[str], beat: Callable[[], object]) -> tuple[list[dict[str, Any]], list[str]]:
    """Hash the plain files directly in `out` that match; also return the names that match and are no plain files.

    Raises:
        Unfit: the build removed or closed the folder, or a file in it has a name or rights that nobody can use.
    """
    try:
        return _collect(out, globs, beat) if globs else ([], [])
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise Unfit(f"{os.path.basename(error.filename)}: {error.strerror}") from error  # noqa: PTH119 - may be a name


def _collect(out: Path, globs: list[str], beat: Callable[[], object]) -> tuple[list[dict[str, Any]], list[str]]:
    files, left_out = [], []
    for name in sorted(os.listdir(out)):  # noqa: PTH208 - names are wanted, not paths
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in globs):
            if not name.isprintable():
                raise Unfit(f"no release has a file called {name!r}")
            chunks = read_plain(out, name)
            if chunks is None:
                left_out.append(name)
            else:
                files.append({"name": name, **_measure(chunks, beat)})
    return files, left_out


def _measure(chunks: Iterator[bytes], beat: Callable[[], object]) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        beat()
        digest.update(chunk)
        size += len(chunk)
    return {"sha256": digest.hexdigest(), "size": size}


def read_plain(folder: Path, name: str) -> Iterator[bytes] | None:
    """Return the chunks of a file directly in `folder`, or None where that is a link, a folder or a device."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO):  # a link (EMLINK on BSD), a socket
            return None
        raise
    finally:
        os.close(place)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return _chunks(fd)
    os.close(fd)
    return None


def _chunks(fd: int) -> Iterator[bytes]:
    with os.fdopen(fd, "rb") as file:
        while True:
            chunk = file.read(CHUNK)
            if not chunk:
                return
            yield chunk
