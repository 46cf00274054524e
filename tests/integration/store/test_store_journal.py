"""Steps, builds and artifacts: what is written is read back, in the order that the tables of lifecycle.py allow."""

from datetime import timedelta

import pytest

from releasd.core.lifecycle import STEP_TRANSITIONS, IllegalTransition, Wait, next_action
from releasd.errors import Conflict
from releasd.model import Artifact, Job, JobState, StepName, StepRecord, StepState
from releasd.store import Store
from support.store import NOW, build, claim, running, start_build, wheel

LATER = NOW + timedelta(seconds=90)
STEP = StepName.BUILD
FAILURE = {"error": "no", "advice": "fix", "retryable": True, "retry_after": 30.0}


def start(store: Store, job: Job, now: object = NOW) -> StepRecord:
    return store.step_started(job.id, job.token, STEP, now)


def succeed(store: Store, job: Job) -> None:
    store.step_finished(job.id, job.token, STEP, {"files": ["a"], "at": 1}, LATER)


def fail(store: Store, job: Job) -> None:
    store.step_failed(job.id, job.token, STEP, **FAILURE, now=LATER)


ACTS = {StepState.STARTED: start, StepState.SUCCEEDED: succeed, StepState.FAILED: fail}


def bring(store: Store, state: StepState | None) -> Job:
    """Return a running job whose step is in `state`."""
    job = running(store)
    if state is not None:
        start(store, job)
    if state in {StepState.SUCCEEDED, StepState.FAILED}:
        ACTS[state](store, job)
    return job


@pytest.mark.parametrize("target", list(StepState))
@pytest.mark.parametrize("current", [None, *StepState])
def test_a_step_moves_exactly_as_the_table_says(store: Store, current: StepState | None, target: StepState) -> None:
    """Legal transitions are written; illegal ones raise, and neither the journal nor the log changes."""
    job = bring(store, current)
    before, head = store.records(job.id), store.head()
    if target in STEP_TRANSITIONS[current]:
        ACTS[target](store, job)
        assert store.records(job.id)[STEP].state is target
        assert store.head() != head
    else:
        with pytest.raises(IllegalTransition):
            ACTS[target](store, job)
        assert (store.records(job.id), store.head()) == (before, head)


def test_a_started_step_is_what_is_recorded(store: Store) -> None:
    """The record given back is the one in the journal."""
    job = running(store)
    given = start(store, job)
    assert given == StepRecord(name=STEP, state=StepState.STARTED, attempts=1, started_at=NOW)
    assert store.records(job.id) == {STEP: given}


def test_a_succeeded_step_keeps_its_evidence(store: Store) -> None:
    """What a step did is there for those that follow, and in the log."""
    job = bring(store, StepState.SUCCEEDED)
    record = store.records(job.id)[STEP]
    assert (record.evidence, record.finished_at) == ({"files": ["a"], "at": 1}, LATER)
    event = store.events_after(0)[-1]
    assert (event.event, event.data["step"], event.data["evidence"]) == ("step.succeeded", "build", record.evidence)


def test_an_adopted_effect_is_told_apart_in_the_log(store: Store) -> None:
    """Found done is not the same as done."""
    job = bring(store, StepState.STARTED)
    store.step_finished(job.id, job.token, STEP, {}, NOW, adopted=True)
    assert store.events_after(0)[-1].event == "step.adopted"


def test_a_failed_step_keeps_what_a_person_needs_and_when_it_is_due(store: Store) -> None:
    """Error, advice, whether it may be repeated, and how long the other side wants us to wait."""
    job = bring(store, StepState.FAILED)
    records = store.records(job.id)
    failed = records[STEP]
    assert (failed.error, failed.advice, failed.retryable, failed.finished_at) == ("no", "fix", True, LATER)
    assert failed.evidence == {"retry_after": 30.0}
    before = {step: StepRecord(name=step, state=StepState.SUCCEEDED, attempts=1) for step in list(StepName)[:3]}
    assert next_action(before | records, LATER) == Wait(LATER + timedelta(seconds=30), "build is tried again: no")


def test_only_attempts_that_ended_use_up_the_budget(store: Store) -> None:
    """A daemon that is killed again and again does not make a step fail for good."""
    job = running(store)
    for _ in range(10):
        assert start(store, job).attempts == 1
        store.reclaim(LATER, all_others=True)
        job = claim(store)
    start(store, job)
    fail(store, job)
    assert start(store, job, LATER) == StepRecord(name=STEP, state=StepState.STARTED, attempts=2, started_at=LATER)


def test_odd_text_in_an_error_is_kept_visible(store: Store) -> None:
    """A file name that is no valid text, or a NUL, does not keep the failure from being recorded."""
    job = bring(store, StepState.STARTED)
    store.step_failed(job.id, job.token, STEP, **(FAILURE | {"error": "a\udcff\0b"}), now=NOW)
    assert store.records(job.id)[STEP].error == "a\\udcff\\0b"


def test_sealed_artifacts_are_read_back_by_name(store: Store) -> None:
    """Sizes beyond 32 bits survive."""
    job = running(store)
    build(store, job, wheel(name="b.whl"), wheel(name="a.whl"))
    assert store.artifacts(job.id) == (wheel(name="a.whl"), wheel(name="b.whl"))


def test_sealing_the_same_bytes_again_changes_nothing(store: Store) -> None:
    """A repeated build step that finds the same file is no news of the file."""
    job = running(store)
    build(store, job, wheel())
    build_again(store, job, wheel())
    assert [event.event for event in store.events_after(0)].count("artifact.sealed") == 1


def build_again(store: Store, job: Job, file: Artifact) -> None:
    start_build(store, job, "again")
    store.build_sealed(job.id, job.token, "again", "h", (file,), now=NOW)


def test_sealing_other_bytes_under_a_sealed_name_is_a_conflict(store: Store) -> None:
    """What was sealed stays, and nothing of the second build is recorded."""
    job = running(store)
    build(store, job, wheel())
    with pytest.raises(Conflict, match="bbbb"):
        build_again(store, job, wheel("b"))
    assert store.artifacts(job.id) == (wheel(),)
    assert [(done.name, done.state) for done in store.builds(job.id)] == [
        ("again", StepState.STARTED),
        ("wheel", StepState.SUCCEEDED),
    ]


def test_builds_tell_where_they_run_and_how_they_ended(store: Store) -> None:
    """A build that lost its host is tried on another, and both are in the log."""
    job = running(store)
    held = (job.id, job.token, "wheel")
    assert start_build(store, job, host="one")
    store.build_failed(*held, "one", "gone", now=NOW)
    (lost,) = store.builds(job.id)
    assert (lost.host, lost.state, lost.error, lost.attempts) == ("one", StepState.FAILED, "gone", 1)
    assert start_build(store, job, host="two", now=LATER)
    store.build_sealed(*held, "two", (), now=LATER)
    (done,) = store.builds(job.id)
    assert (done.host, done.state, done.error, done.attempts) == ("two", StepState.SUCCEEDED, None, 2)
    told = [(event.event, event.data["host"]) for event in store.events_after(0) if "host" in event.data]
    assert told == [
        ("build.started", "one"), ("build.failed", "one"), ("build.started", "two"), ("build.succeeded", "two"),
    ]  # fmt: skip


def test_a_build_that_never_started_cannot_end(store: Store) -> None:
    """Builds move as steps do."""
    job = running(store)
    with pytest.raises(IllegalTransition):
        store.build_failed(job.id, job.token, "wheel", "h", "no", now=NOW)
    with pytest.raises(IllegalTransition):
        store.build_sealed(job.id, job.token, "wheel", "h", (wheel(),), now=NOW)
    assert (store.builds(job.id), store.artifacts(job.id)) == ((), ())


def test_a_hosts_slots_are_shared_by_all_jobs(store: Store) -> None:
    """No more builds run on a host than it has slots, whoever's they are; asking again for one's own is free."""
    one, two = running(store, 1, "p"), running(store, 1, "q")
    assert start_build(store, one)
    head = store.head()
    assert not start_build(store, two)
    assert (store.head(), store.builds(two.id)) == (head, ())
    assert start_build(store, two, slots=2, now=LATER)
    assert start_build(store, one, slots=2)


@pytest.mark.parametrize("end", ["finish", "requeue", "reclaim"])
def test_an_attempt_that_is_over_holds_no_slot(store: Store, end: str) -> None:
    """However a job stops running, the builds that it left open are closed and the host is free."""
    one, two = running(store, 1, "p"), running(store, 1, "q")
    start_build(store, one)
    if end == "finish":
        store.finish(one.id, one.token, JobState.CANCELLED, "", NOW)
    elif end == "requeue":
        store.requeue(one.id, one.token, not_before=None, reason="", now=NOW)
    else:
        store.reclaim(LATER, except_owner="you", all_others=True)
        two = claim(store)
    assert [(left.state, left.error) for left in store.builds(one.id)] == [(StepState.FAILED, "the attempt ended")]
    assert start_build(store, two, "other")
