"""The parts of picomatch 2.3.2's parser that look at texts alone: its constants, and which repetitions it defuses.

Default options, POSIX. Each function names the one it follows in picomatch's lib/parse.js.
"""

import re
from collections.abc import Sequence

from releasd.core.semrel.jstext import trim
from releasd.core.semrel.regexsyntax import Refused, read

DOT = r"\."
PLUS = r"\+"
SLASH = r"\/"
ONE_CHAR = "(?=.)"
QMARK = "[^/]"
NO_DOT = rf"(?!{DOT})"
NO_DOT_SLASH = rf"(?!{DOT}{{0,1}}(?:{SLASH}|$))"
QMARK_NO_DOT = rf"[^.{SLASH}]"
STAR = f"{QMARK}*?"
GLOBSTAR = rf"(?:(?:(?!(?:^|{SLASH}){DOT}).)*?)"
REPLACEMENTS = {"***": "*", "**/**": "**", "**/**/**": "**"}
OPENINGS = {"!": "(?:(?!(?:", "?": "(?:", "+": "(?:", "*": "(?:"}
CLOSINGS = {"!": f")){STAR})", "?": ")?", "+": ")+", "*": ")*"}
POSIX = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "ascii": r"\x00-\x7F",
    "blank": r" \t",
    "cntrl": r"\x00-\x1F\x7F",
    "digit": "0-9",
    "graph": r"\x21-\x7E",
    "lower": "a-z",
    "print": r"\x20-\x7E ",
    "punct": r"""\-!"#$%&'()\*+,./:;<=>?@[\]^_`{|}~""",
    "space": r" \t\r\n\v\f",
    "upper": "A-Z",
    "word": "A-Za-z0-9_",
    "xdigit": "A-Fa-f0-9",
}
SPECIAL = re.compile(r"[-*+?.^${}(|)[\]]")
PLAIN = re.compile(r"[^@![\].,$*+?^{}()|\\/]+")
_AT_ONCE = re.compile(r"^[*!]|[/()[\]{}\"]")
_RUN = re.compile(r"(\\?)((\W)(\3*))", re.ASCII)
_BACKSLASHES = re.compile(r"\\+")
_EXTENSION = re.compile(r"([^\n\r\u2028\u2029]*?)\.(\w+)\Z", re.ASCII)
_MAGIC = re.compile(r"[?*+@!()[\]{}]")
_AT_GROUP = re.compile(r"@\([^\\()[\]{}|]+\)\Z")
_STARS = re.compile(r"[*?]+\Z")
_KNOWN = {
    "*": NO_DOT + ONE_CHAR + STAR,
    ".*": DOT + ONE_CHAR + STAR,
    "*.*": NO_DOT + STAR + DOT + ONE_CHAR + STAR,
    "*/*": NO_DOT + STAR + SLASH + ONE_CHAR + NO_DOT + STAR,
    "**": NO_DOT + GLOBSTAR,
    "**/*": f"(?:{NO_DOT}{GLOBSTAR}{SLASH})?{NO_DOT}{ONE_CHAR}{STAR}",
    "**/*.*": f"(?:{NO_DOT}{GLOBSTAR}{SLASH})?{NO_DOT}{STAR}{DOT}{ONE_CHAR}{STAR}",
    "**/.*": f"(?:{NO_DOT}{GLOBSTAR}{SLASH})?{DOT}{ONE_CHAR}{STAR}",
}


def escaped(text: str) -> str:
    """Return `text` for use in an expression (utils.escapeRegex)."""
    return SPECIAL.sub(lambda found: f"\\{found[0]}", text)


def without_prefix(glob: str) -> str:
    """Return the glob without `./` before it (utils.removePrefix)."""
    return glob.removeprefix("./")


def known(glob: str) -> str | None:
    """Return the expression for one of the everyday globs, or None (parse.fastpaths)."""
    source = _known(without_prefix(REPLACEMENTS.get(glob, glob)))
    return f"{source}{SLASH}?" if source else None


def _known(glob: str) -> str | None:
    if glob in _KNOWN:
        return _KNOWN[glob]
    found = _EXTENSION.match(glob)
    source = _known(found[1]) if found else None
    return f"{source}{DOT}{found[2]}" if found and source else None


def at_once(glob: str) -> str | None:
    """Return the expression for a glob without groups, sets and slashes, or None (parse: Fast paths)."""
    if _AT_ONCE.search(glob):
        return None
    output = _RUN.sub(_replaced, glob)
    if any(found[3] == "\\" for found in _RUN.finditer(glob)):
        output = _BACKSLASHES.sub(lambda found: "\\" if len(found[0]) % 2 else r"\\", output)
    return f"^(?:{output})$"


def _replaced(found: re.Match[str]) -> str:
    whole, esc, chars, first, rest = found[0], found[1], found[2], found[3], found[4]
    if first == "\\":
        return whole
    if first == "?":
        start = f"{esc}?" if esc else QMARK_NO_DOT if found.start() == 0 else QMARK
        return start + QMARK * len(rest)
    if first == ".":
        return DOT * len(chars)
    if first == "*":
        return f"{esc}*{STAR if rest else ''}" if esc else STAR
    return whole if esc else f"\\{whole}"


def defused(body: str) -> tuple[bool, str | None]:
    """Return whether the body of `+(…)` or `*(…)` is risky, and what to take instead (analyzeRepeatedExtglob)."""
    branches = [trim(branch) for branch in _branches(body)]
    if len(branches) > 1 and (any(not branch or _STARS.match(branch) for branch in branches) or _overlap(branches)):
        return True, None
    for branch in branches:
        safe = _star_sequence(branch)
        if safe:
            return True, safe
        if _parse_repeated(branch) is not None:
            return True, None
    return False, None


def _branches(text: str) -> list[str]:
    """Follow splitTopLevel."""
    parts, brackets, parens, quoted, skip = [""], 0, 0, False, False
    for char in text:
        separates = False
        if skip:
            skip = False
        elif char == "\\":
            skip = True
        elif char == '"':
            quoted = not quoted
        elif not quoted:
            if char == "[":
                brackets += 1
            elif char == "]" and brackets:
                brackets -= 1
            elif not brackets:
                separates = char == "|" and not parens
                parens += (char == "(") - (char == ")" and parens > 0)
        if separates:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _simple(branch: str) -> str | None:
    """Follow normalizeSimpleBranch."""
    value = trim(branch)
    while _AT_GROUP.match(value):
        value = value[2:-1]
    plain = re.sub(r"\\[\s\S]?", "", value)
    return None if _MAGIC.search(plain) else re.sub(r"\\([^\n\r\u2028\u2029])", r"\1", value)


def _overlap(branches: Sequence[str]) -> bool:
    """Follow hasRepeatedCharPrefixOverlap."""
    values = [value for branch in branches if (value := _simple(branch))]
    same = [value for value in values if value == value[0] * len(value)]
    return len({value[0] for value in same}) < len(same)


def _parse_repeated(text: str, *, to_the_end: bool = True) -> tuple[str, int] | None:
    """Return body and end of the `+(…)` or `*(…)` that `text` starts with (parseRepeatedExtglob)."""
    if text[:2] not in ("+(", "*("):
        return None
    brackets, parens, quoted, at = 0, 0, False, 1
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif char == '"':
            quoted = not quoted
        elif not quoted:
            brackets += (char == "[") - (char == "]" and brackets > 0)
            if not brackets and char in "()":
                parens += 1 if char == "(" else -1
                if char == ")" and parens == 0:
                    return None if to_the_end and at != len(text) - 1 else (text[2:at], at)
        at += 1
    return None


def _star_sequence(text: str) -> str | None:
    """Follow getStarExtglobSequenceOutput."""
    chars: list[str] = []
    while text:
        found = _parse_repeated(text, to_the_end=False)
        branches = _branches(found[0]) if found and text[0] == "*" else []
        branch = _simple(branches[0]) if len(branches) == 1 else None
        if found is None or not branch or len(branch) != 1:
            return None
        chars.append(branch)
        text = text[found[1] + 1 :]
    if not chars:
        return None
    return f"{escaped(chars[0])}*" if len(chars) == 1 else f"[{''.join(map(escaped, chars))}]*"


def range_set(ends: Sequence[str]) -> str:
    """Return the set for `{a..c}` (expandRange)."""
    source = f"[{'-'.join(sorted(ends))}]"
    try:
        read(source)
    except Refused:
        return "..".join(map(escaped, sorted(ends)))
    return source


def escape_last(output: str, mark: str) -> str:
    """Put a backslash before the last `mark` that has none (utils.escapeLast)."""
    at = output.rfind(mark)
    while at > 0 and output[at - 1] == "\\":
        at = output.rfind(mark, 0, at)
    return output if at < 0 else f"{output[:at]}\\{output[at:]}"
