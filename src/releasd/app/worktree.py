"""A working copy beside what is committed: only the latter counts, so a person is told where its rules differ."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from releasd.core import project, toml
from releasd.core.files import SEMANTIC_RELEASE_FILES
from releasd.errors import ConfigError

_OWN = (project.FILE, *SEMANTIC_RELEASE_FILES)
_SHARED = ("pyproject.toml", "package.json")  # with much else in them


def work_tree(repo: Path) -> Path | None:
    """Return the root of the work tree that `repo` is in, None where it is in none."""
    here = repo.absolute()
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), None)


def uncommitted(repo: Path, committed: Mapping[str, str]) -> tuple[str, ...]:
    """Return a warning for each configuration in the work tree that is not the committed one.

    `committed` are the texts at HEAD, by path. What the work tree lacks is not told: it may be sparse.
    """
    root = work_tree(repo)
    if root is None:
        return ()
    here = ((path, _text(root / path)) for path in (*_OWN, *_SHARED))
    return tuple(_warning(path) for path, text in here if text is not None and _differs(path, text, committed))


def _warning(path: str) -> str:
    return f"{path} in the work tree is not what is committed, and only that counts: git add {path} && git commit"


def _text(file: Path) -> str | None:
    try:
        return file.read_bytes().decode(errors="replace").replace("\r\n", "\n")
    except OSError:
        return None


def _differs(path: str, text: str, committed: Mapping[str, str]) -> bool:
    known = committed.get(path)
    if known is not None and known.replace("\r\n", "\n") == text:
        return False
    return path in _OWN or _rules(path, text) != _rules(path, known or "")


def _rules(path: str, text: str) -> Any:
    """Return what a file that has much else in it says of releases; None where it says nothing."""
    if path == "pyproject.toml":
        try:
            return toml.table(toml.read(path, text), "tool").get("releasd")
        except ConfigError:
            return None
    import json  # noqa: PLC0415 - for the speed of `plan`

    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document.get("release") if isinstance(document, dict) else None
