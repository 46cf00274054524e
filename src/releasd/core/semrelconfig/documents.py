"""Where semantic-release's configuration stands: the places that cosmiconfig 9 looks at, in its order.

The first file that is not empty counts. Files without an ending are YAML, of which JSON is a part. Those that hold
JavaScript are found as well, and refused: nothing from a repository is run in order to learn how to release it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releasd.core.files import IN_PACKAGE, SEMANTIC_RELEASE_FILES
from releasd.core.semrelconfig import jsontext, yamltext
from releasd.errors import ConfigError

PACKAGE = "package.json"
_PROGRAMS = ("js", "ts", "cjs", "mjs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A configuration as it was found: its table, where it stands, and what is odd about its text."""

    source: str
    values: Mapping[str, Any]
    warnings: tuple[str, ...] = ()


def find(files: Mapping[str, str]) -> tuple[Document | None, tuple[str, ...]]:
    """Return semantic-release's configuration among `files` (texts by path); else None, and what is odd there.

    Raises `ConfigError` for JavaScript, for a text that cannot be read, and for one that is not a table.
    """
    package, odd = _package(files)
    here = [path for path in SEMANTIC_RELEASE_FILES if path in files]
    told = [path for path in here if files[path].strip()]
    if package is not None:
        others = tuple(f"{path} is not read: {PACKAGE} has `release`, which counts first" for path in told)
        return Document(source=IN_PACKAGE, values=package, warnings=others), ()
    if not told:
        empty = tuple(f"{path} is empty: semantic-release's defaults hold" for path in here)
        return (Document(source=here[0], values={}, warnings=(*odd, *empty)), ()) if here else (None, odd)
    first, *rest = told
    document = read(first, files[first])
    warnings = [*odd, *document.warnings, *(f"{path} is not read: {first} counts first" for path in rest)]
    return Document(source=first, values=document.values, warnings=tuple(warnings)), ()


def read(path: str, text: str) -> Document:
    """Return the configuration in one file, by its name's ending. Raises `ConfigError`."""
    if path.endswith(tuple(f".{ending}" for ending in _PROGRAMS)):
        raise _program(path)
    warnings: tuple[str, ...] = ()
    if path.endswith(".json"):
        values, twice = jsontext.read(path, text)
        warnings = tuple(f"{path}: the key {key} is there twice: the last one counts" for key in twice)
    else:
        values = yamltext.read(path, text)
    return Document(source=path, values=_table(path, {} if values is None else values), warnings=warnings)


def _package(files: Mapping[str, str]) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """Return the table `release` of package.json, and what is odd; a broken package.json only matters to npm."""
    text = files.get(PACKAGE)
    if text is None or '"release"' not in text:
        return None, ()
    try:
        values, _ = jsontext.read(PACKAGE, text)
    except ConfigError as error:
        return None, (f"{error.problems[0]}: whether it configures semantic-release is not known",)
    found = values.get("release") if isinstance(values, dict) else None
    return (None if found is None else _table(f"{PACKAGE}: release", found)), ()


def _table(where: str, values: Any) -> Mapping[str, Any]:
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"{where} cannot be read", problems=(f"{where}: half a character, as in \\ud800",), advice=f"edit {where}"
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(f"{where} is no table", problems=(f"{where}: a table of options",), advice=f"edit {where}")
    return values


def _program(path: str) -> ConfigError:
    return ConfigError(
        f"{path} is a program, and nothing of a repository is run to learn how to release it",
        problems=(f"{path}: JSON, YAML or TOML",),
        advice=f"print what it says and keep that instead: node -e \"import('./{path}').then(m => "
        'console.log(JSON.stringify(m.default ?? m, null, 2)))" > .releaserc.json; '
        f"git rm {path} (or write .releasd.toml, which counts first)",
    )
