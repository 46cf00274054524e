"""Fresh folders: claimed under a lock, removed whole, and removed by the next runner where one died (rule 4)."""

from __future__ import annotations

import fcntl
import os
import pwd
import time
from pathlib import Path
from typing import Callable  # noqa: UP035 - also read by Python 3.8

from releasd.adapters.runner.container import remove_container
from releasd.adapters.runner.processes import Refused, kill_marked
from releasd.adapters.runner.scope import kill_scope

PRIVATE = 0o700
CLAIM_LIMIT = 1.0  # seconds; only a living task holds a lock for longer


def home() -> str:
    """Return the user's home as the system has it, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:  # a container's user without an entry
        return os.environ.get("HOME", "/")


def workdir_at(path: str) -> Path:
    """Return the folder in which fresh folders are made, as it is."""
    return Path(home() + path[1:] if path.startswith("~/") else path)


def open_workdir(path: str) -> Path:
    """Return the folder in which fresh folders are made, made if need be, with what dead runners left removed."""
    folder = workdir_at(path)
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    for lock in folder.glob("*.lock"):
        _remove_leftover(lock)
    return folder


def _remove_leftover(lock: Path) -> None:
    try:
        fd = acquire(lock, os.O_RDWR)
    except FileNotFoundError:
        return  # its runner ended just now
    if fd is not None:
        folder = lock.with_suffix("")
        kill_scope(os.pread(fd, 4096, 0).decode(errors="replace"))
        kill_marked(f"RELEASD_OUT={folder}/out")
        release(folder, fd, lambda: None)


def claim(folder: Path) -> int:
    """Make a task's folder; return the descriptor of the lock that keeps others from removing it.

    Raises:
        Refused: a living task has that folder.
        OSError: the folder exists without a lock, so it is not ours, or cannot be made.
    """
    limit = time.monotonic() + CLAIM_LIMIT
    while True:
        fd = acquire(_lock_of(folder), os.O_RDWR | os.O_CREAT)
        if fd is not None:
            break
        if time.monotonic() > limit:
            raise Refused(f"{folder} is in use by another task of the same id")
        time.sleep(0.01)  # someone who looks for leftovers may have it for a moment
    try:
        folder.mkdir(mode=PRIVATE)
    except OSError:
        _lock_of(folder).unlink()
        raise
    return fd


def release(folder: Path, lock: int, beat: Callable[[], None]) -> bool:
    """Remove the container, the folder, then its lock; return whether nothing is left."""
    if not remove_container(folder):
        os.close(lock)  # the next runner tries again
        return False
    is_gone = remove(folder, beat)
    if is_gone:
        _lock_of(folder).unlink()
    os.close(lock)
    return is_gone


def remove(folder: Path, beat: Callable[[], None]) -> bool:
    """Remove a folder and all in it; return whether nothing is left. A link in its place is removed alone."""
    if folder.is_symlink():
        folder.unlink()
    for root, folders, _ in os.walk(folder):
        beat()
        for name in folders:
            _open_up(Path(root, name))
    for root, folders, files in os.walk(folder, topdown=False):
        beat()
        for name in files + folders:
            _remove(Path(root, name))
    _remove(folder)
    return not folder.exists()


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock")


def acquire(path: Path, flags: int, kind: int = fcntl.LOCK_EX) -> int | None:
    """Return a descriptor that holds the lock file, or None where a living runner has it."""
    fd = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
        is_ours = os.path.samestat(os.fstat(fd), path.stat())
    except (BlockingIOError, FileNotFoundError):  # held, or removed by its holder between open and lock
        is_ours = False
    if not is_ours:
        os.close(fd)
        return None
    return fd


def _open_up(folder: Path) -> None:
    """Let the owner into a folder that a build left closed even to its owner."""
    try:
        if not folder.is_symlink():
            folder.chmod(PRIVATE)
    except OSError:
        return  # not ours (a container's root made it): `release` returns False


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
    except OSError:
        return  # not ours (a container's root made it): `release` returns False


def free(path: Path) -> int:
    """Return the bytes that this user can still write there; 0 where no more files can be made."""
    space = os.statvfs(path)
    if space.f_files and not space.f_ffree:
        return 0
    return space.f_frsize * (space.f_bavail if os.geteuid() else space.f_bfree)
