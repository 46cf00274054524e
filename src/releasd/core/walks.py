"""Sequences that are longer than the memory: the first values are kept, and the others made again for each walk."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, TypeVar

KEPT = 30_000  # values: what a range usually has at most, so that it is gone through once
KEPT_CHARACTERS = 30_000_000  # of their messages together

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Walk(Sequence[T_co]):
    """Values that can be gone through as often as wanted; what `further` makes comes after those in `kept`.

    Places beyond `kept` are found by a walk, and so is the length where it is not given.
    """

    def __init__(
        self, kept: Sequence[T_co], further: Callable[[], Iterable[T_co]], *, length: int | None = None
    ) -> None:
        self.kept = kept
        self._further = further
        self._length = length

    def __iter__(self) -> Iterator[T_co]:
        return chain(self.kept, self.further())

    def further(self) -> Iterator[T_co]:
        """Make the values after those in `kept` anew."""
        return iter(self._further())

    def mapped(self, change: Callable[[T_co], T]) -> "Walk[T]":
        """Return what `change` makes of each value; of those that are not kept, whenever they are gone through."""
        further = self._further  # and not self: what is kept here may be more than what is kept there
        return Walk(tuple(map(change, self.kept)), lambda: map(change, further()), length=self._length)

    def __len__(self) -> int:
        if self._length is None:
            self._length = len(self.kept) + sum(1 for _ in self.further())
        return self._length

    def __bool__(self) -> bool:
        return bool(self.kept) or next(self.further(), None) is not None

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return tuple(islice(self, place.start, place.stop, place.step))  # from the front
        if place < 0:
            place += len(self)
        if 0 <= place < len(self.kept):
            return self.kept[place]
        found = tuple(islice(self, place, place + 1)) if place >= 0 else ()
        if not found:
            raise IndexError(place)
        return found[0]


def kept_of(values: Sequence[T]) -> Sequence[T]:
    """Return those of the values that are in memory anyway."""
    return values.kept if isinstance(values, Walk) else values


def beyond(values: Sequence[T]) -> Iterator[T]:
    """Yield the values after `kept_of`."""
    return values.further() if isinstance(values, Walk) else iter(())


def walked(walk: Callable[[int], Iterator[T]], size: Callable[[T], int], *, keep: int = KEPT) -> Sequence[T]:
    """Return what `walk` makes, in memory where it is not much; else the first `keep` are kept.

    `walk` is told how many values to leave out; `size` is a value's length in characters.
    """
    kept: list[T] = []
    characters = 0
    for value in walk(0):
        kept.append(value)
        characters += size(value)
        if len(kept) >= keep or characters >= KEPT_CHARACTERS:
            return Walk(kept, lambda: walk(len(kept)))
    return tuple(kept)
