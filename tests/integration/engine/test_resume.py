"""A job that goes on after a failure: what is there is adopted, what was lost is made again just as it was."""

import shutil

import pytest

from releasd.errors import GitError, HostLost, Transient
from releasd.model import BuildSpec, JobState, StepName, StepState
from support.fakehost import Scripted
from support.gitrepo import git
from support.lab import Lab, at


def test_a_second_attempt_adopts_what_the_first_did(lab: Lab) -> None:
    """A job retried from `version` after its failure finds its commit again rather than making another."""
    at(lab, "version.applied", Transient("disk"))
    job = lab.release()
    assert job.state is JobState.QUEUED
    lab.wait(job)
    lab.assert_released(lab.run(), "1.1.0")
    assert [event["step"] for event in lab.events("step.adopted")] == ["version"]


def test_a_retried_release_builds_only_what_is_missing(lab: Lab) -> None:
    """After `releasd retry` the sealed files are used, though the private ref was deleted with the failure."""
    trials = Scripted(exit_status=1)
    lab.plays = lambda task: trials if "-trial-" in task.id else None
    job = lab.release()
    assert job.state is JobState.FAILED
    lab.plays = lambda _: None
    lab.store.retry(job.id, lab.clock.now(), by="test")
    lab.assert_released(lab.run(), "1.1.0")
    assert sum("RELEASD_VERSION" in task.env for task in lab.host.tasks) == 1
    assert lab.steps(job)[StepName.BUILD] is StepState.SUCCEEDED


def test_builds_that_leave_the_same_files_are_not_built_again(lab: Lab) -> None:
    """A crash once both have ended well: the next attempt adopts what is sealed, under whichever build's name."""
    lab.configure(builds=(BuildSpec(name="linux", run="build"), BuildSpec(name="macos", run="build")))
    at(lab, "build.applied", Transient("disk"))
    job = lab.release()
    lab.wait(job)
    lab.assert_released(lab.run(), "1.1.0")
    assert sum("RELEASD_VERSION" in task.env for task in lab.host.tasks) == 2
    assert [event["step"] for event in lab.events("step.adopted")] == ["build"]


@pytest.mark.parametrize("waits_in", ["build", "check"])
@pytest.mark.parametrize("lost", ["ref", "clone"])
def test_a_release_commit_that_was_lost_is_made_again(lab: Lab, *, waits_in: str, lost: str) -> None:
    """The journal says `version` succeeded: build and tag still get the very commit when ref or clone is gone."""
    part = {"build": "dist", "check": "-trial-"}[waits_in]
    lab.plays = lambda task: Scripted(error=HostLost("gone")) if part in task.id else None
    job = lab.release()
    lab.plays = lambda _: None
    clone = lab.folder / "clone.git"
    if lost == "clone":
        shutil.rmtree(clone)
    else:
        git(clone, "update-ref", "-d", f"refs/releasd/jobs/{job.id}")
        git(clone, "prune", "--expire=now")
    lab.wait(job)
    lab.assert_released(lab.run(), "1.1.0")


@pytest.mark.parametrize("step", [None, StepName.BUILD, StepName.CHECK, StepName.TAG])
def test_a_tag_whose_push_was_not_answered_is_completed_before_a_newer_push(lab: Lab, step: StepName | None) -> None:
    """The tag landed and its job failed: wherever an operator resumes it, it publishes the very files that it made."""
    at(lab, "tag.pushed", GitError("the connection was cut"))
    job = lab.release()
    assert job.reason.startswith("v1.1.0 may be tagged but not complete")
    assert "v1.1.0" in lab.tags()
    lab.store.retry(job.id, lab.clock.now(), from_step=step, by="test")
    lab.push("fix: after it")
    newer = lab.enqueue()
    first = lab.run()
    assert first.id == job.id
    lab.assert_released(first, "1.1.0")
    assert lab.store.job(newer).state is JobState.QUEUED
    assert sum("RELEASD_VERSION" in task.env for task in lab.host.tasks) == 1
