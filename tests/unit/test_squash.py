"""Commits within a squash or merge commit's message: which count, and which only look like some."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.conventional import parse
from releasd.core.rules import verdicts
from releasd.model import Bump, Commit, ReleaseRule, Verdict
from support.facts import commit_id, commits

NONE, PATCH, MINOR, MAJOR = Bump
HASH = "0123456789abcdef0123456789abcdef01234567"


def verdict(message: str, *rules: ReleaseRule) -> Verdict:
    (found,) = verdicts(commits(message), rules)
    return found


SQUASHED = (
    f"Login\n\nSquashed commit of the following:\n\ncommit {HASH}\nAuthor: A <a@b.c>\nDate:   today\n\n    fix: b\n\n"
    f"    body\n\ncommit {HASH}\nAuthor: A <a@b.c>\nDate:   today\n\n    feat: a\n"
)
NESTED = (
    "x\n\nBEGIN_NESTED_COMMIT\nfeat: a\n\nbody\nEND_NESTED_COMMIT\nBEGIN_NESTED_COMMIT\nanything: b\nEND_NESTED_COMMIT"
)
FORMS = [
    ("Login (#12)\n\n* feat: form\n\nwith a body\n\n* fix: typo", ["feat: form", "fix: typo"]),
    ("Login (#12)\n\n* feat: form\n* fix: typo\n* wip", ["feat: form", "fix: typo"]),
    ("Login (#12)\r\n\r\n* feat: form\r\n\r\n* fix: typo\r\n", ["feat: form", "fix: typo"]),
    ("chore: squash\n\n* feat: a\n* fix: b", ["feat: a", "fix: b"]),
    ("Login\n\nfeat: a\n\nfix: b\n\nSee merge request group/proj!12", ["feat: a", "fix: b"]),
    ("docs: a\n\nfeat(x)!: b\n\nwith a body\n\nfix: c", ["feat: b", "fix: c"]),
    ("Merge pull request #1 from x/y\n\nfeat: title", ["feat: title"]),
    ("Merge pull request #1 from x/y\nFeat: title", ["feat: title"]),
    ("Merge branch 'x' into 'main'\n\nfeat: title\n\nSee merge request g/p!12", ["feat: title"]),
    ("Merged in branch (pull request #3)\n\nfeat: title\n\n* fix: b\n\nApproved-by: X", ["feat: title", "fix: b"]),
    ("Merged PR 12: feat: title\n\nRelated work items: #1", ["feat: title"]),
    (SQUASHED, ["feat: a", "fix: b"]),
    (SQUASHED.removeprefix("Login\n\n"), ["feat: a", "fix: b"]),  # git's own header, kept
    (NESTED, ["feat: a", "anything: b"]),
    ("x (#1)\n\n* * fix: a", []),
    ("feat: a (#3)\n\n* feat: a\n\n* fix: b", ["fix: b"]),  # the title says the first already
]


@pytest.mark.parametrize(("message", "parts"), FORMS)
def test_the_commits_within_are_found(message: str, parts: list[str]) -> None:
    """Every form that git and the forges write, in the order of the work."""
    assert [f"{part.type}: {part.subject}" for part in parse(message).parts] == parts


NO_FORMS = [
    "docs: x\n\n* see: foo\n* note: bar\n* https://x.example.org: y",
    "docs: x\n\n```\n* feat: a\n```\n",
    "docs: x\n\n~~~ text\nfeat: a\n\nfeat: b\n~~~\n",
    "docs: x\n\n> * feat: a\n> feat: b",
    "docs: x\n\n  * feat: a\n    feat: b",
    "docs: x\n\n- feat: a",
    "docs: x\n\n*feat: a",
    "docs: x\n\n* feat:a",
    "docs: x\n\nprose about\nfeat: no paragraph",
    "docs: x\n\nFix: #12",  # a footer
    "build(deps): bump x\n\n<details>\n<summary>Changes</summary>\n\n* feat: theirs\n</details>",
    "build(deps): bump x\n\n* feat: theirs by @somebody in https://github.com/o/r/pull/3",
    "docs: x\n\nBEGIN_NESTED_COMMIT\nanything",  # it never ends
    "docs: explain\n\nBEGIN_COMMIT_OVERRIDE in a sentence: feat: a",
]


@pytest.mark.parametrize("message", NO_FORMS)
def test_what_only_looks_like_a_commit_is_none(message: str) -> None:
    """Unknown types, quoted text, code, sub-lists, footers and generated lists of others' changes release nothing."""
    assert parse(message).parts == ()
    assert verdict(message).bump is NONE


def test_a_fence_that_never_ends_hides_nothing() -> None:
    """What is not clearly quoted counts: a lost release is worse than one too many."""
    assert verdict("x (#1)\n\n* docs: a\n\n```\nforgotten\n\n* feat: b").bump is MINOR


def test_each_part_counts_and_the_reason_names_the_one_that_decides() -> None:
    """The highest of the parts is what the commit asks for."""
    found = verdict("Login (#12)\n\n* fix: typo\n\n* feat: form\n\n* docs: x")
    assert (found.bump, found.type, found.subject) == (MINOR, "feat", "form")
    assert found.why == 'within it, "feat: form": feat adds a feature: minor'
    assert [(part.type, part.bump) for part in found.parts] == [
        (None, NONE),
        ("fix", PATCH),
        ("feat", MINOR),
        ("docs", NONE),
    ]


BREAKING_WITHIN = [
    "Login (#1)\n\n* fix: a\n\nBREAKING CHANGE: gone\n\n* docs: b",
    "Login (#1)\n\n* wip\n\nBREAKING CHANGE: gone\n\n* docs: b",
    "Login (#1)\n\n* fix: a\n  BREAKING-CHANGE: gone",
    "Login (#1)\n\n* docs: a\n\n* chore!: gone",
    "docs: x (#1)\n\n* docs: x\n\nBREAKING CHANGE: gone",  # the part that the title says already
    "Login (#1)\n\n* fix: a\n\n---------\n\nBREAKING CHANGE: gone\nCo-authored-by: A <a@b.c>",
    "Merge pull request #1 from x/y\n\nBREAKING CHANGE: gone",
]


@pytest.mark.parametrize("message", BREAKING_WITHIN)
def test_no_breaking_change_within_is_lost(message: str) -> None:
    """Wherever in a squash commit it stands."""
    found = verdict(message)
    assert found.bump is MAJOR
    assert found.breaking
    notes = [note for part in found.parts for note in part.breaking_notes]
    assert not notes or all("gone" in note and "docs" not in note for note in notes)


def test_an_override_stands_in_the_messages_place() -> None:
    """release-please's way to say after the fact what a merged commit was."""
    text = "feat!: wrong (#1)\n\nbody\n\nBEGIN_COMMIT_OVERRIDE\nfix: right\nchore: too\nEND_COMMIT_OVERRIDE\n"
    found = verdict(text)
    assert (found.bump, found.type, found.breaking) == (PATCH, "fix", False)
    assert [part.type for part in found.parts] == ["fix", "chore"]


def test_types_of_the_projects_own_rules_count_within_too() -> None:
    """`security` is a type where a rule says so, by name or in a pattern."""
    message = "Login (#1)\n\n* security: a"
    assert verdict(message).bump is NONE
    for pattern in ("security", "{deps,security}", "@(security|deps)"):
        assert verdict(message, ReleaseRule(release=PATCH, match={"type": pattern})).bump is PATCH


def merge(title: str, *, branch: tuple[str, ...], more: tuple[str, ...] = ()) -> tuple[Verdict, ...]:
    """Judge a range: a branch, merged, and what came on the main line since; verdicts are oldest first."""
    made = [
        Commit(id=commit_id(number), message=text, parents=(commit_id(number - 1) if number > 1 else "f" * 40,))
        for number, text in enumerate(branch, 1)
    ]
    made.append(Commit(id=commit_id(50), message=title, parents=("f" * 40, commit_id(len(branch)) if branch else "e")))
    made += [
        Commit(id=commit_id(51 + number), message=text, parents=(commit_id(50 + number),))
        for number, text in enumerate(more)
    ]
    return tuple(reversed(verdicts(tuple(reversed(made)), ())))


TITLE = "Merge pull request #12 from x/y\n\nfeat: title"


def test_a_merges_title_counts_where_it_asks_for_more_than_what_it_merges() -> None:
    """`wip` commits with a conventional title are the title's release; the same said twice is counted once."""
    assert [each.bump for each in merge(TITLE, branch=("wip", "wip 2"))] == [NONE, NONE, MINOR]
    assert [each.bump for each in merge(TITLE, branch=("fix: a", "wip"))] == [PATCH, NONE, MINOR]
    told = merge(TITLE, branch=("feat: a", "fix: b"))
    assert [each.bump for each in told] == [MINOR, PATCH, NONE]
    assert "count themselves" in told[-1].why
    assert told[-1].parts == ()


def test_a_merge_of_what_is_released_already_releases_nothing_again() -> None:
    """Its commits are not of the range: they came with the last tag."""
    (found,) = merge(TITLE, branch=())
    assert (found.bump, found.why) == (NONE, "a merge of what is released already: no release")


def test_the_revert_of_a_merge_takes_back_what_it_merged() -> None:
    """Git's message for `revert -m 1` names the merge; its branch is known from the parents."""
    undo = f'Revert "Merge"\n\nThis reverts commit {commit_id(50)}, reversing\nchanges made to {"f" * 40}.'
    assert [each.bump for each in merge(TITLE, branch=("feat: a", "fix: b"), more=(undo,))] == [NONE] * 4
    again = f'Reapply "Merge"\n\nThis reverts commit {commit_id(51)}.'
    assert [each.bump for each in merge(TITLE, branch=("feat: a",), more=(undo, again))][:2] == [MINOR, NONE]
    other = undo.replace("f" * 40, "e" * 40)  # goes back to the branch instead: what that has stays
    assert [each.bump for each in merge(TITLE, branch=("feat: a",), more=(other,))] == [MINOR, NONE, NONE]


def test_a_forges_revert_of_a_merged_request_takes_back_what_it_merged() -> None:
    """GitHub names the request and no commit."""
    undo = 'Revert "feat: title" (#13)\n\nReverts o/r#12'
    assert [each.bump for each in merge(TITLE, branch=("feat: a",), more=(undo,))] == [NONE] * 3


def test_branches_within_branches_are_known() -> None:
    """The title of a merge into a branch stands for its commits, and the outer merge for all."""
    made = (
        Commit(id=commit_id(4), message="Merge branch 'b'\n\nfeat: b", parents=("f" * 40, commit_id(3))),
        Commit(id=commit_id(3), message="Merge branch 'a' into b\n\nfeat: a", parents=(commit_id(2), commit_id(1))),
        Commit(id=commit_id(2), message="fix: on b", parents=("f" * 40,)),
        Commit(id=commit_id(1), message="wip on a", parents=("f" * 40,)),
    )
    assert [each.bump for each in verdicts(made, ())] == [NONE, MINOR, PATCH, NONE]


@given(st.lists(st.sampled_from(("feat: a", "fix: b", "docs: c", "wip", "feat!: d", "x: y")), min_size=1, max_size=6))
def test_a_squash_commit_asks_for_what_its_commits_ask_for(messages: list[str]) -> None:
    """The same commits, squashed or not: one bump, and the parts stand in their order."""
    apart = max(each.bump.rank for each in verdicts(commits(*messages), ()))
    listed = verdict("Work (#1)\n\n" + "\n\n".join(f"* {each}" for each in messages))
    assert listed.bump.rank == apart
    known = [each for each in messages if each not in ("wip", "x: y")]
    marks = [f"{part.type}{'!' if part.breaking_notes else ''}: {part.subject}" for part in listed.parts[1:]]
    assert marks == list(dict.fromkeys(known))
    assert verdicts(commits("Work"), ())[0].parts == ()


SKIPPED = [
    ("feat: big (#5)\n\n* feat: a\n\n* docs: typo [skip release]", MINOR),
    ("feat!: big (#5)\n\n* feat!: big\n\n* docs: typo [skip release]\n\nBREAKING CHANGE: all", MAJOR),
    ("x (#5)\n\n* feat: a [skip release]\n\n* fix: b", PATCH),
    ("x (#5)\n\n* feat: a\n\n[skip release]\n\n* fix: b", PATCH),
    ("x (#5)\n\n* feat: a\n\nRelease-As: 9.0.0\n[skip release]\n\n* fix: b", PATCH),
    ("x (#5) [skip release]\n\n* feat: a\n\n* fix: b", NONE),
    ("x (#5)\n\n[release skip]\n\n* feat: a", NONE),
    ("x (#5)\n\n* feat: a\n\n* fix: b\n\n[skip release]", NONE),  # at the very end it is of the whole
    ("x (#5)\n\n* feat: a\n\n* fix: b\n\n---------\n\n[skip release]", NONE),
    ("x (#5)\n\n* feat: a\n\n* fix: b\n\n[skip release]\n\n---------\n\nCo-authored-by: A <a@b.c>", NONE),
]


@pytest.mark.parametrize(("message", "bump"), SKIPPED)
def test_skip_release_takes_out_the_part_that_says_it(message: str, bump: Bump) -> None:
    """One commit of a squash speaks for itself; the title, or a line of its own at the end, for all."""
    found = verdict(message)
    assert found.bump is bump
    assert found.release_as is None


def test_a_revert_that_is_skipped_within_takes_nothing_back() -> None:
    """As a skipped commit of its own does not."""
    assert verdict('x (#5)\n\n* feat: a\n\n* Revert "feat: a"\n\n[skip release]\n\n* docs: b').bump is MINOR


def test_a_skipped_breaking_change_within_is_told() -> None:
    """Nobody may miss what the marker hides."""
    found = verdict("x (#5)\n\n* feat: a\n\n* fix!: b [skip release]\n\n* docs: c")
    assert found.skips_breaking
    assert found.why.endswith(
        '"fix!: b [skip release]": it says [skip release]: no release, though it has a breaking change)'
    )
