"""A build's output on the host's disk, so that a daemon that comes back misses nothing of it.

Bounded: what the daemon took is let go of segment by segment, `SLACK` bytes behind, which is more than a link that is
cut can have had on its way.
"""

from __future__ import annotations

import os
from pathlib import Path

SEGMENT = 1 << 24  # bytes of one file
SLACK = 1 << 24  # bytes kept behind what was sent
LAG = 1 << 25  # bytes that nobody took yet, above which the build has to wait


class Spool:
    """Bytes from `start` to `end`, counted from the build's first. The files go with the folder that they are in."""

    def __init__(self, folder: Path) -> None:
        self.start = self.end = 0
        self._folder = folder
        self._segments: dict[int, int] = {}  # the descriptor of each, by its number

    def append(self, data: bytes) -> None:
        """Write it. Raises `OSError` when the disk is full."""
        rest = memoryview(data)
        while rest:
            number, offset = divmod(self.end, SEGMENT)
            if number not in self._segments:
                path = self._folder / f"output.{number}"
                self._segments[number] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            written = os.pwrite(self._segments[number], rest[: SEGMENT - offset], offset)
            self.end += written
            rest = rest[written:]

    def read(self, offset: int, size: int) -> bytes:
        """Return at most `size` bytes from `offset` on, which is not before `start`."""
        number, within = divmod(offset, SEGMENT)
        fd = self._segments.get(number)
        return b"" if fd is None else os.pread(fd, size, within)

    def forget(self, sent: int) -> None:
        """Let go of the segments that end `SLACK` bytes before `sent`."""
        for number in [number for number in self._segments if (number + 1) * SEGMENT + SLACK <= sent]:
            os.close(self._segments.pop(number))
            (self._folder / f"output.{number}").unlink()
            self.start = (number + 1) * SEGMENT
