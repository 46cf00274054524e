"""Sequences of which only the first values are kept, and what is made of them for people and programs."""

import datetime as dt
import json
from collections.abc import Iterator

import pytest

from releasd.cli.output import print_document
from releasd.core import walks
from releasd.core.contents import LISTED
from releasd.core.formats import keep_a_changelog, release_of
from releasd.core.notes import render_notes
from releasd.core.plan import STORED, Policy, plan, to_json
from releasd.core.version import decide
from releasd.core.walks import Walk, walked
from releasd.model import BuildSpec, Facts, Plan, ProjectConfig
from support.facts import facts

CONFIG = ProjectConfig(name="demo", builds=(BuildSpec(name="dist", run="make"),))
DAY = dt.date(2026, 1, 2)


def test_a_walk_is_the_sequence_that_it_stands_for() -> None:
    """Length, places from both ends, slices and repeated walks are those of the whole."""
    walk = Walk([0, 1, 2], lambda: iter((3, 4)))
    assert (list(walk), list(walk), len(walk), bool(walk)) == ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], 5, True)
    assert (walk[0], walk[4], walk[-1], walk[-5]) == (0, 4, 4, 0)
    assert (walk[:2], walk[2:4], walk[4:]) == ((0, 1), (2, 3), (4,))
    assert (bool(Walk((), lambda: ())), bool(Walk((), lambda: [1]))) == (False, True)
    for place in (5, -6):
        with pytest.raises(IndexError):
            walk[place]


@pytest.mark.parametrize(("keep", "characters", "kept"), [(3, 100, 3), (9, 100, 9), (10, 100, None), (20, 4, 4)])
def test_what_is_kept_has_an_end(monkeypatch: pytest.MonkeyPatch, keep: int, characters: int, kept: int | None) -> None:
    """So many values, or so many characters; less than that is kept whole."""
    monkeypatch.setattr(walks, "KEPT_CHARACTERS", characters)

    def walk(skip: int) -> Iterator[int]:
        return iter(range(skip, 9))

    made = walked(walk, lambda _: 1, keep=keep)
    assert list(made) == list(range(9))
    assert (len(made.kept) if isinstance(made, Walk) else None) == kept


def _large(number: int) -> Facts:
    return facts(*(f"{('feat', 'fix')[place % 2]}: change {place}" for place in range(number)), "fix!: last")


def test_notes_list_the_newest_and_count_the_others() -> None:
    """No section ends without saying how many there are more, and no breaking change goes under."""
    found = _large(LISTED + 9)
    decision = decide(found, CONFIG, None)
    text = render_notes(decision, last=found.last, pages=None, date=DAY, commits=found.commits)
    assert text.count("\n* change") == LISTED - 1
    assert text.count("\n* … and 5 more\n") == 2
    assert "### BREAKING CHANGES\n\n* last\n" in text
    release = release_of(decision, last=found.last, pages=None, date=DAY, commits=found.commits)
    assert release is not None
    assert (len(release.entries), release.more) == (LISTED, 10)
    assert "\n\n… and 10 older changes\n" in keep_a_changelog(release)


def test_a_stored_plan_has_the_newest_verdicts_and_the_json_all(capsys: pytest.CaptureFixture[str]) -> None:
    """The daemon's store does not grow with a history; `plan --json` leaves nothing out, nor does one of packages."""
    found = _large(STORED + 5)
    made = plan(found, CONFIG, Policy(project="demo"), dt.datetime(2026, 1, 2, tzinfo=dt.UTC))
    assert isinstance(made, Plan)
    assert (len(made.verdicts), made.verdicts[0].subject) == (STORED, "last")
    assert f"{STORED + 6} commits" in made.reason
    document = to_json(found, CONFIG, decide(found, CONFIG, None), date=DAY)
    print_document({**document, "packages": [document, document], "empty": []})
    printed = json.loads(capsys.readouterr().out)
    assert [len(each["commits"]) for each in (printed, *printed["packages"])] == [STORED + 6] * 3
    assert printed["packages"][0] == {key: printed[key] for key in document}
    assert printed["empty"] == []


def test_the_json_says_what_a_squash_commit_holds() -> None:
    """`parts` and `release_as` are those of the verdict."""
    found = facts("Work (#1)\n\n* feat!: a\n* docs(x): b", "docs: c\n\nRelease-As: 3.0.0")
    asked, squashed = to_json(found, CONFIG, decide(found, CONFIG, None), date=DAY)["commits"]
    assert (asked["release_as"], asked["parts"]) == ("3.0.0", [])
    assert squashed["parts"] == [
        {"type": None, "scope": None, "subject": "Work (#1)", "breaking": False, "bump": "none"},
        {"type": "feat", "scope": None, "subject": "a", "breaking": True, "bump": "major"},
        {"type": "docs", "scope": "x", "subject": "b", "breaking": False, "bump": "none"},
    ]
