"""The user's ssh configuration and agent count for build hosts as they do for ssh, which is asked what they say."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.adapters import sshconfig
from releasd.adapters.ssh import SshHost
from releasd.adapters.sshconfig import Target, settings
from releasd.errors import Denied, HostLost, Permanent
from releasd.model import HostSpec
from support.hosts import make_place
from support.sshd import Sshd, make_key, sshd, start_sshd
from support.sshhome import make_ssh_home
from support.tools import require_tool

__all__ = ["sshd"]


@pytest.fixture
def ssh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `.ssh` of a user, whose configuration the test writes."""
    folder = make_ssh_home(tmp_path / "home")
    monkeypatch.setenv("PATH", f"{tmp_path / 'home/bin'}:{os.environ['PATH']}")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


@pytest.fixture
def outer(tmp_path: Path) -> Iterator[Sshd]:
    """A second server, to jump over."""
    (tmp_path / "outer").mkdir()
    server = start_sshd(tmp_path / "outer")
    yield next(server)
    server.close()


def alias(sshd: Sshd, workdir: Path, name: str = "buildbox") -> HostSpec:
    """Return an entry that leaves everything to the user's configuration."""
    return replace(sshd.spec(workdir), address=name, port=22, user=None, identity=None, known_hosts=None)


def block(sshd: Sshd, *lines: str, name: str = "buildbox") -> str:
    """Return what a configuration says of a server."""
    spec = sshd.spec(Path())
    return "\n  ".join((f"Host {name}", "HostName 127.0.0.1", f"Port {sshd.port}", f"User {spec.user}", *lines)) + "\n"


def trust(ssh_home: Path, sshd: Sshd, name: str = "127.0.0.1") -> None:
    """Have the user know the server's key."""
    with (ssh_home / "known_hosts").open("a") as file:
        file.write((sshd.folder / "known_hosts").read_text().replace("127.0.0.1", name))


def missing(spec: HostSpec) -> tuple[str, ...]:
    """Return what a host lacks of a shell: nothing, where it can be used."""
    with closing(SshHost(spec)) as host:
        return host.probe(["sh"]).missing


def test_a_block_of_the_users_file_is_honoured(sshd: Sshd, tmp_path: Path, ssh_home: Path) -> None:
    """An address may be an alias; its name, port, user, key and known key come from the user's files."""
    (ssh_home / "config").write_text(block(sshd, f"IdentityFile {sshd.folder}/client_key"))
    trust(ssh_home, sshd)
    assert missing(alias(sshd, tmp_path)) == ()


def test_an_included_file_counts_and_so_does_what_is_in_it(sshd: Sshd, tmp_path: Path, ssh_home: Path) -> None:
    """Debian's own configuration begins with an Include; known keys may be elsewhere, and under another name."""
    (ssh_home / "config").write_text(f"Include {ssh_home}/config.d/*\nHost *\n  Port 1\n")
    (ssh_home / "config.d").mkdir()
    own = (f"IdentityFile {tmp_path}/%h-key", f"UserKnownHostsFile {tmp_path}/known", "HostKeyAlias the-box")
    (ssh_home / "config.d/boxes").write_text(block(sshd, *own))
    shutil.copy(sshd.folder / "client_key", tmp_path / "127.0.0.1-key")
    key = (sshd.folder / "known_hosts").read_text().split(maxsplit=1)[1]
    (tmp_path / "known").write_text(f"the-box {key}")
    assert missing(alias(sshd, tmp_path)) == ()


def test_what_the_entry_says_wins(ssh_home: Path) -> None:
    """Ssh is told the entry's user and port, so that a `Match user` sees them, too."""
    text = "Host box\n  User nobody\n  Port 1\nMatch user build\n  HostName 10.0.0.9\n"
    (ssh_home / "config").write_text(text)
    found = settings(Target(host="box", user="build", port=2222))
    assert (found.host, found.user, found.port) == ("10.0.0.9", "build", 2222)


def test_a_jump_host_is_used_and_its_key_checked_too(sshd: Sshd, outer: Sshd, tmp_path: Path, ssh_home: Path) -> None:
    """Each hop has to be known: Fabric would trust all of them."""
    inner = block(sshd, f"IdentityFile {sshd.folder}/client_key", "ProxyJump outer")
    hop = block(outer, f"IdentityFile {outer.folder}/client_key", name="outer").replace("127.0.0.1", "localhost")
    (ssh_home / "config").write_text(inner + hop)
    trust(ssh_home, sshd)
    with pytest.raises(Permanent, match="is unknown"):
        missing(alias(sshd, tmp_path))
    trust(ssh_home, outer, "localhost")
    place = make_place(SshHost(alias(sshd, tmp_path / "work")), tmp_path)
    assert place.run('echo x > "$RELEASD_OUT/a.whl"').outputs[0].size == 2
    assert place.leftovers() == []
    place.host.close()


def test_jump_hosts_are_passed_in_the_order_that_is_written(sshd: Sshd, outer: Sshd, ssh_home: Path) -> None:
    """`ProxyJump a,b` means by way of a, then of b."""
    (ssh_home / "config").write_text("Host far\n  ProxyJump me@first:2200,ssh://second,[::1]:23\n")
    jumps = settings(Target(host="far")).jumps
    assert [(jump.user, jump.host, jump.port) for jump in jumps] == [
        ("me", "first", 2200),
        (None, "second", None),
        (None, "::1", 23),
    ]


def test_a_command_may_be_the_way(sshd: Sshd, tmp_path: Path, ssh_home: Path) -> None:
    """`ProxyCommand` is run with the host's name and port filled in."""
    relay = tmp_path / "relay"
    python = "import os, socket, sys, threading; s = socket.create_connection((sys.argv[1], int(sys.argv[2])))"
    python += "\nthreading.Thread(target=lambda: [os.write(1, d) for d in iter(lambda: s.recv(65536), b'')]).start()"
    python += "\nfor data in iter(lambda: os.read(0, 65536), b''): s.sendall(data)\ns.shutdown(1)"
    relay.write_text(python)
    own = (f"IdentityFile {sshd.folder}/client_key", f"ProxyCommand python3 {relay} %h %p")
    (ssh_home / "config").write_text(block(sshd, *own))
    trust(ssh_home, sshd)
    assert missing(alias(sshd, tmp_path)) == ()


def test_a_wrong_identity_is_denied(sshd: Sshd, tmp_path: Path, ssh_home: Path) -> None:
    """A key that the host does not accept is not tried again, and no other key of the user is tried instead."""
    make_key(tmp_path / "stranger")
    shutil.copy(sshd.folder / "client_key", ssh_home / "id_ed25519")
    with pytest.raises(Denied, match="refused our key") as caught:
        missing(sshd.spec(tmp_path, identity=str(tmp_path / "stranger")))
    assert "ssh-copy-id" in caught.value.advice


def test_a_mistake_in_the_configuration_is_told_in_sshs_words(sshd: Sshd, tmp_path: Path, ssh_home: Path) -> None:
    """Nothing is connected to by half of a configuration."""
    (ssh_home / "config").write_text("Host buildbox\n  Prot 22\n")
    with pytest.raises(Permanent, match=r"(?i)bad configuration option: prot"):
        missing(alias(sshd, tmp_path))


def test_a_match_that_hangs_is_not_waited_for(ssh_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command is ended, and the host counts as lost for now."""
    monkeypatch.setattr(sshconfig, "ANSWER_WITHIN", 0.5)
    (ssh_home / "config").write_text('Match host far exec "sleep 60"\n  Port 1\n')
    with pytest.raises(HostLost, match="did not say"):
        settings(Target(host="far"))


# --- the agent


@pytest.fixture
def add_to_agent(ssh_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Run an agent of the user's; return what gives it a key."""
    said = subprocess.run((require_tool("ssh-agent"), "-s"), check=True, capture_output=True, text=True, timeout=30)
    found = dict(re.findall(r"(SSH_\w+)=([^;]+)", said.stdout))
    monkeypatch.setenv("SSH_AUTH_SOCK", found["SSH_AUTH_SOCK"])

    def add(key: Path) -> None:
        subprocess.run((require_tool("ssh-add"), "-q", key), check=True, capture_output=True, timeout=30)

    yield add
    os.kill(int(found["SSH_AGENT_PID"]), 15)


def test_a_key_in_the_agent_lets_us_in(
    sshd: Sshd, tmp_path: Path, ssh_home: Path, add_to_agent: Callable[[Path], None]
) -> None:
    """No file with a key has to be where the daemon runs; without the agent's we are refused."""
    spec = replace(sshd.spec(tmp_path), identity=None)
    with pytest.raises(Denied):
        missing(spec)
    add_to_agent(sshd.folder / "client_key")
    assert missing(spec) == ()


@pytest.mark.parametrize("half", ["private", "public"])
def test_of_many_keys_in_the_agent_the_named_one_is_used(
    sshd: Sshd, tmp_path: Path, ssh_home: Path, add_to_agent: Callable[[Path], None], half: str
) -> None:
    """A server hangs up after six keys: `IdentitiesOnly` and a name have ours tried first, by either half of it."""
    for number in range(7):
        make_key(tmp_path / f"other{number}")
        add_to_agent(tmp_path / f"other{number}")
    add_to_agent(sshd.folder / "client_key")
    named = tmp_path / "named"
    shutil.copy(sshd.folder / "client_key.pub", f"{named}.pub")
    if half == "private":
        shutil.copy(sshd.folder / "client_key", named)
    trust(ssh_home, sshd)
    (ssh_home / "config").write_text(block(sshd, "IdentitiesOnly yes", f"IdentityFile {named}"))
    assert missing(alias(sshd, tmp_path)) == ()
