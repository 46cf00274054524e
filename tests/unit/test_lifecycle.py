"""The state machine: every pair of states, and every journal that the steps can leave."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.lifecycle import (
    JOB_TRANSITIONS,
    LIVE_STATES,
    ORDER,
    STEP_TRANSITIONS,
    Finish,
    IllegalTransition,
    Run,
    Wait,
    is_past_return,
    next_action,
    require_job,
    require_step,
)
from releasd.core.retry import exhausted, next_attempt_at
from releasd.model import JobState, StepName, StepRecord, StepState

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
Q, R, S, F, C, X = (
    JobState.QUEUED,
    JobState.RUNNING,
    JobState.SUCCEEDED,
    JobState.FAILED,
    JobState.CANCELLED,
    JobState.SUPERSEDED,
)
LEGAL_JOB = {(Q, R), (Q, X), (Q, C), (R, S), (R, F), (R, C), (R, Q), (F, Q), (C, Q), (S, Q)}
LEGAL_STEP = {
    (None, StepState.STARTED),
    (StepState.STARTED, StepState.STARTED),
    (StepState.STARTED, StepState.SUCCEEDED),
    (StepState.STARTED, StepState.FAILED),
    (StepState.FAILED, StepState.STARTED),
}
Records = dict[StepName, StepRecord]


def record(
    step: StepName, state: StepState, *, attempts: int = 1, retryable: bool = False, ago: float = 0.0
) -> StepRecord:
    """Return a journal's line; a failed one ended `ago` seconds before NOW."""
    failed = state is StepState.FAILED
    return StepRecord(
        name=step,
        state=state,
        attempts=attempts,
        retryable=retryable,
        error="it broke" if failed else None,
        finished_at=None if state is StepState.STARTED else NOW - timedelta(seconds=ago),
    )


def done_up_to(step: StepName) -> Records:
    """Return a journal in which every step before `step` succeeded."""
    return {each: record(each, StepState.SUCCEEDED) for each in ORDER[: ORDER.index(step)]}


STATES = st.one_of(
    st.none(),
    st.builds(
        lambda state, attempts, retryable, ago: (state, attempts, retryable, ago),
        st.sampled_from(StepState),
        st.integers(0, 60),
        st.booleans(),
        st.floats(0, 5000),
    ),
)
JOURNALS = st.tuples(*(STATES for _ in ORDER)).map(
    lambda states: {
        step: record(step, state[0], attempts=state[1], retryable=state[2], ago=state[3])
        for step, state in zip(ORDER, states, strict=True)
        if state is not None
    }
)


def first_unfinished(records: Mapping[StepName, StepRecord]) -> StepName | None:
    """Return the first step without success, as a reader of the rules would find it."""
    for step in ORDER:
        if step not in records or records[step].state is not StepState.SUCCEEDED:
            return step
    return None


@pytest.mark.parametrize(("current", "target"), tuple(product(JobState, JobState)), ids=str)
def test_job_transitions_are_those_of_the_table(current: JobState, target: JobState) -> None:
    """Each of the 36 pairs is allowed exactly when DESIGN.md §3 names it; any other raises."""
    if (current, target) in LEGAL_JOB:
        require_job(current, target)
    else:
        with pytest.raises(IllegalTransition, match=f"{current} to {target}"):
            require_job(current, target)


@pytest.mark.parametrize(("current", "target"), tuple(product((None, *StepState), StepState)), ids=str)
def test_step_transitions_are_those_of_the_table(current: StepState | None, target: StepState) -> None:
    """Each of the 12 pairs is allowed exactly when the journal's rules name it; any other raises."""
    if (current, target) in LEGAL_STEP:
        require_step(current, target)
    else:
        with pytest.raises(IllegalTransition):
            require_step(current, target)


def test_tables_cover_every_state() -> None:
    """A state that is added without a line in its table is found here, not by a KeyError at night."""
    assert set(JOB_TRANSITIONS) == set(JobState)
    assert set(STEP_TRANSITIONS) == {None, *StepState}
    assert {state for state in JobState if JobState.SUPERSEDED in JOB_TRANSITIONS[state]} == {JobState.QUEUED}
    assert frozenset({JobState.QUEUED, JobState.RUNNING}) == LIVE_STATES


def test_an_empty_journal_begins_at_the_beginning() -> None:
    """A job of which nothing is known starts with preflight."""
    assert next_action({}, NOW) == Run(StepName.PREFLIGHT)


@pytest.mark.parametrize("step", StepName)
def test_steps_run_in_their_order(step: StepName) -> None:
    """After the steps before it have succeeded, a step is next."""
    assert next_action(done_up_to(step), NOW) == Run(step)


@pytest.mark.parametrize("step", StepName)
def test_a_started_step_is_never_taken_for_done(step: StepName) -> None:
    """What was begun and not recorded runs again; its `observe` finds out what is there (rule 3)."""
    assert next_action(done_up_to(step) | {step: record(step, StepState.STARTED)}, NOW) == Run(step)


@pytest.mark.parametrize("step", ORDER[:-1])
def test_a_permanent_failure_ends_the_job(step: StepName) -> None:
    """A failure that would repeat itself ends the job at once, named after its step."""
    failed = done_up_to(step) | {step: record(step, StepState.FAILED)}
    assert next_action(failed, NOW) == Finish(JobState.FAILED, f"{step}: it broke")


@pytest.mark.parametrize(("retryable", "attempts"), [(False, 1), (True, 40), (True, 99)])
def test_a_failed_announcement_never_fails_the_release(*, retryable: bool, attempts: int) -> None:
    """When nobody could be told, the release is still a release, and says so (rule 5)."""
    last = record(StepName.ANNOUNCE, StepState.FAILED, attempts=attempts, retryable=retryable)
    action = next_action(done_up_to(StepName.ANNOUNCE) | {StepName.ANNOUNCE: last}, NOW)
    assert action == Finish(JobState.SUCCEEDED, "released, but not announced: it broke")


def test_all_done_is_a_success() -> None:
    """Nine successes are a release."""
    records = {step: record(step, StepState.SUCCEEDED) for step in ORDER}
    assert next_action(records, NOW) == Finish(JobState.SUCCEEDED, "released")


@pytest.mark.parametrize(("ago", "due"), [(1.9, False), (2.0, True), (1000.0, True)])
def test_a_passing_failure_is_waited_for(*, ago: float, due: bool) -> None:
    """The first repetition comes two seconds after the failure, not before, and the wait says what for."""
    failed = record(StepName.SYNC, StepState.FAILED, retryable=True, ago=ago)
    action = next_action(done_up_to(StepName.SYNC) | {StepName.SYNC: failed}, NOW)
    if due:
        assert action == Run(StepName.SYNC)
    else:
        assert action == Wait(next_attempt_at(failed), "sync is tried again: it broke")


@pytest.mark.parametrize("step", StepName)
def test_the_point_of_no_return_is_tag_once_started(step: StepName) -> None:
    """Before `tag` is begun a version is nobody's; from then on it may be public."""
    assert is_past_return(done_up_to(step)) is (ORDER.index(step) > ORDER.index(StepName.TAG))
    assert is_past_return({StepName.TAG: record(StepName.TAG, StepState.STARTED)})


@given(JOURNALS)
def test_no_step_is_skipped_or_overtaken(records: Records) -> None:
    """Whatever the journal says, what runs or waits is the first step that has not succeeded."""
    action = next_action(records, NOW)
    pending = first_unfinished(records)
    if isinstance(action, Run):
        assert action.step is pending
    elif isinstance(action, Wait):
        assert pending is not None
        assert action.why.startswith(f"{pending} is tried again")
    elif pending is not None:
        assert records[pending].state is StepState.FAILED


@given(JOURNALS)
def test_a_job_succeeds_only_when_the_index_serves_it(records: Records) -> None:
    """No journal makes a success unless every step up to `verify` succeeded."""
    action = next_action(records, NOW)
    if isinstance(action, Finish) and action.state is JobState.SUCCEEDED:
        assert first_unfinished(records) in {None, StepName.ANNOUNCE}


@given(JOURNALS)
def test_a_wait_ends(records: Records) -> None:
    """What is waited for lies ahead, was retryable and within its budget, and runs when its time has come."""
    action = next_action(records, NOW)
    if isinstance(action, Wait):
        pending = first_unfinished(records)
        assert pending is not None
        assert action.until > NOW
        assert records[pending].retryable
        assert not exhausted(pending, records[pending].attempts)
        assert next_action(records, action.until) == Run(pending)


@given(JOURNALS, st.floats(0, 1e6))
def test_time_alone_never_ends_a_job(records: Records, later: float) -> None:
    """Waiting longer turns a wait into a run and changes nothing else."""
    before, after = next_action(records, NOW), next_action(records, NOW + timedelta(seconds=later))
    assert after == before or (isinstance(before, Wait) and isinstance(after, Run))
