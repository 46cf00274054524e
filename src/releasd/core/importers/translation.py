"""One tool's configuration being translated: what became what, and what could not, each by its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from releasd.core.project import read_project
from releasd.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A translated configuration.

    Attributes:
        tool: whose it was.
        source: where it stands.
        values: the content of a `.releasd.toml`.
        translated: the tool's option, and what it became.
        left: what could not be translated, with the reason.
    """

    tool: str
    source: str
    values: Mapping[str, Any]
    translated: tuple[tuple[str, str], ...]
    left: tuple[str, ...]


@dataclass(slots=True)
class Translation:
    """Reads a tool's table key by key; lives for one import. `prefix` stands before a key where it is shown."""

    table: Mapping[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    translated: list[tuple[str, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    prefix: str = ""
    seen: set[str] = field(default_factory=set)

    def get(self, key: str) -> Any:
        """Return the value of `key`, which counts as read."""
        self.seen.add(key)
        return self.table.get(key)

    def has(self, key: str) -> bool:
        """Return whether `key` is there; it counts as read."""
        self.seen.add(key)
        return self.table.get(key) is not None

    def start(self, to: str, value: Any) -> None:
        """Set releasd's `to` to the tool's own default, which its configuration may change."""
        if problem(to, value) is None:
            self.values[to] = value

    def move(self, key: str, to: str, change: Callable[[Any], Any] = lambda value: value) -> None:
        """Set releasd's `to` from `key`; what `change` makes None of, or releasd refuses, is left."""
        if self.has(key):
            self.put(key, to, change(self.table[key]))

    def put(self, key: str, to: str, value: Any) -> None:
        """Set releasd's `to`, which comes from `key`."""
        self._set(key, to, value, f"{to} = {shown(value)}")

    def add(self, key: str, to: str, item: Any) -> None:
        """Add one item to releasd's list `to`, once."""
        items = self.values.get(to, [])
        if item not in items:
            self._set(key, to, [*items, item], f"{to}: {shown(item)}")

    def _set(self, key: str, to: str, value: Any, became: str) -> None:
        self.seen.add(key)
        wrong = "releasd has no value for it" if value is None else problem(to, value)
        if wrong is not None:
            self.leave(key, f"{shown(self.table.get(key))}: {wrong}")
            return
        self.values[to] = value
        self.translated.append((f"{self.prefix}{key}", became))

    def same(self, key: str, why: str) -> None:
        """Say that releasd does what `key` asks for anyway."""
        if self.has(key):
            self.translated.append((f"{self.prefix}{key}", why))

    def leave(self, key: str, why: str) -> None:
        """Say that `key` could not be translated."""
        self.seen.add(key)
        self.left.append(f"{self.prefix}{key}: {why}")

    def leave_each(self, reasons: Mapping[str, str]) -> None:
        """Leave each of the keys that is there."""
        for key, why in reasons.items():
            if self.has(key):
                self.leave(key, why)

    def inner(self, key: str) -> "Translation":
        """Return a translation of the table at `key`, which writes into the same lists."""
        value = self.get(key)
        table = value if isinstance(value, dict) else {}
        if value is not None and not isinstance(value, dict):
            self.leave(key, f"{shown(value)}: is no table")
        return Translation(table, self.values, self.translated, self.left, f"{self.prefix}{key}.")

    def finish(self) -> None:
        """Leave, by name, everything that was not asked for."""
        for key in sorted(self.table.keys() - self.seen):
            self.leave(key, "has no counterpart in releasd")

    def result(self, tool: str, source: str) -> Imported:
        """Return the whole."""
        return Imported(
            tool=tool,
            source=source,
            values=dict(self.values),
            translated=tuple(self.translated),
            left=tuple(dict.fromkeys(self.left)),
        )


def problem(key: str, value: Any) -> str | None:
    """Return why releasd refuses `value` for its `key`; None where it takes it."""
    try:
        read_project({key: value}, "", source=".releasd.toml")
    except ConfigError as error:
        return error.problems[0]
    return None


def shown(value: Any) -> str:
    """Return a value on one line, as people read it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} = {shown(each)}" for key, each in value.items())
    text = str(value).lower() if isinstance(value, bool) else str(value)
    clean = " ".join("".join(char if char.isprintable() else " " for char in text[:200]).split())
    return clean if len(clean) <= 80 else f"{clean[:79]}…"  # noqa: PLR2004 - one line of a terminal
