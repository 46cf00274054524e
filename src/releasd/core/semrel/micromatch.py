"""Globs exactly as micromatch 4.0.8 (picomatch 2.3.2) matches them, in bounded time.

A glob becomes picomatch's own JavaScript expression (globparser.py), which jsregex.py's engine runs. Refused are globs
with a back reference, and those of more than a thousand characters.
"""

from functools import lru_cache

from releasd.core.semrel import jsregex
from releasd.core.semrel.globparser import expression
from releasd.core.semrel.jsregex import Matcher, units
from releasd.core.semrel.regexsyntax import Refused
from releasd.errors import ConfigError

_LONGEST = 1000  # characters of a glob
_SHORT = 100  # characters of a text worth remembering: types and scopes come again and again


def matches(glob: str, text: str) -> bool:
    """Return what `micromatch.isMatch(text, glob)` does.

    Raises `ConfigError` for a glob that is refused, or where the match takes too long.
    """
    if text in ("", glob):
        return text != ""
    return _remembered(glob, text) if len(text) <= _SHORT else _matches(glob, text)


def _matches(glob: str, text: str) -> bool:
    found = _compiled(glob)
    return found is not None and found(text) is not None


_remembered = lru_cache(maxsize=4096)(_matches)


def problem(glob: str) -> str | None:
    """Return why a glob is refused, as the end of a sentence about it, or None."""
    try:
        _compiled(glob)
    except ConfigError as error:
        return error.message
    return None


@lru_cache(maxsize=256)
def _compiled(glob: str) -> Matcher | None:
    """Return the matcher; None for what JavaScript refuses as an expression, which matches nothing."""
    if not 0 < len(glob) <= _LONGEST:
        raise ConfigError(f"the glob {glob[:80]!r} is not between 1 and {_LONGEST} characters long")
    try:
        meaning = expression(units(glob))
        source = f"^(?:{meaning.source})$"
        return jsregex.compiled(f"^(?!{source}).*$" if meaning.negated else source)
    except Refused as refused:
        if refused.unbounded:
            raise ConfigError(f"the glob {glob!r} {refused}", advice="write it in another way") from None
        return None
