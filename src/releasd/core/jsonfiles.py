"""package.json and package-lock.json: the version moved, every other byte kept.

`json` says what a document means and, value by value, where it ends; so only the way to the one value is walked here.
The result is read again and compared. The lock (or npm-shrinkwrap.json) has the version once for itself and once for
each package of the workspace, under its folder.
"""

import json
import re
from collections.abc import Mapping, Sequence
from posixpath import dirname, join, relpath
from typing import Any

from releasd.errors import ConfigError
from releasd.model import FileEdit

PACKAGE = "package.json"
LOCKS = ("package-lock.json", "npm-shrinkwrap.json")

_GAP = re.compile(r"[ \t\r\n]*+")
_DECODER = json.JSONDecoder()

Keys = tuple[str, ...]


def edits(files: Mapping[str, str], path: str, version: str) -> list[FileEdit]:
    """Return the edits of a package.json and of the lock files that hold its version.

    Raises `ConfigError` for malformed JSON, and for a package without a version.
    """
    old = _at(read(path, files[path]), ("version",))
    if old is None:
        raise ConfigError(f"{path} has no version to edit", advice=f"add version to {path}")
    found = [FileEdit(path=path, kind="package", old=old, new=version)]
    for lock, inner in _locks(path, files):
        held = next((value for _, value in _versions(lock, files[lock], inner)), None)
        found += [FileEdit(path=lock, kind=f"package-lock:{inner}", old=held, new=version)] if held else []
    return found


def apply_package(edit: FileEdit, text: str, _names: Sequence[str]) -> str:
    """Set the version of a package."""
    return _replaced(edit, text, [("version",)])


def apply_lock(edit: FileEdit, text: str, names: Sequence[str]) -> str:
    """Set the version of the package in the folder that the edit names ("" for the root), where it is `edit.old`."""
    places = [keys for keys, value in _versions(edit.path, text, ",".join(names)) if value == edit.old]
    if not places:
        raise ConfigError(
            f"{edit.path} does not hold version {edit.old}", advice="run: npm install --package-lock-only"
        )
    return _replaced(edit, text, places)


def read(path: str, text: str) -> Any:
    """Return the value in `text`. Raises `ConfigError` that names `path` and the line."""
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ConfigError(f"{path} is not valid JSON", problems=(f"{path}: {why}",), advice=f"edit {path}") from error


def _locks(path: str, files: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return each lock file of a package, beside it or above, with the package's folder relative to the lock."""
    folder = dirname(path)
    above = folder
    while True:
        found = [join(above, name) for name in LOCKS if join(above, name) in files]
        if found or not above:
            inner = "" if folder == above else relpath(folder, above or ".")
            return [(lock, inner) for lock in found]
        above = dirname(above)


def _versions(path: str, text: str, inner: str) -> list[tuple[Keys, str]]:
    """Return where a lock holds the version of the package in the folder `inner`, and which it is there."""
    document = read(path, text)
    places: list[Keys] = [("packages", inner, "version")]
    places += [] if inner else [("version",)]
    return [(keys, value) for keys in places if (value := _at(document, keys)) is not None]


def _at(document: Any, keys: Keys) -> str | None:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, str) else None


def _replaced(edit: FileEdit, text: str, places: Sequence[Keys]) -> str:
    """Return `text` with the string at each place set to `edit.new`; checked by reading it again."""
    document = read(edit.path, text)
    wrong = [keys for keys in places if _at(document, keys) != edit.old]
    if wrong:
        raise ConfigError(f"{edit.path}: {'.'.join(wrong[0])} is not {edit.old}", advice="plan the release again")
    after = text
    for start, end in sorted((_span(text, keys) for keys in places), reverse=True):
        after = after[:start] + json.dumps(edit.new) + after[end:]
    for keys in places:
        _set(document, keys, edit.new)
    if read(edit.path, after) != document:
        raise ConfigError(f"{edit.path} has a key twice on the way to its version", advice=f"edit {edit.path}")
    return after


def _set(document: Any, keys: Keys, value: str) -> None:
    for key in keys[:-1]:
        document = document[key]
    document[keys[-1]] = value


def _span(text: str, keys: Keys) -> tuple[int, int]:
    """Return where the string at `keys` of the valid document `text` stands, with its quotes."""
    at = _gap(text, 1 if text.startswith("\ufeff") else 0)
    for key in keys:
        at = _member(text, at, key)
    return at, _DECODER.raw_decode(text, at)[1]


def _member(text: str, at: int, wanted: str) -> int:
    """Return where the value of the last member called `wanted` starts, in the object that starts at `at`."""
    found = at
    at = _gap(text, at + 1)
    while text[at] == '"':
        name, at = _DECODER.raw_decode(text, at)
        at = _gap(text, _gap(text, at) + 1)
        found = at if name == wanted else found
        at = _gap(text, _DECODER.raw_decode(text, at)[1])
        at = _gap(text, at + 1) if text[at] == "," else at
    return found


def _gap(text: str, at: int) -> int:
    match = _GAP.match(text, at)
    return match.end() if match else at
