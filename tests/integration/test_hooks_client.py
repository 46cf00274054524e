"""The hook on the pusher's side: git has no post-push hook, so the moves of remote-tracking refs are watched."""

import os
from collections.abc import Iterator

import pytest

from releasd.model import PushHint
from support.pushes import (
    NEW,
    OLD,
    SHELLS,
    ZERO,
    Heard,
    Pair,
    configure,
    git,
    listening,
    pair,
    patient,
    put,
    run_hook,
    script,
)
from support.tools import require_tool


@pytest.fixture
def made() -> Iterator[Pair]:
    with pair() as repositories:
        yield repositories


@pytest.fixture
def daemon(made: Pair) -> Iterator[Heard]:
    with listening(made.socket) as heard:
        yield heard


def test_a_push_from_a_clone_is_heard_through_its_tracking_ref(made: Pair, daemon: Heard) -> None:
    """Git has no post-push hook: reference-transaction sees refs/remotes/origin/main move."""
    patient(put(made, made.clone).path)
    pushed = made.push()
    assert "releasd: v1.2.3 will be released" in pushed.stderr
    head = git(made.clone, "rev-parse", "HEAD")
    assert daemon.hints == [
        PushHint(repository=str(made.clone), ref="refs/heads/main", old=None, new=head, source="hook", uid=os.getuid())
    ]


def test_a_linked_work_tree_speaks_for_its_main_one(made: Pair, daemon: Heard) -> None:
    """The daemon knows a clone by its main work tree."""
    patient(put(made, made.clone).path)
    tree = made.clone.parent / "tree"
    git(made.clone, "worktree", "add", "-q", "-b", "side", str(tree))
    git(tree, "push", "-q", "origin", "side")
    assert [(hint.repository, hint.ref) for hint in daemon.hints] == [(str(made.clone), "refs/heads/side")]


def test_only_branches_of_a_remote_are_told(made: Pair, daemon: Heard) -> None:
    """Local commits, tags, refs/remotes/origin/HEAD, symbolic refs and deletions are no pushes; a fetch is harmless."""
    configure(made, where=made.clone)
    moved = [
        f"{ZERO} {NEW} {ref}"
        for ref in ("HEAD", "refs/heads/main", "refs/tags/v1", "refs/remotes/origin/HEAD", "refs/stash")
    ]
    others = [f"{OLD} {ZERO} refs/remotes/origin/gone", f"{ZERO} ref:refs/heads/main refs/remotes/origin/sym"]
    wanted = [f"{ZERO} {NEW} refs/remotes/origin/{branch}" for branch in ("main", "feature/HEAD")]
    run_hook(made, "".join(f"{line}\n" for line in (*moved, *others, *wanted)).encode(), "committed")
    assert [hint.ref for hint in daemon.hints] == ["refs/heads/main", "refs/heads/feature/HEAD"]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("phase", ["preparing", "prepared", "aborted"])
def test_other_phases_of_a_ref_transaction_pass_at_once(made: Pair, phase: str, shell: str) -> None:
    """The hook must never stop a transaction: status 0, nothing said, no process started (PATH is empty)."""
    shells = (require_tool(shell), *SHELLS[shell][1:])
    configure(made, where=made.clone)
    lines = f"{ZERO} {NEW} refs/remotes/origin/main\n".encode()
    run = run_hook(made, lines, phase, shell=shells, env={"PATH": ""})
    assert (run.status, run.said, made.spooled()) == (0, "", [])


def test_an_earlier_hook_may_still_stop_a_transaction(made: Pair) -> None:
    """In `prepared` its exit status is git's to judge, as before."""
    hook = made.clone / ".git/hooks/reference-transaction"
    script(hook, '[ "$1" != prepared ] || ! grep -q forbidden')
    put(made, made.clone)
    git(made.clone, "update-ref", "refs/heads/allowed", "HEAD")
    with pytest.raises(AssertionError, match="hook"):
        git(made.clone, "update-ref", "refs/heads/forbidden", "HEAD")
