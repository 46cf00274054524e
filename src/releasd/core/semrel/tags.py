"""Which tags are releases, which came last, and which version comes next, exactly as semantic-release decides.

Source: semantic-release 24.2.9 `branches/get-tags.js`, `get-last-release.js`, `get-next-version.js`, and node-semver's
`clean` and `inc` (versioning-facts.md §2.1, items 3, 4, 8, 9).
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from releasd.core.channel import check_range, next_on_line
from releasd.core.semrel.branches import FIRST_RELEASE, Branch
from releasd.core.semrel.jstext import trim
from releasd.core.semver import SemVer, parse_semver
from releasd.core.version import VersionTag, tag_name
from releasd.errors import ConfigError
from releasd.model import Bump, LastRelease, Tag

_PLACE = "{version}"

Channels = Mapping[str, Sequence[str | None]]


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
    line = branch.line([each.version for each in tags])
    version = next_on_line(line, last.version if last else None, bump, str(FIRST_RELEASE))
    check_range(line, branch.name, version, bump)
    return version


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
