"""Where a branch stands: what may be released from it, and which release its next one follows.

In a project that uses semantic-release this is exactly what semantic-release decides (core/semrel/branches, tags). In
releasd's own analysis it is the same, but for three things: a tag has to match the format from end to end; without
`branches` in the configuration every branch is a release branch of its own, but for those called like a maintenance
branch (`1.x`, `1.2.x`), `beta` and `alpha`; and on `0.x` versions of 0 can be released.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from releasd.core.semver import SemVer, parse_semver
from releasd.core.version import VersionTag, last_release, versions_in
from releasd.errors import ConfigError
from releasd.model import LastRelease, ProjectConfig, ReleaseBranch, ReleaseLine, Tag

if TYPE_CHECKING:
    from releasd.core.semrel.branches import Branch

_MAINS = ("main", "master")
_PRERELEASES = ("beta", "alpha")
_MAINTENANCE = re.compile(r"\d+(?:\.(?:\d+|[xX]))?\.[xX]")
_ZERO = re.compile(r"0(?:\.[xX])?\.[xX]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A branch's line, and the last release on it."""

    line: ReleaseLine
    last: LastRelease | None


def is_plain(config: ProjectConfig, branch: str | None) -> bool:
    """Return whether a branch is a release branch without any limits, whatever other branches there are."""
    if branch is None:
        return config.analysis != "semantic-release"
    own = config.analysis != "semantic-release" and not config.branches
    return own and branch not in _PRERELEASES and not _MAINTENANCE.fullmatch(branch)


def plain(tags: Iterable[Tag], tag_format: str) -> Standing:
    """Return where a release branch without limits stands; `tags` are those reachable from it."""
    return Standing(line=ReleaseLine(), last=last_release(tags, tag_format))


def detached(config: ProjectConfig, tags: Sequence[Tag]) -> Standing:
    """Return where a commit stands that is on no branch: as on a release branch without limits."""
    from releasd.core.semrel.branches import Branch  # noqa: PLC0415 - not needed on most branches
    from releasd.core.semrel.tags import last_release as followed  # noqa: PLC0415

    return Standing(line=ReleaseLine(), last=followed(_releases(config, tags), Branch("", "release")))


def needed(config: ProjectConfig, branch: str, existing: Iterable[str], trunk: str | None = None) -> tuple[str, ...]:
    """Return the branches whose tags decide what may be released from `branch`, itself among them.

    `trunk` is the main branch where the configuration does not say which it is.

    Raises `ConfigError` for `branches` that cannot be honoured.
    """
    from releasd.core.semrel.branches import kind_of  # noqa: PLC0415 - not needed on most branches

    found = _expanded(config, branch, tuple(existing), trunk)
    kind = next((kind_of(each) for each in found if each.name == branch), "")
    wanted = {"maintenance": ("maintenance", "release"), "release": ("release",)}.get(kind, ())
    return tuple(dict.fromkeys((branch, *(each.name for each in found if kind_of(each) in wanted))))


def standing(
    config: ProjectConfig,
    branch: str,
    existing: Sequence[str],
    tags: Mapping[str, Sequence[Tag]],
    trunk: str | None = None,
) -> Standing:
    """Return where `branch` stands; `tags` are those reachable from each of the branches in `needed`.

    Raises `ConfigError` for branches or a tag format that cannot be used.
    """
    from releasd.core.semrel.branches import Branch  # noqa: PLC0415 - not needed on most branches
    from releasd.core.semrel.tags import last_release as followed  # noqa: PLC0415

    found = {name: _releases(config, own) for name, own in tags.items()}
    expanded = _expanded(config, branch, existing, trunk)
    versions = {each.name: [tag.version for tag in found.get(each.name, ())] for each in expanded}
    if branch not in versions:
        line = ReleaseLine(refused=f"{branch} is none of the project's release branches")
        return Standing(line=line, last=followed(found[branch], Branch(branch, "release")))
    mine = _mine(config, branch, expanded, versions, is_trunk_known=bool(tags.keys() - {branch}))
    last = followed(found[branch], mine)
    return Standing(line=replace(mine.line(versions[branch]), refused=_outside(mine, last)), last=last)


def _mine(
    config: ProjectConfig,
    branch: str,
    expanded: Sequence[ReleaseBranch],
    versions: Mapping[str, Sequence[SemVer]],
    *,
    is_trunk_known: bool,
) -> "Branch":
    from releasd.core.semrel.branches import ranges, upper  # noqa: PLC0415 - not needed on most branches

    exact = config.analysis == "semantic-release"
    try:
        found = next(each for each in ranges(expanded, versions) if each.name == branch)
    except ConfigError as error:
        if exact:
            raise
        told = f"the branches of {config.source} cannot be used"
        raise ConfigError(told, problems=error.problems, advice=f"edit {config.source}") from error
    if exact or found.kind != "maintenance":
        return found
    if _ZERO.fullmatch(branch):
        found = replace(found, least=_latest(versions[branch]) or SemVer(0, 0, 0))
    if not config.branches and not is_trunk_known:  # its name alone says what it may release
        found = replace(found, below=upper(branch))
    return found


def _outside(mine: "Branch", last: LastRelease | None) -> str:
    """Say that what is released here is not of this maintenance branch's line at all; empty where it is."""
    version = parse_semver(last.version) if last else None
    if mine.kind != "maintenance" or mine.below is None or last is None or version is None:
        return ""
    if version.precedence < mine.below.precedence:
        return ""
    return f"{mine.name} releases versions below {mine.below}, and {last.tag} is above them"


def _releases(config: ProjectConfig, tags: Sequence[Tag]) -> tuple[VersionTag, ...]:
    if config.analysis != "semantic-release":
        return versions_in(tags, config.tag_format)
    from releasd.core.semrel.tags import version_tags  # noqa: PLC0415 - not needed on most branches

    return version_tags(tags, config.tag_format)


def _expanded(
    config: ProjectConfig, branch: str, existing: Sequence[str], trunk: str | None
) -> tuple[ReleaseBranch, ...]:
    from releasd.core.semrel.branches import DEFAULT_BRANCHES, expand  # noqa: PLC0415 - not needed on most branches

    names = tuple(dict.fromkeys((*existing, branch)))
    if config.branches or config.analysis == "semantic-release":
        return expand(config.branches or DEFAULT_BRANCHES, names)
    mains = (trunk, *_MAINS) if trunk and trunk != branch else _MAINS
    main = next((name for name in mains if name in names), mains[0])
    return (ReleaseBranch(name=branch, prerelease=branch in _PRERELEASES), ReleaseBranch(name=main))


def _latest(versions: Sequence[SemVer]) -> SemVer | None:
    stable = [version for version in versions if not version.pre]
    return max(stable, key=lambda each: each.precedence, default=None)
