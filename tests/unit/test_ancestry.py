"""A history as numbers, held against sets that are worked out commit by commit."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releasd.core.ancestry import History, Node, highest_before, in_log_order, ranges


def _name(number: int) -> str:
    return f"{number:040x}"


def _history(parents: Sequence[Sequence[int]], times: Sequence[int] | None = None) -> History:
    """Return the history of commits given oldest first by their parents' positions; numbers are then reversed."""
    last = len(parents) - 1
    nodes = [
        Node(_name(at), tuple(_name(parent) for parent in parents[at]), (times or range(len(parents)))[at])
        for at in range(last, -1, -1)
    ]
    return History(nodes, map(_name, range(len(parents))))


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Draw up to 25 commits, each with up to three parents among the earlier ones."""
    size = draw(st.integers(1, 25))
    return [draw(st.lists(st.integers(0, at - 1), max_size=3, unique=True)) if at else [] for at in range(size)]


def _ancestors(history: History, number: int) -> set[int]:
    found, left = {number}, [number]
    while left:
        for parent in history.parents_of(left.pop()):
            if parent not in found:
                found.add(parent)
                left.append(parent)
    return found


def test_parents_keep_their_order_and_names_survive() -> None:
    """A merge's parents are those of the commit, in its order, and every number gives its name back."""
    history = _history([[], [0], [0], [2, 1]])
    names = [[history.name(parent) for parent in history.parents_of(number)] for number in range(4)]
    assert names == [[_name(2), _name(1)], [_name(0)], [_name(0)], []]


def test_a_parent_before_its_child_is_a_defect_that_is_told() -> None:
    """The walk depends on children coming first, so another order is refused."""
    with pytest.raises(ValueError, match="before its child"):
        History([Node(_name(0), (), 0), Node(_name(1), (_name(0),), 1)], ())


def test_names_of_sha256_survive() -> None:
    """A repository of 64-digit names is walked like one of 40."""
    history = History([Node("ab" * 32, ("cd" * 32,), 1), Node("cd" * 32, (), 0)], ["cd" * 32])
    assert (history.name(0), history.name(1), history.numbers) == ("ab" * 32, "cd" * 32, {"cd" * 32: 1})


@settings(max_examples=300, deadline=None)
@given(graphs(), st.data())
def test_ranges_are_what_is_reachable_from_the_tip_and_not_from_the_base(
    parents: list[list[int]], data: st.DataObject
) -> None:
    """Every range, whatever the graph, equals the difference of two sets of ancestors."""
    history = _history(parents)
    tips = data.draw(st.lists(st.integers(0, len(parents) - 1), min_size=1, max_size=6))
    bases = [data.draw(st.none() | st.sampled_from(range(len(tips)))) for _ in tips]
    for tip, base, found in zip(tips, bases, ranges(history, tips, bases), strict=True):
        left_out = _ancestors(history, tips[base]) if base is not None else set()
        assert set(found) == _ancestors(history, tip) - left_out
        assert list(found) == sorted(found)


@settings(max_examples=300, deadline=None)
@given(graphs(), st.data())
def test_highest_before_is_the_highest_rank_on_an_ancestor(parents: list[list[int]], data: st.DataObject) -> None:
    """On ancestors every rank counts, on the commit itself only lower ones."""
    history = _history(parents)
    places = data.draw(st.lists(st.integers(0, len(parents) - 1), min_size=1, max_size=8))
    ranked: dict[int, list[int]] = {}
    for rank, number in enumerate(places):
        ranked.setdefault(number, []).append(rank)
    found = highest_before(history, ranked, ranked)
    for rank, number in enumerate(places):
        above = _ancestors(history, number) - {number}
        expected = [other for other, place in enumerate(places) if place in above or (place == number and other < rank)]
        assert found.get(rank) == max(expected, default=None)


def test_log_order_goes_by_time_and_then_by_who_waits_longest() -> None:
    """Of two branches the newer commit comes first, and of equal ones the first parent's."""
    by_time = _history([[], [0], [0], [1, 2]], [0, 20, 10, 30])
    equal = _history([[], [0], [0], [1, 2]], [0, 10, 10, 30])
    assert [by_time.name(number)[-1] for number in in_log_order(by_time, range(4))] == ["3", "1", "2", "0"]
    assert [equal.name(number)[-1] for number in in_log_order(equal, range(4))] == ["3", "1", "2", "0"]
