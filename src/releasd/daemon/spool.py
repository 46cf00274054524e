"""The spool folder: what hooks left while the socket did not answer (DESIGN.md §5.5).

Whoever may write to the socket may leave a file here and no more: the folder is the daemon's own, sticky, and for
the others write-only (mode 1733 with a socket of mode 666), like a drop box. So nobody can list, read by name
unless told, replace or remove another's file, and the daemon can remove all of them. What lies in it is untrusted:
it is opened without following links, is bounded in size, and counts as sent by the file's owner.
"""

import os
import stat
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from releasd.core.hookmessage import parse_message
from releasd.errors import ConfigError, ReleasdError, Transient, UsageError
from releasd.model import PushHint

_MAX_FILE = 4 * 1024 * 1024  # bytes: some 15 000 branches in one push
_BAD = "bad"
_TURN_LINES = 200
_TURN_SECONDS = 2.0
Handle = Callable[[PushHint, bool], object]
"""Takes a hint, and whether its refusal is to be put on record."""


def create_spool(folder: Path, socket_mode: int) -> None:
    """Make the spool folder, or set its mode right: writable for just those who may write to the socket.

    Raises:
        ConfigError: the folder cannot be made, or is not our own (then its stickiness would not protect it).
    """
    mode = 0o1700 | (0o030 if socket_mode & 0o020 else 0) | (0o003 if socket_mode & 0o002 else 0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise ConfigError(f"{folder}: the spool folder is not the daemon's own", advice=f"sudo rm -r {folder}")
        folder.chmod(mode)
        (folder / _BAD).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}", advice=f"ls -ld {folder}; who may write there?") from error


@dataclass(slots=True)
class _Progress:
    """How far a file was handled: a count of lines, and the last refusal of one of them."""

    lines: int = 0
    refused: ReleasdError | None = None


class Spool:
    """The folder as one daemon drains it, in turns: whoever fills it must not keep the daemon from its other work.

    How far a file was handled is only remembered, for handling a line twice does no harm.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._progress: dict[str, _Progress] = {}
        self._resume = ""  # the name at which the last turn was cut off

    def drain(self, handle: Handle, on_bad: Callable[[str], None]) -> bool:
        """Hand spooled hints to `handle`, in the order of the files' names; return whether some are left for a turn.

        A file is deleted after `handle` returned for its last line. A file with a line that is malformed or refused for
        good is moved to the folder `bad`; one that met a Transient error, or a fault of ours, stays for the next time.
        Each such case is told to `on_bad`. A missing folder holds nothing.
        """
        turn = _Turn(time.monotonic() + _TURN_SECONDS)
        paths = self._paths()
        self._resume = ""
        for path in paths:
            if turn.is_over:
                self._resume = path.name
                break
            turn.lines += 1  # a file of no use costs as much
            if not self._drain(path, turn, handle, on_bad):
                self._resume = path.name
                break
        return bool(self._resume)

    def _paths(self) -> list[Path]:
        """Return the files, beginning with that at which the last turn was cut off, so that none starves."""
        if not self._folder.is_dir():
            return []
        names = sorted(path.name for path in self._folder.iterdir() if path.name.endswith(".json"))
        self._progress = {name: self._progress[name] for name in names if name in self._progress}
        late = [name for name in names if name >= self._resume]
        return [self._folder / name for name in (*late, *(name for name in names if name < self._resume))]

    def _drain(self, path: Path, turn: "_Turn", handle: Handle, on_bad: Callable[[str], None]) -> bool:
        """Take one file, or the next part of it; return whether it is done with for now."""
        progress = self._progress.setdefault(path.name, _Progress())
        try:
            if not _take(path, progress, turn, handle):
                return False
            path.unlink()
        except Transient as error:
            on_bad(f"{path}: kept for later: {error}")
            return True
        except ReleasdError as error:
            on_bad(f"{path}: {error}: {_set_aside(path)}")
        except Exception:  # noqa: BLE001 - a fault of ours over one file must not keep the others waiting
            on_bad(f"{path}: kept for later: internal error: {traceback.format_exc()}")
            return True
        del self._progress[path.name]
        return True


@dataclass(slots=True)
class _Turn:
    """One turn's budget; `deadline` in monotonic seconds."""

    deadline: float
    lines: int = 0

    @property
    def is_over(self) -> bool:
        return self.lines >= _TURN_LINES or time.monotonic() >= self.deadline


def _take(path: Path, progress: _Progress, turn: _Turn, handle: Handle) -> bool:
    """Handle the lines of the file until the turn is over; return whether all were handled.

    A bad line is raised only after the good ones were handled, and only the first is put on record.
    """
    text, uid = _read(path)
    lines = [line for line in text.split(b"\n") if line.strip()]
    if not lines:
        raise UsageError("empty")
    for line in lines[progress.lines :]:
        if turn.is_over:
            return False
        turn.lines += 1
        try:
            handle(parse_message(line, uid, source="spool"), progress.refused is None)
        except Transient:
            raise
        except ReleasdError as error:
            progress.refused = error
        progress.lines += 1
    if progress.refused is not None:
        raise progress.refused
    return True


def _read(path: Path) -> tuple[bytes, int]:
    """Return the file's contents and its owner's user id. Raises UsageError for what no hook leaves."""
    try:
        # Without O_NONBLOCK, a FIFO of that name would hold the daemon.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
                raise UsageError("not a plain file with one name")  # a hard link would lend another owner's uid
            text = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}") from error
    if len(text) > _MAX_FILE:
        raise UsageError(f"larger than {_MAX_FILE} bytes")
    return text, status.st_uid


def _set_aside(path: Path) -> str:
    """Move the file out of the way, under a name of its own; return what became of it."""
    target = path.parent / _BAD / f"{time.time_ns()}.json"
    try:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        path.rename(target)
    except OSError as error:
        return f"and cannot be moved to {target}: {error.strerror}"
    return f"moved to {target}"
