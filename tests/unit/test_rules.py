"""Which bump a commit asks for."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core import glob
from releasd.core.conventional import parse
from releasd.core.rules import bump_of, verdicts
from releasd.core.walks import Walk
from releasd.errors import ConfigError
from releasd.model import Bump, Commit, ReleaseRule
from support.facts import commit_id, commits

NONE, PATCH, MINOR, MAJOR = Bump

# versioning-facts.md §1b, the column "npm conv.commits", and the specification where that column is its bug.
DEFAULTS = [
    ("feat: x", MINOR),
    ("fix: x", PATCH),
    ("perf: x", PATCH),
    ("refactor: x", NONE),
    ("docs: x", NONE),
    ("chore: x", NONE),
    ("unconventional", NONE),
    ("FEAT: x", MINOR),
    ("Feat: x", MINOR),  # the specification: types are not case sensitive
    ("feat:x", NONE),
    ("feat(scope)!: x", MAJOR),
    ("chore!: x", MAJOR),
    ("fix: x\n\nBREAKING CHANGE: y", MAJOR),
    ("fix: x\n\nBREAKING-CHANGE: y", MAJOR),
    ("fix: x\n\nbreaking change: y", PATCH),  # the specification: upper case only
    ("fix: x\n\nthis is a\nbreaking change for some", PATCH),
    ("fix: x\n\ntext\nBREAKING CHANGE: y\nmore text", MAJOR),
    ("fix: x\n\n---\n\nBREAKING CHANGE: y", MAJOR),  # nothing is lost after a rule line
    ("fix: x\n\n* BREAKING CHANGE: y", PATCH),  # a bullet is no footer
    ("chore: x\n\nBREAKING CHANGE: y", MAJOR),
    ("no type\n\nBREAKING CHANGE: y", MAJOR),
    ('Revert "feat: x"\n\nThis reverts commit ' + "b" * 40, PATCH),
    ("revert: feat: x", NONE),
    ("chore: squash\n\n* feat: a\n* fix: b", NONE),
    ("Merge pull request #1 from a/b\n\nfeat: x", NONE),
    ("chore: x\n\nRelease-As: 9.0.0", NONE),
    (":sparkles: x", NONE),
    ("feature: x", NONE),
]


@pytest.mark.parametrize(("message", "bump"), DEFAULTS)
def test_the_default_rules_are_those_of_semantic_release(message: str, bump: Bump) -> None:
    """Without rules of its own a project gets semantic-release's, read by the specification."""
    found, why = bump_of(parse(message), ())
    assert found is bump
    assert str(bump) in why or bump is NONE


def rule(release: Bump, *, breaking: bool = False, revert: bool = False, **match: str | None) -> ReleaseRule:
    return ReleaseRule(release=release, match=match, breaking=breaking, revert=revert)


CUSTOM = [
    ("docs: x", [rule(PATCH, type="docs")], PATCH),
    ("docs(readme): x", [rule(PATCH, type="docs", scope="readme")], PATCH),
    ("docs: x", [rule(PATCH, type="docs", scope="*")], NONE),  # a glob never matches a missing scope
    ("docs: x", [rule(PATCH, type="docs", scope=None)], PATCH),
    ("docs(a): x", [rule(PATCH, type="docs", scope=None)], NONE),
    ("feat(no-release): x", [rule(NONE, scope="no-release")], NONE),
    ("feat: x", [rule(PATCH, type="docs")], MINOR),  # no custom rule matches: the defaults are asked
    ("feat: x", [rule(PATCH, type="feat")], PATCH),  # a custom rule matches: the defaults are not asked
    ("chore(deps-dev): x", [rule(PATCH, type="chore", scope="deps*")], PATCH),
    ("refactor(core-x): x", [rule(MINOR, type="refactor", scope="core-*")], MINOR),
    ("style: x", [rule(PATCH, type="{style,refactor}")], PATCH),
    ("ci: x", [rule(PATCH, type="!(feat|fix)")], PATCH),
    ("docs: urgent x", [rule(PATCH, subject="urgent*")], PATCH),
    ("anything", [rule(PATCH)], PATCH),  # only `release`: matches everything
    ("docs: x", [rule(PATCH, author="x")], NONE),  # a field that is not there
    ('Revert "x"\n\nThis reverts commit abcdef1', [rule(MINOR, revert=True)], MINOR),
    # Within a commit, semantic-release's walk: a later false beats patch and minor, never major.
    ("docs: x", [rule(PATCH, type="docs"), rule(NONE, type="docs")], NONE),
    ("docs: x", [rule(NONE, type="docs"), rule(PATCH, type="docs")], PATCH),
    ("docs: x", [rule(MAJOR, type="docs"), rule(NONE, type="docs")], MAJOR),
    ("docs: x", [rule(MINOR, type="docs"), rule(NONE, type="docs"), rule(PATCH, type="docs")], PATCH),
    ("docs: x", [rule(PATCH, type="docs"), rule(MINOR, type="docs"), rule(PATCH)], MINOR),
    # No breaking change is lost, unless a rule speaks of breaking changes itself.
    ("chore: x\n\nBREAKING CHANGE: y", [rule(NONE, type="chore")], MAJOR),
    ("refactor!: x", [rule(PATCH, type="refactor")], MAJOR),
    ("feat!: x", [rule(PATCH, type="feat")], MAJOR),
    ("feat!: x", [rule(MINOR, breaking=True)], MINOR),
    ("docs!: x", [rule(PATCH, type="docs"), rule(MAJOR, breaking=True)], MAJOR),
    ("docs!: x", [rule(NONE, type="docs", breaking=True)], NONE),
    ("docs: x", [rule(MAJOR, breaking=True)], NONE),
]


@pytest.mark.parametrize(("message", "rules", "bump"), CUSTOM)
def test_custom_rules_decide_in_semantic_releases_order(message: str, rules: list[ReleaseRule], bump: Bump) -> None:
    """Which rules match, and which of several wins, as versioning-facts.md §2.4 says; breaking changes stand above."""
    assert bump_of(parse(message), rules)[0] is bump


REASONS = [
    ("feat: x", [], "feat adds a feature: minor"),
    ("docs: x", [rule(PATCH, type="docs")], "custom rule type=docs: patch"),
    ("docs: x", [rule(NONE, type="docs", scope=None)], "custom rule type=docs scope=(none): no release"),
    ("x", [rule(PATCH)], "custom rule for every commit: patch"),
    ("x", [], "not a conventional commit: no release"),
    ("docs: x", [], "docs asks for no release"),
    ("x!: y", [], "it has a breaking change: major"),
    ("chore(release): 1.2.3 [skip ci]", [rule(PATCH, type="chore")], "the commit of a release itself: no release"),
    ("feat: x [skip release]", [], "it says [skip release]: no release"),
    ("feat: x\n\n[Release  Skip]", [], "it says [skip release]: no release"),
    ("feat!: x\n\n[skip release]", [], "it says [skip release]: no release, though it has a breaking change"),
    ("feat:x", [], "no release (it looks like feat"),
    ("feat!(x): a", [], "is not written `type(scope)!: subject`"),
    ("feat: a\n\nBREAKING CHANGES: gone", [], "a feature: minor (it speaks of a breaking change"),
    ("docs: a\n\n**BREAKING CHANGE**: gone", [rule(PATCH, type="docs")], "type=docs: patch (it speaks of a breaking"),
    ("a (#1)\n\n* fix: b\n\n  breaking change: c\n\n* feat: d", [], 'minor (within it, "fix: b": it speaks of a'),
]


@pytest.mark.parametrize(("message", "rules", "why"), REASONS)
def test_every_verdict_says_why_in_plain_words(message: str, rules: list[ReleaseRule], why: str) -> None:
    """A person reads from `plan` why each commit counts as it does."""
    (verdict,) = verdicts(commits(message), rules)
    assert why in verdict.why


def bumps(*messages: str) -> list[str]:
    return [str(verdict.bump) for verdict in reversed(verdicts(commits(*messages), ()))]


def reverts(number: int, length: int = 40, word: str = "Revert") -> str:
    return f'{word} "x"\n\nThis reverts commit {commit_id(number)[:length]}.'


@pytest.mark.parametrize("length", [7, 12, 40])
def test_a_commit_and_its_revert_cancel_out(length: int) -> None:
    """Full and shortened names both work (semantic-release takes only full ones and ships the reverted feature)."""
    assert bumps("feat: x", "fix: y", reverts(1, length)) == ["none", "patch", "none"]


def test_the_revert_of_a_revert_brings_the_feature_back() -> None:
    """The newest word counts; git's own `Reapply` is the same as a second `Revert`."""
    assert bumps("feat: x", reverts(1), reverts(2)) == ["minor", "none", "none"]
    assert bumps("feat: x", reverts(1), reverts(2, word="Reapply")) == ["minor", "none", "none"]


def test_a_feature_reverted_twice_over_stays_out() -> None:
    """Revert, reapply, revert again: the last revert cancels the reapply, and the first one the feature."""
    assert bumps("feat: x", reverts(1), reverts(2), reverts(3)) == ["none"] * 4


def test_the_revert_of_a_released_commit_is_a_patch() -> None:
    """What is taken back was shipped, so the world needs a release without it."""
    assert bumps(reverts(99)) == ["patch"]


def test_both_halves_of_a_cancelled_pair_say_why() -> None:
    """Each dropped commit still has its verdict, which names the other."""
    found = {verdict.commit: verdict for verdict in verdicts(commits("feat: x", reverts(1)), ())}
    assert found[commit_id(1)].why == "reverted by 0000002"
    assert found[commit_id(2)].why == "takes back 0000001 of the same release"


def test_a_skipped_revert_takes_nothing_back() -> None:
    """`[skip release]` removes a commit before reverts are matched, as in semantic-release."""
    assert bumps("feat: x", reverts(1) + "\n[skip release]") == ["minor", "none"]


GLOBS = [
    ("docs", "docs", True),
    ("docs", "doc", False),
    ("*", "anything", True),
    ("*", "a/b", False),
    ("**", "a/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("a/**/b", "a/b", True),
    ("a**", "ab/c", False),
    ("*", ".hidden", False),
    ("?at", "cat", True),
    ("[ch]at", "hat", True),
    ("[!c]at", "cat", True),
    ("[a-c]at", "bat", True),
    ("[^c]at", "cat", False),
    ("[[-]x", "-x", True),
    ("[!]", "!", True),
    ("!(a)b", "cb", True),
    ("!(a)b", "axb", False),
    ("!(a)", "ab", True),
    ("**", ".a", False),
    ("**", "a/.b", False),
    ("?a", ".a", False),
    ("a?", "a.", True),
    ("{a,b}*", "bz", True),
    ("{a,b{c,d}}", "bd", True),
    ("!(x|y)", "x", False),
    ("!(x|y)", "z", True),
    ("@(x|y)", "y", True),
    ("+(ab)", "abab", True),
    ("*(ab)", "", False),  # micromatch: nothing matches an empty text
    ("core api", "core api", True),
    ("a?(b)", "a", True),
    ("!x", "x", False),
    ("!x", "y", True),
    ("*ab", "abab", True),
    ("*a*b", "xaybzb", True),
    ("a.c", "abc", False),
    (r"a\*", "a*", True),
    ("Docs", "docs", False),
    ("[", "[", True),
    ("{a", "{a", True),
]


@pytest.mark.parametrize(("pattern", "text", "expected"), GLOBS)
def test_globs_match_as_micromatch_does(pattern: str, text: str, *, expected: bool) -> None:
    """The everyday subset of micromatch that rules are written in."""
    assert glob.matches(pattern, text) is expected


@given(st.text(alphabet="ab*?[]{}(),|!+@\\/.^-", max_size=12), st.text(alphabet="ab/.*", max_size=12))
def test_no_pattern_makes_matching_fail(pattern: str, text: str) -> None:
    """A strange pattern matches or not; only one that nobody can honour is refused, with what to do."""
    with contextlib.suppress(ConfigError):
        assert glob.matches(pattern, text) in (True, False)


@pytest.mark.timeout(20)
def test_many_stars_stay_quick() -> None:
    """A long subject against many stars takes no exponential time."""
    assert not glob.matches("*a" * 12 + "*b", "a" * 1_000_000)


MESSAGES = (
    "feat: a",
    "docs: c\n\nRelease-As: 3.0.0",
    "feat!: d [skip release]",
    "Work (#1)\n\n* feat: a\n* fix: b",
    'Again (#2)\n\n* feat: b\n* Revert "feat: a"',
    "Merge pull request #3 from a/b\n\nfeat: e",
    'Revert "Merge pull request #3 from a/b"',
    "REVERT",
)


@given(st.lists(st.sampled_from(MESSAGES), max_size=9), st.data())
def test_verdicts_that_are_not_kept_are_the_same_when_made_again(messages: list[str], data: st.DataObject) -> None:
    """Whatever takes back whatever and whoever merged it: what is kept in memory changes no verdict."""
    made: list[Commit] = []
    for number, message in enumerate(messages):
        earlier = st.integers(max(number - 3, 0), number)
        text = f'Revert "x"\n\nThis reverts commit {commit_id(data.draw(earlier))}.' if message == "REVERT" else message
        parents = tuple(dict.fromkeys(commit_id(data.draw(earlier)) for _ in range(1 + text.startswith("Merge"))))
        made.insert(0, Commit(id=commit_id(number), message=text, parents=parents))
    kept = data.draw(st.integers(0, len(made)))
    streamed = verdicts(Walk(made[:kept], lambda: made[kept:]), ())
    assert len(streamed.kept) == kept
    assert list(streamed) == list(verdicts(made, ()))
    assert list(streamed.judged()) == list(verdicts(made, ()).judged())
