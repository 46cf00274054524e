"""When a step is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.lifecycle import ORDER
from releasd.core.retry import BUDGET, BUDGET_AFTER_TAG, FIRST, LONGEST, delay, exhausted, next_attempt_at
from releasd.model import StepName, StepRecord, StepState

ENDED = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def failed(attempts: int = 1, **evidence: float | None) -> StepRecord:
    """Return a failed step's line."""
    return StepRecord(
        name=StepName.SYNC, state=StepState.FAILED, attempts=attempts, evidence=evidence, finished_at=ENDED
    )


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 2), (2, 4), (3, 8), (9, 512), (10, 900), (11, 900), (5000, 900)])
def test_delays_double_up_to_a_quarter_of_an_hour(attempts: int, seconds: float) -> None:
    """2 s, 4 s, 8 s … and never more than 900 s, however many attempts there were."""
    assert delay(attempts) == seconds


@given(st.integers(1, 10_000))
def test_delays_are_bounded_and_never_shrink(attempts: int) -> None:
    """Every delay lies between the first and the longest, and the next one is no shorter."""
    assert FIRST <= delay(attempts) <= delay(attempts + 1) <= LONGEST


@pytest.mark.parametrize("step", ORDER)
def test_budgets(step: StepName) -> None:
    """Five attempts before the tag; forty from the tag on, whose push may have arrived although no answer did."""
    from_tag_on = ORDER.index(step) >= ORDER.index(StepName.TAG)
    budget = BUDGET_AFTER_TAG if from_tag_on else BUDGET
    assert not exhausted(step, budget - 1)
    assert exhausted(step, budget)
    assert exhausted(step, budget + 1)


def test_the_budget_after_the_tag_outlasts_an_index_that_is_down_for_hours() -> None:
    """Forty attempts take more than six hours, as the module promises."""
    assert sum(delay(attempt) for attempt in range(1, BUDGET_AFTER_TAG)) > 6 * 3600


@pytest.mark.parametrize(("asked", "seconds"), [(None, 2.0), (0.0, 2.0), (1.0, 2.0), (60.0, 60.0), (4000.0, 4000.0)])
def test_what_the_other_side_asked_for_is_honoured(asked: float | None, seconds: float) -> None:
    """`retry_after` lengthens a wait, even past our longest, and never shortens it."""
    assert next_attempt_at(failed(retry_after=asked)) == ENDED + timedelta(seconds=seconds)


def test_without_a_wish_the_delay_counts_from_the_end() -> None:
    """The third failure is followed by eight seconds."""
    assert next_attempt_at(failed(3)) == ENDED + timedelta(seconds=8)


def test_an_attempt_that_has_not_ended_has_no_next_one() -> None:
    """Asking for it is a defect, and is said."""
    with pytest.raises(ValueError, match="finished"):
        next_attempt_at(StepRecord(name=StepName.SYNC, state=StepState.STARTED, attempts=1))
