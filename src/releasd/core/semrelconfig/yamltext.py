"""YAML read as semantic-release reads it: js-yaml's core schema, whose `yes`, `on` and `012` are no surprise.

PyYAML only takes the text apart; what the parts mean is decided here, because its own reading is that of YAML 1.1.
Nothing is ever constructed but texts, numbers, truth values, lists and tables. Aliases are counted at their full size,
so that a text of a few lines cannot become a gigabyte.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf, isinf
from typing import Any

from releasd.errors import ConfigError

LONGEST = 128 << 10  # characters; PyYAML reads about 100,000 in a second, and the configurations in use have 3,000
MOST_VALUES = 20_000  # with every alias counted in full
DEEPEST = 60

_STANDARD = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset({None, *(_STANDARD + name for name in ("null", "bool", "int", "float", "map", "seq"))})
_TEXT_TAGS = frozenset({"!", f"{_STANDARD}str"})
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0b[01]+|0o[0-7]+|0x[0-9A-Fa-f]+|[0-9]+)")
_FLOAT = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_DIGITS = 40  # longer numbers stay texts; JavaScript would round them

_TABLE, _LIST = "table", "list"
_MERGE = "<<"


@dataclass(slots=True)
class _Open:
    """A list or table whose end has not been read yet; `key` waits for its value, `merged` are tables under `<<`."""

    kind: str
    value: Any
    anchor: str | None
    before: int
    key: str | None = None
    merged: list[dict[str, Any]] = field(default_factory=list)


class _Refused(ValueError):
    """What the text asks for is not given to anyone."""


class _Reader:
    """One document being put together; lives for one call of `read`."""

    def __init__(self) -> None:
        self.open: list[_Open] = []
        self.root: Any = None
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.count = 0
        self.documents = 0

    def take(self, event: Any) -> None:
        """Take the next of PyYAML's events."""
        handler = getattr(self, f"_{type(event).__name__}", None)
        if handler is not None:
            handler(event)

    def _ScalarEvent(self, event: Any) -> None:  # noqa: N802 - named for PyYAML's class
        text = _joined(event.value)
        value = text if event.style else _scalar(text, event.tag)
        if event.tag in _TEXT_TAGS:
            value = text
        elif event.tag not in _PLAIN_TAGS:
            raise _Refused(f"the tag {event.tag} is not read")
        self._remember(event.anchor, value, 1)
        self._put(value, text, 1)

    def _AliasEvent(self, event: Any) -> None:  # noqa: N802
        if event.anchor not in self.anchors:
            raise _Refused(f"*{event.anchor} stands for nothing that is complete before it")
        value, size = self.anchors[event.anchor]
        self._put(value, value if isinstance(value, str) else None, size)

    def _MappingStartEvent(self, event: Any) -> None:  # noqa: N802
        self._start(_TABLE, {}, event)

    def _SequenceStartEvent(self, event: Any) -> None:  # noqa: N802
        self._start(_LIST, [], event)

    def _start(self, kind: str, value: Any, event: Any) -> None:
        if event.tag not in _PLAIN_TAGS:
            raise _Refused(f"the tag {event.tag} is not read")
        if len(self.open) >= DEEPEST:
            raise _Refused(f"it is nested over {DEEPEST} levels deep")
        self.open.append(_Open(kind, value, event.anchor, self.count))

    def _MappingEndEvent(self, _event: Any) -> None:  # noqa: N802
        for other in self.open[-1].merged:
            for key, value in other.items():
                self.open[-1].value.setdefault(key, value)
        self._SequenceEndEvent(_event)

    def _SequenceEndEvent(self, _event: Any) -> None:  # noqa: N802
        done = self.open.pop()
        self._remember(done.anchor, done.value, self.count - done.before + 1)
        self._put(done.value, None, 1)

    def _DocumentStartEvent(self, _event: Any) -> None:  # noqa: N802
        self.documents += 1
        if self.documents > 1:
            raise _Refused("it has more than one document")

    def _remember(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor is not None:
            self.anchors[anchor] = (value, size)

    def _put(self, value: Any, text: str | None, size: int) -> None:
        """Put a complete value where it belongs; `text` is its spelling, for a key, `size` the values in it."""
        self.count += size
        if self.count > MOST_VALUES:
            raise _Refused(f"it has over {MOST_VALUES} values, aliases counted in full")
        if not self.open:
            self.root = value
            return
        top = self.open[-1]
        if top.kind is _LIST:
            top.value.append(value)
        elif top.key is None:
            top.key = _key(top, text)
        else:
            _pair(top, top.key, value)
            top.key = None


def read(path: str, text: str) -> Any:
    """Return the one document in `text`, None for an empty one.

    Raises `ConfigError` that names `path` and the line: no YAML, two documents, a key twice, a tag, too large.
    """
    if len(text) > LONGEST:
        raise _wrong(path, f"it has {len(text)} characters; {LONGEST} are read")
    import yaml  # noqa: PLC0415 - only for those who write YAML: it costs 40 ms

    reader = _Reader()
    try:
        events: Iterable[Any] = yaml.parse(_spaced(text), Loader=yaml.SafeLoader)
        for event in events:
            reader.take(event)
    except yaml.YAMLError as error:
        raise _wrong(path, _one_line(str(error))) from error
    except _Refused as error:
        raise _wrong(path, str(error)) from error
    return reader.root


def _spaced(text: str) -> str:
    """Return a flow document with spaces for the tabs that indent it: js-yaml takes them, PyYAML does not."""
    flow = text.lstrip().startswith(("{", "["))
    return re.sub(r"^[ ]*\t[ \t]*", lambda match: " " * len(match[0]), text, flags=re.MULTILINE) if flow else text


def _key(top: _Open, text: str | None) -> str:
    if text is None:
        raise _Refused("a key is a list or a table")
    if text in top.value:
        raise _Refused(f"the key {_one_line(text)} is there twice")
    return text


def _pair(top: _Open, key: str, value: Any) -> None:
    if key != _MERGE:
        top.value[key] = value
        return
    tables = value if isinstance(value, list) else [value]
    if not all(isinstance(each, dict) for each in tables):
        raise _Refused(f"{_MERGE} is not followed by tables")
    top.merged += tables


def _scalar(text: str, tag: str | None) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _DIGITS or tag in _TEXT_TAGS:
        return text
    if _INTEGER.fullmatch(text):
        body = text.lstrip("+-")
        return (-1 if text[0] == "-" else 1) * int(body, {"0b": 2, "0o": 8, "0x": 16}.get(body[:2], 10))
    number = float(text) if _FLOAT.fullmatch(text) else inf
    return text if isinf(number) else number


def _joined(text: str) -> str:
    """Return a text whose halves of a character, as JSON spells them, are joined; a half that is alone stays."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _wrong(path: str, why: str) -> ConfigError:
    return ConfigError(f"{path} cannot be read", problems=(f"{path}: {why}",), advice=f"edit {path}")


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text[:400]).split())
