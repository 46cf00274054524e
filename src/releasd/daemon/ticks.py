"""The clockwork: what happens every so often, as hints in the inbox or as work off the main thread.

APScheduler's store is in memory and holds nothing of value: release jobs are never in it, for it would lose them
(hooks-and-queues-facts.md §5). Its default misfire grace of one second drops late ticks, so it is switched off.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Something to do every `every` seconds, the first time after as long, or `at_once`."""

    name: str
    every: float
    do: Callable[[], None]
    at_once: bool = False


class Ticks:
    """Runs ticks until closed. A tick that takes long is not run twice at once, and late ones are run once."""

    def __init__(self, ticks: tuple[Tick, ...], on_error: Callable[[str, BaseException], None]) -> None:
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(4)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for tick in ticks:
            first = {"next_run_time": datetime.now(UTC)} if tick.at_once else {}  # None would mean never
            self._scheduler.add_job(
                _reporting(tick, on_error), "interval", seconds=tick.every, id=tick.name, name=tick.name, **first
            )
        self._scheduler.start()

    def close(self) -> None:
        """Stop; a tick that runs is not waited for."""
        self._scheduler.shutdown(wait=False)


def _reporting(tick: Tick, on_error: Callable[[str, BaseException], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            tick.do()
        except Exception as error:  # noqa: BLE001 (a tick comes again; what went wrong is reported)
            on_error(tick.name, error)

    return run
