# ruff: noqa: E501 - lists of odd texts, which are read as lists
"""Messages made to break the native analysis: it never fails, takes linear time, and loses nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releasd.core.conventional import parse
from releasd.core.rules import verdicts
from releasd.model import Bump, Commit, Verdict
from support.facts import commit_id, commits

MARKS = (
    "feat: a", "fix(x)!: b", "* feat: c", "* ", "BREAKING CHANGE: d", "BREAKING-CHANGE: e", "---", "```", "~~~", "> ", "    ",
    'Revert "feat: a"', 'Reapply "feat: a"', f"This reverts commit {commit_id(1)}.", f"commit {'a' * 40}", "Refs: 0000001",
    "Squashed commit of the following:", "BEGIN_COMMIT_OVERRIDE", "END_COMMIT_OVERRIDE", "BEGIN_NESTED_COMMIT",
    "END_NESTED_COMMIT", "Merge pull request #1 from a/b", "Merged in x (pull request #3)", "See merge request a/b!1",
    "Release-As: 9.9.9", "[skip release]", "<details>", "</details>", "revert: x", "==FIELD==", "", "", "\x00", "\udcff",
    "\u202efeat: rtl\u202c", "\u200bfeat: zero", "\ufefffeat: bom", "\x85", "\x1c", "\u2028feat: b", "\r", "(#1)", "Closes #1",
)  # fmt: skip
LINES = st.lists(st.one_of(st.sampled_from(MARKS), st.text(max_size=8)), max_size=12)
MESSAGES = st.builds(lambda lines, end: end.join(lines), LINES, st.sampled_from(("\n", "\r\n", "\n\n", " ", "")))


def judged(*messages: str) -> tuple[Verdict, ...]:
    return verdicts(commits(*messages), ())


@given(st.lists(MESSAGES, max_size=5))
@settings(deadline=None, max_examples=150)
def test_no_messages_make_it_fail(messages: list[str]) -> None:
    """Whatever commits say, each has one verdict, with a reason on one line, and parts that agree with it."""
    found = judged(*messages)
    assert [verdict.commit for verdict in reversed(found)] == [commit_id(at) for at in range(1, len(messages) + 1)]
    for verdict in found:
        assert verdict.why
        assert "\n" not in verdict.why
        assert verdict.bump is max(
            (part.bump for part in verdict.parts), key=lambda bump: bump.rank, default=verdict.bump
        )
        assert len(verdict.parts) != 1 or verdict.parts[0].subject


@given(MESSAGES)
@settings(deadline=None, max_examples=150)
def test_a_breaking_footer_below_anything_counts(message: str) -> None:
    """A last line `BREAKING CHANGE: …` is never swallowed, but by release-please's override, which replaces it all."""
    parsed = parse(f"fix: x\n{message}\n\nBREAKING CHANGE: kept\n\nCo-authored-by: A <a@b.c>\n\n")
    if "BEGIN_COMMIT_OVERRIDE" not in message:
        assert any("kept" in note for each in (parsed, *parsed.parts) for note in each.breaking_notes)


@given(
    st.lists(st.sampled_from(("feat: a", "fix: b", "docs: c", "x", "feat!: d", "W (#1)\n\n* feat: e", "perf: f"))),
    st.integers(0, 20),
    st.sampled_from(("feat: new", "fix: new", "chore: new", "W (#2)\n\n* fix: new", "new")),
)
@settings(deadline=None)
def test_another_commit_never_lowers_the_bump(messages: list[str], place: int, new: str) -> None:
    """Without reverts, what is added can only raise what is released."""

    def highest(*texts: str) -> int:
        return max((verdict.bump.rank for verdict in judged(*texts)), default=0)

    at = min(place, len(messages))
    assert highest(*messages[:at], new, *messages[at:]) >= highest(*messages)


@given(st.lists(st.integers(0, 8), max_size=10), st.lists(st.integers(0, 12), max_size=20))
@settings(deadline=None)
def test_no_graph_makes_it_fail(first: list[int], second: list[int]) -> None:
    """Parents that are unknown, later, or the commit itself: merges' titles are judged, and nothing hangs."""
    made = tuple(
        Commit(
            id=commit_id(number),
            message=f"Merge branch 'x'\n\nfeat: {number}",
            parents=(commit_id(one), commit_id(second[number % len(second)] if second else 99)),
        )
        for number, one in enumerate(first)
    )
    assert len(verdicts(made, ())) == len(made)


HOSTILE = (
    "* feat: a\n", "* feat(", "feat: a\n\n", "* \n", "```\n", "~~~\n```\n", "<details\n", 'Revert "', 'Revert "a" (#1)\n', "(",
    "BEGIN_NESTED_COMMIT\n", "BEGIN_NESTED_COMMIT\nx: y\n", f"commit {'a' * 40}\n    feat: b\n", "This reverts commit 0000001",
    "This reverts commit 0000001,\n", "Refs: 0000001,\n", "See merge request a/b", "Reverts a/b#", " by @a in https://", "* x: ",
    "Release-As: 1\n", "(cherry picked from commit ", "Merge pull request #1", "\u202e", "\u200b", "\x00", "\udcff", "\r\n", " (",
)  # fmt: skip
HEADS = (
    "fix: x\n\n",
    "Merge branch 'x'\n",
    'Revert "',
    "x\n\nSquashed commit of the following:\n",
    "x\n\nBEGIN_COMMIT_OVERRIDE\n",
)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("part", HOSTILE)
def test_much_of_anything_takes_seconds(part: str) -> None:
    """Time is linear in the message: quadratic reading of this much would take minutes."""
    for head in HEADS:
        (verdict,) = judged(head + part * (300_000 // len(part)))
        assert verdict.bump in Bump


@pytest.mark.timeout(60)
def test_a_message_of_ten_megabytes_is_judged() -> None:
    """A squash commit of 20,000 commits, each with a body and a footer, and a breaking change at its very end."""
    body = "text that nobody will ever read\n" * 15
    text = (
        "Work (#1)\n\n" + f"* fix: a\n\n{body}\nSigned-off-by: A <a>\n\n" * 20_000 + "* docs: b\n\nBREAKING CHANGE: c"
    )
    (verdict,) = judged(text)
    assert verdict.bump is Bump.MAJOR
    assert len(verdict.parts) == 3  # the same thing is said once
