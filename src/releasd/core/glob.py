"""Patterns in rules and lists of files: globs as micromatch has them (core/semrel/micromatch.py), in bounded time.

Its engine is loaded only when a pattern is more than a word: most rules name types and scopes as they are, and a plan
must be quick.
"""

import re

_WORDS = re.compile(r"\w[\w :-]*+")  # what means itself in a glob
_LONGEST = 4000  # characters of a text that are compared; nobody's scope or subject is longer on purpose


def matches(pattern: str, text: str) -> bool:
    """Return whether the whole of `text` is matched by `pattern`.

    Raises `ConfigError` for a pattern that is refused (a back reference, over a thousand characters), or where the
    match takes too long.
    """
    if _WORDS.fullmatch(pattern):
        return pattern == text
    from releasd.core.semrel import micromatch  # noqa: PLC0415 - as the docstring says

    return micromatch.matches(pattern, text[:_LONGEST])
