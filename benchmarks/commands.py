"""`releasd status` and `releasd plan` as whole commands, as a person runs them."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.place import cost_of, place, push_feature, start
from support.stage import OVER, Stage

ROUNDS = 20
WARM_UPS = 2
BIN = Path(sys.executable).parent
FLOORS = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "git log": ("git", "--no-pager", "log", "--oneline"),
}
Command = tuple[str, ...]
Costs = dict[str, list[tuple[float, float]]]  # wall and processor seconds


def run() -> Iterator[Figure]:
    """Measure after one release, with some commits that wait for the next."""
    with place() as stage:
        start(stage)
        push_feature(stage)
        stage.wait_for(lambda job: job["state"] in OVER)
        stage.work.sync()
        for number in range(20):
            stage.work.commit(f"fix(part): repair {number}")
        releasd = str(BIN / "releasd")
        up = _rounds(stage, {"status": (releasd, "status"), "plan": (releasd, "plan"), **FLOORS})
        stage.daemon.stop()
        down = _rounds(stage, {"status": (releasd, "status"), **FLOORS})
    yield _figure("releasd status, daemon up", "status", up)
    yield _figure("releasd status, daemon down", "status", down)
    yield _figure("releasd plan, 20 commits since the tag", "plan", up)


def _rounds(stage: Stage, commands: Mapping[str, Command]) -> Costs:
    taken: Costs = {name: [] for name in commands}
    for _ in range(WARM_UPS + ROUNDS):
        for name, command in commands.items():
            taken[name].append(cost_of(command, cwd=stage.work.path, env=stage.environ))
    return {name: samples[WARM_UPS:] for name, samples in taken.items()}


def _figure(what: str, name: str, taken: Costs) -> Figure:
    return Figure(
        what=what,
        unit="s",
        samples=_wall(taken[name]),
        aim=0.25,
        beside={
            "its processor time": tuple(cpu for _, cpu in taken[name]),
            **{floor: _wall(taken[floor]) for floor in FLOORS},
        },
        how="process start to exit, output to a pipe; commands taken in turns",
    )


def _wall(costs: Iterable[tuple[float, float]]) -> tuple[float, ...]:
    return tuple(wall for wall, _ in costs)
