"""The machine's clock as the port wants it."""

import time
from datetime import UTC, datetime, timedelta

from releasd.adapters.clock import SystemClock


def test_now_is_aware_utc_and_present() -> None:
    """A naive or local time would break every comparison in the store."""
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(tz=UTC)) < timedelta(seconds=5)


def test_sleep_waits() -> None:
    """The wait is in seconds."""
    begun = time.monotonic()
    SystemClock().sleep(0.05)
    assert 0.05 <= time.monotonic() - begun < 5
