"""When a step that failed in a way that may pass is tried again.

Exponential from `FIRST` seconds, doubled for each attempt, at most `LONGEST`. The budget of attempts bounds every
loop (hooks-and-queues-facts.md §2, pain 4); past the point of no return it is larger, for a tagged release wants
completing.
"""

from datetime import datetime, timedelta

from releasd.model import StepName, StepRecord

FIRST = 2.0  # seconds
LONGEST = 900.0  # seconds
BUDGET = 5
BUDGET_AFTER_TAG = 40  # over six hours of an index being down
_FROM_TAG_ON = frozenset({StepName.TAG, StepName.PUBLISH, StepName.VERIFY, StepName.ANNOUNCE})


def exhausted(step: StepName, attempts: int) -> bool:
    """Return whether `attempts` used the step's budget up."""
    return attempts >= (BUDGET_AFTER_TAG if step in _FROM_TAG_ON else BUDGET)


def delay(attempts: int) -> float:
    """Return the seconds to wait after that many failed attempts (one or more)."""
    return float(min(LONGEST, FIRST * 2 ** min(attempts - 1, 16)))


def next_attempt_at(record: StepRecord) -> datetime:
    """Return when the failed step is due again; what the other side asked for (`retry_after`) is honoured."""
    if record.finished_at is None:
        raise ValueError("only a finished attempt has a next one")
    asked = float(record.evidence.get("retry_after") or 0.0)
    return record.finished_at + timedelta(seconds=max(asked, delay(record.attempts)))
