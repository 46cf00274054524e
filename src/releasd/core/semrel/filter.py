"""Which commits are analysed at all: `[skip release]`, and reverts that take back a commit of the same range.

Source: semantic-release 24.2.9 `definitions/plugins.js`, conventional-commits-filter 5.0.0 (versioning-facts.md §2.3).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from releasd.core.semrel.jstext import S, trim, truthy

T = TypeVar("T")
Fields = Mapping[str, Any]

_SKIP = re.compile(rf"\[skip[{S}]+release\]|\[release[{S}]+skip\]", re.IGNORECASE | re.ASCII)


def skips_release(message: str) -> bool:
    """Return whether a message asks for the commit to be left out of the analysis (it stays in the notes)."""
    return _SKIP.search(message) is not None


def drop_reverted(commits: Iterable[T], fields: Callable[[T], Fields]) -> Iterator[T]:
    """Yield the commits, newest first, without those that a later one takes back, and without the latter.

    `fields` gives a commit's fields by npm's names: what git says, overlaid with what the message says. A revert holds
    what comes before it until it is seen whether its own commit comes; what was held comes in its order.
    """
    held: list[T] = []
    reverts = 0
    for commit in commits:
        own = fields(commit)
        place = _taken_back_by(own, (fields(each) for each in held)) if reverts else None
        if place is not None:
            del held[place]
            reverts -= 1
        elif truthy(own.get("revert")):
            held.append(commit)
            reverts += 1
        elif reverts:
            held.append(commit)
        else:
            yield from held
            held.clear()
            yield commit
    yield from held


def _taken_back_by(own: Fields, held: Iterable[Fields]) -> int | None:
    """Return the place of the first held revert that names this commit."""
    raw = own.get("raw") or own  # a message can make a field `raw`, and npm's filter believes it
    for place, each in enumerate(held):
        revert = each.get("revert")
        if isinstance(revert, Mapping) and _has(raw, revert):
            return place
    return None


def _has(raw: Any, revert: Mapping[str, str | None]) -> bool:
    fields = raw if isinstance(raw, Mapping) else {}
    return all(_trimmed(fields.get(key, _ABSENT)) == _trimmed(value) for key, value in revert.items())


_ABSENT = object()


def _trimmed(value: Any) -> Any:
    return trim(value) if isinstance(value, str) else value
