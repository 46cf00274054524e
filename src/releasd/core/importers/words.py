"""What several tools' configurations have in common: words in expressions, version files, tables in files."""

import re
from collections.abc import Mapping
from posixpath import basename
from typing import Any

from releasd.core import toml
from releasd.core.semrelconfig import commands, jsontext, yamltext

KNOWN_FILES = ("pyproject.toml", "Cargo.toml", "package.json", "setup.cfg")

_WORDS = re.compile(r"\^?\(?(?:\?:)?(?P<words>[A-Za-z0-9_./-]+(?:\|[A-Za-z0-9_./-]+)*)\)?\$?")


def plain_words(expression: Any) -> tuple[str, ...] | None:
    """Return the words of an expression that is nothing but them, as in `^(main|master)$`; else None."""
    match = _WORDS.fullmatch(expression) if isinstance(expression, str) else None
    return tuple(match["words"].split("|")) if match else None


def rules(types: Mapping[str, str | bool]) -> list[dict[str, Any]]:
    """Return release rules for types."""
    return [{"type": name, "release": release} for name, release in types.items()]


def variable(path: str, name: str) -> str | None:
    """Return the version file for a variable that holds the version, as in `__version__ = "1.2.3"`."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name):
        return None
    if (path.endswith(".py") and name == "__version__") or (basename(path) in KNOWN_FILES and name == "version"):
        return path
    return f"{path}:(?:^|[^A-Za-z0-9_]){commands.escaped(name)}[\"']?\\s*(?::=|[:=]+)\\s*[\"']?v?{{version}}"


def table_in(path: str, text: str, *keys: str) -> Any:
    """Return the value at `keys` in a TOML, JSON or YAML file. Raises `ConfigError` for a malformed one."""
    value: Any = _document(path, text)
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _document(path: str, text: str) -> Any:
    if path.endswith(".toml"):
        return toml.read(path, text)
    return jsontext.read(path, text)[0] if path.endswith(".json") else yamltext.read(path, text)
