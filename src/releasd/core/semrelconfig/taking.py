"""Options taken out of a table one by one, so that what nobody asked for can be named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Findings:
    """What came up while reading: mistakes that stop, and warnings; lives for one call of `read`."""

    source: str
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)  # options at the root that some plug-in understood

    def warn(self, text: str) -> None:
        """Add a warning, once."""
        line = f"{self.source}: {text}"
        if line not in self.warnings:
            self.warnings.append(line)

    def wrong(self, text: str) -> None:
        """Add a mistake, once."""
        line = f"{self.source}: {text}"
        if line not in self.problems:
            self.problems.append(line)


@dataclass(slots=True)
class Options:
    """One plug-in's options being read; `where` is the plug-in, `own` its options without the root's."""

    where: str
    values: Mapping[str, Any]
    own: Mapping[str, Any]
    findings: Findings
    known: set[str] = field(default_factory=set)

    def take(self, key: str, read: Callable[[Any], T | None], default: T, allowed: str) -> T:
        """Return the option as `read` understands it, or `default`; None from `read` is a mistake.

        As for semantic-release, `null` is no option at all.
        """
        self.known.add(key)
        value = self.values.get(key)
        if value is None:
            return default
        result = read(value)
        if result is None:
            self.findings.wrong(f"{self.where}: {key}: {allowed}")
            return default
        return result

    def refuse(self, key: str, why: str) -> None:
        """Make it a mistake that `key` is there."""
        self.known.add(key)
        if self.values.get(key) is not None:
            self.findings.wrong(f"{self.where}: {key}: {why}")

    def name(self, keys: tuple[str, ...], why: str) -> None:
        """Warn about each of `keys` that is there."""
        for key in keys:
            self.known.add(key)
            if self.values.get(key) is not None:
                self.findings.warn(f"{self.where}: {key} is not honoured: {why}")

    def finish(self) -> None:
        """Warn about the plug-in's options that nobody asked for, and tell which of the root's were taken."""
        self.findings.taken |= self.known
        for key in sorted(self.own.keys() - self.known):
            self.findings.warn(f"{self.where}: {key} is not known, and not honoured")


def text(value: Any) -> str | None:
    """Return a text that is not blank, or None."""
    return value if isinstance(value, str) and value.strip() and "\0" not in value else None


def flag(value: Any) -> bool | None:
    """Return a truth value, or None."""
    return value if isinstance(value, bool) else None


def table(value: Any) -> Mapping[str, Any] | None:
    """Return a table, or None."""
    return value if isinstance(value, dict) else None


def tables(value: Any) -> tuple[Mapping[str, Any], ...] | None:
    """Return a list of tables, or None."""
    good = isinstance(value, list) and all(isinstance(each, dict) for each in value)
    return tuple(value) if good else None
