"""TOML read with errors for people, and changed one value at a time with every other byte kept.

`tomllib` says what a document means; `strings` says where its string values stand in the text, which no reader of
the standard library tells. `replace_strings` trusts neither alone: it reads the result again and compares.
"""

import re
import tomllib
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from releasd.errors import ConfigError

Path = tuple[str | int, ...]  # keys, and positions in arrays of tables
Span = tuple[int, int]  # of the value with its quotes

_SPACE = re.compile(r"[ \t]*+")
_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*+)*+")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})|'
    r"'''.*?'''(?:'{0,2})|"
    r'"(?:[^"\\\n]|\\.)*+"|'
    r"'[^'\n]*+'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^\s,\]}#]+(?: [0-9][^\s,\]}#]*)?")  # a space may part the date from the time


def read(path: str, text: str) -> dict[str, Any]:
    """Return the document in `text`. Raises `ConfigError` that names `path` and the line."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ConfigError(f"{path} is not valid TOML", problems=(f"{path}: {why}",), advice=f"edit {path}") from error


def table(document: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return the table at `keys`, empty where there is none."""
    value: Any = document
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def strings(text: str) -> Iterator[tuple[Path, Span]]:
    """Yield where every string value of the valid document `text` stands; strings inside arrays are left out."""
    counts: dict[Path, int] = {}
    prefix: Path = ()
    at = _skip(text, 0)
    while at < len(text):
        if text[at] == "[":
            prefix, at = _header(text, at, counts)
        else:
            keys, at = _key(text, at)
            at = yield from _value(text, _skip(text, at + 1), (*prefix, *keys))
        at = _skip(text, at)


def replace_strings(path: str, text: str, wanted: Mapping[Path, tuple[str, str]]) -> str:
    """Return `text` with the values at some paths changed from the first to the second text, and nothing else.

    Raises `ConfigError` where a value is missing, is not what it should be, or cannot be changed alone.
    """
    spans = {keys: span for keys, span in strings(text) if keys in wanted}
    after = text
    for keys, (start, end) in sorted(spans.items(), key=lambda item: item[1], reverse=True):
        old, new = wanted[keys]
        after = f"{after[:start]}{text[start:end].replace(old, new, 1)}{after[end:]}"
    expected = read(path, text)
    for keys, (old, new) in wanted.items():
        _set(path, expected, keys, old, new)
    if read(path, after) != expected:
        raise ConfigError(f"{path} cannot be edited safely", advice=f"write its version as a plain string in {path}")
    return after


def _set(path: str, document: Any, keys: Path, old: str, new: str) -> None:
    where = document
    for key in keys[:-1]:
        where = where[key]
    if where[keys[-1]] != old:
        name = ".".join(map(str, keys))
        raise ConfigError(f"{path}: {name} is {where[keys[-1]]!r}, not {old!r}", advice="plan the release again")
    where[keys[-1]] = new


def _skip(text: str, at: int) -> int:
    match = _GAP.match(text, at)
    return match.end() if match else at


def _key(text: str, at: int) -> tuple[tuple[str, ...], int]:
    """Read a dotted key at `at`; return it and the place after it, blanks included."""
    keys: list[str] = []
    while True:
        at = _blanks(text, at)
        quoted = text[at] in "\"'"
        match = (_STRING if quoted else _BARE).match(text, at)
        if match is None:
            raise ValueError(f"no key at {at}")
        keys.append(_unquoted(match[0]) if quoted else match[0])
        at = _blanks(text, match.end())
        if text[at] != ".":
            return tuple(keys), at
        at += 1


def _blanks(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _unquoted(literal: str) -> str:
    return str(tomllib.loads(f"k = {literal}")["k"])


def _header(text: str, at: int, counts: dict[Path, int]) -> tuple[Path, int]:
    """Read `[table]` or `[[array of tables]]`; `counts` knows how many elements each array has by now."""
    array = text.startswith("[[", at)
    keys, at = _key(text, at + (2 if array else 1))
    full: Path = ()
    for index, key in enumerate(keys):
        full = (*full, key)
        if array and index == len(keys) - 1:
            counts[full] = counts.get(full, -1) + 1
        if full in counts:
            full = (*full, counts[full])
    return full, at + (2 if array else 1)


def _value(text: str, at: int, keys: Path) -> Generator[tuple[Path, Span], None, int]:
    """Walk over the value at `at`, yielding strings; the generator's own value is the place after it."""
    if text[at] == "{":
        return (yield from _inline(text, at + 1, keys))
    if text[at] == "[":
        return _array(text, at + 1)
    match = _STRING.match(text, at)
    if match:
        yield keys, match.span()
    else:
        match = _SCALAR.match(text, at)
    return match.end() if match else at + 1


def _inline(text: str, at: int, keys: Path) -> Generator[tuple[Path, Span], None, int]:
    at = _skip(text, at)
    while text[at] != "}":
        inner, at = _key(text, at)
        at = yield from _value(text, _skip(text, at + 1), (*keys, *inner))
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return at + 1


def _array(text: str, at: int) -> int:
    depth = 1
    while depth:
        at = _skip(text, at)
        match = _STRING.match(text, at)
        depth += 0 if match else {"[": 1, "{": 1, "]": -1, "}": -1}.get(text[at], 0)
        at = match.end() if match else at + 1
    return at
