"""Reverts that cancel, in every form that git and the forges write, and those that do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.rules import verdicts
from releasd.model import Bump, Commit, Verdict
from support.facts import commit_id, commits

LONG = commit_id(1)


def judged(*messages: str) -> tuple[Verdict, ...]:
    return tuple(reversed(verdicts(commits(*messages), ())))


def bumps(*messages: str) -> list[str]:
    return [str(verdict.bump) for verdict in judged(*messages)]


PAIRS = [
    ("feat: x", f'Revert "feat: x"\n\nThis reverts commit {LONG}.'),
    ("feat: x", f'Revert "feat: x"\n\nThis reverts commit {LONG[:7]}.'),
    ("feat: x", f'Revert "feat: x"\n\nThis reverts commit {LONG}.\n\n(cherry picked from commit {"9" * 40})'),
    ("feat: x", f'Revert "feat: x"\r\n\r\nThis reverts commit {LONG}.\r\n'),
    ("feat: x", f"revert: feat: x\n\nThis reverts commit {LONG}."),
    ("feat: x", "revert: let us never speak of it again\n\nRefs: 0000001"),
    ("feat: x", "revert: feat: x"),
    ("feat: x (#12)", 'Revert "feat: x (#12)" (#13)'),
    ("feat: x (#12)", 'Revert "feat: x" (#13)'),
    ("feat: x (#12)", 'Revert "feat: y, renamed" (#13)\n\nReverts owner/repo#12'),
    ("feat: x", 'Revert "feat: x" (#13)\n\nReverts owner/repo#12'),
    ("feat: x (!12)", 'Revert "feat: x" (!13)\n\nThis reverts merge request !12'),
    (
        "Merge branch 'x' into 'main'\n\nfeat: x\n\nSee merge request g/p!12",
        "Revert \"Merge branch 'x' into 'main'\"\n\nThis reverts merge request g/p!12",
    ),
    ("Merged in b (pull request #3)\n\nfeat: x", 'Revert "Merged in b (pull request #3)"'),
    (f"feat: x\n\n(cherry picked from commit {'8' * 40})", f'Revert "feat: x"\n\nThis reverts commit {"8" * 40}.'),
    ("Work (#12)\n\n* feat: x\n* fix: y", 'Revert "Work (#12)" (#13)'),
]


@pytest.mark.parametrize(("commit", "revert"), PAIRS)
def test_a_commit_and_its_revert_cancel(commit: str, revert: str) -> None:
    """Both count for nothing, each says why, and what is beside them stays."""
    assert bumps(commit, "fix: y", revert) == ["none", "patch", "none"]
    kept, _, taken = judged(commit, "fix: y", revert)
    assert (kept.why, taken.why) == ("reverted by 0000003", "takes back 0000001 of the same release")


AGAIN = [
    'Reapply "feat: x (#12)" (#14)',
    'Revert "Revert "feat: x (#12)" (#13)" (#14)',
    'Revert "Revert "feat: x (#12)"" (#14)',
    'Revert "Revert "feat: x (#12)"" (#14)\n\nReverts owner/repo#13',
]


@pytest.mark.parametrize("again", AGAIN)
def test_the_revert_of_a_revert_brings_it_back_without_any_hash(again: str) -> None:
    """Git's `Reapply`, and GitHub's title of titles."""
    assert bumps("feat: x (#12)", 'Revert "feat: x (#12)" (#13)', again) == ["minor", "none", "none"]
    last = f'Revert "{again.partition(chr(10))[0]}" (#15)'
    assert bumps("feat: x (#12)", 'Revert "feat: x (#12)" (#13)', again, last) == ["none"] * 4


RELEASED = [
    'Revert "feat: other"',
    'Revert "feat: x"\n\nThis reverts commit ' + "9" * 40 + ".",  # a hash decides, whatever the subject
    'Revert "feat: other" (#13)\n\nReverts owner/repo#99',
    "revert: both\n\nRefs: 9999999",
]


@pytest.mark.parametrize("revert", RELEASED)
def test_the_revert_of_what_was_released_is_a_patch(revert: str) -> None:
    """It cancels nothing of the range."""
    assert bumps("feat: x", revert) == ["minor", "patch"]


@pytest.mark.parametrize("prose", ["Revert the feature", "revert: nothing that is here", "fix: Revert x"])
def test_prose_about_reverts_takes_nothing_back(prose: str) -> None:
    """Only what names a commit, a request or a subject is one."""
    assert bumps("feat: x", prose)[0] == "minor"


def test_several_commits_are_taken_back_at_once() -> None:
    """The specification's example; where one of them was released, the revert itself is a patch."""
    assert bumps("feat: a", "fix: b", "revert: both\n\nRefs: 0000001, 0000002") == ["none"] * 3
    assert bumps("feat: a", "revert: both\n\nRefs: 0000001, 9999999") == ["none", "patch"]


@pytest.mark.parametrize(
    "body", ["commits {} and {}.", "commits {}, {}", "commits\n{}\n{}.", "commit {}.\nThis reverts commit {}."]
)
def test_several_commits_are_named_in_one_sentence(body: str) -> None:
    """As people write it below a header of their own."""
    for length in (7, 40):
        said = body.format(commit_id(1)[:length], commit_id(2)[:length])
        assert bumps("feat: a", "feat: b", f"Revert two\n\nThis reverts {said}") == ["none"] * 3


@pytest.mark.parametrize(("header", "own"), [("chore: undo a", "none"), ("fix: revert a", "patch"), ("Undo a", "none")])
def test_a_revert_is_one_under_any_header(header: str, own: str) -> None:
    """Git's line with a whole name takes the feature back; the commit counts as what its header says."""
    assert bumps("feat!: a", f"{header}\n\nThis reverts commit {LONG}.\n\nbecause") == ["none", own]
    assert bumps("feat: a", f"{header}\n\nThis reverts commit {'9' * 40}.") == ["minor", own]
    work = f"Work (#1)\n\n* docs: x\n\n* {header}\n\nThis reverts commit {LONG}.\n\n* fix: b"
    assert bumps("feat: a", work) == ["none", "patch"]


@pytest.mark.parametrize(
    "said", ["This reverts commit {} in part", "This reverts commit 0000001.", "As this reverts commit {}."]
)
def test_prose_under_another_header_takes_nothing_back(said: str) -> None:
    """Only git's own line does."""
    assert bumps("feat: a", f"chore: undo a\n\n{said.format(LONG)}") == ["minor", "none"]


def test_what_was_undone_under_another_header_can_come_back() -> None:
    """The revert of such a commit takes it back like any other."""
    undone = f"chore: undo a\n\nThis reverts commit {LONG}."
    assert bumps("feat: a", undone, f'Revert "chore: undo a"\n\nThis reverts commit {commit_id(2)}.') == [
        "minor", "none", "none",
    ]  # fmt: skip


def test_of_several_of_one_subject_the_nearest_is_taken_back_and_each_once() -> None:
    """Two reverts take back two of three."""
    assert bumps("fix: a", "fix: a", "fix: a", 'Revert "fix: a"') == ["patch", "patch", "none", "none"]
    assert bumps("fix: a", "fix: a", 'Revert "fix: a"', "fix: a", 'Revert "fix: a"') == [
        "patch", "none", "none", "none", "none",
    ]  # fmt: skip
    assert bumps("fix: a", "fix: a", 'Revert "fix: a"', 'Revert "fix: a"') == ["none"] * 4


def test_a_revert_within_a_squash_commit_takes_back_what_is_above_it() -> None:
    """A branch's own changes of mind are no release, and no patch either."""
    revert = 'Revert "feat: a"\n\nThis reverts commit 1234567.'
    assert bumps(f"Work (#1)\n\n* feat: a\n\n* {revert}") == ["none"]
    assert bumps(f"Work (#1)\n\n* feat: a\n\n* {revert}\n\n* fix: b") == ["patch"]
    assert bumps('Work (#1)\n\n* wip: a\n\n* Revert "wip: a"\n\nThis reverts commit 1234567.') == ["none"]
    assert bumps(f"feat: a\n\n{revert}") == ["none"]


def test_a_breaking_change_that_a_revert_speaks_of_is_not_lost() -> None:
    """The commit is taken back, and the revert counts for what it breaks."""
    revert = 'Revert "feat: a"\n\nThis reverts commit 0000001.\n\nBREAKING CHANGE: gone'
    assert bumps("feat: a", revert) == ["none", "major"]
    assert bumps('Work (#1)\n\n* feat: a\n\n* Revert "feat: a"\n\nBREAKING CHANGE: gone') == ["major"]


def test_a_part_of_a_squash_commit_can_be_taken_back_later() -> None:
    """By its subject; the rest of the squash commit stays."""
    work, undone = judged("Work (#1)\n\n* feat: a\n* fix: b", 'Revert "feat: a"')
    assert (work.bump, undone.bump) == (Bump.PATCH, Bump.NONE)
    assert [part.subject for part in work.parts] == ["Work (#1)", "b"]


@pytest.mark.timeout(60)
def test_twenty_thousand_reverts_take_linear_time() -> None:
    """Matched and unmatched ones, of few subjects: quadratic work would take minutes, not the seconds of the limit."""
    made = []
    for number in range(1, 20_001):
        made.append(f"fix: a {number % 7}")
        made.append(f'Revert "fix: a {number % 11}" (#{number})\n\nReverts o/r#{number}')
    assert len(verdicts(commits(*made), ())) == 40_000


ACTS = st.lists(st.tuples(st.sampled_from("cnhs"), st.integers(0, 9)), max_size=12)


@given(ACTS)
def test_a_range_releases_what_is_in_the_tree(acts: list[tuple[str, int]]) -> None:
    """A model: applying commits, reverts and reverts of reverts to a tree leaves exactly the commits that count."""
    made: list[Commit] = []
    undone: list[int | None] = []  # which commit each one takes back
    for kind, choice in acts:
        number = len(made)
        target = choice % number if number and kind in "hs" else None
        if target is not None and any(other == target for other in undone):
            target = None  # nobody can take back the same thing twice
        name = commit_id(number + 1)
        if target is None:
            text = f"fix: change {number}"
        else:
            text = f'Revert "x"\n\nThis reverts commit {commit_id(target + 1)[: 40 if kind == "h" else 8]}.'
        made.append(Commit(id=name, message=text))
        undone.append(target)
    present = [True] * len(made)
    for number in range(len(made) - 1, -1, -1):
        target = undone[number]
        if present[number] and target is not None:
            present[target] = False
    found = list(reversed(verdicts(tuple(reversed(made)), ())))
    for number, verdict in enumerate(found):
        counts = present[number] and undone[number] is None
        assert (verdict.bump is not Bump.NONE) is counts
