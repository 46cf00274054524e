"""ssh aliases in links: the real ssh is asked, safely, and what it does not know is not linked to."""

import os
import shlex
import time
from pathlib import Path

import pytest

from releasd.adapters import sshalias
from support.cli import Terminal
from support.gitrepo import Work, git, make_remote, make_work
from support.tools import require_tool

CONFIG = """
Host bigforge github.com-work
  HostName git.big.example
Host front
  HostName ssh.github.com
  Port 443
Host canonical
  CanonicalizeHostname always
  CanonicalDomains invalid.example
Match host slow exec "sleep 60"
  HostName never.example
Match host marked exec "touch {marker}"
  HostName marked.example
"""


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have git's ssh, and so ours, read a configuration of the test's; return the file that `marked` touches."""
    require_tool("ssh")
    marker = tmp_path / "marker"
    config = tmp_path / "ssh_config"
    config.write_text(CONFIG.format(marker=marker))
    monkeypatch.setenv("GIT_SSH_COMMAND", f"ssh -F {shlex.quote(str(config))}")
    return marker


@pytest.mark.parametrize(
    ("remote", "resolved"),
    [
        ("git@bigforge:me/x.git", "git@git.big.example:me/x.git"),
        ("bigforge:me/x", "git.big.example:me/x"),
        ("ssh://git@bigforge:2222/me/x", "ssh://git@git.big.example:2222/me/x"),
        ("git@github.com-work:me/x", "git@git.big.example:me/x"),
        ("git@front:me/x", "git@github.com:me/x"),
        ("git@canonical:me/x", "git@canonical:me/x"),
        ("git@nobody:me/x", "git@nobody:me/x"),
        ("git@git.other.example:me/x", "git@git.other.example:me/x"),
        ("https://bigforge/me/x", "https://bigforge/me/x"),
        ("/srv/bigforge:me/x", "/srv/bigforge:me/x"),
    ],
)
def test_an_alias_is_the_host_that_ssh_would_reach(ssh: Path, remote: str, resolved: str) -> None:
    """`Host` blocks of the user's own configuration count; nothing is looked up, and other remotes stay."""
    assert sshalias.resolve(remote) == resolved
    assert not ssh.exists()


@pytest.mark.parametrize(
    "remote",
    [
        "-oProxyCommand=touch marker:me/x",
        "ssh://-oProxyCommand=touch%20marker/x",
        "git@$(touch marker):me/x",
        "git@a;touch marker:me/x",
        "git@`touch marker`:me/x",
        "git@a\nb:me/x",
        "git@-F:me/x",
    ],
)
def test_hostile_names_never_reach_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remote: str) -> None:
    """No option, and nothing that a shell behind `Match exec` would act on, is handed to ssh."""
    (tmp_path / "ssh").write_text(f"#!/bin/sh\ntouch {tmp_path}/marker\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("GIT_SSH_COMMAND", raising=False)
    assert sshalias.resolve(remote) == remote
    assert not (tmp_path / "marker").exists()
    sshalias.resolve("git@alias:me/x")
    assert (tmp_path / "marker").exists(), "the stand-in for ssh is not what is run"


def test_match_exec_is_the_users_own(ssh: Path) -> None:
    """A command of the user's own configuration runs, as it does for each fetch."""
    assert sshalias.resolve("git@marked:me/x") == "git@marked.example:me/x"
    assert ssh.exists()


@pytest.mark.usefixtures("ssh")
def test_a_slow_answer_is_not_waited_for() -> None:
    """A `Match exec` that hangs costs a second, not a release, and its process is ended."""
    began = time.monotonic()
    assert sshalias.hostname("slow", timeout=0.5) is None
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("command", ["plink", "ssh 'unbalanced", "/nowhere/ssh", "./ask-someone.sh"])
def test_what_is_not_openssh_is_not_asked(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Other programs know no `-G`."""
    monkeypatch.setenv("GIT_SSH_COMMAND", command)
    assert sshalias.resolve("git@bigforge:me/x") == "git@bigforge:me/x"


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Return a working copy with a release and a feature."""
    made = make_work(tmp_path / "work", make_remote(tmp_path / "demo.git"))
    made.commit("feat: begin", {"pyproject.toml": '[project]\nname = "demo"\nversion = "1.0.0"\n'})
    made.tag("v1.0.0")
    made.commit("feat: more #3")
    return made


@pytest.mark.parametrize("analysis", ["conventional-commits", "semantic-release"])
@pytest.mark.parametrize(
    ("remote", "page"),
    [("git@bigforge:me/x", "https://git.big.example/me/x"), ("git@nobody:me/x", None), ("/srv/git/x.git", None)],
)
def test_notes_link_to_the_host_behind_an_alias(
    ssh: Path, work: Work, remote: str, page: str | None, analysis: str
) -> None:
    """With a page the comparison is linked, without one there are no links at all: never a dead one."""
    git(work.path, "remote", "set-url", "origin", remote)
    home = ssh.parent / "home"
    home.mkdir()
    said = Terminal(home, work.path).run(
        "notes", "--analysis", analysis, environ={"GIT_SSH_COMMAND": os.environ["GIT_SSH_COMMAND"]}
    )
    assert said.code == 0, said.err
    assert (f"({page}/compare/v1.0.0...v1.1.0)" in said.out) == (page is not None)
    assert ("](" in said.out) == (page is not None)


@pytest.mark.usefixtures("ssh")
def test_a_url_that_is_given_is_taken_as_npm_takes_it(tmp_path: Path, work: Work) -> None:
    """`--repository-url` means what `repositoryUrl` means to npm, to the byte; releasd's own notes resolve it."""
    home = tmp_path / "home"
    home.mkdir()
    terminal = Terminal(home, work.path, {"GIT_SSH_COMMAND": os.environ["GIT_SSH_COMMAND"]})
    url = ("--repository-url", "git@bigforge:me/x")
    as_npm = terminal.run("notes", "--analysis", "semantic-release", *url)
    assert "(https://bigforge/me/x/compare/v1.0.0...v1.1.0)" in as_npm.out
    assert "(https://git.big.example/me/x/compare/v1.0.0...v1.1.0)" in terminal.run("notes", *url).out
