"""What a hook says of its repository is a stranger's word: it is compared, and never run git in."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from releasd.app.repositories import same_repositories
from support.gitrepo import git, make_remote, make_work

STRANGER = 65534
URL = "ssh://git@example.org/demo.git"
ROOT_ALONE = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a clone whose remote is `URL`."""
    work = make_work(tmp_path / "clone", make_remote(tmp_path / "demo.git"))
    git(work.path, "remote", "set-url", "origin", URL)
    return work.path


def is_demo(told: Path | str, sender: int | None = None, registered: str = URL) -> bool:
    """Return whether the told repository counts as the registered one, quickly as it has to be."""
    begun = time.monotonic()
    found = same_repositories(str(told), sender, [registered, "/srv/other.git"])
    assert time.monotonic() - begun < 20, "who sent it holds a thread of the daemon"
    assert found <= {registered}
    return bool(found)


def test_a_clone_is_its_remote(clone: Path) -> None:
    """A clone of our own counts as what it pushes to, by its work tree and by its git folder."""
    assert is_demo(clone)
    assert is_demo(clone / ".git")
    assert not is_demo(clone, registered="ssh://git@example.org/another.git")


def test_a_separate_git_folder_is_followed(clone: Path, tmp_path: Path) -> None:
    """In a submodule `.git` is a file that says where the git folder is."""
    (clone / ".git").rename(tmp_path / "apart")
    (clone / ".git").write_text("gitdir: ../apart\n")
    assert is_demo(clone)


def test_a_path_and_its_address_are_one(tmp_path: Path) -> None:
    """The repository itself is known by its path, however it is spelled."""
    remote = make_remote(tmp_path / "demo.git")
    assert is_demo(remote, registered=f"file://{remote}")
    (tmp_path / "link").symlink_to(remote)
    assert is_demo(tmp_path / "link", registered=str(remote))


@ROOT_ALONE
def test_a_clone_of_the_senders_is_read_and_a_strangers_is_not(clone: Path) -> None:
    """What a folder says counts where it is the sender's own; git's check of its owner is not gone round."""
    os.chown(clone / ".git/config", STRANGER, -1)
    assert is_demo(clone, STRANGER)
    assert not is_demo(clone, 1)
    assert not is_demo(clone)


def fifo(config: Path) -> None:
    os.mkfifo(config)


def link(config: Path) -> None:
    real = config.with_name("real")
    real.write_text(f'[remote "origin"]\nurl = {URL}\n')
    config.symlink_to(real)


def include(config: Path) -> None:
    os.mkfifo(config.with_name("fifo"))
    config.write_text(f"[include]\npath = {config.with_name('fifo')}\n")


def large(config: Path) -> None:
    config.write_text(f'[remote "origin"]\nurl = {URL}\n' + "#" * 2**20)


def broken(config: Path) -> None:
    config.write_text("[remote\n")


def folder(config: Path) -> None:
    config.mkdir()


@pytest.mark.parametrize("trap", [fifo, link, include, large, broken, folder], ids=lambda trap: trap.__name__)
def test_a_trap_is_another_repository(tmp_path: Path, trap: Callable[[Path], None]) -> None:
    """No file that someone made holds the daemon or makes it fail; the folder is just not the project's."""
    bare = make_remote(tmp_path / "trap.git")
    (bare / "config").unlink()
    trap(bare / "config")
    assert not is_demo(bare)


@pytest.mark.parametrize("name", ["x" * 5000, "loop/a", "file\udcff", "nothing", "plain/inside"], ids=repr)
def test_a_path_that_leads_nowhere_is_another_repository(tmp_path: Path, name: str) -> None:
    """Too long, in a circle, not there: a message with it is refused like any other of no project."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "plain").touch()
    assert not is_demo(f"{tmp_path}/{name}", registered=str(make_remote(tmp_path / "demo.git")))


def test_a_remote_that_is_no_address_is_another_repository(clone: Path) -> None:
    """A clone's configuration may hold anything."""
    git(clone, "remote", "set-url", "origin", "file://[")
    assert not is_demo(clone)
