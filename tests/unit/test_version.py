"""Versions: the last, the next, and their spellings."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from releasd.core.semver import next_version, parse_semver
from releasd.core.version import check_tag_format, decide, last_release, tag_name, to_pep440
from releasd.errors import ConfigError
from releasd.model import Bump, LastRelease, ProjectConfig, Tag
from support.facts import LAST, facts


def highest(*names: str, tag_format: str = "v{version}") -> str | None:
    found = last_release([Tag(name=name, commit="c" * 40) for name in names], tag_format)
    return found and found.version


def test_the_highest_version_wins_whatever_the_order() -> None:
    """By SemVer, neither by date nor as text."""
    assert highest("v1.9.0", "v1.10.0", "v1.2.3") == "1.10.0"


@pytest.mark.parametrize(
    "name",
    [
        "v1.2",
        "v01.2.3",
        "v1.2.3.4",
        "v1.2.3rc1",
        "v1.2.3-beta.01",
        "v2024.01.05",
        "vv5.0.0",
        "1.2.3",
        "v1.2.3 ",
        "xv1.2.3",
        "v1.2.3-",
        f"v1.2.{9**400}",
        "v1.2.99999999999999999",
    ],
)
def test_a_tag_that_is_no_exact_release_tag_is_ignored(name: str) -> None:
    """Nearly a version is no version (versioning-facts.md §2.1.3)."""
    assert highest(name) is None
    assert highest("v1.0.0", name) == "1.0.0"


def test_prereleases_do_not_count() -> None:
    """A stable release starts from the last stable one."""
    assert highest("v1.2.3", "v1.3.0-beta.2", "v1.3.0-beta.10") == "1.2.3"


def test_build_metadata_is_no_part_of_the_version() -> None:
    """`v1.2.3+build` is 1.2.3, and gives way to the tag without it."""
    assert highest("v1.2.3+build.5") == "1.2.3"
    found = last_release([Tag(name=n, commit="c") for n in ("v1.2.3", "v1.2.3+b")], "v{version}")
    assert found is not None
    assert found.tag == "v1.2.3"


def test_the_tag_format_matches_from_end_to_end() -> None:
    """Other packages' tags in the same repository do not count."""
    assert highest("app@1.0.0", "lib@2.0.0", "app@1.1.0-x", "app@0.9.0/old", tag_format="app@{version}") == "1.0.0"
    assert highest("1.2.3-rel", tag_format="{version}-rel") == "1.2.3"


@given(
    st.permutations(
        [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
        ]
    )
)
def test_precedence_is_that_of_the_specification(shuffled: list[str]) -> None:
    """The chain of SemVer 11, from any order."""
    ordered = sorted(shuffled, key=lambda text: parse_semver(text).precedence)
    assert ordered == [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ]


@given(st.text(alphabet="0123456789.-+abv", max_size=20))
def test_a_strict_version_prints_as_it_was_read(text: str) -> None:
    """Reading is lossless: what is accepted is spelled in exactly one way."""
    version = parse_semver(text)
    assert version is None or str(version) == text


INC = [
    ("1.2.3", Bump.PATCH, "1.2.4"),
    ("1.2.3", Bump.MINOR, "1.3.0"),
    ("1.2.3", Bump.MAJOR, "2.0.0"),
    ("0.1.0", Bump.MINOR, "0.2.0"),
    ("0.1.0", Bump.MAJOR, "1.0.0"),
    ("1.2.0-beta.1", Bump.PATCH, "1.2.0"),
    ("1.2.0-beta.1", Bump.MINOR, "1.2.0"),
    ("1.2.1-beta.1", Bump.MINOR, "1.3.0"),
    ("1.2.0-beta.1", Bump.MAJOR, "2.0.0"),
    ("2.0.0-beta.1", Bump.MAJOR, "2.0.0"),
    (None, Bump.MAJOR, "0.1.0"),
]


@pytest.mark.parametrize(("last", "bump", "expected"), INC)
def test_the_next_version_is_node_semvers(last: str | None, bump: Bump, expected: str) -> None:
    """As `semver.inc`; the first version is the configured one."""
    assert next_version(last, bump, "0.1.0") == expected


@pytest.mark.parametrize(("last", "bump"), [("1.2.3", Bump.NONE), ("v1.2", Bump.PATCH)])
def test_no_next_version_is_made_up(last: str | None, bump: Bump) -> None:
    """A caller's mistake is loud."""
    with pytest.raises(ValueError, match=r"bump|version"):
        next_version(last, bump, "0.1.0")


@pytest.mark.parametrize(
    ("semver", "python"),
    [
        ("1.2.0", "1.2.0"),
        ("1.2.0-beta.1", "1.2.0b1"),
        ("1.2.0-alpha.2", "1.2.0a2"),
        ("1.2.0-rc.3", "1.2.0rc3"),
        ("1.2.0-dev.4", "1.2.0.dev4"),
        ("1.2.0-beta", "1.2.0b0"),
    ],
)
def test_python_gets_its_own_spelling(semver: str, python: str) -> None:
    """PEP 440 in Python files, and `packaging` agrees that it is normal."""
    assert to_pep440(semver) == python
    assert str(Version(python)) == python


@pytest.mark.parametrize("semver", ["1.2.0-next.1", "1.2.0-1", "1.2.0-post.1", "1.2.0-alpha.beta"])
def test_a_prerelease_that_python_cannot_spell_is_refused(semver: str) -> None:
    """`1.2.0-1` would become a post-release, which is newer instead of older."""
    with pytest.raises(ConfigError, match="PEP 440") as caught:
        to_pep440(semver)
    assert "beta" in caught.value.advice


@pytest.mark.parametrize(
    "tag_format", ["v{version}", "{version}", "releases/{version}", "app@{version}", "v{version}-x"]
)
def test_a_usable_tag_format_is_accepted(tag_format: str) -> None:
    """Anything that git takes as the name of a tag."""
    assert check_tag_format(tag_format) is None


@pytest.mark.parametrize(
    "tag_format",
    [
        "v",
        "",
        "v{version}{version}",
        "v${version}",
        "v {version}",
        "-{version}",
        ".{version}",
        "a..{version}",
        "{version}.lock",
        "a//{version}",
        "/{version}",
        "{version}/",
        "{version}.",
        "a~{version}",
        "v^{version}",
        "a:{version}",
        "v*{version}",
        "v[{version}",
        "a\\{version}",
        "@{{version}",
        "a/.{version}",
        "a\n{version}",
    ],
)
def test_an_unusable_tag_format_is_refused_with_the_form_to_write(tag_format: str) -> None:
    """The mistake is found when the configuration is read, not when the tag is pushed."""
    assert "v{version}" in (check_tag_format(tag_format) or "")
    with pytest.raises(ConfigError, match="tag_format"):
        tag_name(tag_format, "1.2.3")


def reason(*messages: str, last: LastRelease | None = LAST, forced: Bump | None = None) -> str:
    return decide(facts(*messages, last=last), ProjectConfig(), forced).reason


def test_the_reason_names_the_commit_that_decided() -> None:
    """One sentence that a pusher understands."""
    assert reason("fix: a", "feat(x): add y") == (
        "minor: 2 commits since v1.2.3, the highest is feat(x): add y (0000002)"
    )
    assert reason("feat!: a") == "major: 1 commit since v1.2.3, the highest is feat!: a (0000001)"


def test_no_release_says_what_there_was_instead() -> None:
    """A bare "no releasable commits" helps nobody."""
    assert reason("docs: a", "chore: b", "docs: c") == (
        "no release: 3 commits since v1.2.3, none asks for one (docs 2, chore 1)"
    )
    assert reason() == "no release: nothing new since v1.2.3"
    assert reason(last=None) == "no release: there are no commits"
    assert (
        reason("x", last=None) == "no release: 1 commit and no release so far, none asks for one (not conventional 1)"
    )


def test_the_first_release_gets_the_initial_version() -> None:
    """Whatever the bump, the first version is the configured one."""
    decision = decide(facts("feat!: a", last=None), ProjectConfig(initial_version="0.3.0"), None)
    assert (decision.version, decision.tag, decision.bump) == ("0.3.0", "v0.3.0", Bump.MAJOR)
    assert decision.reason.startswith("first release, major: 1 commit")


@pytest.mark.parametrize(
    ("last", "forced", "version"),
    [("0.3.1", None, "0.4.0"), ("1.0.0", None, "2.0.0"), ("0.3.1", Bump.MAJOR, "1.0.0")],
)
def test_a_breaking_change_at_zero_may_be_minor(last: str, forced: Bump | None, version: str) -> None:
    """With `major_on_zero = false` 0.x stays 0.x until an operator says otherwise, and the reason says so."""
    known = LastRelease(tag=f"v{last}", version=last, commit="f" * 40)
    decision = decide(facts("feat!: a", last=known), ProjectConfig(major_on_zero=False), forced)
    assert decision.version == version
    assert ("major_on_zero" in decision.reason) is (version == "0.4.0")


def test_an_operators_wish_replaces_the_analysis() -> None:
    """Also where the commits ask for nothing; `none` means no release."""
    assert decide(facts("docs: a"), ProjectConfig(), Bump.MINOR).version == "1.3.0"
    assert reason("docs: a", forced=Bump.MINOR) == "minor, asked for by the operator"
    assert decide(facts("feat: a"), ProjectConfig(), Bump.NONE).version is None


def test_the_daemons_own_release_commit_releases_nothing() -> None:
    """Otherwise every release would release itself."""
    assert decide(facts("chore(release): 1.2.3 [skip ci]\n\n* feat: x"), ProjectConfig(), None).version is None


def test_the_highest_bump_wins_whatever_the_order() -> None:
    """One feature among fixes makes it a minor release."""
    for messages in (("feat: a", "fix: b"), ("fix: b", "feat: a")):
        assert decide(facts(*messages), ProjectConfig(), None).version == "1.3.0"


@given(st.lists(st.text(), max_size=5))
def test_a_decision_is_always_made_and_fits_on_a_line(messages: list[str]) -> None:
    """No text of a commit breaks the decision or the line that a pusher sees."""
    decision = decide(facts(*messages), ProjectConfig(), None)
    assert "\n" not in decision.reason
    assert re.fullmatch(r"[^\x00-\x1f]+", decision.reason)
    assert len(decision.verdicts) == len(messages)
    assert decision.bump is max((v.bump for v in decision.verdicts), key=lambda bump: bump.rank, default=Bump.NONE)
