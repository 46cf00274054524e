"""200 builds of 50 projects over 20 hosts: the real scheduler and store, hosts and their time simulated.

A build takes between one and nine simulated minutes. Whoever waits asks once when it comes and once when it was given
its slot; between the two the slots are handed on by whoever frees them, as in the daemon.
"""

import heapq
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.figures import Figure
from releasd.store import Store, open_store
from support.store import NOW, running, url_of

BUILDS, PROJECTS, HOSTS, ROUNDS = 200, 50, 20, 5
SEED = 20261123
KINDS = ("linux", "macos", "any")


@dataclass
class Run:
    """One simulated night.

    Attributes:
        seconds: real time in the store and the scheduler.
        polls: real time of each look by one who waits.
        busy: simulated slot-seconds by host, for each slot.
        first: simulated seconds until each project had its first build.
        end: when the last build ended, in simulated seconds.
        work: simulated seconds of all builds.
    """

    seconds: float = 0.0
    polls: list[float] = field(default_factory=list)
    busy: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    first: dict[str, float] = field(default_factory=dict)
    end: float = 0.0
    work: float = 0.0


def run() -> Iterator[Figure]:
    """Simulate some nights, each in a store of its own on this disk."""
    nights = []
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="releasd-bench-") as name, open_store(url_of(Path(name))) as store:
            nights.append(_Simulation(store, random.Random(SEED + number)).run())
    what = f"{BUILDS} builds, {HOSTS} hosts, {PROJECTS} projects"
    yield Figure(
        what=f"scheduler's cost for each build: {what}",
        unit="ms",
        samples=tuple(night.seconds / BUILDS * 1000 for night in nights),
        how="registering, choosing, starting and closing, in the store on disk, audit log included",
    )
    yield Figure(
        what="… one look by a build that waits (five a second)",
        unit="ms",
        samples=tuple(statistics.median(night.polls) * 1000 for night in nights),
    )
    yield Figure(
        what="spread of load: busiest host by the mean, in work for each slot",
        unit="x",
        samples=tuple(max(night.busy.values()) / statistics.mean(night.busy.values()) for night in nights),
    )
    yield Figure(
        what="the whole night by the least that these slots could take",
        unit="x",
        samples=tuple(night.end / (night.work / sum(_slots().values())) for night in nights),
        how="1 would be every slot busy from the first moment to the last",
    )
    yield Figure(
        what="simulated minutes until every project had its first build",
        unit="min",
        samples=tuple(max(night.first.values()) / 60 for night in nights),
        how="all 200 builds come within the first second",
    )


def _slots() -> dict[str, int]:
    return {f"host{number:02}": 1 + number % 3 for number in range(HOSTS)}


def _hosts_for(kind: str) -> dict[str, int]:
    """Return hosts with their slots: three of four are Linux, one macOS."""
    every = _slots()
    if kind == "any":
        return every
    return {name: slots for name, slots in every.items() if (int(name[4:]) % 4 == 3) == (kind == "macos")}


def _at(clock: float) -> datetime:
    return NOW + timedelta(seconds=clock)


class _Simulation:
    """Time that passes from one build's end to the next, and the store that the scheduler works in."""

    def __init__(self, store: Store, chance: random.Random) -> None:
        self.night = Run()
        self._store = store
        jobs = [running(store, 1, f"project{number:02}") for number in range(PROJECTS)]
        self._jobs = {job.id: job for job in jobs}
        kinds = chance.choices(KINDS, weights=(5, 2, 3), k=BUILDS)
        self._waiting = {(jobs[n % PROJECTS].id, f"build{n}"): _hosts_for(kind) for n, kind in enumerate(kinds)}
        self._length = {key: 60.0 + chance.random() * 480.0 for key in self._waiting}
        self._ends: list[tuple[float, int, str, str]] = []
        self._clock = 0.0

    def run(self) -> Run:
        """Let all builds come, and each end when its time is over."""
        for number, name in list(self._waiting):
            self._ask(number, name)
        self._begin()
        while self._ends:
            self._clock, number, name, host = heapq.heappop(self._ends)
            job = self._jobs[number]
            started = time.perf_counter()
            self._store.build_sealed(job.id, job.token, name, host, (), now=_at(self._clock))
            self.night.seconds += time.perf_counter() - started
            self._begin()
        assert not self._waiting
        self.night.end, self.night.work = self._clock, sum(self._length.values())
        return self.night

    def _ask(self, number: int, name: str) -> float:
        job, hosts = self._jobs[number], self._waiting[number, name]
        started = time.perf_counter()
        self._store.place_build(job.id, job.token, name, hosts=hosts, now=_at(self._clock))
        taken = time.perf_counter() - started
        self.night.seconds += taken
        return taken

    def _begin(self) -> None:
        """Let those who were given a slot begin; one of those who wait looks twice, the second time to be timed."""
        for (number, name), host in self._given().items():
            self._ask(number, name)
            slots = self._waiting.pop((number, name))[host]
            length = self._length[number, name]
            heapq.heappush(self._ends, (self._clock + length, number, name, host))
            self.night.busy[host] += length / slots
            self.night.first.setdefault(self._jobs[number].project, self._clock)
        for number, name in list(self._waiting)[:1]:
            self._ask(number, name)
            self.night.polls.append(self._ask(number, name))

    def _given(self) -> dict[tuple[int, str], str]:
        """Return who of those who waited holds a slot by now, and where; the simulation's own look, not timed."""
        return {
            (number, build.name): build.host
            for number in {number for number, _ in self._waiting}
            for build in self._store.builds(self._jobs[number].id)
            if (number, build.name) in self._waiting and build.state == "started"
        }
