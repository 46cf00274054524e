"""Reads one table of a configuration key by key, collecting every mistake instead of stopping at the first."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

_VARIABLE = re.compile(r"(?!RELEASD_)[A-Za-z_][A-Za-z0-9_]*")
_MISSING = object()

T = TypeVar("T")


@dataclass(slots=True)
class Reader:
    """One table being read. Takes keys out one by one and collects what is wrong; lives for one call.

    `where` is what stands before a key in a problem: `file: ` and the table's name.
    """

    values: dict[str, Any]
    where: str
    problems: list[str]
    known: set[str] = field(default_factory=set)

    def take(self, key: str, read: Callable[[Any], T | None], default: T, allowed: str) -> T:
        """Return the value of `key` as `read` understands it, or `default`; None from `read` is a mistake."""
        self.known.add(key)
        value = self.values.get(key, _MISSING)
        if value is _MISSING:
            return default
        result = read(value)
        if result is None:
            self.problems.append(f"{self.where}{key}: {allowed}")
            return default
        return result

    def need(self, key: str, read: Callable[[Any], T | None], default: T, allowed: str) -> T:
        """Like `take`, for a key that has to be there; `default` stands in so that reading can go on."""
        if key not in self.values:
            self.problems.append(f"{self.where}{key}: is missing; {allowed}")
        return self.take(key, read, default, allowed)

    def tables(self, key: str) -> list["Reader"]:
        """Return a reader for each table of an array of tables."""
        self.known.add(key)
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self.problems.append(f"{self.where}{key}: tables, each under its own [[{key}]]")
            return []
        return [Reader(each, f"{self.where}{key}[{at}].", self.problems) for at, each in enumerate(value)]

    def table(self, key: str) -> "Reader | None":
        """Return a reader for a table of its own, or None where there is none. Anything else is a mistake."""
        self.known.add(key)
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.problems.append(f"{self.where}{key}: a table")
            return None
        return Reader(value, f"{self.where}{key}.", self.problems)

    def finish(self) -> None:
        """Report the keys that nobody asked for."""
        for key in sorted(self.values.keys() - self.known):
            self.problems.append(f"{self.where}{key}: is not known; {', '.join(sorted(self.known))} are")


def text(value: Any) -> str | None:
    """Return a text that is not empty, or None."""
    return value if isinstance(value, str) and value.strip() and "\0" not in value else None


def matching(pattern: re.Pattern[str]) -> Callable[[Any], str | None]:
    """Return what takes texts that match as a whole."""
    return lambda value: value if isinstance(value, str) and pattern.fullmatch(value) else None


def one_of(words: Sequence[str]) -> Callable[[Any], str | None]:
    """Return what takes one of these words."""
    return lambda value: value if isinstance(value, str) and value in words else None


def environment(value: Any) -> Mapping[str, str] | None:
    """Return variables for a build, or None; names that begin with RELEASD_ are the daemon's."""
    if not isinstance(value, dict):
        return None
    good = all(_VARIABLE.fullmatch(key) and isinstance(each, str) and "\0" not in each for key, each in value.items())
    return value if good else None
