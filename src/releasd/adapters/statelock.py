"""One daemon for one state folder: the lock that proves that every other owner of a lease is dead."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from releasd.errors import AlreadyRunning, ConfigError

NAME = "lock"
PATIENCE = 40  # looks, 0.05 s apart: a starved `holder` may have it in hand just now


@contextmanager
def hold(state: Path) -> Iterator[None]:
    """Hold the lock on a state folder, which is made when missing.

    Raises:
        AlreadyRunning: another daemon holds it.
        ConfigError: the folder cannot be made or written to.
    """
    try:
        state.mkdir(mode=0o711, parents=True, exist_ok=True)  # others may pass through, to the spool folder alone
        descriptor = os.open(state / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise ConfigError(
            f"{state}: {error.strerror}", advice="set daemon.state to a folder of the daemon's own"
        ) from error
    try:
        _take(descriptor, state)
        yield
    finally:
        os.close(descriptor)


def holder(state: Path) -> int | None:
    """Return the process id of the daemon that holds the lock, or None when nobody does."""
    try:
        descriptor = os.open(state / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 32, 0).decode().strip()
        return int(text) if text.isdigit() else 0
    else:
        return None
    finally:
        os.close(descriptor)


def _take(descriptor: int, state: Path) -> None:
    try:
        _lock(descriptor)
    except BlockingIOError:
        pid = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
        raise AlreadyRunning(
            f"another releasd (process {pid}) runs on {state}",
            advice="stop it first (releasd status shows it), or give this one its own daemon.state",
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def _lock(descriptor: int) -> None:
    """Take the lock, or find it held for longer than `holder` ever holds it."""
    for _ in range(PATIENCE):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
