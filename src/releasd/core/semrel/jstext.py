"""What JavaScript means by white space, by a line's end and by ignoring case, as sources for Python's `re`.

ECMA-262: WhiteSpace and LineTerminator (12.2, 12.3), Canonicalize (22.2.2.7.3). Python differs in each.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

SPACES = (
    "\t\n\x0b\x0c\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
LINE_ENDS = "\n\r\u2028\u2029"
S = r"\t\n\x0b\x0c\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"  # `\s`, for use within [...]
DOT = r"[^\n\r\u2028\u2029]"  # `.`
_LARGEST_UNIT = 0xFFFF


def trim(text: str) -> str:
    """Return `text` as `String.prototype.trim` does."""
    return text.strip(SPACES)


def truthy(value: Any) -> bool:
    """Return whether JavaScript takes a JSON value for true: empty lists and objects too."""
    return isinstance(value, list | tuple | Mapping) or (bool(value) and value == value)  # noqa: PLR0124 - NaN is false


def fold(char: str) -> str:
    """Return what a character becomes when an expression with the flag `i`, and without `u`, compares it."""
    upper = char.upper()
    if len(upper) != 1 or ord(upper) > _LARGEST_UNIT or ord(char) > _LARGEST_UNIT:
        return char
    return char if upper.isascii() and not char.isascii() else upper


def alike(char: str) -> str:
    """Return every character that the flag `i` takes for `char`, itself included."""
    if char.isascii():  # no character beyond ASCII folds into ASCII
        return "".join(sorted({char.lower(), char.upper()}))
    return _classes().get(fold(char), char)


@cache
def _classes() -> dict[str, str]:
    """Return folded character → all that fold to it, for those that are several."""
    members: dict[str, str] = {}
    for code in range(128, _LARGEST_UNIT + 1):
        members[fold(chr(code))] = members.get(fold(chr(code)), "") + chr(code)
    return {key: chars for key, chars in members.items() if len(chars) > 1}


def literal(text: str, *, ignore_case: bool) -> str:
    """Return the source of an expression for exactly `text`, or for all that the flag `i` takes for it."""
    if not ignore_case:
        return re.escape(text)
    return "".join(_one_of(alike(char)) for char in text)


def _one_of(chars: str) -> str:
    return re.escape(chars) if len(chars) == 1 else f"[{re.escape(chars)}]"
