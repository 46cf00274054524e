"""`releasd plan` beside bare `git log` and its peers: since the last tag, over a whole history, in a monorepo.

The repositories are synthetic: conventional commits by a fixed recipe, made by `git fast-import`. Commands run in
turns, so that a busy moment of the machine meets them all.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks import peers, ranges
from benchmarks.figures import Figure
from support.gitrepo import git
from support.spent import Spent, spent

RELEASD = str(Path(sys.executable).parent / "releasd")
WITHIN = 120.0  # seconds for one command; a peer that needs longer is left out of that repository
WITHIN_MILLION = 600.0
FINE = (0, 3)  # 3: nothing to release
OWN = "releasd plan --json"
START = "python -c pass"
FLOOR = "git log of the range"
LIMIT = "git tag --merged, git log"

Commands = dict[str, tuple[str, ...]]
Samples = Mapping[str, list[Spent]]


def run() -> Iterator[Figure]:
    """Measure on each repository in turn."""
    tools = dict(peers.commands())
    for size in ranges.SIZES:
        folder = Path(tempfile.mkdtemp(prefix="releasd-bench-"))
        try:
            work = ranges.repository(folder, size)
            yield from _figures(size.name, _taken(size.name, size.rounds, work, {**_own(work), **tools}))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    yield from _monorepo()


def _monorepo() -> Iterator[Figure]:
    """Measure on 1,000,000 commits of 50 packages; no peer is asked, for none ends within the time there is.

    First as one package, by its tags; then with all of them configured, which one plan is made of.
    """
    work = ranges.monorepo(peers.cache(), 1_000_000)
    with tempfile.TemporaryDirectory(prefix="releasd-bench-") as folder:
        for name, text, since in (
            ("one package since its tag", 'tag_format = "pkg-7-v{version}"\n', "pkg-7-v1.19.0..HEAD"),
            ("one package, whole history", 'tag_format = "none-{version}"\n', "HEAD"),
            ("50 packages since their tags", ranges.packages("pkg-{}-v{{version}}"), "pkg-0-v1.19.0..HEAD"),
            (
                "50 packages in chains of five, since their tags",
                ranges.packages("pkg-{}-v{{version}}", chained=True),
                "pkg-0-v1.19.0..HEAD",
            ),
            ("50 packages, whole history", ranges.packages("none-{}-{{version}}"), "HEAD"),
        ):
            config = Path(folder, "own.toml")
            config.write_text(text)
            own = {**_own(work, since), OWN: (RELEASD, "plan", "--json", "--config", str(config))}
            title = f"1,000,000 commits, {name}"
            yield from _figures(title, _taken(title, 1, work, own, WITHIN_MILLION))


def _own(work: Path, since: str | None = None) -> Commands:
    last = since or git(work, "describe", "--tags", "--abbrev=0", "--always", "HEAD")
    between = since or (f"{last}..HEAD" if last.startswith("v") else "HEAD")
    log = ("git", "log", "--format=%H%x00%B%x00", between)
    return {
        OWN: (RELEASD, "plan", "--json"),
        FLOOR: log,
        LIMIT: ("sh", "-c", f"git tag --merged HEAD >/dev/null; exec {' '.join(log)}"),
        START: (sys.executable, "-c", "pass"),
    }


def _taken(name: str, rounds: int, work: Path, commands: Commands, within: float = WITHIN) -> Samples:
    taken: dict[str, list[Spent]] = {title: [] for title in commands}
    for number in range(rounds + 1):  # the first round warms up
        for title in tuple(taken):
            sample = _sample(commands[title], work, within)
            if sample is None:
                print(f"!!! {title}: over {within:g} s or failed, LEFT OUT: {name}", file=sys.stderr, flush=True)
                del taken[title]
            elif number:
                taken[title].append(sample)
    if OWN not in taken:
        raise RuntimeError(f"releasd itself failed: {name}")
    return taken


def _sample(command: tuple[str, ...], work: Path, within: float) -> Spent | None:
    try:
        with tempfile.TemporaryFile() as output:
            found = spent(command, work, within=within, output=output)
    except (TimeoutError, subprocess.SubprocessError):
        return None
    return found if found.status in FINE else None


def _figures(name: str, taken: Samples) -> Iterator[Figure]:
    beside = {title: samples for title, samples in taken.items() if title != OWN}
    start = min(sample.cpu for sample in taken[START])
    yield Figure(
        what=f"releasd plan, {name}",
        unit="s",
        samples=tuple(sample.wall for sample in taken[OWN]),
        beside={title: tuple(sample.wall for sample in samples) for title, samples in beside.items()},
        how="process start to exit, output to a file; commands taken in turns",
    )
    yield Figure(
        what="… processor time beyond the interpreter's start; aim: 1.5 times git log",
        unit="s",
        samples=tuple(sample.cpu - start for sample in taken[OWN]),
        beside={title: tuple(sample.cpu for sample in samples) for title, samples in beside.items()},
    )
    yield Figure(
        what="… resident memory of the largest process, at its peak",
        unit="MB",
        samples=tuple(sample.peak / 1e6 for sample in taken[OWN]),
        beside={title: tuple(sample.peak / 1e6 for sample in samples) for title, samples in beside.items()},
    )
