"""What releasd would have decided for every past release (DESIGN.md §5.2, `replay --json`).

Each release is judged as it stood then: from the highest release tag on its line of history that is an ancestor, by the
commits that came since. A tag with pre-release identifiers is on the channel that the first of them names, and follows
releases of that channel and stable ones; a stable tag is on the release branch and follows stable ones. Tags that are
no valid version are left out. The release commit itself, which the release made, carries no bump.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from releasd.core.analysis import judge
from releasd.core.ancestry import History, highest_before, ranges
from releasd.core.channel import next_on_channel
from releasd.core.replaywhy import Before, explained
from releasd.core.rules import release_as
from releasd.core.semver import SemVer, next_version, parse_semver
from releasd.core.version import capped, tag_name
from releasd.model import Bump, Commit, ProjectConfig, Verdict

SHOWN = 20  # commits that are named of a release that differs


class PastRelease(NamedTuple):
    """A release tag: its name, version and commit, and the second since the epoch at which it was made."""

    tag: str
    version: SemVer
    commit: str
    at: int

    @property
    def channel(self) -> str | None:
        """Return the first pre-release identifier; None on the release branch."""
        return self.version.pre[0] if self.version.pre else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A release and what it came from, before its commits are looked at.

    Attributes:
        to: the release.
        base: the last release before it; None for a first one.
        highest: the highest release before it on any channel; None for a first one.
        apart: the release of the version just below, where it is above `base` and on another line of history.
        commits: the numbers, in the history, of the commits between, children first.
    """

    to: PastRelease
    base: PastRelease | None
    highest: PastRelease | None
    apart: PastRelease | None
    commits: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A past release, judged.

    Attributes:
        to: the release.
        base: the last release before it; None for a first one.
        commits: how many there were between the two.
        bump: what releasd reads from the commits.
        predicted: the version that releasd would have released; None for no release.
        why: one sentence on why the two differ; empty where they agree.
        judged: what each commit asks for, without the release's own.
    """

    to: PastRelease
    base: PastRelease | None
    commits: int
    bump: Bump
    predicted: str | None
    why: str
    judged: tuple[Verdict, ...]

    @property
    def actual(self) -> str:
        """Return the version that was released, without build metadata."""
        return str(self.to.version._replace(build=""))

    @property
    def deciding(self) -> tuple[Verdict, ...]:
        """Return the commits that ask for what releasd predicts, the first few; none where the two agree."""
        return () if self.agree else tuple(each for each in self.judged if each.bump is self.bump)[:SHOWN]

    @property
    def agree(self) -> bool:
        """Return whether releasd would have released just that."""
        return self.predicted == self.actual


def releases_in(tags: Iterable[tuple[str, str, int]], tag_format: str) -> tuple[PastRelease, ...]:
    """Return those of `tags` (name, commit, time) that are releases, lowest version first."""
    before, _, after = tag_name(tag_format, "\0").partition("\0")
    found = [
        PastRelease(name, version, commit, at)
        for name, commit, at in tags
        if name.startswith(before) and name.endswith(after)
        if (version := parse_semver(name[len(before) : len(name) - len(after)]))
    ]
    return tuple(sorted(found, key=lambda past: (*past.version.precedence, not past.version.build, past.tag)))


def pairs(history: History, releases: Sequence[PastRelease]) -> list[Pair]:
    """Return every release with what it came from, oldest first in the history's order.

    `releases` are in the order of `releases_in`: a release's position there is its rank.
    """
    stable = [rank for rank, past in enumerate(releases) if past.channel is None]
    numbers = [history.numbers[past.commit] for past in releases]
    bases = highest_before(history, _by_number(numbers, stable), _by_number(numbers, range(len(releases))))
    others = [rank for rank, past in enumerate(releases) if past.channel is not None]
    for same in _channels(releases, others):
        ranked = _by_number(numbers, same)
        for rank, base in highest_before(history, ranked, ranked).items():
            bases[rank] = max(base, bases.get(rank, base))
    highest = highest_before(history, _by_number(numbers, range(len(releases))), _by_number(numbers, others))
    members = ranges(history, numbers, [bases.get(rank) for rank in range(len(releases))])
    made = [
        Pair(
            to=past,
            base=_at(releases, bases.get(rank)),
            highest=_at(releases, highest.get(rank)),
            apart=_apart(releases, rank, bases.get(rank)),
            commits=members[rank],
        )
        for rank, past in enumerate(releases)
    ]
    return [made[rank] for rank in sorted(range(len(made)), key=lambda rank: (-numbers[rank], rank))]


def _by_number(numbers: Sequence[int], ranks: Iterable[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for rank in ranks:
        found.setdefault(numbers[rank], []).append(rank)
    return found


def _channels(releases: Sequence[PastRelease], ranks: Iterable[int]) -> list[list[int]]:
    """Return the ranks of each channel that has several releases."""
    found: dict[str | None, list[int]] = {}
    for rank in ranks:
        found.setdefault(releases[rank].channel, []).append(rank)
    return [same for same in found.values() if len(same) > 1]


def _at(releases: Sequence[PastRelease], rank: int | None) -> PastRelease | None:
    return None if rank is None else releases[rank]


def _apart(releases: Sequence[PastRelease], rank: int, base: int | None) -> PastRelease | None:
    channel = releases[rank].channel
    for lower in range(rank - 1, -1 if base is None else base, -1):
        if releases[lower].channel in (None, channel):
            return releases[lower]
    return None


def without_release_commit(to: PastRelease, commits: Sequence[Commit]) -> tuple[Commit, ...]:
    """Return `commits` without the one that the release made: the tagged one, where its header names the version."""
    return tuple(commit for commit in commits if commit.id != to.commit or not _names(commit, to.version))


def _names(commit: Commit, version: SemVer) -> bool:
    header = commit.message.partition("\n")[0]
    named = rf"(?<![0-9A-Za-z.])v?{re.escape(str(version))}(?![0-9A-Za-z+-]|\.[0-9A-Za-z])"
    return re.search(named, header) is not None


def replayed(
    pair: Pair, commits: Sequence[Commit], config: ProjectConfig, indirect: Collection[str] = frozenset()
) -> Replayed:
    """Judge one past release by its commits, which are in `git log`'s order.

    `indirect` are the names of those that concern a package only through what it depends on.
    """
    verdicts = capped(judge(without_release_commit(pair.to, commits), config), indirect)
    bump = max((verdict.bump for verdict in verdicts), key=lambda each: each.rank, default=Bump.NONE)
    asked = release_as(verdicts)
    predicted = asked.release_as if asked else None if bump is Bump.NONE else _predicted(pair, bump, config)
    agree = predicted == str(pair.to.version._replace(build=""))
    return Replayed(
        to=pair.to,
        base=pair.base,
        commits=len(commits),
        bump=bump,
        predicted=predicted,
        why="" if agree else explained(pair.to.version, _known(pair), predicted, bump, verdicts),
        judged=tuple(verdicts),
    )


def _known(pair: Pair) -> Before:
    return Before(pair.base and pair.base.version, pair.base and pair.base.tag, pair.apart and pair.apart.tag)


def _predicted(pair: Pair, bump: Bump, config: ProjectConfig) -> str:
    last = pair.base and pair.base.version._replace(build="")
    if bump is Bump.MAJOR and not config.major_on_zero and last is not None and last.major == 0:
        bump = Bump.MINOR
    if pair.to.channel is None:
        return next_version(str(last) if last else None, bump, config.first_version)
    highest = pair.highest and pair.highest.version
    return next_on_channel(last, highest, bump, pair.to.channel, config.first_version)
