"""The repositories that `releasd plan` is measured on: synthetic, the same on each run."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.gitrepo import EPOCH, git
from support.histories import Made, make_history

KINDS = (
    "feat(pkg-{0}): something that people asked for",
    "fix(pkg-{0}): a defect of the nightly run",
    "docs: how package {0} is built",
    "chore(deps): update package {0}",
    "refactor(pkg-{0}): simpler code",
)
BODY = "\n\nSome words on why this was needed, and what was tried before.\n\nRefs: #{0}"
PACKAGES = 50
PER_TAG = 2_000 * PACKAGES // 2  # commits of the whole repository between two tags of a package
CZ_CONFIG = '[tool.commitizen]\nname = "cz_conventional_commits"\nversion_provider = "scm"\ntag_format = "v$version"\n'
PYPROJECT = '[project]\nname = "demo"\nversion = "{version}"\n\n[tool.semantic_release]\n\n' + CZ_CONFIG


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A repository to measure on.

    Attributes:
        commits: how many there are.
        tags: how many of them have a tag, evenly spread.
        since: how many there are after the last tag.
        rounds: how often each command runs, after a first round that warms up.
    """

    name: str
    commits: int
    tags: int
    since: int
    rounds: int


SIZES = (
    Size(name="239 commits since the tag", commits=1000, tags=100, since=238, rounds=9),
    Size(name="27,000 commits, 12,000 tags, 2 commits since", commits=27_000, tags=12_000, since=1, rounds=5),
    Size(name="27,000 commits, whole history", commits=27_000, tags=0, since=27_000, rounds=3),
)


def repository(folder: Path, size: Size) -> Path:
    """Make a remote by the recipe and a working copy of it; npm's and PSR's tools want both."""
    remote = make_history(folder / "remote.git", _commits(size))
    git(remote, "pack-refs", "--all")
    git(folder, "clone", "--quiet", f"file://{remote}", "work")
    work = folder / "work"
    declared = "1.0.0" if size.tags else "0.0.0"  # what was never released must not be more than the first version
    (work / "pyproject.toml").write_text(PYPROJECT.format(version=declared))
    git(work, "add", ".")
    youngest = EPOCH + 60 * (size.commits + 1)  # as it is in real life; git walks much farther where times lie
    git(work, "commit", "--quiet", "--message=feat: configure", at=youngest)
    git(work, "push", "--quiet", "origin", "main")
    return work


def monorepo(cache: Path, commits: int) -> Path:
    """Return a bare repository of 50 packages, made once and kept: each commit is of one, each 2,000th tags it."""
    ready = cache / f"monorepo-{commits}.git"
    if not ready.exists():
        print(f"# making {ready.name}, which takes minutes and is kept …", file=sys.stderr, flush=True)
        fresh = cache / f"{ready.name}.{os.getpid()}"
        git(make_history(fresh, _of_packages(commits)), "pack-refs", "--all")
        fresh.rename(ready)
    return ready


def packages(tag_format: str, *, chained: bool = False) -> str:
    """Return a configuration of the monorepo's packages; `{}` in the tag format is a package's number.

    `chained`: they share a path, and each depends on the one before it, five in a row.
    """
    tables = (
        f'[packages.pkg-{number}]\npath = "packages/pkg-{number}"\ntag_format = "{tag_format.format(number)}"\n'
        + (f'depends = ["pkg-{number - 1}"]\n' if chained and number % 5 else "")
        for number in range(PACKAGES)
    )
    return ('shared = ["docs/**"]\n' if chained else "") + "\n".join(tables)


def _of_packages(commits: int) -> Iterator[Made]:
    for number in range(commits):
        package = number * 31 % PACKAGES
        tagged = number % PER_TAG // PACKAGES == 0  # fifty in a row: one of each package
        yield Made(
            message=KINDS[number // PACKAGES * 7 % len(KINDS)].format(package) + BODY.format(number),
            parents=[number - 1] if number else [],
            tags=[f"pkg-{package}-v1.{number // PER_TAG}.0"] if tagged else [],
            files={f"packages/pkg-{package}/source.txt": f"{number % 1000}\n"},
        )


def _commits(size: Size) -> Iterator[Made]:
    minor = 0
    for number in range(size.commits):
        due = min(size.tags * (number + 1) // max(size.commits - size.since, 1), size.tags)
        tagged, minor = due > minor, due
        header = KINDS[number * 7 % len(KINDS)].format(number % 50)
        yield Made(
            message=header + BODY.format(number),
            parents=[number - 1] if number else [],
            tags=[f"v1.{minor}.0"] if tagged else [],
        )
