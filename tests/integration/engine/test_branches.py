"""A project that is released from several branches: what moves becomes a job, each branch by its own rules."""

from queue import SimpleQueue

import pytest

from releasd.daemon.inbox import Inbox
from releasd.daemon.pushes import handle_push
from releasd.engine.operator import Operator, Release
from releasd.engine.reconcile import look_at, take_push
from releasd.errors import UsageError
from releasd.model import Job, JobState, PushHint
from support.gitrepo import git
from support.lab import Lab

BRANCHES = ("+([0-9]).x", "beta")


@pytest.fixture
def inbox() -> Inbox:
    return SimpleQueue()


@pytest.fixture
def several(lab: Lab) -> Lab:
    """Return a lab whose project is released from main, maintenance branches and beta."""
    lab.configure(branches=BRANCHES)
    return lab


def push_to(lab: Lab, branch: str, message: str) -> str:
    """Commit on top of a branch of the remote, made from main where it is not there, and push it."""
    lab.work.sync()
    known = git(lab.work.path, "branch", "--remotes", "--list", f"origin/{branch}")
    git(lab.work.path, "checkout", "--quiet", "-B", branch, f"origin/{branch if known else 'main'}")
    commit = lab.work.commit(message, {f"{branch}.txt": message})
    lab.work.push(branch)
    git(lab.work.path, "checkout", "--quiet", "main")
    return commit


def release_from(lab: Lab, branch: str, message: str) -> Job:
    commit = push_to(lab, branch, message)
    lab.store.enqueue("demo", commit, branch, source="hook", now=lab.clock.now())
    return lab.run()


def look(lab: Lab) -> list[tuple[str, str]]:
    """Look at the remote and queue what is new; return branch and commit of each."""
    found = look_at(lab.world, lab.project, lab.clone, "reconcile")
    for hint in found:
        take_push(lab.world, lab.project, hint, hint.new)
    return [(hint.ref.removeprefix("refs/heads/"), hint.new) for hint in found]


def test_a_channel_and_then_its_merge_into_main(several: Lab) -> None:
    """Beta releases pre-releases, in Python's spelling on the index; main then releases what they led up to."""
    first = release_from(several, "beta", "feat: more")
    assert (first.state, first.version, first.tag) == ("succeeded", "1.1.0-beta.1", "v1.1.0-beta.1"), first.reason
    second = release_from(several, "beta", "fix: more")
    assert second.version == "1.1.0-beta.2"
    assert {name for name in several.index.stored if name.endswith(".whl")} == {
        "demo-1.1.0b1-py3-none-any.whl",
        "demo-1.1.0b2-py3-none-any.whl",
    }
    git(several.remote, "update-ref", "refs/heads/main", "refs/heads/beta")
    several.enqueue()
    final = several.run()
    assert (final.state, final.version) == ("succeeded", "1.1.0"), final.reason
    assert final.plan is not None
    assert final.plan.channel is None


def test_a_channels_release_commit_is_on_the_channel(several: Lab) -> None:
    """Main does not move, and the version in the files is Python's."""
    main = several.main()
    release_from(several, "beta", "feat: more")
    assert several.main() == main
    assert 'version = "1.1.0b1"' in git(several.remote, "show", "beta:pyproject.toml")


def test_a_maintenance_branch_releases_its_line(several: Lab) -> None:
    """After 2.0.0 a fix for 1.x is 1.0.1; what would leave the line fails with the range, and tags nothing."""
    git(several.remote, "update-ref", "refs/heads/1.x", "refs/heads/main")
    assert several.release("feat!: begin anew").version == "2.0.0"
    assert release_from(several, "1.x", "fix: old").version == "1.0.1"
    refused = release_from(several, "1.x", "feat!: too much")
    assert refused.state is JobState.FAILED
    assert "1.x may only release versions >=1.0.1 <2.0.0" in refused.reason
    assert several.tags() == {"v1.0.0", "v1.0.1", "v2.0.0"}


def test_every_branch_is_found_without_a_hook(several: Lab) -> None:
    """The first look remembers; afterwards what moved, and a branch that came to be, are pushes."""
    git(several.remote, "update-ref", "refs/heads/1.x", "refs/heads/main")
    git(several.remote, "update-ref", "refs/heads/other", "refs/heads/main")
    assert look(several) == []
    old = push_to(several, "1.x", "fix: old")
    new = push_to(several, "2.x", "fix: new")
    beta = push_to(several, "beta", "feat: beta")
    push_to(several, "other", "feat: nobody asked for it")
    assert sorted(look(several)) == [("1.x", old), ("2.x", new), ("beta", beta)]
    assert look(several) == []


def test_branches_do_not_supersede_each_other(several: Lab) -> None:
    """Each has its own place in the queue, also for the same commit."""
    for branch in ("main", "beta"):
        several.store.enqueue("demo", several.main(), branch, source="hook", now=several.clock.now())
    assert [(job.branch, job.state) for job in several.store.queue()] == [("main", "queued"), ("beta", "queued")]


def test_a_push_to_a_branch_that_nobody_registered(several: Lab, inbox: Inbox) -> None:
    """It is heard, and is nobody's."""
    tip = push_to(several, "other", "feat: more")
    hint = PushHint(repository=str(several.remote), ref="refs/heads/other", old=None, new=tip, source="hook")
    assert handle_push(several.world, inbox, None, hint) == ""
    assert several.store.jobs("demo") == ()


def test_a_push_to_a_registered_branch(several: Lab, inbox: Inbox) -> None:
    """The hook's word makes a job for that branch."""
    tip = push_to(several, "2.x", "fix: more")
    hint = PushHint(repository=str(several.remote), ref="refs/heads/2.x", old=None, new=tip, source="hook")
    assert "queued as job" in handle_push(several.world, inbox, None, hint)
    (job,) = several.store.jobs("demo")
    assert (job.branch, job.commit) == ("2.x", tip)


def test_an_operator_names_the_branch(several: Lab) -> None:
    """By default it is the project's first; one that is not registered is refused."""
    operator = Operator(several.world, lambda: None)
    push_to(several, "beta", "feat: more")
    job = several.store.job(operator.release("demo", Release(branch="beta")))
    assert job.branch == "beta"
    with pytest.raises(UsageError, match="demo is not released from other"):
        operator.release("demo", Release(branch="other"))
