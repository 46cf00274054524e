"""`releasd status --watch` and the terminal's Ctrl-C."""

import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from releasd.cli import status


@pytest.fixture
def signals() -> Iterator[None]:
    """What this process does at a Ctrl-C, given back afterwards."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_ctrl_c_that_was_swallowed_ends_the_watch(signals: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter drops what is raised in a finalizer; nobody should have to press twice."""
    monkeypatch.setattr(status, "REFRESH", 0)
    looks = status._until_interrupted()
    next(looks)
    with suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert list(looks) == []


def test_a_ctrl_c_is_raised_at_once(signals: None) -> None:
    """A look that waits for a daemon does not hold it up."""
    next(status._until_interrupted())
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
