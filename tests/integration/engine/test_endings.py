"""The end of an attempt meets trouble itself: the job ends or waits all the same, and not for ever."""

from collections.abc import Callable

import pytest

from releasd.adapters.git import GitRepo
from releasd.core.retry import BUDGET_AFTER_TAG
from releasd.errors import GitError, Transient
from releasd.model import JobState
from releasd.ports import Task
from support.fakehost import Scripted
from support.gitrepo import git
from support.lab import Lab


def builds_fail(task: Task) -> Scripted | None:
    """Fail every build."""
    return Scripted(exit_status=1) if "RELEASD_VERSION" in task.env else None


@pytest.fixture
def refs_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have git refuse to drop a ref."""
    real = GitRepo.set_ref

    def set_ref(repo: GitRepo, ref: str, commit: str | None) -> None:
        if commit is None:
            raise GitError("cannot lock ref")
        real(repo, ref, commit)

    monkeypatch.setattr(GitRepo, "set_ref", set_ref)


@pytest.mark.usefixtures("refs_stay")
def test_a_ref_that_stays_does_not_keep_a_failed_job_from_ending(lab: Lab) -> None:
    """The job fails with its own reason; the ref is on record, and left to the daily tidying."""
    lab.plays = builds_fail
    job = lab.release()
    assert job.state is JobState.FAILED
    assert job.reason.startswith("build: ")
    assert lab.events("job.untidied") == [{"why": "cannot lock ref"}]
    assert len(lab.private_refs()) == 1


@pytest.mark.usefixtures("refs_stay")
def test_a_ref_that_stays_does_not_spoil_a_release(lab: Lab) -> None:
    """What is public is complete, and is told so."""
    job = lab.release()
    assert (job.state, job.version) == (JobState.SUCCEEDED, "1.1.0")
    assert lab.scratch_folders() == []


def conflict(lab: Lab) -> Callable[[Task], Scripted | None]:
    """While it builds, have main move in a way that the plan does not survive."""

    def plays(task: Task) -> Scripted | None:
        if "RELEASD_VERSION" in task.env:
            lab.plays = lambda _: None
            lab.push("fix: version by hand", {"pyproject.toml": '[project]\nname = "demo"\nversion = "1.0.7"\n'})
        return None

    return plays


def test_a_remote_that_is_away_while_planning_again_is_waited_for(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job waits longer each time, as for any trouble that may pass, and is planned again after that."""
    real, away = GitRepo.fetch, [Transient("no route to host")] * 2
    moved = []

    def fetch(repo: GitRepo, branch: str) -> str:
        tip = real(repo, branch)
        moved.append(tip)
        if tip != moved[0] and away:
            raise away.pop()
        return tip

    lab.plays = conflict(lab)
    monkeypatch.setattr(GitRepo, "fetch", fetch)
    job = lab.release()
    while away:
        assert job.state is JobState.QUEUED
        assert "no route to host" in job.reason
        lab.wait(job)
        job = lab.run()
    while (queue := lab.store.queue()) or job.state is JobState.QUEUED:
        if queue[0].not_before:
            lab.wait(queue[0])
        job = lab.run()
    newest = lab.store.jobs()[0]
    assert newest.state is JobState.SUCCEEDED, newest.reason
    assert git(lab.remote, "tag", "--list").split() != ["v1.0.0"]


def test_planning_again_is_not_tried_for_ever(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote that never comes back ends the job, with the reason."""
    real, first = GitRepo.fetch, []

    def fetch(repo: GitRepo, branch: str) -> str:
        first.append(real(repo, branch))
        if first[-1] != first[0]:
            raise Transient("no route to host")
        return first[-1]

    lab.plays = conflict(lab)
    monkeypatch.setattr(GitRepo, "fetch", fetch)
    job = lab.release()
    for _ in range(BUDGET_AFTER_TAG):
        if job.state is not JobState.QUEUED:
            break
        lab.wait(job)
        job = lab.run()
    assert job.state is JobState.FAILED
    assert "no route to host" in job.reason
