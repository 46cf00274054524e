"""One job's life: plan, end, back to the queue, cancel, retry; and what people ask about jobs."""

from datetime import timedelta

import pytest

from releasd.core.lifecycle import IllegalTransition, Run, next_action
from releasd.errors import UsageError
from releasd.model import Job, JobId, JobState, StepName, StepState
from releasd.store import Store
from support.store import NOW, build, claim, commit_of, enqueue, in_state, plan, run_steps, running, wheel

LATER = NOW + timedelta(hours=1)


def fail_at(store: Store, step: StepName, *, retryable: bool = False) -> Job:
    """Return a failed job with a plan and an artifact, whose `step` failed."""
    job = running(store)
    store.set_plan(job.id, job.token, plan(), NOW)
    before = list(StepName)[: list(StepName).index(step)]
    if before:
        run_steps(store, job, before[-1])
    if StepName.BUILD in before:
        build(store, job, wheel())
    store.step_started(job.id, job.token, step, NOW)
    failure = {"error": "no", "advice": "fix", "retryable": retryable, "retry_after": None}
    store.step_failed(job.id, job.token, step, **failure, now=NOW)
    store.finish(job.id, job.token, JobState.FAILED, f"{step}: no", NOW)
    return store.job(job.id)


def test_a_plan_is_read_back_as_it_was_stored(store: Store) -> None:
    """The plan that a job runs is the plan that was made, to the last field."""
    job = running(store)
    store.set_plan(job.id, job.token, plan("1.2.3"), NOW)
    stored = store.job(job.id)
    assert stored.plan == plan("1.2.3")
    assert (stored.version, stored.tag) == ("1.2.3", "v1.2.3")
    assert store.events_after(0)[-1].data["version"] == "1.2.3"


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED])
def test_a_finished_job_says_when_and_why(store: Store, state: JobState) -> None:
    """The end has a time, a reason and an event, and no owner."""
    job = running(store)
    store.finish(job.id, job.token, state, "because", LATER)
    over = store.job(job.id)
    assert (over.state, over.reason, over.finished_at, over.owner) == (state, "because", LATER, None)
    assert store.events_after(0)[-1].event == f"job.{state}"


def test_replanning_forgets_everything(store: Store) -> None:
    """After `Replan` nothing of the old plan is left, and the job gives way to the new tip like any other."""
    job = running(store, 1)
    store.set_plan(job.id, job.token, plan(), NOW)
    run_steps(store, job, StepName.CHECK)
    build(store, job, wheel())
    store.step_started(job.id, job.token, StepName.TAG, NOW)
    again = store.requeue(job.id, job.token, not_before=None, reason="main moved", now=NOW, clear_plan=True)
    assert (again.state, again.plan, again.version, again.tag) == (JobState.QUEUED, None, None, None)
    assert (store.records(job.id), store.artifacts(job.id), store.builds(job.id)) == ({}, (), ())
    enqueue(store, 2)
    assert store.job(job.id).state is JobState.SUPERSEDED


def test_replanning_gives_way_to_the_job_that_the_new_tip_has(store: Store) -> None:
    """When the push that moved the branch has its own queued job, that one releases it."""
    job = running(store, 1)
    second = enqueue(store, 2)
    moved = {"not_before": None, "reason": "main moved", "now": NOW, "clear_plan": True}
    assert store.requeue(job.id, job.token, **moved).state is JobState.SUPERSEDED
    assert [queued.id for queued in store.queue()] == [second]


def test_nothing_is_planned_again_once_its_tag_is_public(store: Store) -> None:
    """A tagged version is completed, never forgotten."""
    job = running(store)
    run_steps(store, job, StepName.TAG)
    with pytest.raises(IllegalTransition):
        store.requeue(job.id, job.token, not_before=None, reason="", now=NOW, clear_plan=True)
    assert StepName.TAG in store.records(job.id)


def test_cancelling_a_queued_job_ends_it_and_a_running_one_is_asked(store: Store) -> None:
    """Only the worker that runs a job may end it."""
    first = running(store, 1)
    second = enqueue(store, 2)
    assert store.cancel(second, NOW, "me").state is JobState.CANCELLED
    assert not store.cancel_requested(first.id)
    assert store.cancel(first.id, NOW, "me").state is JobState.RUNNING
    assert store.cancel_requested(first.id)
    assert store.requeue(first.id, first.token, not_before=None, reason="", now=NOW).state is JobState.CANCELLED


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.SUPERSEDED])
def test_a_job_that_is_over_cannot_be_cancelled(store: Store, state: JobState) -> None:
    """The answer names the state."""
    job = in_state(store, state)
    with pytest.raises(UsageError, match=state):
        store.cancel(job.id, NOW, "me")


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED, JobState.SUPERSEDED])
def test_only_a_failed_or_cancelled_job_can_be_retried(store: Store, state: JobState) -> None:
    """Every other state is refused and kept."""
    job = in_state(store, state)
    with pytest.raises(UsageError, match="only a failed or cancelled"):
        store.retry(job.id, NOW, by="me")
    assert store.job(job.id).state is state


def test_a_retried_job_does_its_failed_step_again_and_no_other(store: Store) -> None:
    """What succeeded stays, what failed has its whole budget again."""
    failed = fail_at(store, StepName.PUBLISH)
    job = store.retry(failed.id, LATER, by="me")
    records = store.records(job.id)
    assert (job.state, job.finished_at, job.version) == (JobState.QUEUED, None, "1.0.0")
    assert next_action(records, LATER) == Run(StepName.PUBLISH)
    assert (records[StepName.PUBLISH].attempts, records[StepName.PUBLISH].error) == (0, None)
    assert records[StepName.TAG].state is StepState.SUCCEEDED
    assert store.artifacts(job.id) == (wheel(),)
    again = claim(store, now=LATER)
    assert store.step_started(again.id, again.token, StepName.PUBLISH, LATER).attempts == 1


def test_a_cancelled_job_is_retried_without_its_cancellation(store: Store) -> None:
    """The old wish to stop does not stop the new run."""
    job = running(store)
    store.cancel(job.id, NOW, "me")
    store.finish(job.id, job.token, JobState.CANCELLED, "cancelled", NOW)
    store.retry(job.id, NOW, by="me")
    assert not store.cancel_requested(job.id)


@pytest.mark.parametrize(
    ("step", "kept", "planned"),
    [
        (StepName.PREFLIGHT, 0, False),
        (StepName.VERSION, 0, False),
        (StepName.BUILD, 0, True),
        (StepName.CHECK, 1, True),
    ],
)
def test_retrying_from_a_step_forgets_what_follows_from_it(
    store: Store, step: StepName, kept: int, *, planned: bool
) -> None:
    """From `version` or before it is planned again, from `build` or before it is built again."""
    failed = fail_at(store, StepName.CHECK)
    job = store.retry(failed.id, NOW, from_step=step, by="me")
    left = set(StepName) - set(store.records(job.id)) - {StepName.PREFLIGHT, StepName.SYNC}
    assert left == set(list(StepName)[list(StepName).index(step) :]) - {StepName.PREFLIGHT, StepName.SYNC}
    assert len(store.artifacts(job.id)) == kept
    assert len(store.builds(job.id)) == kept
    assert (job.plan is not None, job.version is not None) == (planned, planned)


def test_a_public_tag_is_not_gone_back_behind(store: Store) -> None:
    """From `tag` or before is refused once the tag is public, and nothing is forgotten."""
    failed = fail_at(store, StepName.PUBLISH)
    for step in list(StepName)[: list(StepName).index(StepName.TAG) + 1]:
        with pytest.raises(UsageError, match="its tag is public"):
            store.retry(failed.id, NOW, from_step=step, by="me")
    assert store.artifacts(failed.id) == (wheel(),)
    job = store.retry(failed.id, NOW, from_step=StepName.VERIFY, by="me")
    assert next_action(store.records(job.id), NOW) == Run(StepName.PUBLISH)


@pytest.mark.parametrize("step", [None, StepName.CHECK, StepName.BUILD])
def test_a_retried_job_looks_at_its_circumstances_anew(store: Store, step: StepName | None) -> None:
    """Before its tag, hosts, remote and index are checked in each run, and what was planned and made stays."""
    failed = fail_at(store, StepName.CHECK)
    job = store.retry(failed.id, NOW, from_step=step, by="me")
    records = store.records(job.id)
    assert StepName.PREFLIGHT not in records
    assert StepName.SYNC not in records
    assert records[StepName.VERSION].state is StepState.SUCCEEDED
    assert job.plan == plan()


def tag_unanswered(store: Store) -> Job:
    """Return a failed job whose push of the tag was not answered: it may have landed."""
    return fail_at(store, StepName.TAG, retryable=True)


@pytest.mark.parametrize("step", [StepName.PREFLIGHT, StepName.SYNC, StepName.VERSION])
def test_a_tag_that_may_be_public_is_not_planned_away(store: Store, step: StepName) -> None:
    """Its plan is the only memory of it: refused with the way on, and nothing is forgotten."""
    failed = tag_unanswered(store)
    records = store.records(failed.id)
    with pytest.raises(UsageError, match="its tag may be public") as caught:
        store.retry(failed.id, NOW, from_step=step, by="me")
    assert f"releasd retry {failed.id}" in caught.value.advice
    assert (store.job(failed.id), store.records(failed.id)) == (failed, records)


@pytest.mark.parametrize("step", [StepName.BUILD, StepName.CHECK, StepName.TAG, StepName.PUBLISH])
def test_a_job_whose_tag_may_be_public_is_completed_and_never_superseded(store: Store, step: StepName) -> None:
    """Going back keeps the sealed bytes, the tag's record and the claim of the version; a push does not replace it."""
    failed = tag_unanswered(store)
    job = store.retry(failed.id, NOW, from_step=step, by="me")
    assert store.artifacts(job.id) == (wheel(),)
    assert [made.state for made in store.builds(job.id)] == [StepState.SUCCEEDED]
    assert next_action(store.records(job.id), NOW) == Run(min(step, StepName.TAG, key=list(StepName).index))
    assert store.records(job.id)[StepName.TAG].state is StepState.STARTED
    assert store.enqueue("p", commit_of(2), "main", source="hook", now=NOW).superseded == ()
    again = claim(store)
    assert again.id == job.id
    store.finish(again.id, again.token, JobState.FAILED, "no", NOW)
    assert [left.id for left in store.unfinished_releases("p")] == [job.id]


def test_a_job_is_not_retried_beside_a_newer_queued_one(store: Store) -> None:
    """The newer commit contains the older; the refusal leaves the old job as it was."""
    failed = fail_at(store, StepName.BUILD)
    enqueue(store, 2)
    with pytest.raises(UsageError, match="newer commit"):
        store.retry(failed.id, NOW, by="me")
    assert store.job(failed.id) == failed


def test_an_unknown_job_is_named(store: Store) -> None:
    """A wrong number is the user's mistake, not a crash."""
    for ask in (store.job, lambda job_id: store.cancel(job_id, NOW, "me"), lambda j: store.retry(j, NOW, by="me")):
        with pytest.raises(UsageError, match="no job 7"):
            ask(JobId(7))
    assert not store.cancel_requested(JobId(7))


def test_jobs_are_listed_newest_first(store: Store) -> None:
    """By project, by state, and no more than asked for."""
    numbers = [enqueue(store, 1, project) for project in "abcd"]
    claim(store)
    assert [job.id for job in store.jobs()] == numbers[::-1]
    assert [job.id for job in store.jobs(limit=2)] == [numbers[3], numbers[2]]
    assert [job.id for job in store.jobs("b")] == [numbers[1]]
    assert [job.id for job in store.jobs(states={JobState.RUNNING})] == [numbers[0]]
    assert store.jobs(states=()) == ()


def test_the_last_release_is_the_newest_that_released_a_version(store: Store) -> None:
    """A job that found nothing to release, or failed, is not one."""
    assert store.last_release("p") is None
    for number, version in ((1, "1.0.0"), (2, None), (3, "1.1.0")):
        job = running(store, number)
        if version:
            store.set_plan(job.id, job.token, plan(version), NOW)
        store.finish(job.id, job.token, JobState.FAILED if number == 3 else JobState.SUCCEEDED, "", NOW)
    last = store.last_release("p")
    assert last is not None
    assert last.version == "1.0.0"


def test_a_release_that_failed_after_its_tag_is_unfinished_until_it_is_completed(store: Store) -> None:
    """A person sees it until it is done; failures before the tag leave nothing to finish."""
    fail_at(store, StepName.BUILD)
    assert store.unfinished_releases("p") == ()
    job = running(store, 2)
    store.step_started(job.id, job.token, StepName.PREFLIGHT, NOW)
    store.step_started(job.id, job.token, StepName.TAG, NOW)
    store.finish(job.id, job.token, JobState.FAILED, "index away", NOW)
    assert [left.id for left in store.unfinished_releases("p")] == [job.id]
    store.retry(job.id, NOW, by="me")
    again = claim(store)
    store.finish(again.id, again.token, JobState.SUCCEEDED, "released", NOW)
    assert store.unfinished_releases("p") == ()
