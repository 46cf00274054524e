"""Changing the operator's file: checked before, checked after, and put in place whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from releasd.config.loading import load
from releasd.config.places import config_path
from releasd.errors import ConfigError


def rewrite(path: Path | None, environ: Mapping[str, str], change: Callable[[str], str]) -> Path:
    """Put `change` of the configuration's text in its place; mode and owner stay. Return the file.

    Raises:
        ConfigError: the file has mistakes, before or after, or cannot be written; it is as it was.
    """
    load(path, environ)
    file = config_path(path, environ).resolve()  # a link stays one
    try:
        with file.open(encoding="utf-8", newline="") as text:
            changed = change(text.read())
        _replace(file, changed, lambda draft: load(draft, environ))
    except OSError as error:
        raise ConfigError(f"{file} cannot be changed: {error.strerror}", advice="run it as the file's owner") from error
    return file


def _replace(file: Path, text: str, check: Callable[[Path], object]) -> None:
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        check(draft)
        was = file.stat()
        draft.chmod(was.st_mode & 0o7777)
        if (was.st_uid, was.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(draft, was.st_uid, was.st_gid)
        draft.replace(file)
    finally:
        with suppress(FileNotFoundError):  # it was put in place
            draft.unlink()
