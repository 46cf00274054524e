"""Reverts that cancel under semantic-release's analysis, and the fields of a commit that rules may name."""

import pytest

from releasd.core.semrel.analysis import release_type
from releasd.core.semrel.filter import drop_reverted
from releasd.core.semrel.options import Options
from support.facts import commits

SUBJECT_RULES = [
    ({"subject": "*security*"}, "A security update", "patch"),  # git's own subject shows through
    ({"subject": "*security*"}, "fix: a security update", "patch"),
    ({"subject": "*security*"}, "docs: security", "patch"),
    ({"subject": "docs*"}, "docs: security", None),  # the message's own subject stands above git's
    ({"subject": "one two"}, "one\ntwo\n\nthree", "patch"),  # the lines of the first paragraph
    ({"subject": None}, "docs: x", None),
]


@pytest.mark.parametrize(("rule", "message", "release"), SUBJECT_RULES)
def test_rules_on_the_subject_see_gits_where_the_header_has_none(
    rule: dict[str, object], message: str, release: str | None
) -> None:
    """As npm: git-log-parser gives each commit a subject, and the parser's stands above it where a header matches."""
    options = Options(preset="angular", release_rules=({**rule, "release": "patch"},))
    assert release_type(commits(message), options) == release


@pytest.mark.timeout(30)
@pytest.mark.parametrize("matching", [True, False])
def test_a_hundred_thousand_commits_with_reverts_take_seconds(*, matching: bool) -> None:
    """Every commit is looked up among the reverts that are held, not compared with each of them."""
    count = 50_000
    reverts = [{"revert": {"header": f"h{at}", "hash": f"{at}"}} for at in range(count)]
    taken = [{"header": f"h{at}", "hash": f"{at}" if matching else "other"} for at in range(count)]
    left = list(drop_reverted([*reverts, *taken], lambda each: each))
    assert len(left) == (0 if matching else 2 * count)


def test_the_first_of_several_reverts_of_one_commit_takes_it_back() -> None:
    """The second stays, as with npm; values are compared without blanks around them, and by all that a revert names."""
    one, two = {"revert": {"header": " a ", "hash": "1"}}, {"revert": {"hash": "1"}}
    commit = {"header": "a", "hash": "1\u3000"}
    assert list(drop_reverted([one, two, commit], lambda each: each)) == [two]
    assert list(drop_reverted([two, one, commit], lambda each: each)) == [one]
    assert list(drop_reverted([one, {"header": "b", "hash": "1"}], lambda each: each)) != []


def test_fields_that_are_no_text_equal_no_revert() -> None:
    """A commit without the field, or with a list there, is not the one."""
    revert = {"revert": {"notes": None}}
    for commit in ({}, {"notes": []}, {"raw": "a text"}):
        assert list(drop_reverted([revert, commit], lambda each: each)) == [revert, commit]
    assert list(drop_reverted([revert, {"notes": None}], lambda each: each)) == []
