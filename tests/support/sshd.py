"""A real sshd on a loopback port, for whoever runs the tests: as root and as an ordinary user."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from releasd.model import HostSpec
from support.ports import own_port
from support.tools import require_tool

CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
MaxStartups 100
{extra}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sshd:
    """A running server: what a client needs to know, and its process id."""

    folder: Path
    port: int
    pid: int

    def spec(self, workdir: Path, **changes: object) -> HostSpec:
        """Return a host entry that reaches this server."""
        values: dict[str, object] = {
            "name": "loop",
            "labels": frozenset({"linux"}),
            "address": "127.0.0.1",
            "port": self.port,
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "identity": str(self.folder / "client_key"),
            "known_hosts": str(self.folder / "known_hosts"),
            "workdir": str(workdir),
        }
        return HostSpec(**{**values, **changes})


def make_key(path: Path) -> str:
    """Make a key pair and return the public half, as `type base64`."""
    subprocess.run((require_tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", path), check=True, timeout=30)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A server that lets the current user in with `client_key`."""
    with_server = start_sshd(tmp_path_factory.mktemp("sshd"))
    yield next(with_server)
    with_server.close()


def start_sshd(folder: Path, extra: str = "") -> Iterator[Sshd]:
    """Yield one server; close the generator to end it. `extra` lines go into its configuration."""
    program = require_tool("sshd")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's privilege separation insists on it
    host_key = make_key(folder / "host_key")
    make_key(folder / "client_key")
    shutil.copy(folder / "client_key.pub", folder / "authorized_keys")
    port = own_port()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder, extra=extra))
    with (folder / "log").open("wb") as log:
        command = (program, "-D", "-e", "-f", folder / "config")
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for_port(port, server, folder / "log")
        yield Sshd(folder=folder, port=port, pid=server.pid)
    finally:
        server.terminate()
        server.wait(60)


def wait_for_port(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return once `server` listens; raise with its log where it ended instead."""
    for _ in range(1800):
        if server.poll() is not None:
            break
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"sshd did not start: {log.read_text()}")
