"""Which commits are analysed at all: `[skip release]`, and reverts that take back a commit of the same range.

Source: semantic-release 24.2.9 `definitions/plugins.js`, conventional-commits-filter 5.0.0 (versioning-facts.md §2.3).
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from releasd.core.semrel.jstext import S, trim, truthy

T = TypeVar("T")
Fields = Mapping[str, Any]

_SKIP = re.compile(rf"\[skip[{S}]+release\]|\[release[{S}]+skip\]", re.IGNORECASE | re.ASCII)


def skips_release(message: str) -> bool:
    """Return whether a message asks for the commit to be left out of the analysis (it stays in the notes)."""
    return _SKIP.search(message) is not None


def drop_reverted(commits: Sequence[T], fields: Callable[[T], Fields]) -> Iterator[T]:
    """Yield the commits, newest first, without those that a later one takes back, and without the latter.

    `fields` gives a commit's fields by npm's names: what git says, overlaid with what the message says. The commits are
    gone through twice, and nothing is kept of them but what reverts name.
    """
    reverts = Reverts()
    for place, commit in enumerate(commits):
        reverts.take(place, fields(commit))
    return (commit for place, commit in enumerate(commits) if place not in reverts.gone)


class Reverts:
    """Takes commits one by one, newest first, and says which of them cancel each other: `gone`, by place.

    The reverts that wait for their commit are known by the fields that they name and those fields' values, so that it
    is linear in the number of commits, however many wait. (npm holds all commits after a waiting revert as well, but
    gives them on in their order.)
    """

    def __init__(self) -> None:
        self.gone: set[int] = set()
        self._places: dict[tuple[str, ...], dict[tuple[Any, ...], deque[int]]] = {}
        self._count = 0

    def __bool__(self) -> bool:
        """Return whether any revert waits."""
        return self._count > 0

    def take(self, place: int, own: Fields) -> None:
        """Take the commit at `place`."""
        found = self._take(own.get("raw") or own) if self else None  # npm believes a field `raw` of a message
        if found is not None:
            self.gone |= {found, place}
        elif truthy(own.get("revert")):
            self._add(place, own["revert"])

    def _add(self, place: int, revert: Any) -> None:
        """Hold a revert; one that is a text, as a line `-revert-` makes it, takes nothing back."""
        self._count += 1
        if isinstance(revert, Mapping):
            same = self._places.setdefault(tuple(revert), {})
            same.setdefault(tuple(map(_trimmed, revert.values())), deque()).append(place)

    def _take(self, raw: Any) -> int | None:
        """Return the place of the first revert that names these fields, and hold it no longer; None where none does."""
        if not isinstance(raw, Mapping):
            raw = {}
        found = [queue for names, same in self._places.items() if (queue := same.get(_values(raw, names)))]
        if not found:
            return None
        self._count -= 1
        return min(found, key=lambda queue: queue[0]).popleft()


def _values(raw: Fields, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(
        value if (value := _trimmed(raw.get(name, _ABSENT))) is None or isinstance(value, str) else _ABSENT
        for name in names
    )


_ABSENT = object()  # no text equals it, and a revert names texts only


def _trimmed(value: Any) -> Any:
    return trim(value) if isinstance(value, str) else value
