"""A job's output on disk: one file per step, and per build of a step, appended to as it comes.

`logs/<job>/<step>.log` and `logs/<job>/<step>-<build>.log`, plain bytes, so that `tail -f` works as well as
`releasd log --follow`. A second attempt goes on in the same file.

What is written passes the redaction that was handed in. A secret must not slip through because it arrived in two
pieces, so a line is written when it is complete; of a very long one, all but the last `KEEP` bytes.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, unquote

from releasd.errors import DiskFull
from releasd.model import JobId, StepName
from releasd.ports import Sink

KEEP = 4096  # bytes; no secret on one line is longer
LONGEST_LINE = 65536  # bytes held back at most
_LONGEST_NAME = 200  # characters of a quoted name: any that configurations allow, and below file systems' 255


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One file of a job. `build` is None for what the step itself says; `size` in bytes."""

    step: StepName
    build: str | None
    size: int
    changed_at: datetime


class JobLog:
    """All jobs' output under `folder`, which is made when needed."""

    def __init__(self, folder: Path, redact: Callable[[bytes], bytes]) -> None:
        self._folder = folder
        self._redact = redact

    @contextmanager
    def sink(self, job: JobId, step: StepName, build: str | None = None) -> Iterator[Sink]:
        """Open the file for the time of a step or build and give a function that appends to it.

        The function and the end of the block raise `DiskFull`; what was written before stays.
        """
        path = self.path(job, step, build)
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        with _no_space(path):
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        writer = _Writer(fd, path, self._redact)
        try:
            yield writer.append
        finally:
            try:
                writer.flush()
            finally:
                os.close(fd)

    @contextmanager
    def outputs(self, job: JobId, step: StepName) -> Iterator[Callable[[str], Sink]]:
        """Give `sink(part)` for the time of a step; a part's file is opened when it is first asked for."""
        opened: dict[str, Sink] = {}
        with ExitStack() as stack:

            def sink(part: str) -> Sink:
                if part not in opened:
                    opened[part] = stack.enter_context(self.sink(job, step, part))
                return opened[part]

            yield sink

    def read(self, job: JobId, step: StepName, build: str | None = None, *, offset: int = 0, limit: int) -> bytes:
        """Return at most `limit` bytes from `offset` on; empty where nothing was written yet."""
        try:
            with self.path(job, step, build).open("rb") as file:
                file.seek(offset)
                return file.read(limit)
        except FileNotFoundError:
            return b""

    def list(self, job: JobId) -> tuple[LogFile, ...]:
        """Return the job's files, in the order of the steps."""
        found = (_log_file(path) for path in (self._folder / str(int(job))).glob("*.log"))
        order = list(StepName)
        return tuple(sorted(found, key=lambda file: (order.index(file.step), file.build or "")))

    def prune(self, before: datetime) -> int:
        """Remove the folders of jobs that wrote nothing since `before` (aware) and return how many those were."""
        old = [folder for folder in self._folder.glob("*/") if _changed(folder) < before.timestamp()]
        for folder in old:
            shutil.rmtree(folder)
        return len(old)

    def path(self, job: JobId, step: StepName, build: str | None = None) -> Path:
        """Return where that output is. A build's name cannot lead out of the job's folder, nor meet another's."""
        name = step.value if build is None else f"{step.value}-{_safe(build)}"
        return self._folder / str(int(job)) / f"{name}.log"


class _Writer:
    """An open file and the line that is not complete yet."""

    def __init__(self, fd: int, path: Path, redact: Callable[[bytes], bytes]) -> None:
        self._fd = fd
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

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        with _no_space(self._path):
            while rest:
                rest = rest[os.write(self._fd, rest) :]


@contextmanager
def _no_space(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no space left for the job log {path}", advice=f"df -h {path.parent}") from error
        raise


def _safe(build: str) -> str:
    quoted = quote(build, safe="")
    if len(quoted) <= _LONGEST_NAME:
        return quoted
    return f"{quoted[: _LONGEST_NAME - 17]}-{sha256(build.encode()).hexdigest()[:16]}"


def _log_file(path: Path) -> LogFile:
    step, dash, build = path.stem.partition("-")
    stat = path.stat()
    return LogFile(
        step=StepName(step),
        build=unquote(build) if dash else None,
        size=stat.st_size,
        changed_at=datetime.fromtimestamp(stat.st_mtime, UTC),
    )


def _changed(folder: Path) -> float:
    return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
