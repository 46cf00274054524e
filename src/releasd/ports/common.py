"""Time, live output, and who started us."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

Sink = Callable[[bytes], None]  # takes live output, as it comes
ShouldStop = Callable[[], bool]  # asked several times a second by whatever runs long


class Outputs(Protocol):
    """Where the output of one step goes, live: one log for each part (a build, an index)."""

    def __call__(self, part: str) -> Sink:
        """Return what takes it."""
        ...

    def written(self, part: str) -> int:
        """Return how many bytes of that part's output are kept, those of earlier attempts included."""
        ...


class Clock(Protocol):
    """Time, handed in."""

    def now(self) -> datetime:
        """Return the aware UTC time."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class Supervisor(Protocol):
    """The service manager that started us, if any."""

    def ready(self) -> None:
        """Say that the first look at everything is done."""
        ...

    def status(self, text: str) -> None:
        """Say in a line what goes on."""
        ...

    def watchdog(self) -> None:
        """Say that the inbox loop is alive."""
        ...

    def stopping(self) -> None:
        """Say that we are about to end."""
        ...

    def reloading(self) -> None:
        """Say that the configuration is being read again."""
        ...
