"""`releasd plan` beside bare `git log` and the peers: since the last tag, and over the whole history.

The peers are installed by whoever runs this, each into a place of its own (their dependencies exclude each other), and
named by variables; one that is not named is left out and said to be:

    RELEASD_BENCH_PSR   python-semantic-release's `semantic-release`
    RELEASD_BENCH_CZ    commitizen's `cz`
    RELEASD_BENCH_CLIFF git-cliff's `git-cliff`
    RELEASD_BENCH_NPM   npm semantic-release's `semantic-release`

The repositories are synthetic: conventional commits by a fixed recipe, a tag after every `every` of them. Commands run
in turns, so that a busy moment of the machine meets them all.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure
from support.gitrepo import ISOLATED, git
from support.histories import Made, make_history

BIN = Path(sys.executable).parent
WITHIN = 120.0  # seconds for one command; a peer that needs longer is left out of that repository
KINDS = (
    "feat(pkg-{0}): something that people asked for",
    "fix(pkg-{0}): a defect of the nightly run",
    "docs: how package {0} is built",
    "chore(deps): update package {0}",
    "refactor(pkg-{0}): simpler code",
)
BODY = "\n\nSome words on why this was needed, and what was tried before.\n\nRefs: #{0}"
FLOOR = "git log"
NPM_PLUGINS = "@semantic-release/commit-analyzer,@semantic-release/release-notes-generator"
PEERS = {
    "PSR": ("python-semantic-release", ("version", "--print")),
    "CZ": ("commitizen", ("bump", "--get-next", "--yes")),
    "CLIFF": ("git-cliff", ("--bump", "--unreleased")),
    "NPM": ("npm semantic-release", ("--dry-run", "--no-ci", "--branches", "main", "--plugins", NPM_PLUGINS)),
}
CZ_CONFIG = '[tool.commitizen]\nname = "cz_conventional_commits"\nversion_provider = "scm"\ntag_format = "v$version"\n'
PYPROJECT = '[project]\nname = "demo"\nversion = "1.0.0"\n\n[tool.semantic_release]\n\n' + CZ_CONFIG


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A repository to measure on: how many commits, after how many each there is a tag, and how often to run."""

    name: str
    commits: int
    every: int
    rounds: int
    whole: bool = False


SIZES = (
    Size(name="small, 39 commits since the tag", commits=239, every=200, rounds=9),
    Size(name="239 commits since the tag", commits=1000, every=761, rounds=7),
    Size(name="27,000 commits, 12,000 tags, 2 commits since", commits=27_000, every=2, rounds=3),
    Size(name="27,000 commits, whole history", commits=27_000, every=0, rounds=3, whole=True),
)


def run() -> Iterator[Figure]:
    """Measure on each repository in turn."""
    for size in SIZES:
        folder = Path(tempfile.mkdtemp(prefix="releasd-bench-"))
        try:
            yield from _measured(size, _repository(folder, size))
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _measured(size: Size, work: Path) -> Iterator[Figure]:
    commands = _commands(work)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(size.rounds + 1):  # the first round warms up
        for name in tuple(commands):
            sample = _seconds(commands[name], work)
            if sample is None:
                print(f"  {name}: over {WITHIN:g} s or failed, left out: {size.name}", file=sys.stderr)
                del commands[name], taken[name]
            elif number:
                taken[name].append(sample)
    walls = {name: tuple(wall for wall, _ in samples) for name, samples in taken.items() if samples}
    own = walls.pop("releasd plan")
    yield Figure(
        what=f"releasd plan, {size.name}",
        unit="s",
        samples=own,
        aim=0.25 if size.commits < 1000 else None,
        beside=walls,
        how="process start to exit, output to a file; commands taken in turns",
    )
    start = min(walls["python -c pass"])
    yield Figure(
        what=f"… of it beyond the interpreter's start, as processor time: {size.name}",
        unit="s",
        samples=tuple(max(cpu - start, 0.0) for _, cpu in taken["releasd plan"]),
        beside={FLOOR: tuple(cpu for _, cpu in taken[FLOOR])},
    )


def _commands(work: Path) -> dict[str, tuple[str, ...]]:
    last = git(work, "tag", "--list", "--sort=-v:refname").splitlines()[:1]
    since = (f"{last[0]}..HEAD",) if last else ("HEAD",)
    listed = "git tag --merged HEAD >/dev/null; exec git log --format=%H%x00%B%x00 " + since[0]
    commands = {
        "releasd plan": (str(BIN / "releasd"), "plan"),
        FLOOR: ("git", "log", "--format=%H%x00%B%x00", *since),
        "git tag --merged and git log": ("sh", "-c", listed),
        "python -c pass": (sys.executable, "-c", "pass"),
    }
    for name, (title, arguments) in PEERS.items():
        program = os.environ.get(f"RELEASD_BENCH_{name}")
        if program:
            commands[title] = (program, *arguments)
        else:
            print(f"  {title}: not named by RELEASD_BENCH_{name}, left out", file=sys.stderr)
    return commands


def _seconds(command: tuple[str, ...], work: Path) -> tuple[float, float] | None:
    """Return the seconds from start to end and those of the processor, or None where it was late or failed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                command, cwd=work, env=_environment(), stdout=output, stderr=output, timeout=WITHIN, check=False
            )
        except subprocess.TimeoutExpired:
            return None
    taken = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (taken, cpu) if done.returncode in (0, 3) else None


def _environment() -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "LANG") if name in os.environ}
    return {**kept, **ISOLATED, "NO_COLOR": "1"}


def _repository(folder: Path, size: Size) -> Path:
    """Make a remote by the recipe and a working copy of it; npm's and PSR's tools want both."""
    remote = make_history(folder / "remote.git", _commits(size))
    git(remote, "pack-refs", "--all")
    git(folder, "clone", "--quiet", f"file://{remote}", "work")
    work = folder / "work"
    (work / "pyproject.toml").write_text(PYPROJECT)
    git(work, "add", ".")
    git(work, "commit", "--quiet", "--message=chore: configure")
    git(work, "push", "--quiet", "origin", "main")
    return work


def _commits(size: Size) -> Iterator[Made]:
    minor = 0
    for number in range(size.commits):
        tagged = size.every and number % size.every == size.every - 1
        minor += bool(tagged)
        header = KINDS[number * 7 % len(KINDS)].format(number % 50)
        yield Made(
            message=header + BODY.format(number),
            parents=[number - 1] if number else [],
            tags=[f"v1.{minor}.0"] if tagged else [],
        )
