"""`releasd secrets check`, as a user runs it: with no daemon, and with nothing of any secret in what it says."""

import base64
import os
import pwd
from pathlib import Path

import pytest

from support.cli import Said, Terminal

TOKEN = "pypi-CHECKED-0123456789-abcdefghij"
CONFIG = """
[daemon]
state = "{home}/state"

[indexes.pypi]
secret = "pypi-token"
[indexes.internal]
publish_url = "http://127.0.0.1:9/legacy/"
simple_url = "http://127.0.0.1:9/simple/"
secret = "internal-token"
[webhooks.chat]
url = "http://127.0.0.1:9/hook"
secret = "hook-key"

[secrets]
pypi-token = "file:{home}/token"
internal-token = "env:INTERNAL"
hook-key = {{ cmd = ["sh", "-c", "echo {token}"] }}
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Return a shell of somebody whose three secrets can all be had."""
    (tmp_path / "releasd.toml").write_text(CONFIG.format(home=tmp_path, token=TOKEN))
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text(TOKEN)
    return Terminal(tmp_path, tmp_path, {"INTERNAL": TOKEN})


def assert_nothing_shown(said: Said) -> None:
    """Fail if any part of the token, its encoding or its length is in the output."""
    text = said.out + said.err
    assert "CHECKED" not in text
    assert base64.b64encode(TOKEN.encode()).decode()[:20] not in text
    assert str(len(TOKEN)) not in text.replace(str(os.geteuid()), "")


def test_all_can_be_had_without_a_daemon(terminal: Terminal) -> None:
    """Every secret is fetched, each with its place, and nothing of it is printed."""
    said = terminal.run("secrets", "check")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == f"as {pwd.getpwuid(os.geteuid()).pw_name} (uid {os.geteuid()})"
    assert [line.split()[:2] for line in lines[1:]] == [["✓", "pypi-token"], ["✓", "internal-token"], ["✓", "hook-key"]]
    assert "cmd: sh …" in lines[3]
    assert_nothing_shown(said)


def test_json_says_who_looked_and_who_uses_each(terminal: Terminal) -> None:
    """One document: the caller, and for each secret its place, its users and the verdict."""
    said = terminal.run("secrets", "check", "--json")
    assert said.code == 0
    assert said.document["as"]["uid"] == os.geteuid()
    used = {secret["name"]: secret["used_by"] for secret in said.document["secrets"]}
    assert used == {
        "pypi-token": ["indexes.pypi"],
        "internal-token": ["indexes.internal"],
        "hook-key": ["webhook chat"],
    }
    assert_nothing_shown(said)


@pytest.mark.parametrize(
    ("edit", "name", "cause", "advice"),
    [
        ('pypi-token = "file:{home}/gone"', "pypi-token", "missing", "umask 077"),
        ('pypi-token = "file:{home}/open"', "pypi-token", "denied", "chmod 600"),
        ('pypi-token = "file:{home}/other"', "pypi-token", "malformed", "(umask 077; cat >{home}/other)"),
        ('pypi-token = "cred:pypi"', "pypi-token", "missing", "LoadCredential=pypi"),
        ('pypi-token = "env:NOT_SET"', "pypi-token", "missing", "Set NOT_SET"),
        ('pypi-token = {{ ref = "doppler:shop/prd/T", token = "env:DOPPLER" }}', "pypi-token", "malformed", "doppler"),
        ('pypi-token = "keyring:service/user"', "pypi-token", "missing", "cred:NAME"),
        ('pypi-token = {{ cmd = ["sh", "-c", "exit 3"] }}', "pypi-token", "denied", "by hand"),
    ],
)
def test_each_cause_has_its_name_and_its_command(
    terminal: Terminal, edit: str, name: str, cause: str, advice: str
) -> None:
    """Exit code 1, the cause in a word, and what mends it; the other secrets are looked at all the same."""
    home = terminal.home
    (home / "open").write_text(TOKEN)
    (home / "open").chmod(0o644)
    (home / "other").touch(mode=0o600)
    (home / "other").write_text("no-pypi-token-CHECKED")
    config = (home / "releasd.toml").read_text()
    line = next(line for line in config.splitlines() if line.startswith(f"{name} ="))
    (home / "releasd.toml").write_text(config.replace(line, edit.format(home=home)))
    environ = {"DOPPLER": "two words", "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    said = terminal.run("secrets", "check", "--json", environ=environ)
    assert said.code == 1
    bad = [secret for secret in said.document["secrets"] if not secret["ok"]]
    assert [(secret["name"], secret["cause"]) for secret in bad] == [(name, cause)]
    assert advice.format(home=home) in bad[0]["advice"]
    assert_nothing_shown(said)
    told = terminal.run("secrets", "check", name, environ=environ)
    assert told.code == 1
    assert f"{cause}: " in told.out
    assert "→" in told.out


def test_one_of_them_alone(terminal: Terminal) -> None:
    """Names limit the look; the others are not even fetched."""
    (terminal.home / "token").unlink()
    assert terminal.run("secrets", "check", "hook-key", "internal-token").code == 0
    assert terminal.run("secrets", "check").code == 1


def test_unknown_name_is_wrong_usage(terminal: Terminal) -> None:
    """A name that the configuration lacks: exit code 2, and the names that there are."""
    said = terminal.run("secrets", "check", "pipy-token")
    assert said.code == 2
    assert "pypi-token" in said.err


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder away needs root")
def test_another_user_than_the_daemons_is_named(terminal: Terminal) -> None:
    """What root can read says little about the service's user: the first line says whose the daemon's files are."""
    (terminal.home / "state").mkdir()
    os.chown(terminal.home / "state", pwd.getpwnam("nobody").pw_uid, -1)
    assert "the daemon's files are nobody's" in terminal.run("secrets", "check").out.splitlines()[0]


def test_names_are_completed(terminal: Terminal) -> None:
    """A shell that asks gets the names of the configuration."""
    environ = {"_RELEASD_COMPLETE": "bash_complete", "COMP_WORDS": "releasd secrets check p", "COMP_CWORD": "3"}
    assert terminal.run(environ=environ).out.split() == ["plain,pypi-token"]


def test_a_registry_s_token_may_have_its_word_before_it(terminal: Terminal) -> None:
    """What is right for a registry of crates (`Bearer TOKEN`) is stray text for an index of Python's."""
    file = terminal.home / "releasd.toml"
    index = next(part for part in file.read_text().split("[") if part.startswith("indexes.internal]"))
    crates = 'indexes.internal]\nkind = "crates"\nurl = "http://127.0.0.1:9/index/"\nsecret = "internal-token"\n'
    environ = {"INTERNAL": f"Bearer {TOKEN}"}
    assert terminal.run("secrets", "check", "internal-token", environ=environ).code == 1
    file.write_text(file.read_text().replace(index, crates))
    said = terminal.run("secrets", "check", "internal-token", environ=environ)
    assert said.code == 0, said.out
    assert_nothing_shown(said)
