"""Globs as semantic-release's rules use them: micromatch's everyday subset (versioning-facts.md §2.4).

`*` and `?` do not cross `/`, a part `**` does; nothing takes a dot at the start of a part; `[ab]`, `[^ab]`,
`{a,b}`, `!(x)`, `@(x)`, `?(x)`, `*(x)`, `+(x)` and a leading `!` work. Case counts.
"""

import re
from functools import lru_cache

_LONGEST = 4000  # characters of a text that are compared; nobody's scope or subject is longer on purpose
_RANGE = re.compile(r"(?<=[A-Za-z0-9])(-)(?=[A-Za-z0-9])|[^A-Za-z0-9]")  # a hyphen within a range, or any other mark
_EXTENDED = {"!": "(?:(?!(?:{0}))[^/]*)", "@": "(?:{0})", "?": "(?:{0})?", "*": "(?:{0})*+", "+": "(?:{0})++"}


def matches(pattern: str, text: str) -> bool:
    """Return whether the whole of `text` is matched by `pattern`."""
    negated = pattern.startswith("!") and not pattern.startswith("!(")
    return (_compiled(pattern[negated:]).fullmatch(text[:_LONGEST]) is not None) is not negated


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(_translate(pattern), re.DOTALL)
    except re.error:  # such as an unbalanced "[": micromatch takes it literally too
        return re.compile(re.escape(pattern), re.DOTALL)


def _translate(pattern: str) -> str:
    out, at = [], 0
    while at < len(pattern):
        piece, at = _token(pattern, at)
        out.append(piece)
    return "".join(out)


def _token(pattern: str, at: int) -> tuple[str, int]:
    """Translate the token that starts at `at`; return it and where the next one starts."""
    char = pattern[at]
    if char in _EXTENDED and pattern[at + 1 : at + 2] == "(":
        return _group(pattern, at + 1, ("(", ")", "|"), _EXTENDED[char])
    if char == "{":
        return _group(pattern, at, ("{", "}", ","), "(?:{0})")
    if char == "*":
        return _star(pattern, at)
    return _character(pattern, at)


def _character(pattern: str, at: int) -> tuple[str, int]:
    char = pattern[at]
    if char == "?":
        return "[^./]" if _starts_part(pattern, at) else "[^/]", at + 1
    if char == "\\" and at + 1 < len(pattern):
        return re.escape(pattern[at + 1]), at + 2
    if char == "[" and (end := pattern.find("]", at + 2)) > 0:
        return _set(pattern[at + 1 : end]), end + 1
    return re.escape(char), at + 1


def _set(inner: str) -> str:
    negated = inner.startswith("^")
    members = _RANGE.sub(lambda match: match[1] or re.escape(match[0]), inner[negated:])
    return f"[{'^' if negated else ''}{members}]"


def _starts_part(pattern: str, at: int) -> bool:
    return at == 0 or pattern[at - 1] == "/"


def _star(pattern: str, at: int) -> tuple[str, int]:
    end = at
    while pattern[end : end + 1] == "*" and pattern[end + 1 : end + 2] != "(":
        end += 1
    starts_part = _starts_part(pattern, at)
    if starts_part and end - at > 1 and pattern[end : end + 1] in ("", "/"):
        return (r"(?:(?!\.)[^/]+/)*+", end + 1) if pattern[end : end + 1] else (r"(?!\.)(?:(?!/\.).)*", end)
    dot = r"(?!\.)" if starts_part else ""
    literal = re.match(r"[\w .:@#=,-]+", pattern[end:])
    if literal and "*" in pattern[end:]:
        # The first fit is as good as any when another star follows; holding on to it keeps many stars linear.
        return f"{dot}(?>[^/]*?{re.escape(literal[0])})", end + literal.end()
    return f"{dot}[^/]*", end


def _group(pattern: str, at: int, marks: tuple[str, str, str], form: str) -> tuple[str, int]:
    """Translate the alternatives between the bracket at `at` and its partner; `marks` opens, closes, separates."""
    opening, closing, separator = marks
    depth, start, parts = 0, at + 1, []
    for index in range(at, len(pattern)):
        char = pattern[index]
        depth += (char == opening) - (char == closing)
        if (char == separator and depth == 1) or depth == 0:
            parts.append(_translate(pattern[start:index]))
            start = index + 1
        if depth == 0:
            alternatives = "|".join(parts)
            if form is _EXTENDED["!"] and index + 1 == len(pattern):
                alternatives = f"(?:{alternatives})\\Z"  # at the end the whole rest is what may not be there
            return form.format(alternatives), index + 1
    return re.escape(pattern[at]), at + 1
