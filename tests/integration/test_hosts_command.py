"""`releasd hosts add` and `remove` against a real sshd: what is trusted, what is written, what is left alone."""

import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.cli import Said, Terminal
from support.ports import own_port
from support.sshd import Sshd, make_key, sshd, start_sshd
from support.sshhome import make_ssh_home
from support.tools import require_tool

__all__ = ["sshd"]

WRITTEN = """\
# Ours. Keep the comments!
[daemon]
state = "{0}/state"   # on the big disk
runtime = "{0}/run"

[hosts.first]  # this machine
slots = 2
# builds below go here first

# ---- projects ----
[projects.demo]
repository = "{0}/demo.git"
policy = {{ hosts = ["first"] }}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return an operator's configuration with comments everywhere."""
    made = tmp_path / "releasd.toml"
    made.write_text(WRITTEN.format(tmp_path))
    made.chmod(0o640)
    return made


@pytest.fixture
def terminal(tmp_path: Path, file: Path) -> Terminal:
    """Return a shell whose configuration that is."""
    return Terminal(tmp_path, tmp_path, {"RELEASD_CONFIG": str(file)})


def fingerprint(server: Sshd, key: str = "host_key") -> str:
    """Return a key of the server as a person reads it there."""
    command = (require_tool("ssh-keygen"), "-lf", server.folder / f"{key}.pub")
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.split()[1]


def add(terminal: Terminal, server: Sshd, *more: str) -> Said:
    """Ask for the server to be registered as `far`."""
    spec = server.spec(Path("/unused"))
    address = f"{spec.user}@{spec.address}"
    arguments = ("--name", "far", "--port", str(server.port), "--identity", str(spec.identity))
    return terminal.run("hosts", "add", address, *arguments, *more)


def test_a_host_with_the_right_fingerprint_is_registered(terminal: Terminal, file: Path, sshd: Sshd) -> None:
    """It is looked at, its labels are found out, and its entry joins the other hosts; every other byte stays."""
    before = file.read_text()
    said = add(terminal, sshd, "--fingerprint", fingerprint(sshd), "--label", "fast", "--slots", "3", "--json")
    assert said.code == 0, said.out + said.err
    hosts = tomllib.loads(file.read_text())["hosts"]
    far = hosts["far"]
    assert far["port"] == sshd.port
    assert far["slots"] == 3
    assert {"fast", "linux"} < set(far["labels"])
    assert any(label.startswith(("glibc", "musl")) for label in far["labels"])
    assert said.document["entry"] == far
    start = file.read_text().index("\n[hosts.far]\n")
    end = start + len(file.read_text()) - len(before)
    assert file.read_text()[:start] + file.read_text()[end:] == before
    assert file.read_text().index("[hosts.far]") < file.read_text().index("# builds below")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in file.parent.iterdir()) == ["known_hosts.d", "releasd.toml"]


def test_a_registered_host_can_be_used_as_it_was_written(terminal: Terminal, sshd: Sshd) -> None:
    """The key that was recorded is the one that strict checking asks for."""
    assert add(terminal, sshd, "--fingerprint", fingerprint(sshd)).code == 0
    found = terminal.run("hosts", "probe", "far", "--json").document
    (far,) = found["hosts"]
    assert (far["name"], far["reason"]) == ("far", "" if far["ok"] else "lacks uv")
    assert far["programs"]["git"][0].isdigit()
    assert abs(far["clock_offset"]) < 5


def test_a_wrong_fingerprint_is_refused_with_what_was_shown(terminal: Terminal, file: Path, sshd: Sshd) -> None:
    """Someone may be in between: nothing is written, and both fingerprints are told."""
    before = file.read_bytes()
    said = add(terminal, sshd, "--fingerprint", "SHA256:" + "A" * 43)
    assert said.code == 1
    assert fingerprint(sshd) in said.err
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_without_a_terminal_a_fingerprint_is_needed(terminal: Terminal, file: Path, sshd: Sshd) -> None:
    """A script is never asked and never trusts by itself: wrong usage, and the message has what to compare."""
    before = file.read_bytes()
    said = add(terminal, sshd)
    assert said.code == 2
    assert fingerprint(sshd) in said.err
    assert "--fingerprint" in said.err
    assert file.read_bytes() == before


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_a_person_is_shown_the_key_and_asked(
    terminal: Terminal, file: Path, sshd: Sshd, *, answer: str, code: int
) -> None:
    """Only "yes" registers."""
    spec = sshd.spec(Path("/unused"))
    program = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = (
        sys.executable, "-c", program, sys.executable, "-m", "releasd.cli", "hosts", "add", f"{spec.user}@127.0.0.1",
        "--name", "far", "--port", str(sshd.port), "--identity", str(spec.identity),
    )  # fmt: skip
    env = {"PATH": "/usr/bin:/bin", "HOME": str(terminal.home), "TERM": "xterm", **terminal.environ}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        shown = b""
        while b"Is this the host?" not in shown:
            shown += (got := running.stdout.read1())
            assert got, shown
        running.stdin.write(answer.encode() + b"\n")
        running.stdin.flush()
        shown += running.stdout.read()
        assert running.wait(60) == code, shown
    assert fingerprint(sshd).encode() in shown
    assert ("far" in tomllib.loads(file.read_text())["hosts"]) is (code == 0)


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Sshd]]:
    """Start further servers with configuration lines of their own."""
    started = []

    def make(name: str, extra: str = "") -> Sshd:
        folder = tmp_path / "servers" / name
        folder.mkdir(parents=True)
        made = start_sshd(folder, extra.format(folder=folder))
        started.append(made)
        return next(made)

    yield make
    for server in started:
        server.close()


def test_any_of_a_hosts_keys_may_be_named(
    terminal: Terminal, file: Path, make_server: Callable[..., Sshd], tmp_path: Path
) -> None:
    """A host has keys of several kinds, and only the one that was compared is trusted from then on."""
    rsa = tmp_path / "rsa_key"
    keygen = require_tool("ssh-keygen")
    subprocess.run((keygen, "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", rsa), check=True, timeout=60)
    server = make_server("two", f"HostKey {rsa}")
    said = subprocess.run((keygen, "-lf", f"{rsa}.pub"), check=True, capture_output=True, text=True, timeout=30)
    assert add(terminal, server, "--fingerprint", said.stdout.split()[1]).code == 0
    known = file.parent / "known_hosts.d" / "far"
    assert [line.split()[1] for line in known.read_text().splitlines()] == ["ssh-rsa"]
    assert terminal.run("hosts", "probe", "far", "--json").document["hosts"][0]["reason"] in {"", "lacks uv"}


def test_a_host_behind_a_jump_host(
    terminal: Terminal, file: Path, sshd: Sshd, make_server: Callable[..., Sshd], tmp_path: Path
) -> None:
    """The hop is trusted as the user's ssh does, and its key is recorded with the host's."""
    outer = make_server("outer")
    ssh = make_ssh_home(tmp_path / "home")
    terminal.environ["PATH"] = f"{tmp_path / 'home/bin'}:{os.environ['PATH']}"
    spec = sshd.spec(tmp_path)
    config = (
        f"Host inner\n HostName 127.0.0.1\n Port {sshd.port}\n User {spec.user}\n IdentityFile {spec.identity}\n"
        f" ProxyJump outer\nHost outer\n HostName localhost\n Port {outer.port}\n User {spec.user}\n"
        f" IdentityFile {outer.folder}/client_key\n"
    )
    (ssh / "config").write_text(config)
    arguments = ("hosts", "add", "inner", "--fingerprint", fingerprint(sshd))
    assert "is unknown" in terminal.run(*arguments).err
    (ssh / "known_hosts").write_text((outer.folder / "known_hosts").read_text().replace("127.0.0.1", "localhost"))
    said = terminal.run(*arguments)
    assert said.code == 0, said.err
    assert len((file.parent / "known_hosts.d" / "inner").read_text().splitlines()) == 2
    (ssh / "known_hosts").unlink()
    assert terminal.run("hosts", "probe", "inner", "--json").document["hosts"][0]["reason"] in {"", "lacks uv"}


def test_a_host_that_refuses_us_leaves_nothing(
    terminal: Terminal, file: Path, make_server: Callable[..., Sshd]
) -> None:
    """A key that the host does not know is told as that; neither entry nor recorded key stays."""
    server = make_server("strict")
    stranger = server.folder / "stranger"
    make_key(stranger)
    spec = server.spec(Path("/unused"))
    said = terminal.run(
        "hosts", "add", f"{spec.user}@127.0.0.1", "--name", "far", "--port", str(server.port),
        "--identity", str(stranger), "--fingerprint", fingerprint(server),
    )  # fmt: skip
    assert said.code == 1
    assert "refused our key" in said.err
    assert "far" not in file.read_text()
    assert list((file.parent / "known_hosts.d").iterdir()) == []


def test_a_host_that_does_not_answer(terminal: Terminal, file: Path) -> None:
    """Nothing is written for a port that nobody listens on."""
    before = file.read_bytes()
    said = terminal.run("hosts", "add", "build@127.0.0.1", "--port", str(own_port()), "--fingerprint", "SHA256:x")
    assert said.code == 1
    assert "cannot be reached" in said.err
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-oProxyCommand=x",), "No such option"),
        (("a b",), "not an address"),
        (("build@far", "--name", "../far"), "is no name"),
        (("build@far", "--name", "first"), "there is a host first already"),
        (("build@far", "--port", "0"), "--port"),
        (("build@far", "--label", "docker gpu"), "'docker gpu' is no label"),
        (("build@far", "--identity", "/nowhere/key"), "there is no key /nowhere/key"),
    ],
)
def test_what_cannot_be_a_host_is_wrong_usage(terminal: Terminal, arguments: tuple[str, ...], told: str) -> None:
    """It is told before anything is connected."""
    said = terminal.run("hosts", "add", *arguments)
    assert said.code == 2
    assert told in said.err


def test_a_file_with_mistakes_is_not_touched(terminal: Terminal, file: Path, sshd: Sshd) -> None:
    """The mistakes are told, and the host is not even connected to."""
    file.write_text(file.read_text() + "nonsense = 1\n")
    before = file.read_bytes()
    said = add(terminal, sshd, "--fingerprint", fingerprint(sshd))
    assert said.code == 2
    assert "projects.demo.nonsense" in said.err
    assert file.read_bytes() == before


def test_a_removed_host_leaves_the_file_as_it_was(terminal: Terminal, file: Path, sshd: Sshd) -> None:
    """Adding and removing is doing nothing, byte for byte; the recorded key goes too."""
    before = file.read_bytes()
    assert add(terminal, sshd, "--fingerprint", fingerprint(sshd)).code == 0
    assert terminal.run("hosts", "remove", "far").code == 0
    assert file.read_bytes() == before
    assert list((file.parent / "known_hosts.d").iterdir()) == []


def test_a_host_that_a_policy_names_is_not_removed(terminal: Terminal, file: Path) -> None:
    """What has to be edited first is named."""
    before = file.read_bytes()
    said = terminal.run("hosts", "remove", "first")
    assert said.code == 2
    assert "projects.demo.policy.hosts" in said.err
    assert file.read_bytes() == before
    assert terminal.run("hosts", "remove", "nobody").code == 2


def test_who_removes_the_last_host_is_told_where_builds_run_then(terminal: Terminal, file: Path) -> None:
    """On the daemon's own machine, which may be the last place where they are wanted."""
    file.write_text(f'[daemon]\nstate = "{file.parent}/s"\n[hosts.one]\n[hosts.two]\n')
    first, last = (terminal.run("hosts", "remove", name) for name in ("one", "two"))
    assert (first.code, last.code) == (0, 0)
    assert "daemon's own machine" not in first.out
    assert "daemon's own machine" in last.out


@pytest.mark.parametrize("what", ["drain", "resume"])
def test_steering_needs_the_daemon(terminal: Terminal, what: str) -> None:
    """Exit code 4, and how to start it."""
    said = terminal.run("hosts", what, "first")
    assert said.code == 4
    assert "start it" in said.err


def test_host_names_are_completed(terminal: Terminal) -> None:
    """The shell offers what the configuration has; a broken file offers nothing and breaks nothing."""
    asked = {"_RELEASD_COMPLETE": "bash_complete", "COMP_WORDS": "releasd hosts drain f", "COMP_CWORD": "3"}
    assert "plain,first" in terminal.run(environ=asked).out
    for command in ("release", "yank"):
        projects = asked | {"COMP_WORDS": f"releasd {command} d", "COMP_CWORD": "2"}
        assert "plain,demo" in terminal.run(environ=projects).out
    (terminal.home / "releasd.toml").write_text("[broken")
    assert terminal.run(environ=asked).out.strip() == ""
