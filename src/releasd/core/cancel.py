"""Which commits of a range cancel each other: a revert, and what it takes back of the same range.

Newest first, so that the revert of a revert brings the first commit back. A revert says what it takes back by hashes
(which decide, where it names any), by the number of a request, or by its subject; of several commits of one subject it
takes back the nearest. What a revert names that is not of the range was released. Everything is linear, and of a commit
that no revert means nothing is kept, so that a range may be longer than the memory.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
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


class _Seen(NamedTuple):
    """What is kept of a commit that is a revert, or that one may mean."""

    id: str
    parents: tuple[str, ...]
    header: str
    breaking: bool
    parted: bool  # whether its message holds others


class Cancelling:
    """Takes the commits of a range one by one, newest first, and then says what cancels."""

    def __init__(self) -> None:
        self._reverts: list[tuple[Unit, Revert, bool]] = []  # … and whether the unit counts itself
        self._seen: dict[int, _Seen] = {}
        self._out: set[int] = set()
        # What the reverts so far name, with what may be meant, oldest last.
        self._hashes: dict[str, deque[tuple[str, int]]] = {}
        self._subjects: dict[str, deque[Unit]] = {}
        self._requests: dict[str, deque[Unit]] = {}
        self._done = Cancelled()

    def add(self, place: int, commit: Commit, parsed: ParsedCommit | None) -> None:
        """Take the commit at `place`; one that does not count at all has no parsed message."""
        if parsed is None:
            self._out.add(place)
            return
        reverts = list(_reverts(place, parsed)) if parsed.revert or parsed.undoes or parsed.parts else []
        for _, revert, _ in reverts:
            self._expect(revert)
        self._reverts += reverts
        if self._reverts and (self._is_meant(place, commit, parsed) or reverts):
            header, parted = _header(commit), bool(parsed.parts)
            self._seen[place] = _Seen(commit.id, commit.parents, header, parsed.breaking, parted)

    def cancelled(self, commits: Iterable[Commit]) -> Cancelled:
        """Return what cancels, after the last commit; `commits` are all of them once more, if a merge is reverted."""
        members = _Branches(commits)
        for unit, revert, counts in self._reverts:
            if unit not in self._done:
                self._take_back(unit, revert, members, counts=counts)
        return self._done

    def _expect(self, revert: Revert) -> None:
        for name in revert.hashes:
            self._hashes.setdefault(name[:SHORT], deque())
        self._subjects.setdefault(revert.target, deque())
        for number in revert.requests:
            self._requests.setdefault(number, deque())

    def _is_meant(self, place: int, commit: Commit, parsed: ParsedCommit) -> bool:
        """Note where a revert so far may mean this commit or one of its parts; return whether there is such a one."""
        meant = False
        for name in _names(commit):
            if (known := self._hashes.get(name[:SHORT])) is not None:
                known.append((name, place))
                meant = True
        for unit, header in _headers(place, commit, parsed):
            for text in {header, bare(header)} & self._subjects.keys():
                self._subjects[text].append(unit)
                meant = True
        for number in self._requests.keys() & set(requests_in(commit.message)) if self._requests else ():
            self._requests[number].append(Unit(place, 0))
            meant = True
        return meant

    def _take_back(self, unit: Unit, revert: Revert, members: "_Branches", *, counts: bool) -> None:
        found, missing = self._targets(unit, revert)
        for target in found:
            self._drop(target, f"reverted by {self._name(unit.place)}")
            if target.part == 0 and _undoes_merge(self._seen[target.place], revert):
                for place in members.of(self._seen[target.place].id):
                    if place not in self._out:
                        self._drop(Unit(place, 0), f"reverted with its merge {self._name(target.place)}")
        if found and not missing and not counts:
            names = ", ".join(dict.fromkeys(self._name(target.place) for target in found))
            why = f"takes back {names} of the same release"
            if unit.part or self._seen[unit.place].parted:
                self._done.units.setdefault(unit, why)
            else:
                self._done.whole.setdefault(unit.place, why)

    def _name(self, place: int) -> str:
        return self._seen[place].id[:SHORT]

    def _drop(self, target: Unit, why: str) -> None:
        """Drop a whole commit, or one part of it; the first reason stays."""
        if target.part:
            self._done.units.setdefault(target, why)
        else:
            self._done.whole.setdefault(target.place, why)

    def _targets(self, unit: Unit, revert: Revert) -> tuple[list[Unit], bool]:
        """Return what a revert takes back of the range, and whether it takes back something else too."""
        subjects = self._subjects[revert.target]
        if unit.part and (own := self._within(unit, subjects)) is not None:
            return [own], False
        if revert.hashes:
            found = [self._named(unit.place, name) for name in revert.hashes]
            return [Unit(place, 0) for place in found if place is not None], None in found
        for candidates in (*(self._requests[number] for number in revert.requests), subjects):
            if (target := _nearest(candidates, unit.place, self._done)) is not None:
                return [target], False
        return [], True

    def _named(self, place: int, name: str) -> int | None:
        """Return the place of the commit of that name that is older than `place`."""
        known = self._hashes[name[:SHORT]]
        while known and known[0][1] <= place:  # reverts come by place, so these are done with
            known.popleft()
        return next((at for full, at in islice(known, _ALIKE) if full.startswith(name) or name.startswith(full)), None)

    def _within(self, unit: Unit, candidates: deque[Unit]) -> Unit | None:
        """Return what a part of a message takes back of the same message: parts above it, then the commit itself.

        The title of a squash commit by a forge stands for the whole, and no part takes it back.
        """
        at, part = unit
        while candidates and (
            candidates[0].place < at or (at, part) <= candidates[0] < (at + 1, 0) or candidates[0] in self._done
        ):
            candidates.popleft()
        if not candidates or candidates[0].place != at:
            return None
        header = self._seen[at].header
        return None if candidates[0].part == 0 and bare(header) != header else candidates[0]


def _reverts(place: int, parsed: ParsedCommit) -> Iterator[tuple[Unit, Revert, bool]]:
    """Yield a commit's units that take something back, newest first, each with whether it counts all the same.

    One with a breaking change does, which nobody may miss, and one whose header says what else it does.
    """
    for number in range(len(parsed.parts), -1, -1):
        unit = parsed.parts[number - 1] if number else parsed
        if (revert := unit.revert or unit.undoes) and not (number and unit.skip):
            yield Unit(place, number), revert, unit.breaking or unit.revert is None


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


def _nearest(candidates: deque[Unit], place: int, done: Cancelled) -> Unit | None:
    """Return the first of the candidates below `place` that is left. Reverts come by place, so others are done with."""
    while candidates and (candidates[0].place <= place or candidates[0] in done):
        candidates.popleft()
    return candidates[0] if candidates else None


def _header(commit: Commit) -> str:
    return commit.message.lstrip("\ufeff").partition("\n")[0].rstrip()


def _undoes_merge(commit: _Seen, revert: Revert) -> bool:
    """Return whether a revert of this commit takes back what it merged: it does, unless it keeps another parent."""
    return len(commit.parents) > 1 and commit.parents[0].startswith(revert.mainline)


class _Branches:
    """What the merges of a range brought; found out when it is first asked for."""

    def __init__(self, commits: Iterable[Commit]) -> None:
        self._commits = commits
        self._places: dict[str, int] = {}
        self._members: dict[str, tuple[str, ...]] = {}

    def of(self, merge: str) -> Iterator[int]:
        """Yield the places of all that a merge brought, each once and for one merge only."""
        if not self._places:
            owner = brought_by(self._commits)
            self._places = {commit.id: place for place, commit in enumerate(self._commits)}
            self._members = dict(brought(owner))
        waiting = [merge]
        while waiting:
            for commit in self._members.pop(waiting.pop(), ()):
                yield self._places[commit]
                waiting.append(commit)
