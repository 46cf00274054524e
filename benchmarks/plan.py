"""`releasd plan` beside bare `git log` and its peers: since the last tag, over a whole history, in a monorepo.

The repositories are synthetic: conventional commits by a fixed recipe, made by `git fast-import`. Commands run in
turns, so that a busy moment of the machine meets them all.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks import peers
from benchmarks.figures import Figure
from benchmarks.ranges import SIZES, Size, repository
from benchmarks.spent import Spent, spent
from support.gitrepo import git

BIN = Path(sys.executable).parent
WITHIN = 120.0  # seconds for one command; a peer that needs longer is left out of that repository
OWN = "releasd plan --json"
START = "python -c pass"
FLOOR = "git log of the range"
LIMIT = "git tag --merged, git log"

Samples = Mapping[str, list[Spent]]


def run() -> Iterator[Figure]:
    """Measure on each repository in turn."""
    tools = dict(peers.commands())
    for size in SIZES:
        folder = Path(tempfile.mkdtemp(prefix="releasd-bench-"))
        try:
            work = repository(folder, size, peers.cache())
            yield from _figures(size, _taken(size, work, {**_own(work), **tools}))
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _own(work: Path) -> dict[str, tuple[str, ...]]:
    last = git(work, "describe", "--tags", "--abbrev=0", "--always", "HEAD")
    since = f"{last}..HEAD" if last.startswith("v") else "HEAD"
    log = ("git", "log", "--format=%H%x00%B%x00", since)
    return {
        OWN: (str(BIN / "releasd"), "plan", "--json"),
        FLOOR: log,
        LIMIT: ("sh", "-c", f"git tag --merged HEAD >/dev/null; exec {' '.join(log)}"),
        START: (sys.executable, "-c", "pass"),
    }


def _taken(size: Size, work: Path, commands: dict[str, tuple[str, ...]]) -> Samples:
    taken: dict[str, list[Spent]] = {name: [] for name in commands}
    for number in range(size.rounds + 1):  # the first round warms up
        for name in tuple(commands):
            sample = spent(commands[name], work, WITHIN)
            if sample is None:
                print(f"!!! {name}: over {WITHIN:g} s or failed, LEFT OUT: {size.name}", file=sys.stderr, flush=True)
                del commands[name], taken[name]
            elif number:
                taken[name].append(sample)
    return taken


def _figures(size: Size, taken: Samples) -> Iterator[Figure]:
    if OWN not in taken:
        raise RuntimeError(f"releasd itself failed: {size.name}")
    beside = {name: samples for name, samples in taken.items() if name != OWN}
    start = min(sample.wall for sample in taken[START])
    yield Figure(
        what=f"releasd plan, {size.name}",
        unit="s",
        samples=tuple(sample.wall for sample in taken[OWN]),
        beside={name: tuple(sample.wall for sample in samples) for name, samples in beside.items()},
        how="process start to exit, output to a file; commands taken in turns",
    )
    yield Figure(
        what="… beyond the interpreter's start; aim: 1.5 times git log",
        unit="s",
        samples=tuple(sample.wall - start for sample in taken[OWN]),
        beside={name: tuple(sample.wall for sample in taken[name]) for name in (FLOOR, LIMIT)},
    )
    yield Figure(
        what="… resident memory of the largest process, at its peak",
        unit="MB",
        samples=tuple(sample.peak for sample in taken[OWN]),
        beside={name: tuple(sample.peak for sample in samples) for name, samples in beside.items()},
    )
