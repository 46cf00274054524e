"""Where things are: the configuration file, the state and runtime folders, the database.

No pydantic here: `releasd status` has to know these and nothing else, and has 0.25 s for everything.
"""

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from releasd.core.platform import Folders, default_folders
from releasd.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where this daemon keeps what must last (`state`), its sockets (`runtime`) and its tables (a URL)."""

    state: Path
    runtime: Path
    database_url: str


def config_path(path: Path | None, environ: Mapping[str, str]) -> Path:
    """Return where the configuration is looked for: `path`, else `RELEASD_CONFIG`, else the platform's place."""
    if path is not None:
        return path
    named = environ.get("RELEASD_CONFIG")
    return Path(named).expanduser() if named else defaults(environ).config


def places(path: Path | None, environ: Mapping[str, str]) -> Places:
    """Return the places that the configuration names, looking at nothing else in it.

    Raises:
        ConfigError: there is no file, it is not TOML, or one of the places is not a text.
    """
    file = config_path(path, environ)
    daemon = read_toml(file).get("daemon", {})
    default = defaults(environ)
    state = Path(_text(file, daemon, environ, "state") or default.state).expanduser()
    runtime = Path(_text(file, daemon, environ, "runtime") or default.runtime).expanduser()
    url = _text(file, daemon, environ, "database") or sqlite_url(state)
    return Places(state=state, runtime=runtime, database_url=url)


def sqlite_url(state: Path) -> str:
    """Return the URL of the database in the state folder, which is used unless the operator names another."""
    return f"sqlite:///{quote(str(state / 'releasd.db'))}"


def defaults(environ: Mapping[str, str]) -> Folders:
    """Return this machine's usual places."""
    home = Path(environ.get("HOME") or Path.home())
    return default_folders(sys.platform, home=home, uid=os.getuid(), environ=environ)


def read_toml(file: Path) -> dict[str, Any]:
    """Return what the file says. Raises ConfigError where there is none, or where it is not TOML, with the line."""
    text = _read(file)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        last = f"at line {text.count(chr(10)) + 1}, the last"
        raise _not_toml(file, str(error).replace("at end of document", last)) from error


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"no configuration at {file}", advice="releasd init") from None
    except OSError as error:
        raise ConfigError(
            f"the configuration {file} cannot be read: {error.strerror}", advice=f"ls -l {file}"
        ) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _not_toml(file, f"not UTF-8 (at line {line})") from error


def _not_toml(file: Path, why: str) -> ConfigError:
    return ConfigError("the configuration is not valid TOML", problems=(f"{file}: {why}",), advice=f"edit {file}")


def _text(file: Path, daemon: Any, environ: Mapping[str, str], key: str) -> str | None:
    written = daemon.get(key) if isinstance(daemon, Mapping) else daemon
    value = environ.get(f"RELEASD_DAEMON__{key.upper()}", written)
    if value is None or isinstance(value, str):
        return value
    problem = f"{file}: daemon.{key}: not accepted; it has to be a text"
    raise ConfigError("the configuration has a mistake", problems=(problem,), advice="releasd doctor")
