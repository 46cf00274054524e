"""A history as numbers: who descends from whom, for hundreds of thousands of commits and tags at once.

Commits get numbers in the order in which they come, children before their parents (`git rev-list --topo-order`), so
that one walk down the numbers sees all descendants of a commit before it, and one walk up all of its ancestors.
Nothing is kept of a commit but its name, its time and the numbers of its parents: about 50 bytes.
"""

import heapq
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

_NONE = -1


class Node(NamedTuple):
    """A commit without its message. `time` is the committer's, in seconds since the epoch."""

    id: str
    parents: tuple[str, ...]
    time: int


class History:
    """A graph of commits, built once from nodes in topological order, children first.

    Attributes:
        times: the committer's time of each number.
        parents: the first parent of each number, -1 for none.
        merged: the further parents of merges.
        numbers: the number of each commit that was asked for when this was built.
    """

    def __init__(self, nodes: Iterable[Node], wanted: Iterable[str]) -> None:
        self.times = array("q")
        self.parents = array("i")
        self.merged: dict[int, list[int]] = {}
        self.numbers: dict[str, int] = {}
        self._names = bytearray()
        self._size = 20  # bytes of a name: 20 for SHA-1, 32 for SHA-256
        self._build(nodes, frozenset(wanted))

    def __len__(self) -> int:
        return len(self.times)

    def name(self, number: int) -> str:
        """Return the full object name of a commit."""
        return self._names[number * self._size : (number + 1) * self._size].hex()

    def parents_of(self, number: int) -> Sequence[int]:
        """Return the numbers of all parents, in the commit's order."""
        first = self.parents[number]
        return () if first == _NONE else (first, *self.merged.get(number, ()))

    def _build(self, nodes: Iterable[Node], wanted: frozenset[str]) -> None:
        waiting: dict[str, list[tuple[int, int]]] = {}  # name of a parent not seen yet → children, and which parent
        for number, node in enumerate(nodes):
            self.times.append(node.time)
            self.parents.append(_NONE)
            self._names += bytes.fromhex(node.id)
            if node.id in wanted:
                self.numbers[node.id] = number
            for child, place in waiting.pop(node.id, ()):
                self._link(child, place, number)
            for place, parent in enumerate(node.parents):
                waiting.setdefault(parent, []).append((number, place))
            if len(node.parents) > 1:
                self.merged[number] = [_NONE] * (len(node.parents) - 1)
        self._size = len(self._names) // len(self) if len(self) else self._size
        if waiting:
            raise ValueError("a parent came before its child, or not at all")

    def _link(self, child: int, place: int, parent: int) -> None:
        if place:
            self.merged[child][place - 1] = parent
        else:
            self.parents[child] = parent


def highest_before(
    history: History, ranked: Mapping[int, Sequence[int]], asked: Mapping[int, Sequence[int]]
) -> dict[int, int]:
    """Return for each rank in `asked` the highest rank in `ranked` that lies before it, where there is one.

    Both map a commit's number to ranks that lie on it. Before means: on an ancestor, whatever its rank, or on the same
    commit with a lower rank.
    """
    found: dict[int, int] = {}
    if not ranked or not asked:
        return found
    oldest, newest = max(ranked), min(asked)
    best = array("i", bytes(4 * (oldest - newest + 2)))  # rank + 1 at and below each number; 0: none
    parents, merged = history.parents, history.merged
    for number in range(oldest, newest - 1, -1):
        first = parents[number]
        high = best[first - newest] if _NONE != first <= oldest else 0
        for parent in merged.get(number, ()):
            high = max(high, best[parent - newest] if parent <= oldest else 0)
        for rank in asked.get(number, ()):
            below = max((other + 1 for other in ranked.get(number, ()) if other < rank), default=0)
            if top := max(high, below):
                found[rank] = top - 1
        for rank in ranked.get(number, ()):
            high = max(high, rank + 1)
        best[number - newest] = high
    return found


def ranges(history: History, tips: Sequence[int], bases: Sequence[int | None]) -> "list[array[int]]":
    """Return for each tip the commits reachable from it and not from its base, children first.

    `tips` are commits' numbers; `bases` are positions in `tips`, None to take everything. One walk for all of them: a
    commit carries the open ranges that reach it, and as bits the tips that reach it.
    """
    starts: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}  # base → the ranges that end there
    for position, tip in enumerate(tips):
        starts.setdefault(tip, []).append(position)
        base = bases[position]
        if base is not None:
            ends.setdefault(tips[base], []).append(position)
    members = [array("i") for _ in tips]
    state: dict[int, tuple[frozenset[int], int]] = {}
    nothing: tuple[frozenset[int], int] = (frozenset(), 0)
    for number in range(len(history)):
        reached = state.pop(number, nothing)
        if number in starts or number in ends:
            reached = _passed(reached, starts.get(number, ()), ends.get(number, ()))
        for position in reached[0]:
            members[position].append(number)
        for parent in history.parents_of(number):
            other = state.get(parent)
            state[parent] = reached if other is None or other is reached else _joined(reached, other)
    return members


def _passed(
    reached: tuple[frozenset[int], int], starts: Sequence[int], ends: Sequence[int]
) -> tuple[frozenset[int], int]:
    """Return the state at a commit on which ranges start and end; a range that does both is empty."""
    opened, closed = reached
    for position in ends:
        closed |= 1 << position
    fresh = [position for position in starts if not closed >> position & 1]
    return opened.union(fresh).difference(ends), closed


def _joined(one: tuple[frozenset[int], int], two: tuple[frozenset[int], int]) -> tuple[frozenset[int], int]:
    """Return the state of a commit that is reached on two ways: closed on either is closed."""
    closed = one[1] | two[1]
    opened = one[0] | two[0]
    return frozenset(position for position in opened if not closed >> position & 1) if closed else opened, closed


def in_log_order(history: History, numbers: Sequence[int]) -> list[int]:
    """Return one range, given children first with its tip in front, in the order in which `git log` shows it.

    That is: of the commits whose child was shown, the one with the latest time, and of several the one that waits
    longest (git's `commit_list_insert_by_date`).
    """
    if all(history.parents[one] == two and one not in history.merged for one, two in pairwise(numbers)):
        return list(numbers)
    inside = set(numbers)
    waiting = [(-history.times[numbers[0]], 0, numbers[0])]
    seen = {numbers[0]}
    order: list[int] = []
    while waiting:
        number = heapq.heappop(waiting)[2]
        order.append(number)
        for parent in history.parents_of(number):
            if parent in inside and parent not in seen:
                seen.add(parent)
                heapq.heappush(waiting, (-history.times[parent], len(seen), parent))
    return order
