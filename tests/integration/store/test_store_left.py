"""A build that an attempt left running on its host holds its slot there for as long as it may run, and no longer."""

from datetime import timedelta

import pytest

from releasd.model import Job, JobState, StepState
from releasd.store import Store
from support.store import LEFT, NOW, claim, running, start_build

LEASH = 60.0
SOON = NOW + timedelta(seconds=30)
LATER = NOW + timedelta(seconds=61)


def left(store: Store, how: str = "requeue") -> Job:
    """Begin a build, and end its attempt as a stop of the daemon or its crash does; return the job."""
    job = running(store, 1, "p")
    assert start_build(store, job)
    store.build_kept(job.id, job.token, "wheel", LEFT, leash=LEASH)
    if how == "requeue":
        store.requeue(job.id, job.token, not_before=None, reason="the daemon was stopped", now=NOW)
    else:
        store.reclaim(NOW, all_others=True)
    return store.job(job.id)


@pytest.mark.parametrize("how", ["requeue", "reclaim"])
def test_what_still_runs_keeps_its_slot(store: Store, how: str) -> None:
    """Nobody else is sent there: with one slot, two builds would run at once."""
    job = left(store, how)
    other = running(store, 1, "q") if claim(store).id == job.id else job
    assert not start_build(store, other)
    store.end_left(SOON)
    (build,) = store.builds(job.id)
    assert (build.state, build.finished_at, build.task) == (StepState.STARTED, NOW, LEFT.task)


def test_who_comes_back_has_it_again(store: Store) -> None:
    """An attached build is one that runs: no leash ends it any more."""
    left(store)
    job = claim(store)
    store.build_attached(job.id, job.token, "wheel", now=SOON)
    store.end_left(LATER)
    (build,) = store.builds(job.id)
    assert (build.state, build.finished_at, build.attempts) == (StepState.STARTED, None, 1)


def test_what_is_no_output_moves_where_it_counts_from(store: Store) -> None:
    """In both directions: lines of our own, and output that never arrived."""
    job = running(store, 1, "p")
    assert start_build(store, job)
    store.build_kept(job.id, job.token, "wheel", LEFT, leash=LEASH)
    for by in (20, -30):
        store.build_log_moved(job.id, job.token, "wheel", by)
    assert store.builds(job.id)[0].log_start == LEFT.log_start - 10


def test_after_its_leash_the_slot_is_handed_on(store: Store) -> None:
    """The host has ended the build by then. Where it was found stays known: asking there once more costs little."""
    job = left(store)
    claim(store)
    other = running(store, 1, "q")
    assert not start_build(store, other)
    store.end_left(LATER)
    (build,) = store.builds(job.id)
    assert (build.state, build.task) == (StepState.FAILED, LEFT.task)
    assert [taken.state for taken in store.builds(other.id)] == [StepState.STARTED]
    told = [event.data["error"] for event in store.events_after(0) if event.event == "build.failed"]
    assert told == [build.error]


def test_a_leash_is_counted_from_the_first_attempt_that_left_it(store: Store) -> None:
    """An attempt that ends before it came back, in preflight say, was no sign of life to the host."""
    left(store)
    job = claim(store)
    store.requeue(job.id, job.token, not_before=None, reason="", now=SOON)
    store.end_left(LATER)
    assert store.builds(job.id)[0].state is StepState.FAILED


def test_what_is_not_there_any_more_gives_its_slot_back(store: Store) -> None:
    """The next attempt asked the host, begins anew, and is one more attempt of the build."""
    left(store)
    job = claim(store)
    store.leave_build(job.id, job.token, "wheel", now=SOON)
    assert store.builds(job.id)[0].task is None
    assert start_build(store, job, now=SOON)
    (build,) = store.builds(job.id)
    assert (build.attempts, build.task, build.log_start) == (2, None, None)


def test_a_job_that_is_over_holds_the_slot_of_what_still_runs(store: Store) -> None:
    """Nobody will come back, but nobody told the host either: it is busy until the leash is up."""
    job = left(store)
    store.cancel(job.id, SOON, by="operator")
    assert store.job(job.id).state is JobState.CANCELLED
    other = running(store, 1, "q")
    assert not start_build(store, other)
    store.end_left(LATER)
    assert store.builds(job.id)[0].state is StepState.FAILED
    assert [taken.state for taken in store.builds(other.id)] == [StepState.STARTED]


def test_a_slot_lost_meanwhile_is_not_noted(store: Store) -> None:
    """Where the build holds no slot of that host, there is nothing to come back to."""
    job = running(store, 1, "p")
    start_build(store, job, host="elsewhere")
    store.build_kept(job.id, job.token, "wheel", LEFT, leash=LEASH)
    assert store.builds(job.id)[0].task is None
