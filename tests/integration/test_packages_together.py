"""One walk over history finds for every package what git finds when it is asked about that package alone."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.adapters.git import changes
from releasd.adapters.git.read import Reading
from releasd.core.packages import pathspecs
from releasd.core.walks import kept_of
from releasd.engine import ranges
from releasd.engine.facts import gather, snapshot, together
from releasd.engine.ranges import Asked, Together
from releasd.model import Commit, Package, Tag
from support.gitrepo import EPOCH
from support.histories import Made, line, make_history, random_graph

GLOBS = ("a/**", "b/**", "c/**", "a/*.txt", "**/x.txt", "a/**/y.txt", "?/x.txt", "README", "a", "**", "c/d/**", "a/b*")
ODD = ("c/*/x.txt", "\\a/x.txt", "a/x.txt", "*", "[ab]/x.txt", "a**", "a/")  # the last three only git understands
FILES = ("a/x.txt", "a/y.txt", "b/x.txt", "c/d/x.txt", "c/d/e/y.txt", "README", "a/q/y.txt", "a/bb/z", "b/a/x.txt", "ü")

Answer = tuple[tuple[Commit, ...], frozenset[str]]


def history(dice: random.Random, seed: int) -> list[Made]:
    """Return a graph of merges and roots whose commits touch files; of every second one the clocks were right."""
    return [
        replace(
            made,
            at=made.at if seed % 2 else EPOCH + 60 * number,
            files={path: str(dice.randrange(3)) for path in dice.sample(FILES, dice.choice((0, 1, 1, 2, 3)))},
        )
        for number, made in enumerate(random_graph(seed, dice.choice((8, 15, 40))))
    ]


def package(dice: random.Random, number: int) -> Package:
    """Return a package of some areas, often with a dependency's."""
    globs = (*GLOBS, *ODD[: 4 if dice.random() < 0.95 else None])
    areas = tuple(
        pathspecs(dice.sample(globs, dice.choice((1, 1, 2))), dice.sample(GLOBS, dice.choice((0, 0, 1))))
        for _ in range(dice.choice((1, 1, 2)))
    )
    indirect = tuple(pathspecs(dice.sample(globs, 1)) for _ in range(dice.choice((0, 0, 1))))
    return Package(name=f"p{number}", areas=areas, indirect=indirect)


def both(git: Reading, tip: str, walk: Together, asked: Asked) -> tuple[Answer | None, Answer]:
    """Return what the walk found, None where it is unsure, and what git says."""
    found = walk.found(*asked)
    alone = ranges.commits(git, tip, asked[1], asked[0])
    return (tuple(found[0]), found[1]) if found else None, (tuple(alone[0]), alone[1])


@pytest.mark.parametrize("seed", range(24))
def test_one_walk_finds_other_commits_than_git_for_each_package(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the graph, the clocks, the areas and the ends: the walk is right or says that git has to be asked.

    So it is also where several gits have to be asked one after the other, for one would grow too large.
    """
    monkeypatch.setattr(changes, "FRESH_AFTER", 5 if seed % 3 == 0 else changes.FRESH_AFTER)
    dice = random.Random(seed)
    git = Reading(make_history(tmp_path / "made.git", history(dice, seed)))
    tip = git.resolve("main")
    assert tip
    names = [commit.id for commit in git.log(tip, since=None)]
    ends = [None if seed % 6 == 0 else dice.choice(names) for _ in range(6)]
    asked = [(package(dice, number), end) for number, end in enumerate(ends)]
    walk = Together(git, tip, asked)
    for each in asked:
        walked, alone = both(git, tip, walk, each)
        assert walked in (None, alone), each


def test_a_straight_history_is_asked_for_package_by_package(tmp_path: Path) -> None:
    """Without merges the walk is never unsure; a package whose range is empty has no commits, not HEAD's."""
    made = [
        replace(each, files={f"p{number % 5}/f": str(number)}) for number, each in enumerate(line(["feat: x"] * 40))
    ]
    git = Reading(make_history(tmp_path / "made.git", made))
    tip = git.resolve("main")
    assert tip
    names = [commit.id for commit in git.log(tip, since=None)]
    ends = (0, 3, 9, 20, 39)
    packages = [Package(name=f"p{number}", areas=(pathspecs([f"p{number}/**"]),)) for number in range(5)]
    asked = [(each, names[end]) for each, end in zip(packages, ends, strict=True)]
    walk = Together(git, tip, asked)
    answers = [both(git, tip, walk, each) for each in asked]
    assert [walked for walked, _ in answers] == [alone for _, alone in answers]
    assert [len(alone[0]) for _, alone in answers] == [0, 0, 2, 4, 8]


def test_fifty_packages_keep_fifty_times_as_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of all packages is bounded, each has its share, and the others are read again: none is missing."""
    monkeypatch.setattr(ranges, "KEPT", 12)
    made = [
        replace(each, files={f"p{number % 5}/f": str(number)}) for number, each in enumerate(line(["feat: x"] * 50))
    ]
    git = Reading(make_history(tmp_path / "made.git", made))
    tip = git.resolve("main")
    assert tip
    asked: list[Asked] = [(Package(name=f"p{each}", areas=(pathspecs([f"p{each}/**"]),)), None) for each in range(5)]
    walk = Together(git, tip, asked)
    kept = [len(kept_of(found[0])) for each in asked if (found := walk.found(*each))]
    assert kept == [10, 2, 2, 2, 2]
    for each in asked:
        walked, alone = both(git, tip, walk, each)
        assert walked == alone
        assert len(alone[0]) == 10


def test_a_merged_branch_that_took_main_in_is_asked_of_git(tmp_path: Path) -> None:
    """A merge of released commits into a branch counts as git says, which the walk alone cannot know."""
    made = [
        Made(message="feat: root", files={"a/f": "0", "b/f": "0"}),
        Made(message="feat: main", parents=[0], files={"b/f": "1"}),
        Made(message="feat: branch", parents=[0], files={"a/f": "1"}),
        Made(message="fix: released", parents=[1], files={"b/f": "2"}),
        Made(message="Merge branch 'main' into branch", parents=[2, 1], files={"b/f": "1"}),
        Made(message="Merge branch 'branch'", parents=[3, 4], files={"a/f": "1"}),
    ]
    git = Reading(make_history(tmp_path / "made.git", made))
    tip = git.resolve("main")
    assert tip
    released = git.resolve("main^1")
    asked = [(Package(name=name, areas=(pathspecs([f"{name}/**"]),)), released) for name in ("a", "b", "c", "d")]
    walk = Together(git, tip, asked)
    answers = [both(git, tip, walk, each) for each in asked]
    assert [walked for walked, _ in answers] == [None, *(alone for _, alone in answers[1:])]
    assert [commit.message.partition(" ")[2] for commit in answers[0][1][0]] == ["branch 'branch'", "branch"]


class Counted(Reading):
    """A repository that counts how often its branches, and the tags on them, are read."""

    reads = 0

    def branches(self) -> Mapping[str, str]:
        self.reads += 1
        return super().branches()

    def tags_merged(self, commit: str, among: Sequence[str] | None = None) -> tuple[Tag, ...]:
        self.reads += 1
        return super().tags_merged(commit, among)


def test_branches_and_their_tags_are_read_once_for_all_packages(tmp_path: Path) -> None:
    """Fifty packages were four hundred git processes, and with thousands of tags half a minute."""
    tables = "".join(f'[packages.p{number}]\npath = "p{number}"\n' for number in range(9))
    files = {".releasd.toml": f'branches = ["main", "1.x"]\n{tables}'} | {f"p{number}/a": "" for number in range(9)}
    tags = [f"p{number}-v1.0.0" for number in range(9)]
    git = Counted(make_history(tmp_path / "made.git", [Made(message="feat: x", files=files, tags=tags)]))
    tip = git.resolve("main")
    assert tip
    seen = snapshot(git, tip, repository="made", branch="main")
    walk = together(git, seen, seen.config.packages)
    last = [gather(git, seen, config, walk).last for config in seen.config.packages]
    assert [each and each.tag for each in last] == tags
    assert git.reads == 3  # the highest tags of each, the branches, and every tag on this one


@pytest.mark.parametrize("count", [1, 3])
def test_few_packages_pay_for_reading_every_path(tmp_path: Path, count: int) -> None:
    """For few packages git is asked about each, which costs less than all paths of all commits."""
    git = Reading(make_history(tmp_path / "made.git", line(["feat: x"])))
    asked = [(Package(name=f"p{number}", areas=(pathspecs([f"p{number}/**"]),)), None) for number in range(count)]
    assert Together(git, "main", asked).found(*asked[0]) is None
