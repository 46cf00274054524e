"""Reads the remotes of a repository that anyone on this machine may have made, to steer or to hold us.

No git runs in such a folder: its configuration could name files for git to wait on, and with a named git folder git
does not ask who owns it. The one file is read here, bounded, and git only takes its text apart.
"""

import os
import stat
import subprocess
from collections.abc import Collection
from pathlib import Path

from releasd.adapters.git.run import environment, run

READ_WITHIN = 1.0  # seconds
_LARGEST = 256 * 1024  # bytes of configuration
_POINTER = b"gitdir: "  # what a `.git` file begins with (gitrepository-layout(5))


def remote_urls_of_stranger(path: Path, *, owners: Collection[int]) -> tuple[str, ...]:
    """Return the URLs of all remotes of the repository at `path`: a git folder, or the top of a work tree.

    Only what belongs to one of `owners`, user ids, is read. Whatever goes wrong, there are no remotes: who asks can do
    nothing about a stranger's folder, and nobody else wants to know.
    """
    try:
        text = _read(_git_folder(path, owners) / "config", owners)
        return _urls(text)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ()


def _urls(text: bytes) -> tuple[str, ...]:
    words = ("git", "config", "--file", "-", "--no-includes", "--null", "--get-regexp", r"^remote\..*\.url$")
    answer = run(words, env=environment(), stdin=text, timeout=READ_WITHIN)
    entries = answer.stdout.decode(errors="surrogateescape").split("\0")
    return tuple(entry.partition("\n")[2] for entry in entries if entry)


def _git_folder(path: Path, owners: Collection[int]) -> Path:
    inner = path / ".git"
    if inner.is_dir():
        return inner
    if not inner.exists():
        return path
    pointer = _read(inner, owners)
    if not pointer.startswith(_POINTER):
        raise ValueError("not a git folder")
    return path / os.fsdecode(pointer.removeprefix(_POINTER).rstrip(b"\n"))


def _read(path: Path, owners: Collection[int]) -> bytes:
    """Return a file's text. Raises OSError, or ValueError for what is no plain file of theirs of a usual size."""
    # Without O_NONBLOCK, a FIFO of that name would hold the daemon.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in owners:
            raise ValueError("not a plain file of theirs")
        text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise ValueError("too large")
    return text
