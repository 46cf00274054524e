"""A job's output on disk: one file per part of a step (a build, an index), appended to as it comes.

`logs/<job>/<step>-<part>.log`, plain bytes, so that `tail -f` works as well as `releasd log --follow`. A second
attempt goes on in the same file.

What is written passes the redaction that was handed in. A secret must not slip through because it arrived in two
pieces, so a line is written when it is complete; of a very long one, all but the last `KEEP` bytes.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, unquote

from releasd.errors import OwnDiskFull
from releasd.model import JobId, StepName
from releasd.ports import Sink

KEEP = 4096  # bytes; no secret on one line is longer
LONGEST_LINE = 65536  # bytes held back at most
_LONGEST_NAME = 200  # characters of a quoted part: any name that configurations allow, and below file systems' 255


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One file of a job. `size` in bytes."""

    step: StepName
    part: str
    size: int
    changed_at: datetime


class JobLog:
    """All jobs' output under `folder`, which is made when needed."""

    def __init__(self, folder: Path, redact: Callable[[bytes], bytes]) -> None:
        self._folder = folder
        self._redact = redact

    @contextmanager
    def outputs(self, job: JobId, step: StepName) -> Iterator["StepOutputs"]:
        """Give the outputs of a step for its time. Their sinks and the end of the block raise `OwnDiskFull`."""
        opened = StepOutputs(lambda part: _Writer(self.path(job, step, part), self._redact))
        try:
            yield opened
        finally:
            opened.flush()

    def read(self, job: JobId, step: StepName, part: str, *, offset: int = 0, limit: int) -> bytes:
        """Return at most `limit` bytes from `offset` on; empty where nothing was written yet."""
        try:
            with self.path(job, step, part).open("rb") as file:
                file.seek(offset)
                return file.read(limit)
        except FileNotFoundError:
            return b""

    def list(self, job: JobId) -> tuple[LogFile, ...]:
        """Return the job's files, in the order of the steps."""
        found = (_log_file(path) for path in (self._folder / str(int(job))).glob("*.log"))
        order = list(StepName)
        return tuple(sorted(found, key=lambda file: (order.index(file.step), file.part)))

    def prune(self, before: datetime) -> int:
        """Remove the folders of jobs that wrote nothing since `before` (aware) and return how many those were."""
        old = [folder for folder in self._folder.glob("*/") if _changed(folder) < before.timestamp()]
        for folder in old:
            shutil.rmtree(folder)
        return len(old)

    def last_line(self, job: JobId, step: StepName, part: str) -> str:
        """Return the last line that is not blank, as text, "" where there is none among the last `KEEP` bytes."""
        try:
            with self.path(job, step, part).open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - KEEP))
                lines = file.read(KEEP).decode(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def path(self, job: JobId, step: StepName, part: str) -> Path:
        """Return where that output is. A part's name cannot lead out of the job's folder, nor meet another's."""
        return self._folder / str(int(job)) / f"{step.value}-{_safe(part)}.log"


class StepOutputs:
    """Implements `ports.Outputs`. Parts may be written by different threads, each part by one at a time."""

    def __init__(self, make: Callable[[str], "_Writer"]) -> None:
        self._make = make
        self._writers: list[tuple[str, _Writer]] = []

    def __call__(self, part: str) -> Sink:
        """Return what appends to the part's file; each sink keeps its lines whole."""
        writer = self._make(part)
        self._writers.append((part, writer))
        return writer.append

    def written(self, part: str) -> int:
        """Return the size of the part's file, with all that was appended so far."""
        for name, writer in tuple(self._writers):
            if name == part:
                writer.flush()
        return self._make(part).size()

    def flush(self) -> None:
        """Write what is left of each part."""
        for _, writer in tuple(self._writers):
            writer.flush()


class _Writer:
    """The line of one part that is not complete yet. The file is open only while something is written."""

    def __init__(self, path: Path, redact: Callable[[bytes], bytes]) -> None:
        self._path = path
        self._redact = redact
        self._pending = b""

    def append(self, data: bytes) -> None:
        """Write the complete lines and keep the rest."""
        self._pending += data
        end = max(self._pending.rfind(b"\n"), self._pending.rfind(b"\r")) + 1
        ready, self._pending = self._pending[:end], self._pending[end:]
        if len(self._pending) > LONGEST_LINE:
            clean = self._redact(self._pending)
            ready, self._pending = ready + clean[:-KEEP], clean[-KEEP:]
        self._write(self._redact(ready))

    def flush(self) -> None:
        """Write what is left."""
        rest, self._pending = self._pending, b""
        self._write(self._redact(rest))

    def size(self) -> int:
        """Return how many bytes are in the file."""
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _write(self, data: bytes) -> None:
        if not data:
            return
        with _no_space(self._path):
            self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(fd, rest) :]
            finally:
                os.close(fd)


@contextmanager
def _no_space(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OwnDiskFull(f"no space left for the job log {path}", advice=f"df -h {path.parent}") from error
        raise


def _safe(part: str) -> str:
    quoted = quote(part, safe="")
    if len(quoted) <= _LONGEST_NAME:
        return quoted
    return f"{quoted[: _LONGEST_NAME - 17]}-{sha256(part.encode()).hexdigest()[:16]}"


def _log_file(path: Path) -> LogFile:
    step, _, part = path.stem.partition("-")
    stat = path.stat()
    return LogFile(
        step=StepName(step),
        part=unquote(part),
        size=stat.st_size,
        changed_at=datetime.fromtimestamp(stat.st_mtime, UTC),
    )


def _changed(folder: Path) -> float:
    return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
