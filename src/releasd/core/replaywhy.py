"""Why a past release is not what releasd would have decided, in one sentence for a person who weighs adopting it."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from releasd.core.rules import SHORT
from releasd.core.semver import SemVer, next_version
from releasd.core.version import one_line
from releasd.model import Bump, Verdict

FIRST, PRERELEASE, OTHER = "first", "prerelease", "other"


def step(base: SemVer | None, version: SemVer) -> str:
    """Return what kind of step a release was: a bump's name, "prerelease", "first", or "other" for none of these."""
    if base is None:
        return FIRST
    if version.pre:
        return PRERELEASE
    start = str(base._replace(build=""))
    steps = (bump for bump in (Bump.PATCH, Bump.MINOR, Bump.MAJOR) if next_version(start, bump, "") == str(version))
    return next((str(bump) for bump in steps), OTHER)


class Before(NamedTuple):
    """What was there before a release: the version and tag that it came from, and a tag between, on another line."""

    version: SemVer | None
    tag: str | None
    apart: str | None


def explained(version: SemVer, before: Before, predicted: str | None, bump: Bump, verdicts: Sequence[Verdict]) -> str:
    """Return the sentence for the release of `version` where releasd decides `predicted`."""
    actual = version._replace(build="")
    base, asked = before.version, _asked(bump, verdicts)
    was = step(base, actual)
    if base is not None and base.precedence >= actual.precedence:
        return f"{before.tag} is its ancestor and not below it, so no bump gives {actual}; {asked}"
    if before.apart and was not in tuple(Bump):
        since = before.tag or "the beginning"
        return f"{before.apart} is no ancestor of it, so the commits since {since} count: {asked}"
    if predicted is None:
        return f"predicted no release, was {was if was in tuple(Bump) else actual}: {asked}"
    if was == FIRST:
        return f"predicted {predicted} as the first release, was {actual}: initial_version sets where versions begin"
    if was == PRERELEASE:
        return f"predicted {predicted}, was {actual}: {asked} after {before.tag}"
    told = f"{actual}, which no single bump of {before.tag} gives" if was == OTHER else was
    return f"predicted {bump}, was {told}: {asked}{_instead(bump, was)}"


def _asked(bump: Bump, verdicts: Sequence[Verdict]) -> str:
    if bump is not Bump.NONE:
        asking = [verdict for verdict in verdicts if verdict.bump is bump]
        more = f" and {len(asking) - 1} more" if len(asking) > 1 else ""
        verb = "ask" if more else "asks"
        return f"{named(asking[0])}{more} {verb} for {bump}"
    if not verdicts:
        return "there are no commits between the two besides the release's own"
    types = Counter(one_line(verdict.type or "not conventional", 40) for verdict in verdicts)
    kinds = ", ".join(f"{kind} {count}" for kind, count in types.most_common(5))
    count = "the only commit does not ask" if len(verdicts) == 1 else f"none of {len(verdicts)} commits asks"
    return f"{count} for one ({kinds})"


def _instead(bump: Bump, was: str) -> str:
    return "" if was not in tuple(Bump) or Bump(was).rank < bump.rank else f", and nothing asks for {was}"


def named(verdict: Verdict) -> str:
    """Return a commit as `feat(x): subject (abc1234)`, fit for one line."""
    scope = f"({verdict.scope})" if verdict.scope else ""
    prefix = f"{verdict.type}{scope}{'!' if verdict.breaking else ''}: " if verdict.type else ""
    return f"{one_line(prefix + verdict.subject, 72)} ({verdict.commit[:SHORT]})"
