"""Build hosts with addresses of their own: each an sshd in a network namespace, joined to the client's by a cable.

    farm.hosts[0].cut()           both ends of the cable go down
    farm.hosts[0].mute()          what the host sends is lost; what is sent to it arrives
    farm.hosts[0].slow("2mbit")   both directions
    farm.hosts[0].rekey()         it shows another key from now on, and every connection to it ends

While the fixture lives, the calling thread (and each thread and process that it starts) is in the client's namespace.
"""

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from releasd.model import HostSpec
from support.parts import eventually
from support.sshd import CONFIG, make_key
from support.tools import lacking, require_tool

HOSTS = 3
PORT = 2222
CLONE_NEWNET = 0x40000000  # sched.h


@dataclass(frozen=True, slots=True, kw_only=True)
class NetHost:
    """One host: its namespace, its address, and the names of the cable's two ends."""

    name: str
    client: str
    namespace: str
    address: str
    near: str
    far: str
    folder: Path
    server: int = 0  # sshd's process

    def spec(self, workdir: Path, **changes: object) -> HostSpec:
        """Return a host entry that reaches it."""
        values: dict[str, object] = {
            "name": self.name,
            "labels": frozenset({"linux"}),
            "address": self.address,
            "port": PORT,
            "user": "root",
            "identity": str(self.folder / "client_key"),
            "known_hosts": str(self.folder / "known_hosts"),
            "workdir": str(workdir),
        }
        return HostSpec(**{**values, **changes})

    def cut(self) -> None:
        """Pull the cable out on both sides."""
        ip("-n", self.client, "link", "set", self.near, "down")
        ip("-n", self.namespace, "link", "set", self.far, "down")

    def mute(self) -> None:
        """Lose what the host sends, by giving it a wrong station address for the client."""
        gateway = self.address.rpartition(".")[0] + ".1"
        wrong = ("lladdr", "02:00:00:00:00:99", "nud", "permanent")
        ip("-n", self.namespace, "neigh", "replace", gateway, *wrong, "dev", self.far)

    def slow(self, rate: str) -> None:
        """Let no more than `rate` pass, in each direction."""
        for namespace, device in ((self.client, self.near), (self.namespace, self.far)):
            shape = ("root", "tbf", "rate", rate, "burst", "16kb", "latency", "200ms")
            _run("tc", "-n", namespace, "qdisc", "add", "dev", device, *shape)

    def rekey(self) -> None:
        """Have it show another key, as a machine that was set up anew, or somebody else at its address."""
        for name in ("host_key", "host_key.pub"):
            (self.folder / name).unlink()
        key = make_key(self.folder / "host_key")
        server = psutil.Process(self.server)
        server.send_signal(signal.SIGHUP)
        scan = (require_tool("ssh-keyscan"), "-p", str(PORT), "-t", "ed25519", self.address)
        eventually(lambda: key.encode() in subprocess.run(scan, check=False, capture_output=True).stdout, "the key")
        for process in server.children(recursive=True):  # only now: who comes back at once sees the new key
            with suppress(psutil.NoSuchProcess):
                if process.name().startswith("sshd"):
                    process.kill()

    def put_before(self, name: str, script: str) -> None:
        """Have whoever logs in there find `script` under the name of one of its programs."""
        (self.folder / "bin" / name).write_text(script)
        (self.folder / "bin" / name).chmod(0o755)

    def mend(self) -> None:
        """Have the cable as it was."""
        gateway = self.address.rpartition(".")[0] + ".1"
        ip("-n", self.client, "link", "set", self.near, "up")
        ip("-n", self.namespace, "link", "set", self.far, "up")
        subprocess.run(
            (require_tool("ip"), "-n", self.namespace, "neigh", "del", gateway, "dev", self.far),
            check=False,
            capture_output=True,
            timeout=60,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Farm:
    """Some hosts, and the command that starts a program in the client's namespace."""

    hosts: tuple[NetHost, ...]
    inside: tuple[str, ...]


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    """Three hosts; all of it is gone afterwards."""
    if os.getuid() != 0:
        lacking("network namespaces need root")
    mark = f"rd{secrets.token_hex(3)}"
    client = f"{mark}c"
    with ExitStack() as stack:
        _namespace(stack, client)
        hosts = tuple(_host(stack, tmp_path / f"net{number}", mark, client, number) for number in range(HOSTS))
        stack.enter_context(_moved_to(client))
        for host in hosts:
            _wait_for(host)
        yield Farm(hosts=hosts, inside=(require_tool("nsenter"), f"--net=/run/netns/{client}"))
        for host in hosts:
            host.mend()


def ip(*arguments: str) -> None:
    """Run the tool of that name."""
    _run("ip", *arguments)


def _run(tool: str, *arguments: str) -> None:
    subprocess.run((require_tool(tool), *arguments), check=True, capture_output=True, timeout=60)


def _namespace(stack: ExitStack, name: str) -> None:
    done = subprocess.run((require_tool("ip"), "netns", "add", name), check=False, capture_output=True, timeout=60)
    if done.returncode:
        lacking(f"no network namespaces here: {done.stderr.decode().strip()}")
    stack.callback(ip, "netns", "del", name)
    ip("-n", name, "link", "set", "lo", "up")


def _host(stack: ExitStack, folder: Path, mark: str, client: str, number: int) -> NetHost:
    folder.mkdir()
    host = NetHost(
        name=f"host{number}",
        client=client,
        namespace=f"{mark}h{number}",
        address=f"10.77.{number}.2",
        near=f"{mark}n{number}",
        far=f"{mark}f{number}",
        folder=folder,
    )
    _namespace(stack, host.namespace)
    ends = ("type", "veth", "peer", "name", host.far, "netns", host.namespace)
    ip("-n", client, "link", "add", host.near, *ends)
    for namespace, device, own in ((client, host.near, "1"), (host.namespace, host.far, "2")):
        ip("-n", namespace, "addr", "add", f"10.77.{number}.{own}/30", "dev", device)
        ip("-n", namespace, "link", "set", device, "up")
    return replace(host, server=_start_sshd(stack, host))


def _start_sshd(stack: ExitStack, host: NetHost) -> int:
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's privilege separation insists on it
    key = make_key(host.folder / "host_key")
    make_key(host.folder / "client_key")
    shutil.copy(host.folder / "client_key.pub", host.folder / "authorized_keys")
    (host.folder / "known_hosts").write_text(f"[{host.address}]:{PORT} {key}\n")
    (host.folder / "bin").mkdir()
    # The home keeps out what the login shell of whoever runs the tests does first: it costs each command 0.3 s.
    login = f"SetEnv HOME={host.folder} PATH={host.folder}/bin:/usr/local/bin:/usr/bin:/bin"
    config = CONFIG.replace("127.0.0.1", host.address).format(port=PORT, folder=host.folder, extra=login)
    (host.folder / "config").write_text(config)
    command = (require_tool("nsenter"), f"--net=/run/netns/{host.namespace}", require_tool("sshd"), "-D", "-e", "-f")
    with (host.folder / "log").open("wb") as log:
        server = subprocess.Popen((*command, host.folder / "config"), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    stack.callback(server.wait, 60)
    stack.callback(server.terminate)
    return server.pid


def _wait_for(host: NetHost) -> None:
    for _ in range(1800):
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((host.address, PORT)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"sshd did not start: {(host.folder / 'log').read_text()}")


@contextmanager
def _moved_to(namespace: str) -> Iterator[None]:
    """Have this thread in a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    inside = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        _set(libc, inside)
        yield
    finally:
        _set(libc, before)
        os.close(before)
        os.close(inside)


def _set(libc: ctypes.CDLL, fd: int) -> None:
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
