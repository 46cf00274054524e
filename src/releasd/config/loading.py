"""Finds, reads, merges and checks the configuration, and reports every mistake in one go.

What counts more comes later: the platform's folders, then the file, then the variables.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from releasd.config.places import config_path, defaults, read_toml
from releasd.config.problems import Loc, Problem, from_validation, suggest, unknown_names
from releasd.config.sections import PUBLIC_INDEX, Settings
from releasd.errors import ConfigError

_PREFIX = "RELEASD_"
_SECTIONS = tuple(Settings.model_fields)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the configuration, complete and checked.

    Args:
        path: the file; None looks it up as `config_path` does.
        environ: the variables; those named `RELEASD_SECTION__KEY` override the file. They reach names in lower case.

    Raises:
        ConfigError: there is no file, it is not TOML, or it has mistakes: `problems` has all of them.
    """
    file = config_path(path, environ)
    written = read_toml(file)
    overrides, problems = _overrides(environ)
    data = _merged(_merged(_defaults(environ), written), overrides)
    problems += [*unknown_names(data), *_incomplete_indexes(data)]
    try:
        settings = Settings(**data)
    except ValidationError as error:
        problems += from_validation(error, Settings)
    else:
        if not problems:
            return settings
    raise _config_error(file, overrides, problems)


def _defaults(environ: Mapping[str, str]) -> dict[str, Any]:
    folders = defaults(environ)
    return {"daemon": {"state": folders.state, "runtime": folders.runtime}}


def _overrides(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    """Return what the variables say, as a table, and what is wrong with them: each is read alone, so each is named."""
    tree: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in sorted(environ.items()):
        head = name.removeprefix(_PREFIX).split("__")[0].lower()
        if not name.startswith(_PREFIX) or (head not in _SECTIONS and "__" not in name):
            continue  # not ours, or one of those that are no settings, as RELEASD_CONFIG
        if head not in _SECTIONS:
            problems.append(((name,), f"unknown section; {suggest(head, _SECTIONS)}"))
            continue
        try:
            tree = _merged(tree, _said(name, value))
        except ValueError:  # its text names neither the variable nor what is allowed
            problems.append(((name,), "not JSON; lists and tables are written as JSON in a variable"))
    return tree, problems


def _said(name: str, value: str) -> dict[str, Any]:
    from releasd.config.variables import read_variable  # noqa: PLC0415 (0.05 s, which few configurations need)

    return read_variable(name, value)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _incomplete_indexes(data: Mapping[str, Any]) -> list[Problem]:
    indexes = data.get("indexes")
    tables = indexes.items() if isinstance(indexes, Mapping) else ()
    return [
        (("indexes", name), why)
        for name, table in tables
        if isinstance(table, Mapping) and (why := _lacks_url(name, table))
    ]


def _lacks_url(name: str, table: Mapping[str, Any]) -> str:
    if table.get("kind", "index") != "index" or {"path", "url", "bucket"} & set(table):
        return ""  # a folder or a store, which sections.py judges
    lacking = [key for key in ("publish_url", "simple_url") if key not in table]
    if not lacking or (len(lacking) == 2 and name == PUBLIC_INDEX):  # noqa: PLR2004 - both
        return ""
    return f"{' and '.join(lacking)} missing; write both, or neither for the public index, named {PUBLIC_INDEX}"


def _config_error(file: Path, overrides: Mapping[str, Any], problems: list[Problem]) -> ConfigError:
    lines = tuple(f"{_origin(file, overrides, loc)}: {why}" for loc, why in problems)
    count = "a mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    return ConfigError(f"the configuration has {count}", problems=lines, advice=f"edit {file}, then releasd doctor")


def _origin(file: Path, overrides: Mapping[str, Any], loc: Loc) -> str:
    """Return `file: key.path`, or the variable's name where the value came from one."""
    if len(loc) == 1 and str(loc[0]).startswith(_PREFIX):
        return f"environment: {loc[0]}"
    value: Any = overrides
    for part in loc:
        if not isinstance(value, Mapping) or part not in value:
            return f"{file}: {'.'.join(map(str, loc))}"
        value = value[part]
    return f"environment: {_PREFIX}{'__'.join(str(part).upper() for part in loc)}"
