"""The machine's clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """`ports.Clock` as the operating system has it."""

    def now(self) -> datetime:
        """Return the aware UTC time."""
        return datetime.now(tz=UTC)

    def sleep(self, seconds: float) -> None:
        """Wait that long."""
        time.sleep(seconds)
