"""Which tags are releases, which came last, and which version comes next, exactly as semantic-release decides.

Source: semantic-release 24.2.9 `branches/get-tags.js`, `get-last-release.js`, `get-next-version.js`, and node-semver's
`clean` and `inc` (versioning-facts.md §2.1, items 3, 4, 8, 9).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from releasd.core.semrel.branches import FIRST_RELEASE, Branch
from releasd.core.semrel.jstext import trim
from releasd.core.version import SemVer, parse_semver, tag_name
from releasd.errors import ConfigError, Permanent
from releasd.model import Bump, LastRelease, Tag

_PLACE = "{version}"
_NUMBER = re.compile(r"0|[1-9][0-9]*")

Channels = Mapping[str, Sequence[str | None]]


class VersionTag(NamedTuple):
    """A tag that is a release, and its version."""

    tag: Tag
    version: SemVer


def version_tags(tags: Iterable[Tag], tag_format: str) -> tuple[VersionTag, ...]:
    """Return the tags that count, in git's order, each with its version.

    Nothing has to end where the format ends, and `=` or `v` before the version are ignored: `vv5.0.0` counts as 5.0.0.
    Raises `ConfigError` for an unusable format, and for a tag on which semantic-release ends in an error (`v=1.0.0`).
    """
    before, _, after = tag_name(tag_format, _PLACE).partition(_PLACE)
    pattern = re.compile(f"{re.escape(before)}(.+){re.escape(after)}", re.DOTALL)
    found: list[VersionTag] = []
    for tag in sorted(tags, key=lambda each: each.name.encode("utf-8", "surrogateescape")):
        match = pattern.match(tag.name)
        version = clean(match[1]) if match else None
        if match and version:
            _check(tag, trim(match[1]))
            found.append(VersionTag(tag, version))
    return tuple(found)


def clean(text: str) -> SemVer | None:
    """Return the version in a text as node-semver's `clean` finds it: `=`, `v` and blanks before it are dropped."""
    return parse_semver(trim(trim(text).lstrip("=v")))


def last_release(tags: Sequence[VersionTag], branch: Branch, channels: Channels | None = None) -> LastRelease | None:
    """Return the release that the next one follows on this branch, or None.

    `tags` are those reachable from the branch. A pre-release branch also follows its own pre-releases: those with its
    identifier, and with its channel as semantic-release's git notes tell (`channels`: by tag, the default channel being
    None, and what a tag without a note has). Without `channels` the identifier alone decides.
    """
    best: VersionTag | None = None
    for each in tags:
        counts = not each.version.pre or _is_own(each, branch, channels)
        if counts and (best is None or each.version.precedence > best.version.precedence):
            best = each
    if best is None:
        return None
    return LastRelease(tag=best.tag.name, version=str(best.version._replace(build="")), commit=best.tag.commit)


def next_version(last: LastRelease | None, bump: Bump, branch: Branch, tags: Sequence[VersionTag]) -> str:
    """Return the version after `last` on this branch.

    Raises `Permanent` where the branch may not release that version (semantic-release's EINVALIDNEXTVERSION), and
    `ValueError` for `Bump.NONE`.
    """
    version = _next(last, bump, branch, tags)
    allowed = branch.least is None or (
        branch.least.precedence <= version.precedence
        and (branch.below is None or version.precedence < branch.below.precedence)
    )
    if not allowed:
        raise Permanent(
            f"{branch.name} may only release versions {branch.range}, and the next one would be {version}",
            advice=f"move the commits that ask for {bump} to a branch that may release them",
        )
    return str(version)


def _is_own(tag: VersionTag, branch: Branch, channels: Channels | None) -> bool:
    if branch.kind != "prerelease" or branch.prerelease not in tag.version.pre:
        return False
    if channels is None:
        return True
    return any((each or None) == branch.channel for each in channels.get(tag.tag.name, (None,)))


def _check(tag: Tag, version: str) -> None:
    if parse_semver(version.removeprefix("v")) is None:
        raise ConfigError(
            f"semantic-release ends in an error on the tag {tag.name}", advice=f"delete it: git tag -d {tag.name}"
        )


def _next(last: LastRelease | None, bump: Bump, branch: Branch, tags: Sequence[VersionTag]) -> SemVer:
    first = (branch.prerelease or "", "1")
    version = parse_semver(last.version) if last else None
    if branch.kind != "prerelease":
        return _increased(version, bump) if version else FIRST_RELEASE
    if version is None:
        return _with(FIRST_RELEASE, first)
    if not version.pre:
        return _with(_increased(version, bump), first)
    highest = max((each.version for each in tags), key=lambda each: each.precedence)
    return max(_next_prerelease(version), _with(_increased(highest, bump), first), key=lambda each: each.precedence)


def _with(version: SemVer, pre: Sequence[str]) -> SemVer:
    found = parse_semver(f"{version}-{'.'.join(pre)}")
    if found is None:
        raise ValueError(f"{pre} are no pre-release identifiers")
    return found


def _increased(version: SemVer, bump: Bump) -> SemVer:
    """Return what node-semver's `inc` returns: a pre-release becomes what it leads up to, where that suffices."""
    major, minor, patch, pre = version[:4]
    match bump:
        case Bump.MAJOR:
            return SemVer(major if pre and not minor and not patch else major + 1, 0, 0)
        case Bump.MINOR:
            return SemVer(major, minor if pre and not patch else minor + 1, 0)
        case Bump.PATCH:
            return SemVer(major, minor, patch if pre else patch + 1)
        case Bump.NONE:
            raise ValueError("no bump has no next version")


def _next_prerelease(version: SemVer) -> SemVer:
    """Return the pre-release after this one: its last number goes up by one; without a number it gets `.0`."""
    ids = list(version.pre)
    for place in reversed(range(len(ids))):
        if _NUMBER.fullmatch(ids[place]):
            ids[place] = str(int(ids[place]) + 1)
            break
    else:
        ids.append("0")
    return version._replace(pre=tuple(ids), build="")
