"""JSON read as JavaScript reads it: a key that is there twice counts by its last value, and that is told."""

import json
from typing import Any, NoReturn

from releasd.errors import ConfigError

LONGEST = 1 << 20  # characters of a configuration; package.json is one too


def read(path: str, text: str) -> tuple[Any, tuple[str, ...]]:
    """Return the value in `text`, and the keys that are there twice.

    Raises `ConfigError` that names `path` and the line: no JSON, nested too deeply, too large.
    """
    if len(text) > LONGEST:
        raise wrong(path, f"it has {len(text)} characters; {LONGEST} are read")
    twice: list[str] = []

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            seen: set[str] = set()
            twice.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return made

    try:
        value = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=table, parse_constant=_no_constant)
    except RecursionError as error:
        raise wrong(path, "it is nested too deeply") from error
    except ValueError as error:
        raise wrong(path, str(error)) from error
    return value, tuple(dict.fromkeys(twice))


def wrong(path: str, why: str) -> ConfigError:
    """Return the error for a file that cannot be read."""
    return ConfigError(f"{path} is not valid JSON", problems=(f"{path}: {why}",), advice=f"edit {path}")


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON value")
