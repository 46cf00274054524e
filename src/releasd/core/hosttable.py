"""A host's entry in the operator's TOML: put in and taken out with every other byte of the file kept.

Lines are moved, not tables: a TOML library that writes a document again takes the comments between two tables for the
first one's. What comes out is read again and compared, so that a layout which this does not understand is refused.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from releasd.errors import ConfigError

_HEADER = re.compile(r"[ \t]*\[[^\n]*\][ \t]*(#[^\n]*)?\r?\n?")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # as TOML counts them; str.splitlines knows more line ends
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SAYS_NOTHING = re.compile(r"[ \t]*(#[^\n]*)?\r?\n?")
IMPLICIT = "local"  # the one host where none is written (config.convert.host_specs)


@dataclass(frozen=True, slots=True)
class _Section:
    """A table's lines, from its header to its last line that is neither blank nor a comment."""

    keys: tuple[str, ...]
    start: int
    end: int


def with_host(text: str, name: str, entry: Mapping[str, Any]) -> str:
    """Return the configuration with `[hosts.NAME]`, behind the last host or else at the end.

    The first host that is written takes the place of the implicit one, which is therefore written too.

    Raises:
        ConfigError: the file's layout is one that this cannot change; the advice has the lines to add.
    """
    document = tomllib.loads(text)
    hosts = dict(document.get("hosts", {}))
    new = {name: dict(entry)} if hosts else {IMPLICIT: {}, name: dict(entry)}
    block = "\n".join(_table(key, value) for key, value in new.items())
    wanted = {**document, "hosts": {**hosts, **new}}
    lines = _LINE.findall(text)
    last = [section.end for section in _sections(lines) if section.keys[:1] == ("hosts",)]
    for at in (*last[-1:], len(lines)):
        made = _inserted(lines, at, block)
        if _means(made, wanted):
            return made
    raise ConfigError(f"[hosts.{name}] cannot be added without changing the rest", advice=f"add by hand:\n{block}")


def without_host(text: str, name: str) -> str:
    """Return the configuration without `[hosts.NAME]` and what is below it. Raises `ConfigError` as `with_host`."""
    document = tomllib.loads(text)
    kept = {key: value for key, value in document.get("hosts", {}).items() if key != name}
    wanted = {**document, "hosts": kept}
    lines = _LINE.findall(text)
    for section in reversed(tuple(_sections(lines))):
        if section.keys[:2] == ("hosts", name):
            before = section.start - 1
            start = before if before >= 0 and not lines[before].strip() else section.start  # one blank line goes too
            del lines[start : section.end]
    made = "".join(lines)
    if _means(made, wanted):
        return made
    raise ConfigError(f"[hosts.{name}] cannot be removed without changing the rest", advice="remove it by hand")


def _sections(lines: Sequence[str]) -> Iterator[_Section]:
    starts = [(number, keys) for number, line in enumerate(lines) if (keys := _header(line))]
    ends = [number for number, _ in (*starts[1:], (len(lines), ()))][: len(starts)]
    for (start, keys), end in zip(starts, ends, strict=True):
        last = max(number for number in range(start, end) if not _SAYS_NOTHING.fullmatch(lines[number]))
        yield _Section(keys, start, last + 1)


def _header(line: str) -> tuple[str, ...]:
    """Return the keys in a table's header, empty for any other line."""
    if not _HEADER.fullmatch(line):
        return ()
    try:
        value: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()  # a line of an array, or of a text
    keys = []
    while isinstance(value, dict) and value:
        key, value = next(iter(value.items()))
        keys.append(key)
    return tuple(keys)


def _inserted(lines: Sequence[str], at: int, block: str) -> str:
    before, after = "".join(lines[:at]), "".join(lines[at:])
    line_end = "\r\n" if "\r\n" in before + after else "\n"
    gap = line_end if before.endswith("\n") else line_end * 2 if before else ""
    return before + gap + block.replace("\n", line_end) + after


def _table(name: str, entry: Mapping[str, Any]) -> str:
    key = name if _BARE.fullmatch(name) else _value(name)
    return "".join((f"[hosts.{key}]\n", *(f"{key} = {_value(value)}\n" for key, value in entry.items())))


def _value(value: Any) -> str:
    """Return a text, a number or a list of texts as TOML; JSON writes these alike, but for DEL."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _means(text: str, wanted: Mapping[str, Any]) -> bool:
    """Return whether `text` is TOML and says what is wanted; no hosts are the same as an empty table of them."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    as_lists = json.loads(json.dumps(wanted, default=str))
    return bool(json.loads(json.dumps({"hosts": {}, **found}, default=str)) == {"hosts": {}, **as_lists})
