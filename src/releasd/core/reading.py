"""Reading tables of a configuration: value by value, with every mistake collected instead of raised."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

_DURATION = re.compile(r"(?P<number>\d{1,7})(?P<unit>[smh])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_VARIABLE = re.compile(r"(?!RELEASD_)[A-Za-z_][A-Za-z0-9_]*")
_MISSING = object()
_PLACE = "{version}"

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


def path(value: Any) -> str | None:
    """Return a path that stays inside the repository, or None."""
    safe = text(value)
    if safe is None or safe.startswith(("/", "-")) or "\\" in safe or not safe.isprintable():
        return None
    return None if any(part in ("", ".", "..", ".git") for part in safe.split("/")) else safe


def version_file(value: Any) -> str | None:
    """Return a path that stays inside the repository, with or without `:pattern`, or None."""
    if not isinstance(value, str):
        return None
    file, colon, pattern = value.partition(":")
    usable = not colon or (pattern.count(_PLACE) == 1 and "\n" not in pattern and "\0" not in pattern)
    return value if usable and path(file) else None


def duration(value: Any) -> float | None:
    """Return the seconds of "30m", "90s", "2h" or a positive number, else None."""
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        value = int(match["number"]) * _SECONDS[match["unit"]]
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")
    return float(value) if usable else None


def matching(pattern: re.Pattern[str]) -> Callable[[Any], str | None]:
    """Return a reader of texts that the pattern matches from end to end."""
    return lambda value: value if isinstance(value, str) and pattern.fullmatch(value) else None


def every(read: Callable[[Any], str | None]) -> Callable[[Any], tuple[str, ...] | None]:
    """Return a reader of lists, all of whose items `read` understands."""

    def read_all(value: Any) -> tuple[str, ...] | None:
        items = [read(each) for each in value] if isinstance(value, list) else [None]
        good = tuple(each for each in items if each is not None)
        return good if len(good) == len(items) else None

    return read_all


def one_of(words: Sequence[str]) -> Callable[[Any], str | None]:
    """Return a reader of one of these words."""
    return lambda value: value if isinstance(value, str) and value in words else None


def text_or_flag(value: Any) -> str | bool | None:
    """Return a text that is not empty, true or false, or None."""
    return value if isinstance(value, bool) else text(value)


def flag(value: Any) -> bool | None:
    """Return true or false, or None."""
    return value if isinstance(value, bool) else None


def environment(value: Any) -> Mapping[str, str] | None:
    """Return variables for a build, or None; names that begin with RELEASD_ are the daemon's."""
    if not isinstance(value, dict):
        return None
    good = all(_VARIABLE.fullmatch(key) and isinstance(each, str) and "\0" not in each for key, each in value.items())
    return value if good else None
