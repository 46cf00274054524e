"""Repositories by their names: which of them are on this machine, and which ones a hook's message is about."""

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from releasd.adapters.git import GitRepo
from releasd.adapters.git.stranger import remote_urls_of_stranger
from releasd.model import Project


def peek(project: Project) -> GitRepo | None:
    """Return the project's repository itself, for reading, where it is on this machine and may be read.

    One that may not is left to git, as those behind a network are: its refusal is about this project alone.
    """
    path = _local_path(project.repository)
    return GitRepo(path) if path and os.access(path, os.R_OK | os.X_OK) else None


def same_repositories(told: str, sender: int | None, registered: Iterable[str]) -> frozenset[str]:
    """Return those of the registered repositories that a hook's is, or is a clone of.

    Args:
        told: the repository as the message says, which anyone on this machine may have sent.
        sender: the user id of who sent it. A clone's remotes are read where it is the sender's own, or our own.
        registered: paths or URLs, as the operator wrote them.
    """
    wanted = frozenset(registered)
    found = frozenset(name for name in wanted if _is_same_place(name, told))
    path = _local_path(told)
    if found == wanted or path is None:
        return found
    owners = {os.geteuid()} if sender is None else {os.geteuid(), sender}
    urls = remote_urls_of_stranger(path, owners=owners)
    return found | {name for name in wanted - found if any(_is_same_place(name, url) for url in urls)}


def _is_same_place(one: str, other: str) -> bool:
    """Return whether two spellings name one repository, as a path and its file:// address do."""
    if one == other:
        return True
    try:
        path, path2 = _local_path(one), _local_path(other)
        return bool(path and path2 and path.exists() and path2.exists() and _git_folder(path) == _git_folder(path2))
    except (OSError, RuntimeError, ValueError):  # may not be looked at; links in a circle; no URL
        return False


def _local_path(repository: str) -> Path | None:
    if repository.startswith("file://"):
        return Path(urlsplit(repository).path)
    return Path(repository) if repository.startswith("/") else None


def _git_folder(path: Path) -> Path:
    inner = path / ".git"
    return (inner if inner.exists() else path).resolve()
