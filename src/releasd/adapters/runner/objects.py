"""Git objects, as `git cat-file --batch` gives them, each judged by its hash."""

from __future__ import annotations

import hashlib
import io
import os
import time
from typing import Any, BinaryIO, Callable, Iterator  # noqa: UP035 - also read by Python 3.8

from releasd.adapters.runner.leash import CHUNK, TICK, Leash

NAME_BYTES = 20
FOLDER, SUBMODULE, LINK = b"40000", b"160000", b"120000"  # modes


class Broken(Exception):
    """The store, or what was sent for it, cannot be used."""


class Patient(io.RawIOBase):
    """A pipe whose reader keeps the leash while it waits."""

    def __init__(self, leash: Leash, fd: int, seconds: float) -> None:
        super().__init__()
        self._leash = leash
        self._source = fd
        self._limit = time.monotonic() + seconds

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for bytes and put them into `buffer`. Raises `Broken` when they do not come."""
        while not self._leash.wait(TICK, [self._source]):
            if time.monotonic() > self._limit:
                raise Broken("git took too long")
        data = os.read(self._source, len(buffer))
        buffer[: len(data)] = data
        return len(data)


def content(answers: BinaryIO, name: str, kind: bytes, sink: Callable[[bytes], object]) -> bytes:
    """Read one answer of `cat-file --batch`, and judge it by its hash. What a blob holds goes to `sink`, unjudged."""
    head = answers.readline().split()
    if head[:2] != [name.encode(), kind] or len(head) != 3:  # noqa: PLR2004 - name, kind, size
        raise Broken(f"{kind.decode()} {name} is missing")
    size = left = int(head[2])
    digest = hashlib.sha1()  # noqa: S324 - git's own names
    digest.update(b"%s %d\0" % (kind, size))
    parts = []
    while left:
        chunk = answers.read(min(left, CHUNK))
        if not chunk:
            raise Broken(f"{kind.decode()} {name} is cut off")
        digest.update(chunk)
        left -= len(chunk)
        if kind == b"blob":
            sink(chunk)
        else:
            parts.append(chunk)
    answers.read(1)
    if digest.hexdigest() != name:
        raise Broken(f"{kind.decode()} {name} has other bytes than its name says")
    return b"".join(parts)


def entries(tree: bytes) -> Iterator[tuple[bytes, tuple[bytes, str]]]:
    """Yield the name of each thing in a folder, with its mode and its object's name; a submodule has none here."""
    at = 0
    while at < len(tree):
        end = tree.find(b"\0", at)
        if end < 0:
            raise Broken("a folder cannot be read")
        mode, _, name = tree[at:end].partition(b" ")
        at = end + 1 + NAME_BYTES
        yield name, (mode.lstrip(b"0"), tree[end + 1 : at].hex())
