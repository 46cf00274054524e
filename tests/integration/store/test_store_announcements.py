"""Who was told of a release, as the store remembers it."""

from datetime import timedelta

import pytest

from releasd.errors import Fenced, Permanent, Transient, UsageError
from releasd.model import Job, JobState, StepName, StepState
from releasd.store import Store
from support.store import NOW, claim, plan, run_steps, running


def _released(store: Store, *, announced: bool = False) -> Job:
    """Return a running job that published, and that told of it or not."""
    job = running(store)
    store.set_plan(job.id, job.token, plan(), NOW)
    run_steps(store, job, StepName.ANNOUNCE if announced else StepName.VERIFY)
    return job


def _give_up(store: Store, job: Job) -> None:
    store.step_started(job.id, job.token, StepName.ANNOUNCE, NOW)
    store.step_failed(
        job.id, job.token, StepName.ANNOUNCE, error="404", advice="", retryable=False, retry_after=None, now=NOW
    )
    store.finish(job.id, job.token, JobState.SUCCEEDED, "released, but not announced", now=NOW)


def test_each_target_has_a_record_of_its_own(store: Store) -> None:
    """One was told, another is due again, a third waits for a person."""
    job = _released(store)
    store.announced(job.id, job.token, "webhook:a", {"status": 204}, now=NOW)
    store.announce_failed(job.id, job.token, "webhook:b", Transient("503"), now=NOW)
    store.announce_failed(job.id, job.token, "webhook:c", Permanent("404", advice="Mend it."), now=NOW)
    told, due, stuck = store.announcements(job.id)
    assert (told.state, told.evidence, told.retry_at) == (StepState.SUCCEEDED, {"status": 204}, None)
    assert (due.state, due.error, due.retry_at) == (StepState.FAILED, "503", NOW + timedelta(seconds=2))
    assert (stuck.advice, stuck.retryable, stuck.retry_at) == ("Mend it.", False, None)
    later = NOW + timedelta(days=1)
    assert [each.is_due(later) for each in (told, due, stuck)] == [False, True, False]
    assert not due.is_due(NOW)


def test_pauses_grow_for_each_target_alone(store: Store) -> None:
    """The third failure of one does not make the first of another wait longer; what was asked for is honoured."""
    job = _released(store)
    for _ in range(3):
        store.announce_failed(job.id, job.token, "webhook:a", Transient("503"), now=NOW)
    store.announce_failed(job.id, job.token, "webhook:b", Transient("503"), now=NOW)
    store.announce_failed(job.id, job.token, "webhook:c", Transient("429", retry_after=600.0), now=NOW)
    assert [each.retry_at for each in store.announcements(job.id)] == [
        NOW + timedelta(seconds=seconds) for seconds in (8, 2, 600)
    ]
    assert [each.attempts for each in store.announcements(job.id)] == [3, 1, 1]


def test_every_attempt_is_an_event(store: Store) -> None:
    """The audit log says who was told when, and why not."""
    job = _released(store)
    store.announce_failed(job.id, job.token, "mail:team/a@example.org", Transient("down"), now=NOW)
    store.announced(job.id, job.token, "mail:team/a@example.org", {"message_id": "<x>"}, now=NOW)
    failed, delivered = [event for event in store.events_after(0) if event.event.startswith("announce.")]
    assert (failed.event, failed.data["error"], failed.data["retryable"]) == ("announce.failed", "down", True)
    assert (delivered.event, delivered.data["target_attempt"]) == ("announce.delivered", 2)
    assert delivered.data["evidence"] == {"message_id": "<x>"}


def test_a_lost_claim_writes_nothing(store: Store) -> None:
    """A late writer is fenced off."""
    job = _released(store)
    for write in (
        lambda: store.announced(job.id, job.token + 1, "a", {}, now=NOW),
        lambda: store.announce_failed(job.id, job.token + 1, "a", Transient("x"), now=NOW),
    ):
        with pytest.raises(Fenced):
            write()
    assert store.announcements(job.id) == ()


def test_a_retry_tells_those_who_were_not_told(store: Store) -> None:
    """A released job of which not everyone heard goes on: who was told stays told, the others are due now."""
    job = _released(store)
    store.announced(job.id, job.token, "webhook:a", {}, now=NOW)
    store.announce_failed(job.id, job.token, "webhook:b", Permanent("404"), now=NOW)
    _give_up(store, job)
    again = store.retry(job.id, NOW, by="me")
    assert again.state is JobState.QUEUED
    assert [each.target for each in store.announcements(job.id)] == ["webhook:a"]
    assert store.records(job.id)[StepName.ANNOUNCE].state is StepState.STARTED
    assert store.records(job.id)[StepName.PUBLISH].state is StepState.SUCCEEDED
    assert claim(store).id == job.id


def test_a_retry_from_announce_tells_everyone(store: Store) -> None:
    """Who asks for the step by name wants it done again."""
    job = _released(store)
    store.announced(job.id, job.token, "webhook:a", {}, now=NOW)
    _give_up(store, job)
    store.retry(job.id, NOW, from_step=StepName.ANNOUNCE, by="me")
    assert store.announcements(job.id) == ()


@pytest.mark.parametrize("step", [StepName.PUBLISH, StepName.VERIFY])
def test_a_released_job_goes_back_no_further(store: Store, step: StepName) -> None:
    """What was published and seen is not gone over again."""
    job = _released(store)
    _give_up(store, job)
    with pytest.raises(UsageError, match="not everyone was told, from announce"):
        store.retry(job.id, NOW, from_step=step, by="me")


def test_a_release_that_everyone_heard_of_is_over(store: Store) -> None:
    """There is nothing to retry."""
    job = _released(store, announced=True)
    store.finish(job.id, job.token, JobState.SUCCEEDED, "released", now=NOW)
    with pytest.raises(UsageError, match="is succeeded; only a failed or cancelled job"):
        store.retry(job.id, NOW, by="me")
