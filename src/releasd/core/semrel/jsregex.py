r"""JavaScript's regular expressions: a project's own, run exactly and in bounded time.

`matcher(source)` means `text.match(new RegExp(source))` with no flags. Expressions run on UTF-16 code units, as in
JavaScript. Small and harmless ones run in Python's `re`, all others in regexrun.py. Refused, with the reason: back
references, counts over a thousand, what JavaScript refuses too (named groups need names in ASCII letters), and, in a
single match, more than a million steps (a text of some 20,000 characters with a glob like `*x*`).
"""

import re
from array import array
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from releasd.core.semrel import regexrun
from releasd.core.semrel.regexnative import native
from releasd.core.semrel.regexsyntax import Refused, read
from releasd.errors import ConfigError

_LONGEST = 10_000  # characters of an expression
_KEPT = 16  # expressions that stay compiled: a replay asks for the same few of every range


class Match(NamedTuple):
    """What matched: the whole, the groups (None: took no part), and the named groups, None where there are none."""

    text: str
    groups: tuple[str | None, ...]
    named: Mapping[str, str | None] | None = None


Matcher = Callable[[str], Match | None]


def matcher(source: str) -> Matcher:
    """Return a function that finds the first match. Raises `ConfigError` where the expression is refused.

    The function raises `ConfigError` where a match takes too long.
    """
    wrong = problem(source)
    if wrong:
        raise ConfigError(f"the regular expression {source} {wrong}", advice="write it in another way")
    return compiled(source)


@lru_cache(maxsize=_KEPT)
def compiled(source: str) -> Matcher:
    """Return what `matcher` does. Raises `Refused`."""
    expression = read(units(source))
    fast, program = native(expression), regexrun.compile_program(expression)

    def find(text: str) -> Match | None:
        line = units(text)
        if fast and fast.is_safe(len(line)):
            found = fast.pattern.search(line)
            spans = None if found is None else [found.span(number) for number in range(expression.groups + 1)]
        else:
            spans = _spans(source, program, line)
        if spans is None:
            return None
        whole, *groups = (None if start < 0 else _text(line[start:end]) for start, end in spans)
        named = {name: groups[number - 1] for name, number in expression.names.items()} or None
        return Match(whole or "", tuple(groups), named)

    return find


@lru_cache(maxsize=_KEPT)
def problem(source: str) -> str | None:
    """Return why an expression is refused, as the end of a sentence about it, or None."""
    if len(source) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    try:
        regexrun.compile_program(read(units(source)))
    except Refused as refused:
        return str(refused)
    return None


def builtin(pattern: re.Pattern[str]) -> Matcher:
    """Return a function that finds the match of a built-in expression, which is anchored at the start."""

    def find(text: str) -> Match | None:
        found = pattern.match(text)
        return Match(found[0], found.groups()) if found else None

    return find


def units(text: str) -> str:
    """Return a text whose every character is one UTF-16 code unit, as JavaScript's are."""
    if text.isascii() or max(text) <= "\uffff":
        return text
    return "".join(map(chr, array("H", text.encode("utf-16", "surrogatepass")[2:])))


def _text(line: str) -> str:
    if line.isascii():
        return line
    return line.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _spans(source: str, program: regexrun.Program, line: str) -> list[tuple[int, int]] | None:
    try:
        found = regexrun.search(program, line)
    except regexrun.TooLong:
        raise ConfigError(
            f"the regular expression {source} takes too long on a text of {len(line)} characters",
            advice="write it without repetitions within repetitions",
        ) from None
    if found is None:
        return None
    flat = [-1 if place is None else place for place in found]
    return list(zip(flat[::2], flat[1::2], strict=True))
