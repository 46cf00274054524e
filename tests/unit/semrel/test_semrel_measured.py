"""The analysis against what was measured once with the real packages: versioning-facts.md §1b, §2.3, §2.4."""

import pytest

from releasd.core.semrel.analysis import judge, lost_breaking, release_type
from releasd.core.semrel.options import Options
from releasd.errors import ConfigError
from releasd.model import Bump, Commit
from support.facts import commit_id, commits

FIRST = commit_id(1)
ANGULAR, CONVENTIONAL = Options(), Options(preset="conventionalcommits")

# Messages oldest first; what the angular and the conventionalcommits preset release.
MEASURED = [
    (["feat: x"], "minor", "minor"),
    (["fix: x"], "patch", "patch"),
    (["perf: x"], "patch", "patch"),
    (["refactor: x"], None, None),
    (["docs: x"], None, None),
    (["chore: x"], None, None),
    (["unconventional"], None, None),
    (["FEAT: x"], "minor", "minor"),
    (["Feat: x"], None, None),
    (["feat:x"], None, None),
    (["feat(scope)!: x"], None, "major"),
    (["chore!: x"], None, "major"),
    (["fix: x\n\nBREAKING CHANGE: y"], "major", "major"),
    (["fix: x\n\nBREAKING-CHANGE: y"], "patch", "major"),
    (["fix: x\n\nbreaking change: y"], "major", "major"),
    (["fix: x\n\nthis is a\nbreaking change for users"], "major", "major"),
    (["fix: x\n\ntext\nBREAKING CHANGE: y\nmore text"], "major", "major"),
    (["fix: x\n\n---\n\nBREAKING CHANGE: y"], "patch", "patch"),
    (["fix: x\n\n* BREAKING CHANGE: y"], "major", "major"),
    (["chore: x\n\nBREAKING CHANGE: y"], "major", "major"),
    (["no type\n\nBREAKING CHANGE: y"], "major", "major"),
    (["feat: x", f'Revert "feat: x"\n\nThis reverts commit {FIRST}.'], None, None),
    ([f'Revert "feat: x"\n\nThis reverts commit {"b" * 40}.'], "patch", "patch"),
    (["revert: feat: x"], None, None),
    (["chore: squash\n\n* feat: a\n* fix: b"], None, None),
    (["Merge pull request #1 from a/b\n\nfeat: x"], None, None),
    (["chore: x\n\nRelease-As: 9.0.0"], None, None),
    (["feat: x [skip release]"], None, None),
    (["feat: x\n\n[Release  Skip]"], None, None),
    ([":sparkles: x"], None, None),
]


@pytest.mark.parametrize(("messages", "angular", "conventional"), MEASURED)
def test_a_range_is_released_as_measured(messages: list[str], angular: str | None, conventional: str | None) -> None:
    """The column of each preset in the table of facts."""
    assert release_type(commits(*messages), ANGULAR) == angular
    assert release_type(commits(*messages), CONVENTIONAL) == conventional


REVERTS = [
    ([f'Revert "feat: a"\n\nThis reverts commit {FIRST[:7]}.'], "minor"),  # the whole name is needed
    ([f'Revert "feat: a (#11)" (#12)\n\nThis reverts commit {FIRST}.'], "minor"),  # the header has to match
    (
        [
            f'Revert "feat: a"\n\nThis reverts commit {FIRST}.',
            f'Revert "Revert "feat: a""\n\nThis reverts commit {commit_id(2)}.',
        ],
        "minor",  # the revert of a revert brings the feature back
    ),
    (
        [
            f'Revert "feat: a"\n\nThis reverts commit {FIRST}.',
            f'Reapply "feat: a"\n\nThis reverts commit {commit_id(2)}.',
        ],
        None,  # git's word is not known: no release, though the feature is in the tree
    ),
]


@pytest.mark.parametrize(("later", "release"), REVERTS)
def test_reverts_cancel_as_measured(later: list[str], release: str | None) -> None:
    """Only the whole name with the exact header cancels."""
    assert release_type(commits("feat: a", *later), ANGULAR) == release


def test_what_a_revert_holds_comes_in_its_order() -> None:
    """A revert that finds nothing to take back changes no other commit's verdict."""
    range_ = commits("feat: a", f'Revert "fix: z"\n\nThis reverts commit {"c" * 40}.', "docs: b")
    assert [verdict.bump for verdict in judge(range_, ANGULAR)] == [Bump.NONE, Bump.PATCH, Bump.MINOR]


PRECEDENCE = [
    (["patch", False], None),
    ([False, "patch"], "patch"),
    (["major", False], "major"),
    (["minor", None, "patch"], "patch"),
    (["patch", "minor"], "minor"),
    (["minor", "patch"], "minor"),
    ([False], None),
]


@pytest.mark.parametrize(("releases", "expected"), PRECEDENCE)
def test_a_later_false_beats_patch_and_minor(releases: list[str | bool | None], expected: str | None) -> None:
    """Within a commit, `false` and `null` have an index below all but major; anything beats them again."""
    rules = tuple({"type": "feat", "release": release} for release in releases)
    assert release_type(commits("feat: x"), Options(release_rules=rules)) == expected


RULES = [
    ({"type": "chore", "release": False}, "chore: x\n\nBREAKING CHANGE: y", None),  # the gotcha that loses releases
    ({"type": "refactor", "release": "patch"}, "refactor: x\n\nBREAKING CHANGE: y", "patch"),
    ({"breaking": True, "release": "minor"}, "chore: x\n\nBREAKING CHANGE: y", "minor"),
    ({"breaking": True, "release": "minor"}, "feat: x", "minor"),  # does not match, so that the default rule does
    ({"scope": None, "release": "patch"}, "docs: x", "patch"),
    ({"scope": None, "release": "patch"}, "docs(a): x", None),
    ({"scope": "*", "release": "patch"}, "docs: x", None),  # a glob never matches what is not there
    ({"scope": "api-*", "release": "patch"}, "docs(api-v2): x", "patch"),
    ({"type": "{docs,style}", "release": "patch"}, "style: x", "patch"),
    ({"type": "!docs", "release": "patch"}, "chore: x", "patch"),
    ({"release": "patch"}, "anything", "patch"),
    ({"author": {"name": "dep*"}, "release": "patch"}, "x", "patch"),
    ({"author": {"name": "x"}, "release": "patch"}, "x", None),
    ({"references": [{"issue": "7"}], "release": "patch"}, "x #5 #7", "patch"),
    ({"notes": [{"title": "BREAKING*"}], "release": "minor"}, "x\n\nBREAKING CHANGE: y", "minor"),
    ({"type": "*", "release": "patch"}, "a_b: x", "patch"),
    ({"missing": "x", "release": "patch"}, "docs: x", None),
]


@pytest.mark.parametrize(("rule", "message", "expected"), RULES)
def test_rules_match_any_field(rule: dict[str, object], message: str, expected: str | None) -> None:
    """Globs, null, nested keys; where no rule of the project matches, the default ones decide."""
    commit = Commit(id="a" * 40, message=message, author="dependabot <d@x.org>")
    assert release_type([commit], Options(release_rules=(rule,))) == expected


def test_every_verdict_says_why() -> None:
    """The sentence names the rule, or why the commit was left out."""
    rules = ({"type": "docs", "scope": "api", "release": "patch"},)
    range_ = commits(
        "feat: a",
        "docs(api): b",
        "chore: c",
        "words",
        "fix: d [skip release]",
        f'Revert "feat: a"\n\nThis reverts commit {FIRST}.',
    )
    assert [verdict.why for verdict in judge(range_, Options(release_rules=rules))] == [
        "it takes back a commit of the same release: no release",
        "it says [skip release]: no release",
        "its header is not of the preset's form: no release",
        "chore asks for no release",
        "custom rule type=docs scope=api: patch",
        "another commit of the same release takes it back: no release",
    ]


LOST = [
    ("feat!: x", ANGULAR),
    ("fix: x\n\nBREAKING-CHANGE: y", ANGULAR),
    ("fix: x\n\n---\n\nBREAKING CHANGE: y", CONVENTIONAL),
    ("docs: x\n\nBREAKING CHANGE: y", Options(release_rules=({"type": "docs", "release": "patch"},))),
    ("chore!: x", Options(preset="conventionalcommits", release_rules=({"type": "chore", "release": False},))),
]


@pytest.mark.parametrize(("message", "options"), LOST)
def test_a_lost_breaking_change_is_found(message: str, options: Options) -> None:
    """What the specification calls breaking and the rules do not release as major is named, with the reason."""
    (lost,) = lost_breaking(commits(message), options)
    assert lost.why.startswith("its breaking change is lost: ")
    assert lost.bump is not Bump.MAJOR


NOT_LOST = [
    (["feat!: x"], CONVENTIONAL),
    (["feat: x\n\nbreaking change: y"], ANGULAR),
    (["feat!: x [skip release]"], ANGULAR),
    (["feat!: x", f'Revert "feat!: x"\n\nThis reverts commit {FIRST[:9]}.'], ANGULAR),
    (["feat!: x", "fix: y\n\nBREAKING CHANGE: z"], ANGULAR),
    (["feat: x"], ANGULAR),
]


@pytest.mark.parametrize(("messages", "options"), NOT_LOST)
def test_nothing_is_lost_where_the_version_tells_it(messages: list[str], options: Options) -> None:
    """A major release anyway, a commit that was taken back or skipped on purpose: no alarm."""
    assert lost_breaking(commits(*messages), options) == ()


def test_a_prerelease_rule_is_refused_as_semantic_release_refuses_it() -> None:
    """Its core allows no other answer than major, minor and patch; a lower one hurts nobody."""
    options = Options(release_rules=({"type": "docs", "release": "prepatch"},))
    assert release_type(commits("docs: x", "fix: y"), options) == "patch"
    with pytest.raises(ConfigError, match="prepatch"):
        judge(commits("docs: x"), options)
