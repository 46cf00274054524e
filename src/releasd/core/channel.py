"""Versions on a branch's line of releases, as semantic-release counts them (versioning-facts.md §2.1, 8 and 9)."""

from releasd.core.semver import SemVer, next_version, parse_semver
from releasd.errors import Permanent
from releasd.model import Bump, ReleaseLine

_FIRST = "1"


def next_on_line(line: ReleaseLine, last: str | None, bump: Bump, initial: str) -> str:
    """Return the version that comes after `last` on a line. Raises `ValueError` for `Bump.NONE`."""
    if line.prerelease is not None:
        return next_on_channel(_parsed(last), _parsed(line.highest), bump, line.prerelease, initial)
    return next_version(last, bump, initial)


def check_range(line: ReleaseLine, branch: str | None, version: str, bump: Bump) -> None:
    """Raise `Permanent` where a line may not release this version (semantic-release's EINVALIDNEXTVERSION)."""
    least, below, wanted = _parsed(line.least), _parsed(line.below), parse_semver(version)
    if wanted is None or least is None:
        return
    if least.precedence <= wanted.precedence and (below is None or wanted.precedence < below.precedence):
        return
    allowed = f">={least}{f' <{below}' if below else ''}"
    if below is not None and below.precedence <= least.precedence:
        raise Permanent(
            f"nothing can be released from {branch}: it may only release versions {allowed}",
            advice=f"release {below} or later from the main branch first, or merge what {branch} has into it",
        )
    raise Permanent(
        f"{branch} may only release versions {allowed}, and the next one would be {version}",
        advice=f"move the commits that ask for {bump} to a branch that may release them",
    )


def _parsed(version: str | None) -> SemVer | None:
    return parse_semver(version) if version else None


def next_on_channel(last: SemVer | None, highest: SemVer | None, bump: Bump, channel: str, initial: str) -> str:
    """Return the version that comes next on the pre-release channel `channel`.

    Args:
        last: the last release on this line of history: a stable one, or one of the same channel.
        highest: the highest release on this line of history, whatever its channel; None where there is none.
        bump: what the commits since `last` ask for, not `Bump.NONE`.
        channel: the pre-release's first identifier.
        initial: the first version of all, without a channel.
    """
    if last is None:
        return f"{initial}-{channel}.{_FIRST}"
    if not last.pre:
        return f"{next_version(str(last), bump, initial)}-{channel}.{_FIRST}"
    fresh = parse_semver(f"{next_version(str(highest or last), bump, initial)}-{channel}.{_FIRST}")
    continued = _continued(last)
    return str(max(continued, fresh or continued, key=lambda version: version.precedence))


def _continued(last: SemVer) -> SemVer:
    """Return `last` with its last number raised, or with one added, as node-semver's `inc(…, "prerelease")`."""
    for at in range(len(last.pre) - 1, -1, -1):
        if last.pre[at].isdigit():
            raised = str(int(last.pre[at]) + 1)
            return last._replace(pre=(*last.pre[:at], raised, *last.pre[at + 1 :]), build="")
    return last._replace(pre=(*last.pre, "0"), build="")
