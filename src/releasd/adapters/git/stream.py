"""The output of a git process as it comes, and requests to it as it takes them: never all of either in memory."""

import codecs
import os
import select
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from releasd.adapters.git.run import Repository, end_group, environment
from releasd.errors import GitError, Transient

CHUNK = 1 << 18  # bytes read at once
_ERRORS = 1 << 16  # bytes of complaints that are kept


class Ended(Exception):
    """The process ended with `status`, which is not 0; `stderr` is what it said."""

    def __init__(self, status: int, stderr: str) -> None:
        super().__init__(stderr)
        self.status = status
        self.stderr = stderr


class Streaming(Repository):
    """A repository whose git may be asked for more than fits into memory."""

    def _stream(self, *args: str, action: str, requests: Iterable[bytes] = ()) -> Iterator[bytes]:
        """Run git and yield its output. `action` completes "cannot …" in the error."""
        try:
            yield from stream((*self._prefix, *args), env=environment(), requests=requests, timeout=self.timeout)
        except Ended as ended:
            raise self._failure(action, ended.stderr) from ended
        except subprocess.TimeoutExpired as late:
            raise Transient(
                f"{self._where()}: cannot {action}: nothing came for {self.timeout:g} s",
                advice="Check the disk that the repository is on, then run it again.",
            ) from late


def stream(
    args: Sequence[str], *, env: Mapping[str, str], requests: Iterable[bytes] = (), timeout: float
) -> Iterator[bytes]:
    """Run a command; yield its output in chunks while it is fed with `requests`.

    The process is ended when the iterator is closed early. `timeout` is in seconds, without any output.

    Raises:
        GitError: there is no git.
        Ended: it failed, after what it wrote was yielded.
        subprocess.TimeoutExpired: it was silent for too long.
    """
    process, errors = _start(args, env), bytearray()
    try:
        yield from _exchange(process, iter(requests), errors, timeout)
        status = process.wait(timeout)
    finally:
        _close(process)
    if status:
        raise Ended(status, errors.decode(errors="replace"))


def records(chunks: Iterable[bytes], separator: bytes) -> Iterator[bytes]:
    """Yield what stands between separators; what follows the last one, too, unless it is empty."""
    rest = [b""]
    for chunk in chunks:
        first, *parts = chunk.split(separator)
        rest.append(first)
        if parts:
            yield b"".join(rest)
            rest = [parts.pop()]
            yield from parts
    last = b"".join(rest)
    if last:
        yield last


def texts(chunks: Iterable[bytes], separator: str) -> Iterator[str]:
    """Yield what `records` does, decoded chunk by chunk, which is twice as fast; a broken character becomes U+FFFD."""
    rest = [""]
    for chunk in codecs.iterdecode(chunks, "utf-8", errors="replace"):
        first, *parts = chunk.split(separator)
        rest.append(first)
        if parts:
            yield "".join(rest)
            rest = [parts.pop()]
            yield from parts
    last = "".join(rest)
    if last:
        yield last


def _start(args: Sequence[str], env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            tuple(args),
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            process_group=0,
        )
    except FileNotFoundError as missing:
        raise GitError("git is not installed", advice="Install git 2.38 or newer.") from missing


def _exchange(
    process: "subprocess.Popen[bytes]", requests: Iterator[bytes], errors: bytearray, timeout: float
) -> Iterator[bytes]:
    """Write and read as either is possible, for a process that is only written to would wait for its reader.

    What it complains of goes into `errors`, up to some length, until it has closed its output and its errors.
    """
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    into, out, complaints = process.stdin.fileno(), process.stdout.fileno(), process.stderr.fileno()
    os.set_blocking(into, False)
    poll = select.poll()
    poll.register(out, select.POLLIN)
    poll.register(complaints, select.POLLIN)
    unread = 2
    poll.register(into, select.POLLOUT)
    unsent = memoryview(b"")
    while unread:
        ready = dict(poll.poll(timeout * 1000))
        if not ready:
            raise subprocess.TimeoutExpired(process.args, timeout)
        if into in ready:
            unsent = unsent or memoryview(_batch(requests))
            unsent = _sent(into, unsent) if unsent else unsent
            if not unsent.nbytes and not (unsent := memoryview(_batch(requests))):
                poll.unregister(into)
                process.stdin.close()
        for source in ready.keys() - {into}:
            chunk = os.read(source, CHUNK)
            if not chunk:
                poll.unregister(source)
                unread -= 1
            elif source == out:
                yield chunk
            else:
                errors += chunk[: _ERRORS - len(errors)]


def _batch(requests: Iterator[bytes]) -> bytes:
    parts: list[bytes] = []
    size = 0
    for request in requests:
        parts.append(request)
        size += len(request)
        if size >= select.PIPE_BUF:
            break
    return b"".join(parts)


def _sent(into: int, data: memoryview) -> memoryview:
    try:
        return data[os.write(into, data) :]
    except BlockingIOError:
        return data
    except BrokenPipeError:  # it has ended; its exit status says why
        return data[:0]


def _close(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    if process.poll() is None:
        end_group(process)
