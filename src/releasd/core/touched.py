"""Which commits concern which packages, from one walk over history instead of one for each package.

A commit concerns an area as `git log --full-history -- AREA` says: it changes a file there, and a merge does where it
differs from a parent that is in the range, or is the range's end. About parents that are before the range git answers
by how far it had walked when it came to the merge; there nothing is claimed (`Unsure`).

Commits are numbered in the order in which they come, which is that of `git log`, and of one only its name and the
numbers of its parents are kept, about 30 bytes, besides the areas that it is in. A parent may come before its child, as
it does where clocks were wrong.
"""

import heapq
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from releasd.core.pathspecs import Areas

_NONE = -1


class Changed(NamedTuple):
    """A commit and the paths that differ from each of its parents; of one without parents, all of its paths."""

    id: str
    parents: tuple[str, ...]
    paths: tuple[Collection[bytes], ...]


class Unsure(Exception):
    """Whether a merge concerns an area depends on git's way through the history."""


class Touched:
    """A walk over commits, read once; `since` are the names of the commits at which ranges end."""

    def __init__(self, changes: Iterable[Changed], areas: Areas, since: Collection[str]) -> None:
        self._areas = areas
        self._since = tuple(dict.fromkeys(since))
        self._names = bytearray()
        self._parents = array("i")
        self._merged: dict[int, list[int]] = {}
        self._outside: dict[tuple[int, int], str] = {}  # parents of merges that are before all ranges
        self._touching: dict[int, array[int]] = {}  # area → numbers, ascending
        self._merges: dict[int, tuple[frozenset[int], ...]] = {}  # the areas by parent, where there are any
        self._numbers: dict[str, int] = {}
        self._size = 20  # bytes of a name: 20 for SHA-1, 32 for SHA-256
        self._build(changes)
        self._before = self._reached()

    def name(self, number: int) -> str:
        """Return the full object name of a commit."""
        return self._names[number * self._size : (number + 1) * self._size].hex()

    def concerning(self, areas: Sequence[int], since: str | None) -> "array[int]":
        """Return the numbers of the commits that concern one of the areas and are not reachable from `since`.

        Raises `Unsure` where only git can tell.
        """
        bit = 1 << self._since.index(since) if since else 0
        found = array("i")
        for number in heapq.merge(*(self._touching.get(area, ()) for area in areas)):
            if self._before[number] & bit or (found and found[-1] == number):
                continue
            if number not in self._merges or self._is_shown(number, areas, since, bit):
                found.append(number)
        return found

    def _is_shown(self, number: int, areas: Sequence[int], since: str | None, bit: int) -> bool:
        """Return whether a merge concerns one of the areas."""
        by_parent = self._merges[number]
        counted = frozenset[int]()
        for place, touched in enumerate(by_parent):
            if self._is_inside(number, place, since, bit):
                counted |= touched
        if not counted.isdisjoint(areas):
            return True
        if any(area in touched for area in areas for touched in by_parent):
            raise Unsure
        return False

    def _is_inside(self, number: int, place: int, since: str | None, bit: int) -> bool:
        """Return whether git surely counts a parent: it is in the range, or the end of the range."""
        parent = self._merged[number][place - 1] if place else self._parents[number]
        if parent == _NONE:
            return self._outside[number, place] == since
        return not self._before[parent] & bit or self._numbers.get(since or "") == parent

    def _build(self, changes: Iterable[Changed]) -> None:
        waiting: dict[str, list[tuple[int, int]]] = {}  # name of a parent not seen yet → children, and which parent
        ends = frozenset(self._since)
        for number, change in enumerate(changes):
            self._parents.append(_NONE)
            self._names += bytes.fromhex(change.id)
            if change.id in ends:
                self._numbers[change.id] = number
            for child, place in waiting.pop(change.id, ()):
                self._link(child, place, number)
            for place, parent in enumerate(change.parents):
                waiting.setdefault(parent, []).append((number, place))
            self._note(number, change)
        self._size = len(self._names) // len(self._parents) if self._parents else self._size
        self._link_back(waiting)

    def _note(self, number: int, change: Changed) -> None:
        """Note the areas that a commit touches."""
        by_parent = tuple(map(self._areas.of_all, change.paths))
        if len(change.parents) > 1:
            self._merged[number] = [_NONE] * (len(change.parents) - 1)
            if any(by_parent):
                self._merges[number] = by_parent
        for area in by_parent[0].union(*by_parent[1:]):
            self._touching.setdefault(area, array("i")).append(number)

    def _link(self, child: int, place: int, parent: int) -> None:
        if place:
            self._merged[child][place - 1] = parent
        else:
            self._parents[child] = parent

    def _link_back(self, waiting: dict[str, list[tuple[int, int]]]) -> None:
        """Link the children of those that came before them; the others' parents are before all ranges."""
        left = {bytes.fromhex(name): name for name in waiting}
        for number in range(len(self._parents) if left else 0):
            known = left.get(bytes(self._names[number * self._size : (number + 1) * self._size]))
            for child, place in waiting.pop(known, ()) if known else ():
                self._link(child, place, number)
        for name, children in waiting.items():
            self._outside.update(((child, place), name) for child, place in children)

    def _reached(self) -> list[int]:
        """Return for each commit, as bits, from which of `since` it is reachable."""
        reached = [0] * len(self._parents)
        for position, name in enumerate(self._since):
            if name in self._numbers:
                reached[self._numbers[name]] |= 1 << position
        for number in range(len(reached)):
            todo = [number] if reached[number] else []
            while todo:
                todo += self._handed_on(todo.pop(), reached, number)
        return reached

    def _handed_on(self, child: int, reached: list[int], now: int) -> Iterator[int]:
        """Give a commit's bits to its parents; yield those that were passed before `now` and have to do it again."""
        for parent in (self._parents[child], *self._merged.get(child, ())):
            if parent == _NONE:
                continue
            joined = reached[parent] | reached[child]
            if joined != reached[parent]:
                reached[parent] = joined
                if parent < now:
                    yield parent
