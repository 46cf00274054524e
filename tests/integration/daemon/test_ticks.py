"""The clockwork: late ticks come, long ones do not pile up, failing ones come again."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from releasd.daemon.ticks import Tick, Ticks
from support.parts import eventually

SOON = 0.05  # seconds


class Log:
    """What the ticks reported, and when they ran."""

    def __init__(self) -> None:
        self.runs: list[float] = []
        self.errors: list[tuple[str, str]] = []

    def run(self) -> None:
        self.runs.append(time.monotonic())

    def error(self, name: str, error: BaseException) -> None:
        self.errors.append((name, str(error)))


@contextmanager
def ticking(log: Log, *ticks: Tick) -> Iterator[None]:
    """Run the clockwork meanwhile."""
    made = Ticks(ticks, log.error)
    try:
        yield
    finally:
        made.close()


def tick(do: Callable[[], None], name: str = "tick", every: float = SOON) -> Tick:
    return Tick(name=name, every=every, do=do)


def test_a_tick_comes_again_and_again() -> None:
    """The first time after its interval, then once in each."""
    log, begun = Log(), time.monotonic()
    with ticking(log, tick(log.run)):
        eventually(lambda: len(log.runs) >= 3, "three ticks")
    assert log.runs[0] - begun >= SOON
    assert log.errors == []


def test_a_tick_may_come_at_once_too() -> None:
    """What was missed while the daemon was down does not wait for a whole interval; the intervals follow."""
    log = Log()
    with ticking(log, Tick(name="tick", every=3600.0, do=log.run, at_once=True)):
        eventually(lambda: log.runs, "the first tick", timeout=30)
    again = Log()
    with ticking(again, Tick(name="tick", every=SOON, do=again.run, at_once=True)):
        eventually(lambda: len(again.runs) >= 3, "three ticks")


def test_a_failing_tick_is_reported_and_comes_again() -> None:
    """What went wrong is told by the tick's name; one failure does not end the clockwork."""
    log = Log()

    def fails() -> None:
        log.run()
        raise ZeroDivisionError("by zero")

    with ticking(log, tick(fails, "probe")):
        eventually(lambda: len(log.errors) >= 2, "two reports")
    assert log.errors[:2] == [("probe", "by zero")] * 2


def test_a_long_tick_is_not_run_twice_at_once() -> None:
    """A probe that takes longer than its interval does not pile up."""
    log, at_once, most = Log(), [0], [0]

    def long() -> None:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        time.sleep(4 * SOON)
        at_once[0] -= 1
        log.run()

    with ticking(log, tick(long)):
        eventually(lambda: len(log.runs) >= 2, "two runs")
    assert most == [1]


def test_a_late_tick_is_not_dropped() -> None:
    """With every thread busy for longer than a second a tick comes late; the library's default would lose it."""
    log, hold = Log(), threading.Event()
    blockers = [tick(lambda: hold.wait(60) and None, f"blocker{number}") for number in range(4)]
    with ticking(log, *blockers, tick(log.run, "late", every=3600.0), tick(log.run, "soon", every=2 * SOON)):
        time.sleep(1.4)
        assert log.runs == []
        hold.set()
        eventually(lambda: log.runs, "the late tick")


def test_closing_does_not_wait_for_a_tick_that_runs() -> None:
    """The daemon ends within its time, whatever a tick is doing."""
    log, hold = Log(), threading.Event()

    def hangs() -> None:
        log.run()
        hold.wait(60)

    made = Ticks((tick(hangs),), log.error)
    eventually(lambda: log.runs, "it runs")
    begun = time.monotonic()
    made.close()
    assert time.monotonic() - begun < 30
    hold.set()
