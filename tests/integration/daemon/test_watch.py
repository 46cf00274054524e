"""Real file events of a real repository: a push is found with no hook at all."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest

from releasd.daemon.inbox import Inbox, LookAt
from releasd.daemon.watch import Watch
from support.gitrepo import Work, git, make_remote, make_work

Start = Callable[..., Inbox]
SETTLE = 0.4  # seconds after which an event that comes would have come


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Return a working copy of a bare repository with one commit."""
    made = make_work(tmp_path / "work", make_remote(tmp_path / "demo.git"))
    made.commit("feat: begin", {"a": "b"})
    made.push()
    return made


@pytest.fixture
def start() -> Iterator[Start]:
    """Return `start(folder, branch)`, which watches and gives the inbox."""
    watches: list[Watch] = []

    def begin(folder: Path, branch: str = "main") -> Inbox:
        inbox: Inbox = SimpleQueue()
        watches.append(Watch({"demo": (folder, (branch,))}, inbox))
        return inbox

    yield begin
    for watch in watches:
        watch.close()


def heard(inbox: Inbox) -> set[object]:
    """Return what arrives: waits for the first message, then until all is quiet."""
    found: set[object] = {inbox.get(timeout=60)}
    while True:
        try:
            found.add(inbox.get(timeout=SETTLE))
        except Empty:
            return found


def test_a_push_is_a_hint(work: Work, start: Start) -> None:
    """One push, however many file events it makes, says one thing: look at this project."""
    inbox = start(work.remote)
    work.commit("feat: more")
    work.push()
    assert heard(inbox) == {LookAt("demo", "watch")}


def test_a_push_to_another_branch_is_none(work: Work, start: Start) -> None:
    """Files of other branches and of objects are no news."""
    inbox = start(work.remote)
    work.commit("feat: elsewhere")
    work.push("HEAD:refs/heads/other", "HEAD:refs/heads/main2")
    time.sleep(SETTLE)
    assert inbox.empty()


def test_packing_refs_is_a_hint(work: Work, start: Start) -> None:
    """After `git pack-refs` the branch has no file of its own: a change of packed-refs counts."""
    inbox = start(work.remote)
    git(work.remote, "pack-refs", "--all")
    assert heard(inbox) == {LookAt("demo", "watch")}


def test_a_push_after_packing_is_a_hint(work: Work, start: Start) -> None:
    """The branch's file appears anew, and is seen."""
    git(work.remote, "pack-refs", "--all")
    inbox = start(work.remote)
    work.commit("feat: more")
    work.push()
    assert heard(inbox) == {LookAt("demo", "watch")}


def test_a_branch_with_a_slash(work: Work, start: Start) -> None:
    """A branch in a folder of its own is watched there."""
    work.push("HEAD:refs/heads/release/1.x")
    inbox = start(work.remote, "release/1.x")
    work.commit("fix: more")
    work.push("HEAD:refs/heads/release/1.x")
    assert heard(inbox) == {LookAt("demo", "watch")}


def test_a_branch_that_is_not_there_yet(work: Work, start: Start) -> None:
    """A repository without that branch can be watched; packing its refs is seen."""
    inbox = start(work.remote, "release/2.x")
    git(work.remote, "pack-refs", "--all")
    assert heard(inbox) == {LookAt("demo", "watch")}


def test_a_commit_in_a_working_copy(work: Work, start: Start) -> None:
    """A project may be a working copy's own git folder."""
    inbox = start(work.path / ".git")
    work.commit("feat: more")
    assert heard(inbox) == {LookAt("demo", "watch")}


def test_a_closed_watch_is_silent(work: Work) -> None:
    """After the end nothing is put into the inbox."""
    inbox: Inbox = SimpleQueue()
    Watch({"demo": (work.remote, ("main",))}, inbox).close()
    work.commit("feat: more")
    work.push()
    time.sleep(SETTLE)
    assert inbox.empty()


def test_nothing_to_watch(start: Start) -> None:
    """A daemon whose repositories are all elsewhere watches nothing, and says so by no error."""
    Watch({}, SimpleQueue()).close()
