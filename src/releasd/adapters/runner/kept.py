"""What stays on a host on purpose: folders beside the fresh ones, each under a lock, removed when long unused.

Whoever works in one holds its lock, shared or alone; a lock ends with its holder, however that dies.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from releasd.adapters.runner.folders import PRIVATE, acquire, remove
from releasd.adapters.runner.leash import Leash

UNUSED = 90 * 86400.0  # seconds after which nobody will ask for it again
PAUSE = 0.05  # seconds between two tries for a lock


def kept_folder(workdir: Path, kind: str) -> Path:
    """Return the folder for what is kept of one kind, made if need be."""
    folder = workdir.parent / kind
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    return folder


def lock_of(folder: Path) -> Path:
    """Return the lock file of a kept folder. Its time is that of the last use."""
    return folder.with_name(folder.name + ".lock")


def take_lock(leash: Leash, folder: Path, kind: int, seconds: float) -> int | None:
    """Return a descriptor that holds the folder's lock (`fcntl.LOCK_SH` or `LOCK_EX`), or None where others keep it."""
    limit = time.monotonic() + seconds
    while True:
        fd = acquire(lock_of(folder), os.O_RDWR | os.O_CREAT, kind)
        if fd is not None:
            os.utime(fd)
            return fd
        if time.monotonic() >= limit:
            return None
        leash.wait(PAUSE)


def drop(leash: Leash, folder: Path, fd: int) -> None:
    """Remove a folder whose lock `fd` is held alone, then the lock, unless another user's files are in it."""
    if remove(folder, leash.beat):
        lock_of(folder).unlink()
    os.close(fd)


def longest_unused(where: Path) -> list[tuple[float, Path]]:
    """Return the kept folders and when each was last used, the oldest first."""
    found = []
    for path in where.glob("*.lock"):
        try:
            found.append((path.stat().st_mtime, path.with_suffix("")))
        except FileNotFoundError:
            continue  # removed by another runner just now
    return sorted(found)


def drop_unused(leash: Leash, where: Path) -> None:
    """Remove what nobody used for `UNUSED` seconds."""
    for used, folder in longest_unused(where):
        if used > time.time() - UNUSED:
            return
        drop_if_free(leash, folder)


def drop_if_free(leash: Leash, folder: Path) -> bool:
    """Remove a folder that nobody works in; return whether it is gone."""
    try:
        fd = acquire(lock_of(folder), os.O_RDWR, fcntl.LOCK_EX)
    except FileNotFoundError:
        return True
    if fd is not None:
        drop(leash, folder, fd)
    return fd is not None


def size_of(leash: Leash, folder: Path) -> int:
    """Return the bytes that a folder takes on the disk."""
    total = 0
    for root, _, names in os.walk(folder):
        leash.beat()
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512  # noqa: PTH118 - many files
            except FileNotFoundError:
                continue
    return total
