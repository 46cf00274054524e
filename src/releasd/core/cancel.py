"""Which commits of a range cancel each other: a revert, and what it takes back of the same range.

Newest first, so that the revert of a revert brings the first commit back. A revert says what it takes back by hashes
(which decide, where it names any), by the number of a request, or by its subject; of several commits of one subject it
takes back the nearest. What a revert names that is not of the range was released. Everything is linear.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from releasd.core.conventional import ParsedCommit
from releasd.core.merges import brought, brought_by
from releasd.core.reverts import Revert, bare, requests_in
from releasd.model import Commit

SHORT = 7  # characters of a commit's name, as git and semantic-release show it

_ALIKE = 100  # names with the same first characters that are compared: more are an attack
_PICKED = re.compile(r"^\(cherry picked from commit ([0-9a-f]{7,64})\)", re.MULTILINE)

_NOTHING = ParsedCommit(header="", type=None, scope=None, subject="")

Pair = tuple[Commit, ParsedCommit | None]


class Unit(NamedTuple):
    """A commit by its place in the range, or the part of that number of its message; 0 is the commit itself."""

    place: int
    part: int


@dataclass(slots=True)
class Cancelled:
    """What cancels, each with why it counts for nothing: whole commits by place, and parts of messages."""

    whole: dict[int, str] = field(default_factory=dict)
    units: dict[Unit, str] = field(default_factory=dict)

    def __contains__(self, unit: Unit) -> bool:
        return unit.place in self.whole or unit in self.units


@dataclass(slots=True)
class _Index:
    """Where to find what the range's reverts name, oldest last."""

    hashes: dict[str, deque[tuple[str, int]]] = field(default_factory=dict)
    subjects: dict[str, deque[Unit]] = field(default_factory=dict)
    requests: dict[str, deque[Unit]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Work:
    """A range, and what is known of it so far."""

    pairs: Sequence[Pair]
    index: _Index
    members: Callable[[int], Iterable[int]]
    done: Cancelled

    def name(self, place: int) -> str:
        return self.pairs[place][0].id[:SHORT]

    def parsed(self, unit: Unit) -> ParsedCommit:
        return self.parts(unit.place)[unit.part - 1] if unit.part else self.pairs[unit.place][1] or _NOTHING

    def parts(self, place: int) -> tuple[ParsedCommit, ...]:
        parsed = self.pairs[place][1]
        return parsed.parts if parsed else ()


def cancelled(pairs: Sequence[Pair]) -> Cancelled:
    """Return what cancels in a range, newest first; what does not count at all has no parsed message.

    Only of reverts and of commits with parts the parsed message is looked at.
    """
    done = Cancelled()
    reverts = list(_reverts(pairs))
    if not reverts:
        return done
    work = _Work(pairs, _indexed(pairs, [revert for _, revert in reverts]), _Branches(pairs), done)
    for unit, revert in reverts:
        if unit not in done:
            _take_back(work, unit, revert)
    return done


def _reverts(pairs: Sequence[Pair]) -> Iterator[tuple[Unit, Revert]]:
    for place, (_, parsed) in enumerate(pairs):
        if parsed is None:
            continue
        for number in range(len(parsed.parts), 0, -1):
            if (revert := parsed.parts[number - 1].revert) is not None:
                yield Unit(place, number), revert
        if parsed.revert is not None:
            yield Unit(place, 0), parsed.revert


def _indexed(pairs: Sequence[Pair], reverts: Sequence[Revert]) -> _Index:
    index = _Index()
    for revert in reverts:
        index.hashes.update((name[:SHORT], deque()) for name in revert.hashes)
        index.subjects[revert.target] = deque()
        index.requests.update((number, deque()) for number in revert.requests)
    for place, (commit, parsed) in enumerate(pairs):
        if parsed is not None:
            _index_one(index, place, commit, parsed)
    return index


def _index_one(index: _Index, place: int, commit: Commit, parsed: ParsedCommit) -> None:
    for name in _names(commit):
        if (known := index.hashes.get(name[:SHORT])) is not None:
            known.append((name, place))
    for unit, header in _headers(place, commit, parsed):
        for text in {header, bare(header)} & index.subjects.keys():
            index.subjects[text].append(unit)
    for number in index.requests.keys() & set(requests_in(commit.message)) if index.requests else ():
        index.requests[number].append(Unit(place, 0))


def _names(commit: Commit) -> Iterator[str]:
    """Yield a commit's name, and those of the commits that it was cherry-picked from."""
    yield commit.id
    if "(cherry picked" in commit.message:
        yield from (match[1] for match in _PICKED.finditer(commit.message))


def _headers(place: int, commit: Commit, parsed: ParsedCommit) -> Iterator[tuple[Unit, str]]:
    """Yield a commit's units, newest first, with their headers."""
    for number in range(len(parsed.parts), 0, -1):
        yield Unit(place, number), parsed.parts[number - 1].header
    yield Unit(place, 0), _header(commit)


def _take_back(work: _Work, unit: Unit, revert: Revert) -> None:
    found, missing = _targets(work, unit, revert)
    for target in found:
        commit = work.pairs[target.place][0]
        _drop(work, target, f"reverted by {work.name(unit.place)}")
        if target.part == 0 and _undoes_merge(commit, revert):
            for place in work.members(target.place):
                _drop(work, Unit(place, 0), f"reverted with its merge {work.name(target.place)}")
    if found and not missing and not work.parsed(unit).breaking:  # nobody may miss what it breaks
        names = ", ".join(dict.fromkeys(work.name(target.place) for target in found))
        why = f"takes back {names} of the same release"
        if unit.part or work.parts(unit.place):
            work.done.units.setdefault(unit, why)
        else:
            work.done.whole.setdefault(unit.place, why)


def _drop(work: _Work, target: Unit, why: str) -> None:
    """Drop a whole commit, or one part of it; the first reason stays."""
    if target.part:
        work.done.units.setdefault(target, why)
    elif work.pairs[target.place][1] is not None:
        work.done.whole.setdefault(target.place, why)


def _targets(work: _Work, unit: Unit, revert: Revert) -> tuple[list[Unit], bool]:
    """Return what a revert takes back of the range, and whether it takes back something else too."""
    subjects = work.index.subjects[revert.target]
    if unit.part and (own := _within(work, unit, subjects)) is not None:
        return [own], False
    if revert.hashes:
        found = [_named(work.index, unit.place, name) for name in revert.hashes]
        return [Unit(place, 0) for place in found if place is not None], None in found
    for candidates in (*(work.index.requests[number] for number in revert.requests), subjects):
        if (target := _nearest(candidates, unit.place, work.done)) is not None:
            return [target], False
    return [], True


def _named(index: _Index, place: int, name: str) -> int | None:
    """Return the place of the commit of that name that is older than `place`."""
    known = index.hashes[name[:SHORT]]
    while known and known[0][1] <= place:  # reverts come by place, so these are done with
        known.popleft()
    return next((at for full, at in islice(known, _ALIKE) if full.startswith(name) or name.startswith(full)), None)


def _nearest(candidates: deque[Unit], place: int, done: Cancelled) -> Unit | None:
    """Return the first of the candidates below `place` that is left. Reverts come by place, so others are done with."""
    while candidates and (candidates[0].place <= place or candidates[0] in done):
        candidates.popleft()
    return candidates[0] if candidates else None


def _within(work: _Work, unit: Unit, candidates: deque[Unit]) -> Unit | None:
    """Return what a part of a message takes back of the same message: parts above it, then the commit itself.

    The title of a squash commit by a forge stands for the whole, and no part takes it back.
    """
    at, part = unit
    while candidates and (
        candidates[0].place < at or (at, part) <= candidates[0] < (at + 1, 0) or candidates[0] in work.done
    ):
        candidates.popleft()
    if not candidates or candidates[0].place != at:
        return None
    header = _header(work.pairs[at][0])
    return None if candidates[0].part == 0 and bare(header) != header else candidates[0]


def _header(commit: Commit) -> str:
    return commit.message.lstrip("\ufeff").partition("\n")[0].rstrip()


def _undoes_merge(commit: Commit, revert: Revert) -> bool:
    """Return whether a revert of this commit takes back what it merged: it does, unless it keeps another parent."""
    return len(commit.parents) > 1 and commit.parents[0].startswith(revert.mainline)


class _Branches:
    """What the merges of a range brought, by place; found out when it is first asked for."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._pairs = pairs
        self._places: dict[str, int] = {}
        self._members: dict[str, tuple[str, ...]] = {}

    def __call__(self, merge: int) -> Iterator[int]:
        """Yield the places of all that a merge brought, each once and for one merge only."""
        if not self._places:
            commits = [commit for commit, _ in self._pairs]
            self._places = {commit.id: place for place, commit in enumerate(commits)}
            self._members = dict(brought(brought_by(commits)))
        waiting = [self._pairs[merge][0].id]
        while waiting:
            for commit in self._members.pop(waiting.pop(), ()):
                yield self._places[commit]
                waiting.append(commit)
