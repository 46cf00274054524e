"""A range longer than the memory is judged, and written about, as one that is held."""

import datetime as dt
import gc
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.semrel.analysis import judge, lost_breaking, release_type
from releasd.core.semrel.notes import NextRelease, render
from releasd.core.semrel.options import Options
from releasd.core.semrel.parser import Parsed
from releasd.core.walks import Walk, kept_of
from releasd.errors import ConfigError
from releasd.model import Commit, LastRelease, NotesOptions
from support.facts import commits

MESSAGES = (
    "feat: a",
    "feat(x): b\n\nBREAKING CHANGE: c",
    "feat!: lost",
    "fix: d, closes #1",
    "docs: e [skip release]",
    "",
    "words",
    "revert: feat: a\n\nThis reverts commit {}.",
    "revert: fix: d, closes #1\n\nThis reverts commit {}.",
)
LAST = LastRelease(tag="v1.0.0", version="1.0.0", commit="f" * 40)


def made(picks: Sequence[tuple[int, int]]) -> tuple[Commit, ...]:
    """Return commits of these messages; a revert names the one at the second number, by its hash."""
    plain = commits(*(MESSAGES[message] for message, _ in picks))
    named = (MESSAGES[message].format(plain[target % len(plain)].id) for message, target in picks)
    return tuple(
        Commit(id=each.id, message=message, parents=each.parents, author=each.author)
        for each, message in zip(plain, named, strict=True)
    )


def notes(range_: Sequence[Commit]) -> str:
    """Return the notes of the range."""
    return render(
        range_,
        options=NotesOptions(preset="angular"),
        last=LAST,
        next=NextRelease(version="1.1.0", tag="v1.1.0"),
        repository_url="https://example.org/a/b",
        date=dt.date(2026, 1, 2),
    )


@given(
    st.lists(st.tuples(st.integers(0, len(MESSAGES) - 1), st.integers(0, 20)), min_size=1, max_size=12),
    st.integers(0, 12),
    st.sampled_from(["angular", "conventionalcommits"]),
)
def test_a_range_that_is_not_held_is_decided_otherwise(picks: list[tuple[int, int]], keep: int, preset: str) -> None:
    """Verdicts, outcome, lost breaking changes and notes do not depend on how much of the range is in memory."""
    held = made(picks)
    walked = Walk(held[:keep], lambda: held[keep:])
    options = Options(preset=preset)
    assert tuple(judge(walked, options)) == tuple(judge(held, options))
    assert release_type(walked, options) == release_type(held, options)
    assert lost_breaking(walked, options) == lost_breaking(held, options)
    assert notes(walked) == notes(held)


def test_no_verdict_of_a_long_range_stays_in_memory() -> None:
    """Only the verdicts of the commits that are kept are kept, and a revert beyond them takes back one beyond them."""
    held = made([(0, 0), (5, 0), (6, 0), (7, 4), (0, 0), (3, 0)])
    verdicts = judge(Walk(held[:2], lambda: held[2:]), Options(preset="angular"))
    assert len(kept_of(verdicts)) == 2
    assert [str(verdict.bump) for verdict in verdicts] == ["minor", "none", "none", "none", "none", "patch"]
    assert verdicts[4].why == "another commit of the same release takes it back: no release"


def test_what_was_parsed_of_a_long_range_stays_in_memory() -> None:
    """However often a range is gone through, of what its commits say no more is held than of those that are kept."""
    held, alive = made([(0, 0), (4, 0), (7, 40), (3, 0)] * 50), [0]

    def further() -> Iterator[Commit]:
        for place, commit in enumerate(held[3:]):
            if place % 20 == 0:
                alive.append(sum(isinstance(each, Parsed) for each in gc.get_objects()))
            yield commit

    before = sum(isinstance(each, Parsed) for each in gc.get_objects())
    verdicts = judge(Walk(held[:3], further), Options(preset="angular"))
    assert sum(1 for _ in verdicts) == len(held)
    assert lost_breaking(Walk(held[:3], further), Options(preset="angular")) == ()
    assert max(alive) <= before + 3 + 2


def test_a_release_that_is_refused_passes_beyond_the_memory() -> None:
    """What a rule makes of a commit that is not kept is refused as well."""
    held = made([(3, 0), (6, 0), (0, 0)])
    options = Options(preset="angular", release_rules=({"type": "feat", "release": "premajor"},))
    with pytest.raises(ConfigError):
        judge(Walk(held[:1], lambda: held[1:]), options)
