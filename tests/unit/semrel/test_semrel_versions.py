"""Tags, branches and next versions: versioning-facts.md §2.1."""

import pytest

from releasd.core.semrel.branches import DEFAULT_BRANCHES, Branch, expand, ranges
from releasd.core.semrel.tags import last_release, next_version, version_tags
from releasd.core.semver import SemVer
from releasd.errors import ConfigError, Permanent
from releasd.model import Bump, ReleaseBranch, Tag

MAIN = Branch("main", "release")
BETA = Branch("beta", "prerelease", channel="beta", prerelease="beta")
FORMAT = "v{version}"


def tagged(*names: str) -> tuple[Tag, ...]:
    return tuple(Tag(name=name, commit=f"{number:040x}") for number, name in enumerate(names))


COUNTS = [
    ("v1.2.3", "1.2.3"),
    ("v1.2.3+build", "1.2.3+build"),
    ("vv5.0.0", "5.0.0"),
    ("v1.2", None),
    ("v01.2.3", None),
    ("v1.2.3.4", None),
    ("v1.2.3rc1", None),
    ("v1.2.3-beta.01", None),
    ("v2024.01.05", None),
    ("1.2.3", None),
    ("xv1.2.3", None),
]


@pytest.mark.parametrize(("name", "version"), COUNTS)
def test_tags_count_as_measured(name: str, version: str | None) -> None:
    """Lenient in front, strict behind."""
    assert [str(each.version) for each in version_tags(tagged(name), FORMAT)] == ([version] if version else [])


def test_nothing_has_to_end_where_the_format_ends() -> None:
    """semantic-release's expression has no end."""
    (found,) = version_tags(tagged("v1.2.3-rel-and-more"), "v{version}-rel")
    assert found.version == SemVer(1, 2, 3)


def test_a_tag_that_semantic_release_fails_on_is_named() -> None:
    """`clean` takes it, and the next function does not: the run ends in an error there, with the cure here."""
    with pytest.raises(ConfigError, match="vvv5") as caught:
        version_tags(tagged("vvv5.0.0"), FORMAT)
    assert "git tag -d" in caught.value.advice


def test_the_last_release_is_the_highest_not_the_newest() -> None:
    """By SemVer; pre-releases do not count on a release branch; of equals the first by name."""
    found = version_tags(tagged("v1.9.0", "v1.10.0", "v2.0.0-beta.1", "v1.10.0+b", "v1.2.0"), FORMAT)
    last = last_release(found, MAIN)
    assert last is not None
    assert (last.tag, last.version) == ("v1.10.0", "1.10.0")


def test_a_prerelease_branch_follows_its_own_prereleases() -> None:
    """Those with its identifier, and with its channel where the channels are known."""
    found = version_tags(tagged("v1.0.0", "v1.1.0-beta.1", "v2.0.0-alpha.1"), FORMAT)
    channels = ({}, {"v1.1.0-beta.1": ("beta",)}, None)
    last = [last_release(found, BETA, each) for each in channels]
    assert [each.tag if each else None for each in last] == ["v1.0.0", "v1.1.0-beta.1", "v1.1.0-beta.1"]


NEXT = [
    (MAIN, [], Bump.PATCH, "1.0.0"),
    (MAIN, ["v0.1.0"], Bump.MINOR, "0.2.0"),
    (MAIN, ["v0.1.0"], Bump.MAJOR, "1.0.0"),
    (BETA, [], Bump.PATCH, "1.0.0-beta.1"),
    (BETA, ["v1.0.0"], Bump.MINOR, "1.1.0-beta.1"),
    (BETA, ["v1.0.0", "v1.1.0-beta.1"], Bump.PATCH, "1.1.0-beta.2"),
    (BETA, ["v1.0.0", "v1.1.0-beta.1"], Bump.MINOR, "1.1.0-beta.2"),
    (BETA, ["v1.0.0", "v1.1.0-beta.1"], Bump.MAJOR, "2.0.0-beta.1"),
    (BETA, ["v1.0.0", "v1.0.1-beta.1"], Bump.MINOR, "1.1.0-beta.1"),
    (BETA, ["v1.0.0", "v2.0.0-beta.3"], Bump.MAJOR, "2.0.0-beta.4"),
    (BETA, ["v1.0.0", "v1.1.0-beta"], Bump.PATCH, "1.1.0-beta.1"),
]


@pytest.mark.parametrize(("branch", "names", "bump", "expected"), NEXT)
def test_the_next_version_is_the_measured_one(branch: Branch, names: list[str], bump: Bump, expected: str) -> None:
    """The table of facts, item 8."""
    found = version_tags(tagged(*names), FORMAT)
    assert next_version(last_release(found, branch), bump, branch, found) == expected


def branches(*configured: ReleaseBranch, **tags: list[str]) -> dict[str, Branch]:
    versions = {
        name: [each.version for each in version_tags(tagged(*tags.get(name, [])), FORMAT)]
        for name in (branch.name for branch in configured)
    }
    return {branch.name: branch for branch in ranges(configured, versions)}


def named(*names: str) -> list[ReleaseBranch]:
    return [ReleaseBranch(name=name) for name in names]


def test_a_maintenance_branch_stays_below_the_next_release() -> None:
    """Its range goes from its own last release to what the release branch has first beyond it."""
    tags = {"1.x": ["v1.0.0", "v1.1.0"], "main": ["v1.0.0", "v1.1.0", "v2.0.0"]}
    found = branches(*named("1.x", "main"), **tags)
    assert found["1.x"].range == ">=1.1.0 <2.0.0"
    own = version_tags(tagged(*tags["1.x"]), FORMAT)
    last = last_release(own, found["1.x"])
    assert next_version(last, Bump.MINOR, found["1.x"], own) == "1.2.0"
    with pytest.raises(Permanent, match=r">=1\.1\.0 <2\.0\.0"):
        next_version(last, Bump.MAJOR, found["1.x"], own)


def test_a_release_branch_stays_below_the_one_after_it() -> None:
    """`main` may not release what `next` has already."""
    found = branches(*named("main", "next"), main=["v1.0.0"], next=["v1.0.0", "v2.0.0"])
    assert found["main"].range == ">=1.0.0 <2.0.0"
    assert found["next"].range == ">=2.0.0"
    assert (found["main"].channel, found["next"].channel) == (None, "next")


def test_the_range_of_0_x_is_empty_as_in_semantic_release() -> None:
    """An accident of its own, kept: nothing can be released from there."""
    assert branches(*named("0.x", "main"))["0.x"].range == ">=1.0.0 <1.0.0"


def test_the_default_branches_are_found_by_glob() -> None:
    """An entry for each branch that exists; what no entry names is not released."""
    found = expand(DEFAULT_BRANCHES, ["beta", "feature", "1.x", "main", "2.3.x", "next"])
    assert [(each.name, each.prerelease) for each in found] == [
        ("1.x", None),
        ("2.3.x", None),
        ("main", None),
        ("next", None),
        ("beta", True),
    ]


def test_a_glob_entry_fills_in_the_name() -> None:
    """`${name}` is filled in; any other template would be code."""
    entry = ReleaseBranch(name="pre/*", prerelease="${name}", channel="c-${name}")
    assert expand([entry], ["pre/a"])[0].channel == "c-pre/a"
    with pytest.raises(ConfigError, match="template"):
        expand([ReleaseBranch(name="a", channel="${name.toUpperCase()}")], ["a"])


WRONG = [
    [],
    named("a", "b", "c", "d"),
    [*named("main"), ReleaseBranch(name="old", range="1.2")],
    [*named("main"), ReleaseBranch(name="be_ta", prerelease=True)],
    [*named("main"), ReleaseBranch(name="a", prerelease="x"), ReleaseBranch(name="b", prerelease="x")],
    [*named("main", "1.x", "1.x.x")],
    [*named("main"), ReleaseBranch(name="1.x", prerelease=True)],
]


@pytest.mark.parametrize("configured", WRONG)
def test_branches_that_semantic_release_refuses_are_refused(configured: list[ReleaseBranch]) -> None:
    """No release branch, more than three, a bad range or identifier, two that say the same."""
    with pytest.raises(ConfigError, match="branches"):
        branches(*configured, main=["v1.5.0", "v3.0.0"])
