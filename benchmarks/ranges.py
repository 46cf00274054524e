"""The repositories that `releasd plan` is measured on: synthetic, the same on each run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.gitrepo import git
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
CZ_CONFIG = '[tool.commitizen]\nname = "cz_conventional_commits"\nversion_provider = "scm"\ntag_format = "v$version"\n'
PYPROJECT = '[project]\nname = "demo"\nversion = "1.0.0"\n\n[tool.semantic_release]\n\n' + CZ_CONFIG


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A repository to measure on.

    Attributes:
        commits: how many there are.
        every: after how many of them each there is a tag; 0: there are no tags.
        rounds: how often each command runs, after a first round that warms up.
    """

    name: str
    commits: int
    every: int
    rounds: int


SIZES = (
    Size(name="239 commits since the tag", commits=1000, every=761, rounds=9),
    Size(name="27,000 commits, 12,000 tags, 2 commits since", commits=27_002, every=9, rounds=5),
    Size(name="27,000 commits, whole history", commits=27_000, every=0, rounds=3),
)


def repository(folder: Path, size: Size, cache: Path) -> Path:
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
