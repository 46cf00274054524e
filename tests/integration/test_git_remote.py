"""The daemon's own clone and a real remote: races, refusals, a remote that is gone or silent."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from releasd.adapters.git import GitRepo, clone_or_open
from releasd.errors import GitError, Replan, Transient
from releasd.model import Tag
from support.gitrepo import ISOLATED, MAIN, Work, clone_of, git, make_remote, make_work, release_from
from support.tools import lacking


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ISOLATED.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def pushed(tmp_path: Path) -> Work:
    work = make_work(tmp_path / "work", make_remote(tmp_path / "remote.git"))
    work.commit("feat: one", {"a": "1"})
    work.push()
    return work


def _hook(work: Work, name: str, script: str) -> None:
    path = work.remote / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_hook_that_declines_is_quoted(pushed: Work) -> None:
    """The remote's hooks run, their words reach the person, nothing is half pushed, and it is no race."""
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    _hook(pushed, "pre-receive", 'echo "main is frozen until Monday" >&2; exit 1')
    with pytest.raises(GitError, match="main is frozen until Monday"):
        repo.push(release_from(repo, tip), expect={MAIN: tip})
    assert repo.remote_refs() == {"HEAD": tip, MAIN: tip}


def test_a_declined_tag_leaves_the_branch_alone(pushed: Work) -> None:
    """The push is atomic: the tag declined, the branch stays, and the message says why."""
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    _hook(pushed, "update", 'case $1 in refs/tags/*) echo "no tags here"; exit 1;; esac')
    with pytest.raises(GitError, match=r"refs/tags/v1.*no tags here"):
        repo.push(release_from(repo, tip), expect={MAIN: tip})
    assert repo.remote_refs(MAIN, "refs/tags/v1") == {MAIN: tip}


def test_a_branch_that_moves_during_the_push_is_a_replan(pushed: Work) -> None:
    """Someone pushes after our look at the remote and before its lock: git's unclear refusal is cleared up."""
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    rival = pushed.commit("fix: rival")
    pushed.push("main:refs/heads/other")
    _hook(pushed, "pre-receive", f"unset GIT_QUARANTINE_PATH; git update-ref {MAIN} {rival}")
    with pytest.raises(Replan, match=MAIN):
        repo.push(release_from(repo, tip), expect={MAIN: tip})
    assert repo.remote_refs(MAIN, "refs/tags/v1") == {MAIN: rival}


def test_a_branch_set_back_on_the_remote_is_a_replan(pushed: Work) -> None:
    """A plain push would fast-forward from the older commit; the expected value is what counts."""
    pushed.commit("fix: two")
    pushed.push()
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    git(pushed.remote, "update-ref", MAIN, f"{tip}^")
    with pytest.raises(Replan, match=MAIN):
        repo.push(release_from(repo, tip), expect={MAIN: tip})


def test_moved_and_deleted_tags_become_what_the_remote_has(pushed: Work) -> None:
    """The remote is the truth: after a fetch a moved tag is moved, a deleted one gone, a private ref untouched."""
    for name in ("moved", "deleted"):
        pushed.tag(name)
    pushed.push()
    repo = clone_of(pushed)
    old = repo.fetch("main")
    new = pushed.commit("fix: two")
    git(pushed.path, "tag", "--force", "moved")
    pushed.push("main")
    pushed.push("refs/tags/moved", ":refs/tags/deleted", force=True)
    repo.set_ref("refs/releasd/jobs/1", old)
    assert repo.fetch("main") == new
    assert repo.tags_merged(new) == (Tag(name="moved", commit=new),)
    assert repo.resolve("refs/releasd/jobs/1") == old


def test_a_rewritten_branch_is_followed(pushed: Work) -> None:
    """A forced push is fetched like any other: what it means is the plan's business."""
    repo = clone_of(pushed)
    repo.fetch("main")
    git(pushed.path, "checkout", "--quiet", "--orphan", "again")
    git(pushed.path, "branch", "--quiet", "-M", "main")
    tip = pushed.commit("feat: anew")
    pushed.push("main", force=True)
    assert repo.fetch("main") == tip


def test_a_remote_that_is_gone_is_permanent(pushed: Work) -> None:
    """A path without a repository is a mistake of a person, whichever call finds it."""
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    updates = release_from(repo, tip)
    shutil.rmtree(pushed.remote)
    calls = (
        repo.remote_refs,
        lambda: repo.fetch("main"),
        lambda: repo.can_push("main"),
        lambda: repo.push(updates, expect={MAIN: tip}),
    )
    for call in calls:
        with pytest.raises(GitError, match=r"remote\.git") as caught:
            call()
        assert "git ls-remote" in caught.value.advice


def test_a_shallow_remote_is_refused(pushed: Work, tmp_path: Path) -> None:
    """History that the remote itself lacks is said to be missing there."""
    pushed.commit("fix: two")
    pushed.push()
    git(tmp_path, "clone", "--quiet", "--bare", "--depth=1", f"file://{pushed.remote}", "shallow.git")
    with pytest.raises(GitError, match="shallow"):
        clone_or_open(tmp_path / "clone.git", str(tmp_path / "shallow.git")).fetch("main")


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["git", "http"])
def test_a_refused_connection_is_transient(tmp_path: Path, closed_port: int, scheme: str) -> None:
    """Nobody listens now; somebody may later."""
    repo = clone_or_open(tmp_path / "clone.git", f"{scheme}://127.0.0.1:{closed_port}/x.git")
    for call in (repo.remote_refs, lambda: repo.fetch("main"), lambda: repo.can_push("main")):
        with pytest.raises(Transient, match=r"127\.0\.0\.1"):
            call()


def test_a_silent_remote_is_transient_in_time(tmp_path: Path, silent_port: int) -> None:
    """A remote that accepts and never answers ends with the time limit, and no helper process is left."""
    repo = clone_or_open(tmp_path / "clone.git", f"http://127.0.0.1:{silent_port}/x.git", timeout=0.5)
    start = time.monotonic()
    with pytest.raises(Transient, match=r"no answer within 0\.5 s"):
        repo.fetch("main")
    assert time.monotonic() - start < 30
    left = subprocess.run(("pgrep", "-f", f"127.0.0.1:{silent_port}"), capture_output=True, check=False, timeout=10)
    assert left.stdout == b""


def test_a_password_is_in_no_error_and_no_argument(
    tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password of a URL stays in the clone's private file."""
    seen: list[str] = []
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda args, **options: seen.extend(args) or real(args, **options))
    path = tmp_path / "clone.git"
    repo = clone_or_open(path, f"http://ada:hunter2@127.0.0.1:{closed_port}/x.git")
    with pytest.raises(Transient) as caught:
        repo.fetch("main")
    assert "fetch" in seen
    assert "hunter2" not in f"{caught.value} {caught.value.advice} {seen}"
    assert "hunter2" in (path / "releasd.config").read_text()
    assert (path / "releasd.config").stat().st_mode & 0o077 == 0


def test_a_repository_of_another_user_can_be_a_remote(pushed: Work) -> None:
    """The operator named it, so git's doubt about its owner is answered; a work tree keeps git's own check."""
    if os.geteuid() != 0:
        lacking("only root can give a folder to another user")
    for folder in (pushed.remote, pushed.path):
        subprocess.run(("chown", "-R", "12345", str(folder)), check=True, timeout=10)
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    repo.can_push("main")
    repo.push(release_from(repo, tip), expect={MAIN: tip})
    assert GitRepo(pushed.remote).resolve("main") != tip
    with pytest.raises(GitError, match="dubious") as caught:
        GitRepo(pushed.path).resolve("HEAD")
    assert f"safe.directory {pushed.path}" in caught.value.advice
