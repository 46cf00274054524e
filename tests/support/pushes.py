"""Real repositories to push between, real hooks to run, and sockets in every sad state."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from releasd.adapters.hookfiles import HookStatus, install
from releasd.daemon.intake import Intake
from releasd.model import PushHint

HOOKS = Path(__file__).parents[2] / "hooks"
ZERO = "0" * 40
OLD, NEW = "1" * 40, "a" * 40
SHELLS = {"sh": ("sh",), "dash": ("dash",), "bash": ("bash", "--posix")}
_SERVER = """
import pathlib, sys, threading
from releasd.daemon.intake import Intake
Intake(pathlib.Path(sys.argv[1]), handle=lambda hint: "heard", on_bad=print)
print("ready", flush=True)
threading.Event().wait()
"""


def environment(**extra: str) -> dict[str, str]:
    """Return an environment in which git sees nobody's configuration."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    person = {f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return clean | person | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"} | extra


def git(folder: Path, *arguments: str | bytes) -> str:
    """Run git there and return its output; fail the test with git's words where it fails."""
    done = subprocess.run(
        ("git", "-C", folder, *arguments), env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass(frozen=True)
class Pair:
    """A bare repository and a clone with one unpushed commit; where the hook's socket and spool folder are."""

    bare: Path
    clone: Path
    socket: Path
    spool: Path

    def commit(self) -> str:
        """Make a commit in the clone and return it."""
        git(self.clone, "commit", "-q", "--allow-empty", "-m", "feat: more")
        return git(self.clone, "rev-parse", "HEAD")

    def push(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Push main from the clone."""
        command = ("git", "push", *(arguments or ("origin", "main")))
        return subprocess.run(
            command, cwd=self.clone, env=environment(), capture_output=True, text=True, timeout=120, check=False
        )

    def spooled(self) -> list[bytes]:
        """Return the lines in the spool folder, in order; a file that is half written fails the test."""
        assert not list(self.spool.glob(".*"))
        return [line for path in sorted(self.spool.iterdir()) for line in path.read_bytes().splitlines()]


@contextlib.contextmanager
def pair() -> Iterator[Pair]:
    """Yield a fresh pair in a folder with a short path, as sockets need."""
    with tempfile.TemporaryDirectory(prefix="releasd-") as name:
        folder = Path(name).resolve()
        made = Pair(folder / "project.git", folder / "clone", folder / "hook.sock", folder / "spool")
        made.spool.mkdir()
        git(folder, "init", "-q", "--bare", "-b", "main", "project.git")
        git(folder, "init", "-q", "-b", "main", "clone")
        git(made.clone, "remote", "add", "origin", str(made.bare))
        made.commit()
        yield made


@dataclass(frozen=True)
class HookRun:
    """What one run of a hook did; `seconds` of wall time, the best of a few runs where the first was slow."""

    status: int
    said: str
    seconds: float


def run_hook(
    made: Pair,
    lines: bytes,
    *arguments: str,
    shell: tuple[str, ...] = ("sh",),
    env: dict[str, str] | None = None,
    user: int | None = None,
    hasty: bool = False,
) -> HookRun:
    """Run our hook as git would: post-receive in the bare repository, with arguments reference-transaction.

    It has patience (see `patient`), or is as `hasty` as it is shipped.
    """
    name, cwd = ("reference-transaction", made.clone) if arguments else ("post-receive", made.bare)
    variables = environment(**({} if arguments else {"GIT_DIR": "."})) | (env or {})
    script = Path(shutil.copy(HOOKS / name, made.spool.parent))  # the checkout may be closed to other users
    if not hasty:
        patient(script)
    started = time.monotonic()
    done = subprocess.run(
        (*shell, script, *arguments),
        cwd=cwd, env=variables, input=lines, capture_output=True, timeout=120, check=False, user=user,
    )  # fmt: skip
    assert done.stdout == b""
    return HookRun(done.returncode, done.stderr.decode(), time.monotonic() - started)


def put(made: Pair, where: Path | None = None) -> HookStatus:
    """Install the hook as `releasd hook install` does, in the bare repository unless told."""
    return install(where or made.bare, socket=made.socket, spool=made.spool)


def patient(hook: Path) -> None:
    """Have a hook wait for an answer as long as a busy machine may need for one; its haste is no part of the test."""
    text = hook.read_text()
    for limit, longer in (
        ("($budget, $slice, $again) = (.7,", "($budget, $slice, $again) = (90,"),
        ("alarm 1;", "alarm 99;"),
    ):
        assert limit in text
        text = text.replace(limit, longer)
    hook.write_text(text)


def script(path: Path, text: str) -> None:
    """Write an executable shell script."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def configure(made: Pair, *, where: Path | None = None) -> None:
    """Set what `releasd hook install` sets."""
    git(where or made.bare, "config", "releasd.socket", str(made.socket))
    git(where or made.bare, "config", "releasd.spool", str(made.spool))


@dataclass
class Heard:
    """A real intake: what it heard, what it complained about, and what it says to every pusher."""

    says: str = "v1.2.3 will be released"
    hints: list[PushHint] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def handle(self, hint: PushHint) -> str:
        """Keep the hint."""
        self.hints.append(hint)
        return self.says


@contextlib.contextmanager
def listening(path: Path) -> Iterator[Heard]:
    """Listen on `path`; afterwards fail the test where the intake complained."""
    heard = Heard()
    with Intake(path, handle=heard.handle, on_bad=heard.bad.append):
        yield heard
    assert heard.bad == []


@dataclass
class Toy:
    """A server that does something with each connection, and keeps what it received."""

    talk: Callable[[socket.socket], None]
    kept: list[socket.socket] = field(default_factory=list)

    @contextlib.contextmanager
    def listening(self, path: Path) -> Iterator["Toy"]:
        """Serve on `path` until the block ends."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(8)
        thread = threading.Thread(target=self._serve, args=(listener,))
        thread.start()
        try:
            yield self
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            for connection in self.kept:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for connection in self.kept:
                connection.close()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.kept.append(connection)
                with contextlib.suppress(OSError):
                    self.talk(connection)


def _dribble(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x")
        time.sleep(0.005)


def _close(connection: socket.socket) -> None:
    connection.recv(10)
    connection.shutdown(socket.SHUT_RDWR)


_TOYS: dict[str, Callable[[socket.socket], None]] = {
    "accepts and is silent": lambda _: None,
    "answers half a line": lambda connection: connection.sendall(b'{"ok":tr'),
    "answers garbage": lambda connection: connection.sendall(b"220 mail.example.org ESMTP\n"),
    "answers byte by byte for ever": _dribble,
    "closes at once": _close,
}
SAD_STATES = ("absent", "stale", "accepts nothing", "backlog full", "stopped", *_TOYS)


@contextlib.contextmanager
def sad_socket(path: Path, state: str) -> Iterator[None]:
    """Put a socket in one of SAD_STATES at `path`."""
    with contextlib.ExitStack() as stack:
        if state in _TOYS:
            stack.enter_context(Toy(_TOYS[state]).listening(path))
        elif state == "stopped":
            stack.enter_context(_stopped_daemon(path))
        elif state != "absent":
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(path))
            if state == "stale":
                listener.close()
            else:
                listener.listen(0 if state == "backlog full" else 8)
            if state == "backlog full":
                _fill(stack, path)
        yield


def _fill(stack: contextlib.ExitStack, path: Path) -> None:
    for _ in range(64):
        client = stack.enter_context(socket.socket(socket.AF_UNIX))
        client.settimeout(0)
        try:
            client.connect(str(path))
        except (BlockingIOError, ConnectionRefusedError):
            return
    raise AssertionError("the backlog never filled")


@contextlib.contextmanager
def _stopped_daemon(path: Path) -> Iterator[None]:
    server = subprocess.Popen((sys.executable, "-c", _SERVER, path), stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        server.send_signal(signal.SIGSTOP)
        yield
    finally:
        server.kill()  # works on a stopped process too
        server.communicate()


def tools_without_perl(folder: Path) -> dict[str, str]:
    """Return an environment whose PATH has all that the hook uses but perl."""
    folder.mkdir()
    for name in ("sh", "git", "date", "mv", "rm", "od", "awk", "cat"):
        path = shutil.which(name)
        assert path is not None
        (folder / name).symlink_to(path)
    return {"PATH": str(folder)}
