"""SSH against a real sshd: whom we trust, how we tell what went wrong, and how soon a lost link is noticed."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import paramiko
import psutil
import pytest

from releasd.adapters import ssh
from releasd.adapters.ssh import SshHost, fingerprint
from releasd.errors import HostLost, Permanent
from support.hosts import LEASH, Place, eventually, make_place
from support.ports import own_port
from support.sshd import Sshd, make_key, sshd, start_sshd
from support.tools import require_tool

__all__ = ["sshd"]


@pytest.fixture
def place(sshd: Sshd, tmp_path: Path) -> Iterator[Place]:
    """The loopback host; after the test nothing may be left there."""
    place = make_place(SshHost(sshd.spec(tmp_path / "work", leash=LEASH)), tmp_path)
    yield place
    assert eventually(lambda: not place.leftovers()), place.leftovers()


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Sshd]]:
    """Start further servers with configuration lines of their own."""
    started = []

    def make(extra: str = "", name: str = "server") -> Sshd:
        folder = tmp_path / name
        folder.mkdir()
        server = start_sshd(folder, extra)
        started.append(server)
        return next(server)

    yield make
    for server in started:
        server.close()


def fails_after(place: Place, act: Callable[[], None]) -> float:
    """Start a build, `act` once it runs, and return the seconds from there to `HostLost`."""
    acted: list[float] = []

    def stop() -> bool:
        if not acted and place.sleepers():
            act()
            acted.append(time.monotonic())
        return False

    with pytest.raises(HostLost):
        place.host.run(place.task("echo up; SLEEP"), lambda _: None, stop)
    return time.monotonic() - acted[0]


def session_of(_: Place) -> list[psutil.Process]:
    """Return the server's processes for the connections that there are."""
    ours = psutil.Process().children(recursive=True)
    servers = [process for process in ours if process.name().startswith("sshd")]
    return [process for process in servers if "[listener]" not in " ".join(process.cmdline())]


# --- a lost link


def test_a_killed_session_ends_what_is_not_kept(place: Place) -> None:
    """A gate or a trial does not outlive its connection: the end is noticed at once, on both sides."""

    def cut() -> None:
        for process in session_of(place):
            with _gone_is_fine():  # one of the two takes the other with it
                process.kill()

    assert fails_after(place, cut) < 20


def test_a_host_that_falls_silent_is_lost(place: Place) -> None:
    """A host that keeps the connection open and says nothing is given up after `lost_after`."""
    place.host.spec = replace(place.host.spec, lost_after=5.0)
    stopped: list[psutil.Process] = []

    def freeze() -> None:
        stopped.extend(session_of(place))
        for process in stopped:
            process.suspend()

    try:
        assert fails_after(place, freeze) < 60
    finally:
        for process in stopped:
            with _gone_is_fine():
                process.resume()


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess:
        return


def test_the_kernel_is_told_to_give_up_a_cut_link(sshd: Sshd, tmp_path: Path) -> None:
    """Unanswered bytes end the connection after `CUT_LIMIT`, and small frames are not held back."""
    line = ssh._connected(sshd.spec(tmp_path), 10.0)
    sock = line.hops[0].transport.sock
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == ssh.CUT_LIMIT * 1000
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == ssh.CUT_LIMIT
    line.close()


def test_a_refused_port_is_a_lost_host(sshd: Sshd, tmp_path: Path) -> None:
    """Nobody listening may be a reboot: another host may do the work, and this one later."""
    with pytest.raises(HostLost, match=r"loop.*cannot be reached: 127\.0\.0\.1: Connection refused$"):
        SshHost(sshd.spec(tmp_path, port=own_port())).probe([])


def test_a_server_that_says_nothing_is_a_lost_host(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that accepts and never speaks costs the connect limit, not for ever."""
    monkeypatch.setattr(ssh, "CONNECT_LIMIT", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(HostLost):
        SshHost(sshd.spec(tmp_path, port=silent.getsockname()[1])).probe([])


# --- trust


def test_an_unknown_host_key_is_refused_with_its_fingerprint(sshd: Sshd, tmp_path: Path) -> None:
    """A host that was never trusted gets nothing; the error holds what a person has to compare."""
    empty = tmp_path / "known_hosts"
    empty.touch()
    with pytest.raises(Permanent, match="is unknown") as caught:
        SshHost(sshd.spec(tmp_path, known_hosts=str(empty))).probe([])
    assert shown_by_keygen(sshd.folder / "host_key.pub") in str(caught.value)
    assert f"ssh-keyscan -p {sshd.port} 127.0.0.1 >> {empty}" in caught.value.advice
    assert empty.read_text() == ""


def test_a_changed_host_key_is_refused_with_both_fingerprints(sshd: Sshd, tmp_path: Path) -> None:
    """A host with another key than the known one gets nothing, and both keys are named."""
    other = make_key(tmp_path / "other")
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{sshd.port} {other}\n")
    with pytest.raises(Permanent, match="has changed") as caught:
        SshHost(sshd.spec(tmp_path, known_hosts=str(known))).probe([])
    assert shown_by_keygen(sshd.folder / "host_key.pub") in str(caught.value)
    assert shown_by_keygen(tmp_path / "other.pub") in str(caught.value)


def test_a_missing_known_hosts_file_is_named(sshd: Sshd, tmp_path: Path) -> None:
    """A configured file that is not there is a mistake of configuration, never trust."""
    with pytest.raises(Permanent, match="nowhere does not exist"):
        SshHost(sshd.spec(tmp_path, known_hosts=str(tmp_path / "nowhere"))).probe([])


def test_a_missing_identity_is_named(sshd: Sshd, tmp_path: Path) -> None:
    """An identity file that is not there is a mistake of configuration."""
    with pytest.raises(Permanent, match="nokey"):
        SshHost(sshd.spec(tmp_path, identity=str(tmp_path / "nokey"))).probe([])


def shown_by_keygen(public: Path) -> str:
    """Return a key's fingerprint as OpenSSH shows it."""
    command = (require_tool("ssh-keygen"), "-lf", public)
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.split()[1]


def test_a_fingerprint_is_what_openssh_shows(tmp_path: Path) -> None:
    """What a person compares looks the same in both places."""
    make_key(tmp_path / "key")
    key = paramiko.Ed25519Key.from_private_key_file(str(tmp_path / "key"))
    assert fingerprint(key) == shown_by_keygen(tmp_path / "key.pub")


# --- odd hosts


def test_a_host_without_python_says_what_to_install(make_server: Callable[..., Sshd], tmp_path: Path) -> None:
    """The one thing that a host needs is named when it is missing."""
    server = make_server("SetEnv PATH=/nowhere")
    with pytest.raises(Permanent, match="no python3") as caught:
        SshHost(server.spec(tmp_path / "work")).probe([])
    assert "install Python" in caught.value.advice


def test_an_account_without_a_shell_is_a_permanent_error(make_server: Callable[..., Sshd], tmp_path: Path) -> None:
    """What the login says instead of running the command is part of the error."""
    server = make_server("ForceCommand echo account closed >&2; exit 1")
    with pytest.raises(Permanent, match=r"exit status 1\): account closed"):
        SshHost(server.spec(tmp_path / "work")).probe([])


def test_a_login_that_talks_does_not_disturb(make_server: Callable[..., Sshd], tmp_path: Path) -> None:
    """What a profile prints before the runner starts is no part of the build's output."""
    server = make_server('ForceCommand echo welcome; echo motd >&2; eval "$SSH_ORIGINAL_COMMAND"')
    place = make_place(SshHost(server.spec(tmp_path / "work")), tmp_path)
    assert place.output("echo real") == "real\n"


def test_many_tasks_at_once_each_get_their_own(place: Place) -> None:
    """Threads share no connection."""
    outputs: dict[int, str] = {}

    def run(number: int) -> None:
        outputs[number] = place.output(f"echo {number}", id=f"t-{number}", dest=place.dest / str(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outputs == {number: f"{number}\n" for number in range(4)}


def test_the_command_to_try_is_the_one_that_reaches_the_host(sshd: Sshd, tmp_path: Path) -> None:
    """With its port, user and key: copied into a shell it shows the same trouble."""
    spec = replace(sshd.spec(tmp_path), port=1, identity="/keys/id", user="build")
    with pytest.raises(HostLost) as caught:
        SshHost(spec).probe(())
    assert caught.value.advice == f"`ssh -p 1 -i /keys/id build@{spec.address} true`"
