"""The build's processes: started with nothing inherited, ended to the last one (rules 2 and 3 of the package)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Callable  # noqa: UP035 - also read by Python 3.8

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
IS_LINUX = sys.platform == "linux"
GRACE = 2.0  # seconds from SIGTERM to SIGKILL
KILL_LIMIT = 10.0  # seconds after which a process that survives SIGKILL is reported instead


class Refused(Exception):
    """What was asked for cannot be done, and would not be a second time."""


def become_subreaper() -> None:
    """Have orphaned descendants handed to this process, so that none is out of reach (Linux only)."""
    if IS_LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def all_pids() -> list[int]:
    """Return every process there is (Linux only)."""
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


def descendants() -> list[int]:
    """Return the living processes below this one (Linux only). A zombie is dead."""
    known = {}
    for pid in all_pids():
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent = stat.rpartition(b")")[2].split()[:2]
        known[pid] = (int(parent), state != b"Z")
    found: list[int] = []
    fresh = {os.getpid()}
    while fresh:
        fresh = {pid for pid, (parent, _) in known.items() if parent in fresh}
        found += [pid for pid in fresh if known[pid][1]]
    return found


def kill_descendants() -> None:
    """Kill every process below this one, those that begin meanwhile too (Linux only)."""
    limit = time.monotonic() + KILL_LIMIT
    while time.monotonic() < limit and (living := descendants()):
        for pid in living:
            kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def kill(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended just now, or be another user's."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def kill_marked(mark: str) -> None:
    """Kill every process that has `mark`, a NAME=value, in its first environment (Linux only)."""
    for pid in all_pids() if IS_LINUX else []:
        try:
            if mark.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)
        except OSError:
            continue  # it ended just now, or is another user's


class Build:
    """The running script and everything that it started. `output` is the read end of its standard streams.

    `is_mute` is set by whoever reads to its end. `stop` ends what is no descendant of this process (a container), and
    is called before anything is killed.
    """

    def __init__(self, script: str, cwd: str, env: dict[str, str], stop: Callable[[], object] = lambda: None) -> None:
        self._stop = stop
        self.status: int | None = None
        self.is_mute = False
        libc = ctypes.CDLL(None) if IS_LINUX else None  # loaded before the fork
        runner = os.getpid()
        self.output, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _become_build(libc, runner, write, cwd)
                os.execve("/bin/sh", ["sh", "-eu", script], env)  # noqa: S606 - sh is the shell
            finally:
                os._exit(127)
        os.close(write)

    def reap(self) -> None:
        """Collect the dead, and the script's status: its own, or 128 and the signal, as a shell tells it."""
        pid = -1
        while pid:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == self.pid:
                self.status = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def end(self, grace: float) -> None:
        """End every process: SIGTERM, and after `grace` seconds SIGKILL until none is left.

        Raises:
            Refused: a process cannot be killed; it belongs to another user.
        """
        self._stop()
        if grace:
            self._signal(signal.SIGTERM)
            self._wait(grace, lambda: None)
        if not self._wait(KILL_LIMIT, lambda: self._signal(signal.SIGKILL)):
            raise Refused(f"processes {self._living()} of the build cannot be killed")

    def _living(self) -> list[int]:
        """Return what to send a signal to: on Linux processes, elsewhere the group as a negative number."""
        self.reap()
        if IS_LINUX:
            return descendants()
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):  # macOS: EPERM where only zombies are left
            return []
        return [-self.pid]

    def _wait(self, seconds: float, action: Callable[[], None]) -> bool:
        limit = time.monotonic() + seconds
        while self._living():
            if time.monotonic() > limit:
                return False
            action()
            time.sleep(0.01)
        return True

    def _signal(self, number: int) -> None:
        for pid in self._living():
            kill(pid, number)  # `end` reports it when it stays


def _become_build(libc: Any, runner: int, output: int, cwd: str) -> None:
    """Turn the forked child into what executes the script: alone in a session, tied to the runner's life."""
    os.setsid()
    if libc is not None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != runner:
        os._exit(127)  # the runner died before that took effect
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.umask(0o022)
    os.chdir(cwd)
