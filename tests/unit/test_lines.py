"""Where a branch stands: which versions may come of it, and what the next one follows."""

import pytest

from releasd.core import lines
from releasd.core.channel import check_range, next_on_line
from releasd.errors import Permanent
from releasd.model import Bump, ProjectConfig, ReleaseBranch, ReleaseLine, Tag

NATIVE = ProjectConfig()
SEMREL = ProjectConfig(analysis="semantic-release")


def tags(*versions: str) -> tuple[Tag, ...]:
    return tuple(Tag(name=f"v{version}", commit=version) for version in versions)


def stands(config: ProjectConfig, branch: str, reach: dict[str, tuple[Tag, ...]]) -> lines.Standing:
    """Return where a branch stands, by the tags of those branches alone that are said to be needed."""
    wanted = lines.needed(config, branch, tuple(reach))
    return lines.standing(config, branch, tuple(reach), {name: reach[name] for name in wanted if name in reach})


def follows(found: lines.Standing, bump: Bump) -> str:
    last = found.last.version if found.last else None
    version = next_on_line(found.line, last, bump, "0.1.0")
    check_range(found.line, "the branch", version, bump)
    return version


@pytest.mark.parametrize("branch", ["main", "master", "feature/x", "next", "1.y", "x", None])
def test_a_branch_that_is_called_nothing_special_is_plain(branch: str | None) -> None:
    """Without `branches`, releasd's own analysis releases any version from it, and asks for no other branch."""
    assert lines.is_plain(NATIVE, branch)


@pytest.mark.parametrize("branch", ["1.x", "1.2.x", "1.x.x", "0.X", "beta", "alpha"])
def test_a_special_name_is_not_plain(branch: str) -> None:
    """Such names promise something about the versions."""
    assert not lines.is_plain(NATIVE, branch)


@pytest.mark.parametrize("config", [SEMREL, ProjectConfig(branches=(ReleaseBranch(name="main"),))])
def test_configured_branches_are_never_plain(config: ProjectConfig) -> None:
    """What is configured, or semantic-release's defaults, decides about every branch."""
    assert not lines.is_plain(config, "main")


@pytest.mark.parametrize("config", [NATIVE, SEMREL])
def test_a_pre_release_counts_up_on_its_channel(config: ProjectConfig) -> None:
    """From the last stable version, then from the channel's own pre-releases; another channel's do not count."""
    main = tags("1.2.0")
    first = stands(config, "beta", {"main": main, "beta": main})
    assert (first.line.channel, first.line.kind) == ("beta", "prerelease")
    assert follows(first, Bump.MINOR) == "1.3.0-beta.1"
    later = stands(config, "beta", {"main": main, "beta": (*main, *tags("1.3.0-beta.1", "1.3.0-alpha.4"))})
    assert later.last is not None
    assert later.last.version == "1.3.0-beta.1"
    assert follows(later, Bump.PATCH) == "1.3.0-beta.2"


@pytest.mark.parametrize("config", [NATIVE, SEMREL])
def test_a_stable_release_does_not_follow_pre_releases(config: ProjectConfig) -> None:
    """When the channel is merged into main, main releases the version that was announced."""
    found = stands(config, "main", {"main": tags("1.2.0", "1.3.0-beta.1")}) if config is SEMREL else None
    last = (found or lines.plain(tags("1.2.0", "1.3.0-beta.1"), "v{version}")).last
    assert last is not None
    assert last.version == "1.2.0"


@pytest.mark.parametrize("config", [NATIVE, SEMREL])
def test_a_maintenance_branch_stays_in_its_line(config: ProjectConfig) -> None:
    """A fix is released, a feature on 1.2.x is refused with the range, for 1.3.0 is main's."""
    reach = {"main": tags("1.2.0", "1.3.0", "2.0.0"), "1.2.x": tags("1.2.0")}
    found = stands(config, "1.2.x", reach)
    assert follows(found, Bump.PATCH) == "1.2.1"
    with pytest.raises(Permanent, match=r">=1\.2\.0 <1\.3\.0, and the next one would be 1\.3\.0"):
        follows(found, Bump.MINOR)


def test_a_maintenance_branch_of_zero_releases_in_our_own_analysis_only() -> None:
    """semantic-release's range of 0.x is empty; ours begins where the branch is."""
    reach = {"main": tags("0.3.0", "1.0.0"), "0.x": tags("0.3.0")}
    assert follows(stands(NATIVE, "0.x", reach), Bump.PATCH) == "0.3.1"
    with pytest.raises(Permanent, match="may only release"):
        follows(stands(SEMREL, "0.x", reach), Bump.PATCH)


def test_a_branch_that_is_not_configured_is_refused() -> None:
    """Its line says why, and the last release is still told."""
    found = stands(SEMREL, "feature", {"main": tags("1.0.0"), "feature": tags("1.0.0")})
    assert found.line.refused == "feature is none of the project's release branches"
    assert found.last is not None


def test_configured_branches_work_in_our_own_analysis() -> None:
    """A channel under another name and with another identifier."""
    config = ProjectConfig(branches=(ReleaseBranch(name="main"), ReleaseBranch(name="edge", prerelease="rc")))
    found = stands(config, "edge", {"main": tags("1.0.0"), "edge": tags("1.0.0")})
    assert follows(found, Bump.MINOR) == "1.1.0-rc.1"
    assert found.line.channel == "edge"


def test_only_the_tags_that_decide_are_asked_for() -> None:
    """A release branch needs the other release branches, a maintenance branch also its likes, a channel only itself."""
    existing = ("main", "next", "beta", "1.x", "2.x", "feature")
    assert set(lines.needed(SEMREL, "main", existing)) == {"main", "next"}
    assert set(lines.needed(SEMREL, "1.x", existing)) == {"main", "next", "1.x", "2.x"}
    assert lines.needed(SEMREL, "beta", existing) == ("beta",)


def test_the_first_release_of_a_channel() -> None:
    """It leads up to the first version of all."""
    line = ReleaseLine(kind="prerelease", prerelease="beta", channel="beta")
    assert next_on_line(line, None, Bump.MINOR, "0.1.0") == "0.1.0-beta.1"


def test_the_main_branch_may_be_called_anything() -> None:
    """What a maintenance branch may release follows from it, by whatever name it goes."""
    reach = {"trunk": tags("1.4.0", "2.0.0"), "1.x": tags("1.4.0")}
    wanted = lines.needed(NATIVE, "1.x", tuple(reach), "trunk")
    assert set(wanted) == {"1.x", "trunk"}
    assert follows(lines.standing(NATIVE, "1.x", tuple(reach), reach, "trunk"), Bump.MINOR) == "1.5.0"


def test_a_clone_of_the_maintenance_branch_alone() -> None:
    """Its name says what may be released, where nothing is known of the main branch."""
    found = stands(NATIVE, "1.x", {"1.x": tags("1.4.0")})
    assert follows(found, Bump.PATCH) == "1.4.1"
    with pytest.raises(Permanent, match=r"<2\.0\.0"):
        follows(found, Bump.MAJOR)


def test_a_package_above_the_maintenance_line_is_not_of_it() -> None:
    """Its line says so, and nothing is released."""
    found = stands(NATIVE, "1.x", {"main": tags("1.0.0", "2.0.0", "3.2.0"), "1.x": tags("3.2.0")})
    assert "v3.2.0 is above them" in found.line.refused


def test_a_commit_on_no_branch_follows_semantic_releases_tag_rules() -> None:
    """As on a release branch without limits: `vv1.9.0` counts there."""
    found = lines.detached(SEMREL, (*tags("1.4.0"), Tag(name="vv1.9.0", commit="x")))
    assert found.last is not None
    assert found.last.version == "1.9.0"
