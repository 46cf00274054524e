"""The hook socket: one line of JSON in, one line out, for anyone on this machine (DESIGN.md §5.5).

Nothing a sender does may hurt: lines, connections and time are bounded, and what is wrong is answered and reported.
An empty line is answered and otherwise ignored: it is how `releasd hook status` asks whether we are alive.
"""

import os
import select
import socket
import stat
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

import msgspec

from releasd.core.hookmessage import MAX_LINE, parse_message
from releasd.core.platform import peer_option, peer_uid, socket_path_limit
from releasd.errors import AlreadyRunning, ConfigError, ReleasdError, UsageError
from releasd.model import PushHint

_WORKERS = 8
_BACKLOG = 128
_CONNECTION_SECONDS = 5.0  # for all reading and writing on one connection
_CLOSE_SECONDS = 0.8
_SHORTAGE_SECONDS = 0.5  # between attempts to accept while the system is out of descriptors
_SHOWN = 200  # characters of a bad line in the log


class Intake:
    """Listens from its construction to `close()`; as a context manager, for the length of the block.

    Eight threads accept and serve; what they cannot take at once waits in the kernel's queue. `handle` is called in
    those threads, up to eight at a time; it returns the line for the pusher ("" for none) after it has committed
    the hint, and may raise a ReleasdError, whose message is shown to the pusher.

    Raises:
        AlreadyRunning: another process answers on that socket.
        ConfigError: the path cannot be a socket's.
    """

    def __init__(
        self,
        where: Path | socket.socket,
        *,
        handle: Callable[[PushHint], str],
        on_bad: Callable[[str], None],
        mode: int = 0o666,
    ) -> None:
        """Start listening.

        Args:
            where: the path to listen on, or a socket that listens already (socket activation).
            handle: takes a hint, returns the line for the pusher.
            on_bad: takes one sentence about input or a handler that went wrong, for the log.
            mode: permissions of the socket; whoever may write to it may send hints.
        """
        self._handle = handle
        self._on_bad = on_bad
        self._made = where if isinstance(where, Path) else None
        self._listener = where if isinstance(where, socket.socket) else _listen(where, mode)
        self._listener.settimeout(0)  # another thread may have taken the connection
        self._stopped, self._stop = os.pipe()
        self._threads = tuple(Thread(target=self._work, name=f"intake-{n}", daemon=True) for n in range(_WORKERS))
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop accepting, give running connections 0.8 s, and remove the socket if we made it."""
        if self._made is not None:
            self._made.unlink(missing_ok=True)
        os.close(self._stop)  # seen by every thread as end of file
        deadline = time.monotonic() + _CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._listener.close()
        if not any(thread.is_alive() for thread in self._threads):  # else a number is lost, in a process that ends
            os.close(self._stopped)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _work(self) -> None:
        poll = select.poll()  # unlike select.select, at home with any descriptor number
        poll.register(self._listener, select.POLLIN)
        poll.register(self._stopped, select.POLLIN)
        while not any(fd == self._stopped for fd, _ in poll.poll()):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                continue  # another thread took it, or its sender left
            except OSError as error:  # no descriptors or memory left: it passes, and must not end the thread
                self._on_bad(f"hook socket: cannot accept: {error.strerror}")
                time.sleep(_SHORTAGE_SECONDS)
                continue
            with connection:
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        deadline = time.monotonic() + _CONNECTION_SECONDS
        try:
            uid = _peer_uid(connection)
            try:
                for line in _lines(connection, deadline):
                    connection.sendall(self._answer(line, uid))
            except UsageError as error:
                self._on_bad(f"hook socket, uid {uid}: {error}")
                connection.sendall(_encode(ok=False, message=error.message))
                _discard_rest(connection, deadline)
        except OSError:
            # Only this connection's socket can raise it: the sender is gone or does not read. What it sent in whole
            # lines is committed all the same; the hook spools what it saw no answer to.
            return

    def _answer(self, line: bytes, uid: int | None) -> bytes:
        if not line.strip():
            return _encode(ok=True, message="")
        try:
            return _encode(ok=True, message=self._handle(parse_message(line, uid)))
        except ReleasdError as error:
            self._on_bad(f"hook socket, uid {uid}: {error}: {line[:_SHOWN]!r}")
            return _encode(ok=False, message=error.message)
        except Exception:  # noqa: BLE001 - a fault of ours must not end the thread that all pushes need
            self._on_bad(f"hook socket, uid {uid}: internal error: {traceback.format_exc()}")
            return _encode(ok=False, message="internal error, see the daemon's log; the push is looked at again later")


def _encode(*, ok: bool, message: str) -> bytes:
    return msgspec.json.encode({"ok": ok, "message": message}) + b"\n"


def _peer_uid(connection: socket.socket) -> int | None:
    option = peer_option(sys.platform)
    if option is None:
        return None
    return peer_uid(sys.platform, connection.getsockopt(option.level, option.name, option.size))


def _receive(connection: socket.socket, deadline: float) -> bytes:
    """Return what came, b"" at the end. Raises TimeoutError at the deadline (monotonic seconds)."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)
    return connection.recv(MAX_LINE)


def _lines(connection: socket.socket, deadline: float) -> Iterator[bytes]:
    """Yield lines without their newline. Raises UsageError for what can never become a line."""
    buffer = b""
    while True:
        *lines, buffer = buffer.split(b"\n")
        yield from lines
        if len(buffer) > MAX_LINE:
            raise UsageError(f"hook message: longer than {MAX_LINE} bytes")
        try:
            chunk = _receive(connection, deadline)
        except TimeoutError:
            if not buffer:
                raise
            raise UsageError(f"hook message: no end of line within {_CONNECTION_SECONDS:g} s") from None
        if not chunk:
            break
        buffer += chunk
    if buffer:
        raise UsageError("hook message: ended in the middle of a line")


def _discard_rest(connection: socket.socket, deadline: float) -> None:
    """Read on for a while: closing with unread input would take our answer from the sender's hands."""
    connection.shutdown(socket.SHUT_WR)
    while _receive(connection, deadline):
        pass


def _listen(path: Path, mode: int) -> socket.socket:
    limit = socket_path_limit(sys.platform)
    if len(os.fsencode(path)) > limit:
        raise ConfigError(
            f"{path}: longer than the {limit} bytes that a socket's path may have",
            advice="choose a shorter runtime folder in releasd.toml",
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _make_folder(path.parent)
        _remove_stale(path)
        listener.bind(os.fspath(path))
        path.chmod(mode)  # before listen(): nobody gets in under the permissions of the umask
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"{path}: cannot listen there: {error.strerror}", advice=f"ls -ld {path.parent}; who may write there?"
        ) from error
    except ReleasdError:
        listener.close()
        raise
    return listener


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o755)  # pushers of other users must reach the socket, whatever our umask


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on. Raises AlreadyRunning, or ConfigError for what is no socket."""
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise ConfigError(f"{path}: in the way, and not a socket", advice=f"look at it, then: rm {path}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except (BlockingIOError, TimeoutError):  # its queue is full: somebody does listen
            pass
    raise AlreadyRunning(f"{path}: another process answers there", advice="releasd status")
