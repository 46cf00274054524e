"""The hook socket, as good and bad senders meet it."""

import contextlib
import errno
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from releasd.daemon import intake as module
from releasd.daemon.intake import Intake
from releasd.errors import AlreadyRunning, ConfigError, Permanent
from releasd.model import PushHint
from support.pushes import sad_socket
from support.tools import require_tool

GOOD = json.dumps(
    {
        "v": 1, "repository": "/srv/p.git", "ref": "refs/heads/main", "old": "0" * 40, "new": "a" * 40,
        "options": [], "source": "post-receive",
    }
).encode() + b"\n"  # fmt: skip


@dataclass
class Daemon:
    """What the intake calls: keeps hints and complaints; does what the repository's name says."""

    hints: list[PushHint] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def handle(self, hint: PushHint) -> str:
        self.hints.append(hint)
        match hint.repository:
            case "/unknown":
                raise Permanent("no project has this repository")
            case "/fault":
                raise ZeroDivisionError
            case "/slow":
                self.gate.wait(60)
        return "v1.2.3 will be released"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="releasd-") as name:
        yield Path(name)


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
def path(folder: Path, daemon: Daemon) -> Iterator[Path]:
    """Return the path of a listening intake's socket."""
    with Intake(folder / "hook.sock", handle=daemon.handle, on_bad=daemon.complaints.append):
        yield folder / "hook.sock"
        daemon.gate.set()


@contextlib.contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(path))
        yield connection


def ask(path: Path, text: bytes, *, end: bool = False) -> dict[str, object]:
    """Send `text` and return the first answer."""
    with connected(path) as connection:
        connection.sendall(text)
        if end:
            connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answers:
            answer: dict[str, object] = json.loads(answers.readline())
            return answer


def test_a_hint_is_handled_before_it_is_answered(path: Path, daemon: Daemon) -> None:
    """The answer is the handler's; the uid is the kernel's."""
    assert ask(path, GOOD) == {"ok": True, "message": "v1.2.3 will be released"}
    assert [hint.uid for hint in daemon.hints] == [os.getuid()]
    assert daemon.complaints == []


def test_several_lines_on_one_connection_get_an_answer_each(path: Path, daemon: Daemon) -> None:
    """In order, also when the lines come in pieces, and a bad one does not end the conversation."""
    with connected(path) as connection, connection.makefile("rb") as answers:
        connection.sendall(GOOD + b"nonsense\n" + GOOD[:30])
        assert [json.loads(answers.readline())["ok"] for _ in range(2)] == [True, False]
        connection.sendall(GOOD[30:])
        assert json.loads(answers.readline())["ok"] is True
    assert len(daemon.hints) == 2


def test_an_empty_line_only_asks_whether_we_are_alive(path: Path, daemon: Daemon) -> None:
    """`releasd hook status` uses it; nothing is handled and nothing logged."""
    assert ask(path, b"\n") == {"ok": True, "message": ""}
    assert (daemon.hints, daemon.complaints) == ([], [])


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (b"hello\n", False),
        (os.urandom(5000).replace(b"\n", b"") + b"\n", False),
        (b"[" * 60_000 + b"\n", False),
        (b'{"v":1,"x":' + b'{"a":' * 12_000 + b"\n", False),
        (b'{"v":1}\n', False),
        (GOOD.replace(b'"options": []', b'"options": {"a": 1}'), False),
        (GOOD.rstrip(b"\n"), True),
        (b"x" * 70_000 + b"\n", False),
        (b"x" * 10_000_000, False),
        (b"x" * 10_000_000 + b"\n", True),
    ],
    ids=["text", "binary", "deep list", "deep object", "no fields", "types", "no newline", "long", "10 MB", "10 MB+"],
)  # fmt: skip
def test_what_is_no_message_is_answered_and_the_next_push_is_heard(
    path: Path, daemon: Daemon, text: bytes, *, end: bool
) -> None:
    """Bad input gets a clear refusal and one line in the log, and hurts nobody else."""
    answer = ask(path, text, end=end)
    assert answer["ok"] is False
    assert str(answer["message"]).startswith("hook message: ")
    assert len(daemon.complaints) == 1
    assert len(daemon.complaints[0]) < 1000
    assert daemon.hints == []
    assert ask(path, GOOD)["ok"] is True


def test_a_line_without_end_takes_no_memory(path: Path, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 MB of one line are read past, not kept."""
    monkeypatch.setattr(module, "_CONNECTION_SECONDS", 120.0)  # a busy machine does not read them in five
    before = psutil.Process().memory_info().rss
    with connected(path) as connection:
        for _ in range(200):
            connection.sendall(b"x" * 1_000_000)
        assert psutil.Process().memory_info().rss - before < 30_000_000
    assert ask(path, GOOD)["ok"] is True


def test_a_refusal_is_shown_and_logged(path: Path, daemon: Daemon) -> None:
    """What the daemon refuses is heard: the pusher reads why."""
    assert ask(path, GOOD.replace(b"/srv/p.git", b"/unknown")) == {
        "ok": False,
        "message": "no project has this repository",
    }
    assert "no project" in daemon.complaints[0]


def test_a_fault_in_the_handler_is_logged_and_survived(path: Path, daemon: Daemon) -> None:
    """Many times over, so that no thread is lost to it; the trace goes to the log and not to the pusher."""
    for _ in range(20):
        answer = ask(path, GOOD.replace(b"/srv/p.git", b"/fault"))
        assert answer["ok"] is False
        assert "ZeroDivision" not in str(answer["message"])
    assert "ZeroDivisionError" in daemon.complaints[0]
    assert ask(path, GOOD)["ok"] is True


def test_a_sender_that_leaves_early_is_handled_all_the_same(path: Path, daemon: Daemon) -> None:
    """No answer read does not mean not queued."""
    for _ in range(20):
        with connected(path) as connection:
            connection.sendall(GOOD * 20)
    deadline = time.monotonic() + 60
    while len(daemon.hints) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(daemon.hints) >= 20
    assert ask(path, GOOD)["ok"] is True
    assert daemon.complaints == []


def test_idle_senders_do_not_keep_a_pusher_waiting(path: Path, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven connections that say nothing, and the eighth is served at once."""
    monkeypatch.setattr(module, "_CONNECTION_SECONDS", 60.0)
    with contextlib.ExitStack() as stack:
        for _ in range(7):
            stack.enter_context(connected(path))
        started = time.monotonic()
        assert ask(path, GOOD)["ok"] is True
        assert time.monotonic() - started < 30


def test_more_idle_senders_than_threads_are_ended_at_the_deadline(
    path: Path, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody holds the socket for longer than a connection's time; half a line is complained about."""
    monkeypatch.setattr(module, "_CONNECTION_SECONDS", 1.0)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connected(path)).sendall(b"{")
        assert ask(path, GOOD)["ok"] is True
    assert any("no end of line within 1 s" in complaint for complaint in daemon.complaints)


def test_closing_is_quick_and_removes_the_socket(folder: Path, daemon: Daemon) -> None:
    """Even with an idle sender and a handler that hangs; afterwards nobody can connect."""
    intake = Intake(folder / "hook.sock", handle=daemon.handle, on_bad=daemon.complaints.append)
    with connected(folder / "hook.sock"), connected(folder / "hook.sock") as slow:
        slow.sendall(GOOD.replace(b"/srv/p.git", b"/slow"))
        started = time.monotonic()
        intake.close()
        assert time.monotonic() - started < 30
        assert not (folder / "hook.sock").exists()
        daemon.gate.set()


def test_a_socket_handed_over_is_used_and_left_in_place(folder: Path, daemon: Daemon) -> None:
    """With socket activation the file is systemd's."""
    path = folder / "hook.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    with Intake(listener, handle=daemon.handle, on_bad=daemon.complaints.append):
        assert ask(path, GOOD)["ok"] is True
    assert path.is_socket()


class Exhausted(socket.socket):
    """A listening socket in a process that had no descriptor left sixteen times."""

    failures = 16

    def accept(self) -> tuple[socket.socket, object]:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


def test_running_out_of_descriptors_ends_no_thread(
    folder: Path, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice as many failures as threads, and pushes are heard again afterwards."""
    monkeypatch.setattr(module, "_SHORTAGE_SECONDS", 0.01)
    listener = Exhausted(socket.AF_UNIX)
    listener.bind(str(folder / "hook.sock"))
    listener.listen()
    with Intake(listener, handle=daemon.handle, on_bad=daemon.complaints.append):
        assert ask(folder / "hook.sock", GOOD)["ok"] is True
    assert "Too many open files" in daemon.complaints[0]


def test_everyone_may_reach_the_socket_whatever_the_umask(folder: Path, daemon: Daemon) -> None:
    """Pushers are other users: folder 755, socket as asked."""
    previous = os.umask(0o077)
    try:
        with Intake(folder / "run/hook.sock", handle=daemon.handle, on_bad=daemon.complaints.append, mode=0o660):
            assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o755
            assert stat.S_IMODE((folder / "run/hook.sock").stat().st_mode) == 0o660
    finally:
        os.umask(previous)


def test_a_socket_that_a_killed_daemon_left_is_replaced(folder: Path, daemon: Daemon) -> None:
    """SIGKILL is a tested way to stop."""
    with sad_socket(folder / "hook.sock", "stale"):
        assert (folder / "hook.sock").is_socket()
        with Intake(folder / "hook.sock", handle=daemon.handle, on_bad=daemon.complaints.append):
            assert ask(folder / "hook.sock", GOOD)["ok"] is True


@pytest.mark.parametrize("state", ["accepts nothing", "backlog full", "stopped"])
def test_a_socket_that_someone_listens_on_is_not_taken(folder: Path, daemon: Daemon, state: str) -> None:
    """A daemon that is busy or stopped is still a daemon."""
    with sad_socket(folder / "hook.sock", state):
        with pytest.raises(AlreadyRunning, match="another process"):
            Intake(folder / "hook.sock", handle=daemon.handle, on_bad=daemon.complaints.append)
        assert (folder / "hook.sock").is_socket()


def test_a_file_in_the_way_is_not_removed(folder: Path, daemon: Daemon) -> None:
    """Only a socket is ever unlinked."""
    (folder / "hook.sock").write_text("mine")
    with pytest.raises(ConfigError, match="not a socket"):
        Intake(folder / "hook.sock", handle=daemon.handle, on_bad=daemon.complaints.append)
    assert (folder / "hook.sock").read_text() == "mine"


def test_a_path_that_no_socket_can_have_is_a_configuration_error(folder: Path, daemon: Daemon) -> None:
    """The kernel's own message would name neither path nor limit."""
    with pytest.raises(ConfigError, match="bytes"):
        Intake(folder / ("x" * 120), handle=daemon.handle, on_bad=daemon.complaints.append)


@pytest.mark.skipif(os.getuid() != 0 or sys.platform != "linux", reason="only root can become another user")
def test_the_uid_is_that_of_another_user(path: Path, daemon: Daemon) -> None:
    """A process of user 65534 cannot pass for anyone else."""
    path.parent.chmod(0o755)
    code = (
        'socket(S, 1, 1, 0); connect(S, pack("S a*", 1, "$ARGV[0]\\0")) or die; syswrite S, $ARGV[1]; sysread S, $_, 9'
    )
    subprocess.run((require_tool("perl"), "-e", code, path, GOOD), user=65534, check=True, timeout=20, cwd="/")
    assert [hint.uid for hint in daemon.hints] == [65534]
