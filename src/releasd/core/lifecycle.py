"""The state machine of a job and of its steps.

Rule 1: everything that decides about states stands in this file, as two tables and one pure function.
Rule 2: what is not in the tables raises, and nothing changes.
Rule 3: a step whose effect is outside is never skipped because of memory: a `started` step runs again, and its
`observe` finds out whether the effect is there (DESIGN.md §2).
Rule 4: before `tag` a failure ends the job and leaves no trace; from `tag` on it is retried for longer, for the
version is claimed and only completing it makes the world whole.
Rule 5: a failed `announce` never fails the release; `releasd retry` tells those who were not told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from releasd.core.retry import exhausted, next_attempt_at
from releasd.errors import ReleasdError
from releasd.model import JobState, StepName, StepRecord, StepState

JOB_TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.SUPERSEDED, JobState.CANCELLED}),
    JobState.RUNNING: frozenset(
        {
            JobState.SUCCEEDED,
            JobState.FAILED,
            JobState.CANCELLED,
            JobState.QUEUED,
        }  # QUEUED: attempt over or lease lost
    ),
    JobState.FAILED: frozenset({JobState.QUEUED}),  # `releasd retry`
    JobState.CANCELLED: frozenset({JobState.QUEUED}),  # `releasd retry`
    JobState.SUCCEEDED: frozenset({JobState.QUEUED}),  # `releasd retry`, where not everyone was told
    JobState.SUPERSEDED: frozenset(),
}

STEP_TRANSITIONS: Mapping[StepState | None, frozenset[StepState]] = {
    None: frozenset({StepState.STARTED}),
    StepState.STARTED: frozenset({StepState.STARTED, StepState.SUCCEEDED, StepState.FAILED}),
    StepState.FAILED: frozenset({StepState.STARTED}),
    StepState.SUCCEEDED: frozenset(),
}

LIVE_STATES = frozenset({JobState.QUEUED, JobState.RUNNING})
POINT_OF_NO_RETURN = StepName.TAG
ORDER = tuple(StepName)


class IllegalTransition(ReleasdError):
    """A transition that is not in the tables: a defect of releasd, never of the user."""


@dataclass(frozen=True, slots=True)
class Run:
    """Do this step now."""

    step: StepName


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing before `until`, because of `why`."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The job is over."""

    state: JobState
    reason: str


Action = Run | Wait | Finish


def require_job(current: JobState, target: JobState) -> None:
    """Raise `IllegalTransition` unless a job may go from `current` to `target`."""
    if target not in JOB_TRANSITIONS[current]:
        raise IllegalTransition(f"a job cannot go from {current} to {target}")


def require_step(current: StepState | None, target: StepState) -> None:
    """Raise `IllegalTransition` unless a step may go from `current` to `target`."""
    if target not in STEP_TRANSITIONS[current]:
        raise IllegalTransition(f"a step cannot go from {current} to {target}")


def is_past_return(records: Mapping[StepName, StepRecord]) -> bool:
    """Return whether the version may already be claimed in public: `tag` was at least started."""
    return POINT_OF_NO_RETURN in records


def next_action(records: Mapping[StepName, StepRecord], now: datetime) -> Action:
    """Decide what a job does next from its journal alone.

    Args:
        records: the journal, by step; a step without a record was never started.
        now: aware UTC.
    """
    for step in ORDER:
        record = records.get(step)
        if record is None or record.state is StepState.STARTED:
            return Run(step)
        if record.state is StepState.FAILED:
            return _after_failure(step, record, now)
    return Finish(JobState.SUCCEEDED, "released")


def _after_failure(step: StepName, record: StepRecord, now: datetime) -> Action:
    if record.retryable and not exhausted(step, record.attempts):
        until = next_attempt_at(record)
        if until <= now:
            return Run(step)
        return Wait(until, f"{step} is tried again: {record.error}")
    if step is StepName.ANNOUNCE:
        return Finish(JobState.SUCCEEDED, f"released, but not announced: {record.error}")
    return Finish(JobState.FAILED, f"{step}: {record.error}")
