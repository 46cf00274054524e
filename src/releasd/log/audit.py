"""The audit file: every event as one canonical JSON line, chained by hash to the one before (DESIGN.md §5.6).

The store has the events; this file is their copy outside the database, for people, log collectors and `releasd
audit verify`. It only ever grows: it is not rotated, for a chain that begins in the middle proves nothing.

A line counts once its newline is on disk. A crash may leave a torn line behind, which the next `write` cuts off and
writes again from the store: no line is lost and none is there twice.
"""

import errno
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from releasd.core.chain import GENESIS, canonical, verify
from releasd.errors import DiskFull, Permanent
from releasd.model import Event

MODE = 0o640
_BLOCK = 65536  # bytes read at a time from the end


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What `verify_file` found.

    Attributes:
        lines: how many lines, from the first, are as they were written.
        head: the hash of the last of those.
        line: the number of the first wrong line, from 1; None where nothing is wrong.
        seq: the event number found or expected there; None where nothing is wrong.
        problem: what is wrong, in one sentence; None where nothing is.
    """

    lines: int
    head: str
    line: int | None = None
    seq: int | None = None
    problem: str | None = None

    @property
    def ok(self) -> bool:
        """Return whether the whole file is as it was written."""
        return self.problem is None


class AuditFile:
    """The file at `path`, made when the first event is written. Nothing is held open; one process writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def last_seq(self) -> int:
        """Return the number of the last complete line, 0 where there is none.

        Raises:
            Permanent: the last line is no event.
        """
        try:
            with self.path.open("rb") as file:
                return self._end(_last_line(file.fileno())[1])[0]
        except FileNotFoundError:
            return 0

    def write(self, events: Iterable[Event]) -> int:
        """Append `events`, durable on return, and return the number of the last line.

        Those that the file has already are passed over, so that a caller may repeat itself.

        Raises:
            DiskFull: nothing was appended.
            Permanent: `events` do not continue what the file has, or the last line is no event.
        """
        fd, created = self._open()
        try:
            end, line = _last_line(fd)
            seq, block = self._continue(*self._end(line), events)
            if os.fstat(fd).st_size != end:
                os.ftruncate(fd, end)  # a line torn by a crash
            _append(fd, block, end, self.path)
        finally:
            os.close(fd)
        if created:
            _sync_folder(self.path.parent)
        return seq

    def _open(self) -> tuple[int, bool]:
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        try:
            return os.open(self.path, flags), False
        except FileNotFoundError:
            fd = os.open(self.path, flags | os.O_CREAT | os.O_EXCL, MODE)
            os.fchmod(fd, MODE)  # whatever the umask
            return fd, True

    def _continue(self, seq: int, head: str, events: Iterable[Event]) -> tuple[int, bytes]:
        lines = []
        for event in events:
            if event.seq > seq + 1 or (event.seq == seq + 1 and event.prev != head):
                # A hole, or a store that was set back (a backup, a power cut) and went on in another way.
                raise Permanent(
                    f"the audit file {self.path} ends at event {seq}, which event {event.seq} does not follow",
                    advice=f"releasd audit verify; then move {self.path} aside: it is written anew from the store",
                )
            if event.seq == seq + 1:
                lines.append(canonical(asdict(event)) + b"\n")
                seq, head = event.seq, event.hash
        return seq, b"".join(lines)

    def _end(self, line: bytes) -> tuple[int, str]:
        """Return the number and the hash of the last line."""
        if not line:
            return 0, GENESIS
        try:
            fields = json.loads(line)
            return int(fields["seq"]), str(fields["hash"])
        except (ValueError, KeyError, TypeError):
            raise Permanent(
                f"the last line of the audit file {self.path} is no event", advice="releasd audit verify"
            ) from None


def verify_file(path: Path, head: str | None = None, witnesses: Iterable[str] = ()) -> AuditReport:
    """Check the whole file, byte for byte, and report the first thing that is wrong.

    Args:
        path: the audit file; one that is not there counts as empty.
        head: the store's newest hash, which has to be that of the last line.
        witnesses: hashes known from elsewhere (annotated tags), each of which has to be in the file.
    """
    unreadable: list[str] = []
    places: dict[str, int] = {}
    report = verify(_decoded(path, unreadable, places))
    if unreadable and report.ok:
        return _at_end(report.lines, report.head, unreadable[0])
    if report.problem is not None:
        seq = report.bad_seq
        return AuditReport(lines=report.lines, head=report.head, line=report.lines + 1, seq=seq, problem=report.problem)
    if head is not None and head in places and head != report.head:
        after = places[head]
        return _at_end(
            after, head, f"added: the store's last event is line {after}, the lines after it are not from it"
        )
    for known in (*([head] if head else []), *witnesses):
        if known not in places and known != report.head:
            why = f"truncated or rewritten: the hash {known}, known from elsewhere, is in no line"
            return _at_end(report.lines, report.head, why)
    return AuditReport(lines=report.lines, head=report.head)


def _at_end(lines: int, head: str, problem: str) -> AuditReport:
    return AuditReport(lines=lines, head=head, line=lines + 1, seq=lines + 1, problem=problem)


def _decoded(path: Path, unreadable: list[str], places: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Yield each line's fields and note where its hash stands; stop at one that was not written by us, and say why."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for number, line in enumerate(file, start=1):
            fields = _fields(line)
            if isinstance(fields, str):
                unreadable.append(fields)
                return
            places[str(fields.get("hash"))] = number
            yield fields


def _fields(line: bytes) -> dict[str, Any] | str:
    """Return the line's fields, or what is wrong with it."""
    if not line.endswith(b"\n"):
        return "truncated: the last line has no end"
    try:
        fields = json.loads(line)
        same = isinstance(fields, dict) and canonical(fields) + b"\n" == line
    except (ValueError, RecursionError):
        return "changed: the line is not JSON"
    return fields if same else "changed: the line is not in the one form in which it was written"


def _last_line(fd: int) -> tuple[int, bytes]:
    """Return where the last complete line ends, in bytes from the start, and that line without its newline."""
    start, tail = os.fstat(fd).st_size, b""
    while start > 0 and tail.count(b"\n") < 2:  # noqa: PLR2004 - the newlines around the last line
        size = min(_BLOCK, start)
        start -= size
        tail = os.pread(fd, size, start) + tail
    complete, newline, _torn = tail.rpartition(b"\n")
    return start + len(complete) + len(newline), complete.rpartition(b"\n")[2]


def _append(fd: int, block: bytes, end: int, path: Path) -> None:
    try:
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(fd, rest) :]
        os.fsync(fd)
    except OSError as error:
        os.ftruncate(fd, end)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no space left for the audit file {path}", advice=f"df -h {path.parent}") from error
        raise


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
