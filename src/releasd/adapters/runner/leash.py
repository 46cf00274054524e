"""The two streams between daemon and runner: frames of one kind byte, four length bytes and a payload."""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import time
from typing import Any, Iterable, Iterator  # noqa: UP035 - also read by Python 3.8

HELLO = b"\0releasd-runner-1\n"  # whatever a login shell prints comes before this
HEADER = struct.Struct(">cI")
CHUNK = 1 << 16  # bytes moved at once
MAX_FRAME = 1 << 24  # bytes; a longer one is no frame of ours, and is not waited for
BACKLOG = 1 << 18  # bytes kept for a slow daemon before the build has to wait
TICK = 0.25  # seconds between two looks at the clock

# To the runner: the task, a file's name, go, end the build, a wanted file's name, the end, and how many bytes of the
# build's output an attaching daemon has. Payloads are JSON, but for GET's (the name) and DATA's (the bytes). BEAT is
# the sign of life, sent and answered.
SPEC, PUT, GO, KILL, GET, BYE, BEAT, DATA, FROM = b"S", b"P", b"G", b"K", b"T", b"B", b"H", b"D", b"F"
# From the runner: a message, the build's output; DATA and BEAT as above.
CONTROL, OUTPUT = b"C", b"O"


class LeashBroken(Exception):
    """The daemon is gone, or everything has to end."""


def pack(kind: bytes, payload: bytes = b"") -> bytes:
    """Return one frame."""
    return HEADER.pack(kind, len(payload)) + payload


class Frames:
    """Takes bytes as they come and gives whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield each (kind, payload) that `data` completes. Raises `ValueError` where this is no stream of frames."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._buffer)
            if length > MAX_FRAME:
                raise ValueError(f"a frame of {length} bytes")
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[HEADER.size : end])
            del self._buffer[:end]
            yield kind, payload

    def rest(self) -> bytes:
        """Return the beginning of a frame that is not whole yet."""
        return bytes(self._buffer)


class Leash:
    """The runner's end of one connection. `wait` is the only place where the runner sleeps while the leash holds.

    Args:
        seconds: how long nothing may be heard.
        streams: the descriptors to read from and to write to.
        greeting: what is sent first.
    """

    def __init__(self, seconds: float, streams: tuple[int, int] = (0, 1), greeting: bytes = HELLO) -> None:
        self.seconds = seconds
        self.inbox: list[tuple[bytes, bytes]] = []
        self._streams: tuple[int, int] | None = streams
        self._heard = time.monotonic()
        self._frames = Frames()
        self._out = bytearray(greeting)
        self._wake = _wake_on_signals()
        for fd in streams:
            os.set_blocking(fd, False)

    @property
    def is_backed_up(self) -> bool:
        """Return whether the daemon is slow to read."""
        return len(self._out) >= BACKLOG

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Queue one frame."""
        self._out += pack(kind, payload)

    def output(self, data: bytes) -> None:
        """Queue what belongs to the build's output."""
        self.send(OUTPUT, data)

    def control(self, **message: Any) -> None:
        """Queue one message."""
        self.send(CONTROL, json.dumps(message).encode())

    def wait(self, timeout: float = 0.0, also: Iterable[int] = ()) -> list[int]:
        """Move bytes both ways for at most `timeout` seconds; return which of `also` are readable.

        Raises:
            LeashBroken: nothing was heard for too long, the stream ended, or SIGTERM came.
        """
        self.refill()
        heard, told = ([self._streams[0]], [self._streams[1]]) if self._streams else ([], [])
        ready, writes, _ = select.select([*heard, self._wake, *also], told if self._out else [], [], timeout)
        if writes:
            self._write(writes[0])
        if self._wake in ready and signal.SIGTERM in os.read(self._wake, CHUNK):
            raise LeashBroken("terminated")
        if heard and heard[0] in ready and self._streams:
            self._hear(heard[0])
        elif time.monotonic() - self._heard > self.seconds:
            raise LeashBroken(f"nothing heard for {self.seconds} s")
        return [fd for fd in ready if fd != self._wake and fd not in heard]

    def refill(self) -> None:
        """Queue what waits for room. Here nothing does."""

    def cut(self, why: str) -> None:
        """See to the end of the connection: nobody is left to work for."""
        raise LeashBroken(why)

    def expect(self) -> tuple[bytes, bytes]:
        """Return the next frame."""
        while not self.inbox:
            self.wait(TICK)
        return self.inbox.pop(0)

    def flush(self) -> None:
        """Return when everything queued has been taken, or when nobody is there to take it."""
        self.refill()
        while self._out and self._streams:
            self.wait(TICK)
            self.refill()

    def beat(self) -> None:
        """Show a sign of life in the middle of something long that has to be finished in any case."""
        try:
            self.wait()
        except LeashBroken:
            return  # the next `wait` says so again

    def unread(self) -> bytes:
        """Return what was heard and not made use of, as it came: for whoever takes the streams over."""
        frames = b"".join(pack(kind, payload) for kind, payload in self.inbox)
        return frames + self._frames.rest()

    def take(self, kind: bytes, payload: bytes) -> None:
        """Put one frame where `expect` finds it; a sign of life is answered, and is for nobody else."""
        if kind == BEAT:
            self.send(BEAT)
        else:
            self.inbox.append((kind, payload))

    def _write(self, fd: int) -> None:
        try:
            del self._out[: os.write(fd, self._out[:CHUNK])]
        except BlockingIOError:
            return
        except OSError as error:
            self.cut(str(error))

    def _hear(self, fd: int) -> None:
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self.cut(str(error))
            return
        if not data:
            self.cut("the daemon closed the stream")
            return
        self._heard = time.monotonic()
        for kind, payload in self._frames.feed(data):
            self.take(kind, payload)


def _wake_on_signals() -> int:
    """Return a descriptor from which the numbers of SIGCHLD and SIGTERM can be read as they come."""
    wake, write = os.pipe()
    for fd in (wake, write):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # does nothing, but without it no byte is written
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return wake
