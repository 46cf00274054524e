"""What systemd would hear, on a real notification socket, and the sockets it would hand over."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from releasd.adapters.supervisor import SystemdSupervisor, listen_fds

PROTOCOL = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


@pytest.fixture(autouse=True)
def _no_outer_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide a supervisor that runs the tests themselves."""
    for name in PROTOCOL:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Listen as systemd does; return a function that gives the assignments heard so far."""
    short = Path(os.path.relpath(tmp_path))  # a Unix socket's address holds about a hundred bytes
    monkeypatch.setenv("NOTIFY_SOCKET", str(short / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(short / "notify"))
        listener.settimeout(0.2)

        def heard() -> list[str]:
            lines: list[str] = []
            try:
                while True:
                    lines += listener.recv(4096).decode().split("\n")
            except TimeoutError:
                return lines

        yield heard


def test_each_word_arrives(systemd: Callable[[], list[str]]) -> None:
    """READY, STATUS, WATCHDOG and STOPPING reach systemd in order."""
    supervisor = SystemdSupervisor(os.environ, pid=os.getpid())
    supervisor.status("looking around")
    supervisor.ready()
    supervisor.watchdog()
    supervisor.stopping()
    supervisor.close()
    assert systemd() == ["STATUS=looking around", "READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_status_beyond_latin_1_arrives(systemd: Callable[[], list[str]]) -> None:
    """Sdnotify would drop an arrow or a dash without a word."""
    supervisor = SystemdSupervisor(os.environ, pid=os.getpid())
    supervisor.status("demo 1.2.0 → index …")
    supervisor.close()
    assert systemd() == ["STATUS=demo 1.2.0 → index …"]


def test_status_cannot_smuggle_in_a_word(systemd: Callable[[], list[str]]) -> None:
    """A line break in a status (a commit's subject, say) does not begin another assignment."""
    supervisor = SystemdSupervisor(os.environ, pid=os.getpid())
    supervisor.status("fix: x\nSTOPPING=1")
    supervisor.close()
    assert systemd() == ["STATUS=fix: x STOPPING=1"]


def test_reloading_says_since_when(systemd: Callable[[], list[str]]) -> None:
    """Type=notify-reload wants the monotonic time in microseconds in the same message."""
    supervisor = SystemdSupervisor(os.environ, pid=os.getpid())
    before = time.monotonic_ns() // 1000
    supervisor.reloading()
    supervisor.close()
    word, since = systemd()
    assert word == "RELOADING=1"
    assert before <= int(since.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


def test_children_inherit_nothing_of_the_protocol(systemd: Callable[[], list[str]]) -> None:
    """A build that could say READY or STOPPING for us would be a nuisance at best."""
    os.environ["WATCHDOG_USEC"] = "2000000"
    os.environ["WATCHDOG_PID"] = str(os.getpid())
    supervisor = SystemdSupervisor(os.environ, pid=os.getpid())
    supervisor.close()
    assert [name for name in PROTOCOL if name in os.environ] == []
    assert supervisor.watchdog_interval() == 1.0


def test_full_queue_at_systemd_does_not_stop_us(systemd: Callable[[], list[str]]) -> None:
    """The inbox loop goes on even when nobody reads: a datagram is given up after a second."""
    supervisor = SystemdSupervisor(os.environ, pid=os.getpid())
    supervisor._notifier.socket.settimeout(0.001)  # the limit is what matters, not its length
    for _ in range(2000):
        supervisor.status("x" * 1000)
    supervisor.close()
    assert 0 < len(systemd()) < 2000


def test_silent_without_systemd() -> None:
    """Started by hand everything is quiet and nothing leaks (an open socket would be a warning, and warnings fail)."""
    supervisor = SystemdSupervisor(os.environ, pid=os.getpid())
    for say in (supervisor.ready, supervisor.watchdog, supervisor.reloading, supervisor.stopping, supervisor.close):
        say()
    supervisor.status("x")
    assert supervisor.watchdog_interval() is None


@pytest.mark.parametrize(
    ("variables", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "77"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "78"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_is_fed_at_half_its_limit(variables: dict[str, str], interval: float | None) -> None:
    """Half of what systemd allows, if it is us that it watches."""
    assert SystemdSupervisor(variables, pid=77).watchdog_interval() == interval
    assert variables == {}


_LAUNCHER = """
import fcntl, os, sys
high = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 50) for fd in sys.argv[1:3]]  # out of the way of 3 and 4
for place, fd in enumerate(high, start=3):
    os.dup2(fd, place)
os.execv(sys.executable, [sys.executable, "-c", sys.argv[3]])
"""
_CHILD = """
import os
from releasd.adapters.supervisor import listen_fds
os.environ["LISTEN_PID"] = str(os.getpid())
sockets = listen_fds(os.environ, pid=os.getpid())
print(sorted(sockets), all(not s.get_inheritable() for s in sockets.values()))
print([n for n in os.environ if n.startswith("LISTEN")])
connection, _ = sockets["hook"].accept()
connection.sendall(b"heard")
connection.close()
for s in sockets.values(): s.close()
"""


def test_handed_over_sockets_work_by_name(tmp_path: Path) -> None:
    """A process started as systemd starts it finds its sockets under their names, and can accept on them."""
    with socket.create_server(("127.0.0.1", 0)) as hook, socket.create_server(("127.0.0.1", 0)) as control:
        listening = (hook.fileno(), control.fileno())
        child = subprocess.Popen(
            [sys.executable, "-c", _LAUNCHER, *map(str, listening), _CHILD],
            env={**os.environ, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "hook:control"},
            pass_fds=listening,
            stdout=subprocess.PIPE,
            text=True,
        )
        with child, socket.create_connection(hook.getsockname()[:2], timeout=90) as client:
            assert client.recv(10) == b"heard"
            output, _ = child.communicate(timeout=90)
    assert output.splitlines() == ["['control', 'hook'] True", "[]"]


@pytest.mark.parametrize(
    "variables",
    [{}, {"LISTEN_FDS": "1", "LISTEN_PID": "78"}, {"LISTEN_FDS": "x", "LISTEN_PID": "77"}, {"LISTEN_FDS": "1"}],
)
def test_sockets_meant_for_another_process_are_left_alone(variables: dict[str, str]) -> None:
    """A variable inherited from a parent names descriptors that are not ours."""
    assert listen_fds(variables, pid=77) == {}
    assert variables == {}


def test_descriptor_that_is_no_socket_says_what_to_check() -> None:
    """A unit that hands over something else is named as the cause."""
    code = (
        "import os; from releasd.adapters.supervisor import listen_fds; os.dup2(0, 3)\n"
        "from releasd.errors import ConfigError\n"
        "try: listen_fds({'LISTEN_FDS': '1', 'LISTEN_PID': '77'}, pid=77)\n"
        "except ConfigError as error: print(error.message, error.advice)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=30
    )
    assert "descriptor 3" in done.stdout
    assert "releasd.socket" in done.stdout
