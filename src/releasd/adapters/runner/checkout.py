"""A commit's files, written as they are hashed: one pass, where an archive would be three.

What is written is what `git archive` in the daemon's clone gives. Where attributes would have git change bytes on their
way out, it is left to git. Until every object has proved to be what its name says, nothing of it is used.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import BinaryIO, Callable, Mapping  # noqa: UP035 - also read by Python 3.8

from releasd.adapters.runner.folders import remove
from releasd.adapters.runner.objects import FOLDER, LINK, SUBMODULE, Broken
from releasd.adapters.runner.processes import Refused

ATTRIBUTES_FILE = b".gitattributes"
# Attributes by which the bytes in a work tree differ from those in the store; also part of a macro's definition.
CHANGING = re.compile(rb"text|eol|crlf|ident|filter|encoding")
COMMITTER = re.compile(rb"^committer [^\n]*> (\d{1,11}) [+-]\d{4}$", re.MULTILINE)


def time_of(commit: bytes) -> int | None:
    """Return when a commit was made, which is its files' time; None where that is nothing usual."""
    found = COMMITTER.search(commit.partition(b"\n\n")[0])
    return int(found[1]) if found else None


def is_changing(attributes: bytes) -> bool:
    """Return whether a .gitattributes file may have git write other bytes than it stores."""
    return CHANGING.search(attributes) is not None


class Checkout:
    """One commit's files on their way into `folder`, which is empty; `at` is their time.

    Links are made last, by `finish`, so that nothing is ever written through one.
    """

    def __init__(self, folder: Path, entries: Mapping[bytes, tuple[bytes, str]], at: int) -> None:
        self._folder = os.fsencode(os.path.realpath(folder))
        self._entries = dict(sorted(entries.items()))
        self._at = at
        self._open: BinaryIO | None = None
        self._targets: dict[str, bytearray] = {}
        self._places: dict[str, list[bytes]] = {}
        for path, (mode, name) in self._entries.items():
            if mode not in (FOLDER, SUBMODULE, LINK):
                self._places.setdefault(name, []).append(path)

    def make_folders(self) -> None:
        """Make the folders, outermost first, submodules' too. Raises `Broken` for a name that git would not write."""
        for path, (mode, _) in self._entries.items():
            if any(part.lower() in (b"", b".", b"..", b".git") for part in path.split(b"/")):
                raise Broken(f"invalid path {os.fsdecode(path)!r}")
            if mode in (FOLDER, SUBMODULE):
                os.mkdir(self._at_home(path))  # noqa: PTH102 - bytes
                os.chmod(self._at_home(path), 0o755)  # noqa: PTH101, S103 - bytes; as in an archive

    def sink(self, name: str) -> Callable[[bytes], object]:
        """Return what takes the bytes of a blob, which is the only one until the next is asked for."""
        self.close()
        if name not in self._places:
            return self._targets.setdefault(name, bytearray()).extend
        self._open = self._create(self._places[name][0])
        return self._open.write

    def finish(self) -> None:
        """Make what is left once every blob has proved right: further places of the same file, times, links."""
        self.close()
        for first, *others in self._places.values():
            for path in others:
                with open(self._at_home(first), "rb") as source, self._create(path) as target:  # noqa: PTH123 - bytes
                    shutil.copyfileobj(source, target)
        for paths in self._places.values():
            for path in paths:
                os.utime(self._at_home(path), (self._at, self._at))
        for path, (mode, name) in self._entries.items():
            if mode == LINK:
                self._link(path, self._target(name))

    def close(self) -> None:
        """Close what is open."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def undo(self, beat: Callable[[], None]) -> None:
        """Have the folder empty again."""
        self.close()
        folder = Path(os.fsdecode(self._folder))
        remove(folder, beat)
        folder.mkdir()

    def _at_home(self, path: bytes) -> bytes:
        return self._folder + b"/" + path

    def _create(self, path: bytes) -> BinaryIO:
        mode = 0o755 if self._entries[path][0] == b"100755" else 0o644
        fd = os.open(self._at_home(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        os.fchmod(fd, mode)
        return os.fdopen(fd, "wb")

    def _target(self, name: str) -> bytes:
        """Return where a link leads; a file may have the same bytes."""
        if name in self._targets:
            return bytes(self._targets[name])
        with open(self._at_home(self._places[name][0]), "rb") as file:  # noqa: PTH123 - bytes
            return file.read()

    def _link(self, path: bytes, target: bytes) -> None:
        place = self._at_home(path)
        end = os.path.realpath(os.path.join(os.path.dirname(place), target))  # noqa: PTH118, PTH120 - bytes
        if os.path.commonpath([end, self._folder]) != self._folder:
            raise Refused(f"sources: {os.fsdecode(path)} would land or point outside of the folder")
        os.symlink(target, place)  # noqa: PTH211 - bytes
