"""What the daemon does once a day, on a real store and a real clone."""

from releasd.app.housekeeping import PRIVATE_REFS, drop_stale_refs
from releasd.model import JobState
from releasd.steps.context import private_ref
from support.lab import Lab, lab

__all__ = ["lab"]


def test_release_commits_of_jobs_that_are_over_are_let_go(lab: Lab) -> None:
    """A private ref of a job that waits is kept; one that no live or unfinished job owns is removed."""
    lab.push("feat: wait")
    waiting = lab.enqueue()
    git = lab.world.clone(lab.project)
    tip = git.fetch(lab.project.branch)
    git.set_ref(private_ref(waiting), tip)
    git.set_ref(f"{PRIVATE_REFS}9999", tip)

    drop_stale_refs(lab.world, lab.project, (private_ref(waiting), f"{PRIVATE_REFS}9999"))

    assert lab.world.store.job(waiting).state is JobState.QUEUED
    assert git.resolve(private_ref(waiting)) == tip
    assert git.resolve(f"{PRIVATE_REFS}9999") is None
