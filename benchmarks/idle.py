"""The daemon at rest: memory, processor time, and how soon after its start it is READY."""

import os
import sys
import time
from collections.abc import Iterator

import psutil

from benchmarks.figures import Figure
from benchmarks.place import Started, place, push_feature, seconds_of, start
from support.stage import OVER, Stage

STARTS = 7
SETTLE = 3.0  # seconds after READY before anything is measured
WATCH = 20.0  # seconds
PRESCRIBED = "import apscheduler, fabric, httpx, pydantic_settings, sdnotify, structlog, watchdog.observers"
PEERS_RSS = "Laminar 9.8; skeleton importing the seven prescribed packages 59; Buildbot 97 + worker 57 MB"


def run() -> Iterator[Figure]:
    """Start it several times, then leave it alone."""
    with place() as stage:
        taken, bare, imports = _starts(stage)
        yield Figure(
            what="start to READY",
            unit="s",
            samples=taken,
            aim=1.2,
            beside={"python -c pass": bare, "python importing the seven prescribed packages": imports},
            peers="Laminar 0.012, Buildbot master 1.39 s and its worker 0.56 more",
            how="process start to READY=1 on the notify socket, one project; the first start makes the database",
        )
        yield from _rest(stage)


def _starts(stage: Stage) -> tuple[tuple[float, ...], ...]:
    taken, bare, imports = [], [], []
    for number in range(STARTS):
        if number:
            stage.daemon.stop()
        taken.append(_seconds(start(stage)))
        bare.append(_python("pass"))
        imports.append(_python(PRESCRIBED))
    return tuple(taken), tuple(bare), tuple(imports)


def _seconds(started: Started) -> float:
    return started.ready - started.begun


def _python(code: str) -> float:
    from pathlib import Path  # noqa: PLC0415

    return seconds_of((sys.executable, "-c", code), cwd=Path.cwd(), env=dict(os.environ))


def _rest(stage: Stage) -> Iterator[Figure]:
    daemon = psutil.Process(stage.daemon.process.pid)
    used = _used(daemon)
    yield _memory(daemon, "idle: resident memory", aim=80.0)
    yield Figure(
        what="idle: processor time",
        unit="%",
        samples=(100 * used / WATCH,),
        aim=0.2,
        peers="Buildbot 0.05 %",
        how=f"user and system, with ended children (git), over {WATCH:.0f} s; counted in ticks of 0.01 s",
    )
    push_feature(stage)
    stage.wait_for(lambda job: job["state"] in OVER)
    time.sleep(SETTLE)
    yield _memory(daemon, "idle after a release: resident memory", aim=None)


def _used(daemon: psutil.Process) -> float:
    """Return the processor seconds that it uses, left alone, in `WATCH` seconds."""
    time.sleep(SETTLE)
    before = daemon.cpu_times()
    time.sleep(WATCH)
    return sum(daemon.cpu_times()[:4]) - sum(before[:4])  # user and system, its own and of ended children


def _memory(daemon: psutil.Process, what: str, *, aim: float | None) -> Figure:
    memory = daemon.memory_full_info()
    return Figure(
        what=what,
        unit="MB",
        samples=(memory.rss / 1e6,),
        aim=aim,
        beside={"of it not shared with other processes": (memory.uss / 1e6,)},
        peers=PEERS_RSS,
        how="in millions of bytes, libraries' shared pages included",
    )
