"""A task that outlives the connection it was asked for on (rule 1 of the package).

What comes over the connection is a *bridge*: it starts the *keeper*, or knocks at the door of one that runs, and from
then on only carries bytes. The keeper runs the task in a session of its own. Its door is a Unix socket in the task's
folder, whose name nobody can guess (`Task.id`): whoever knocks is of the daemon that began it. It shows a token, and
only the same or a newer attempt is let in.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from pathlib import Path
from typing import Any, Callable, Iterable  # noqa: UP035 - also read by Python 3.8

from releasd.adapters.runner.container import RECORD
from releasd.adapters.runner.folders import workdir_at
from releasd.adapters.runner.leash import (
    BACKLOG,
    BYE,
    CHUNK,
    CONTROL,
    FROM,
    KILL,
    OUTPUT,
    SPEC,
    TICK,
    Frames,
    Leash,
    LeashBroken,
    pack,
)
from releasd.adapters.runner.processes import IS_LINUX, become_subreaper, kill_descendants
from releasd.adapters.runner.spool import LAG, Spool

DOOR = "door"  # the socket's name in a task's folder
KNOCK_LIMIT = 5.0  # seconds in which a living keeper opens
LAST_WORDS = 5.0  # seconds that a bridge tries to deliver what it still has


class Kept(Leash):
    """A leash that, once the build runs, holds for `seconds` without any connection.

    Args:
        seconds: how long nothing may be heard.
        connection: the bridge that began it.
        token: the attempt that began it. An older one is refused.
    """

    def __init__(self, seconds: float, connection: socket.socket, token: int) -> None:
        super().__init__(seconds, (connection.fileno(), connection.fileno()), b"")
        self.epoch = 0  # changes with the connection: what was asked on one is not answered on another
        self._token = token
        self._connection: socket.socket | None = connection
        self._door: socket.socket | None = None
        self._callers: dict[int, tuple[socket.socket, Frames]] = {}
        self._spool: Spool | None = None
        self._sent: int | None = 0  # bytes of the build's output; None until a newcomer said where to begin
        self._later = bytearray()  # messages that come after the output
        self._end = b""

    def open_door(self, folder: Path) -> None:
        """Let later bridges in. The name is relative, for a socket's path is short."""
        self._door = socket.socket(socket.AF_UNIX)
        os.chdir(folder)
        self._door.bind(DOOR)
        os.chdir("/")
        self._door.listen(8)
        self._door.settimeout(0.0)

    def hold(self, folder: Path) -> None:
        """Outlive the connection from now on, with the output kept in `folder`."""
        self._spool = Spool(folder)

    @property
    def is_lagging(self) -> bool:
        """Return whether so much output was not taken yet that the build has to wait."""
        if self._spool is None:
            return self.is_backed_up
        return self._spool.end - (self._sent or self._spool.start) >= LAG

    def output(self, data: bytes) -> None:
        """Send what the build wrote, or keep it to be sent in its turn."""
        if self._spool is None:
            super().output(data)
        else:
            self._spool.append(data)

    def control(self, **message: Any) -> None:
        """Queue one message behind the output. How the build ended is told to everyone who comes."""
        frame = pack(CONTROL, json.dumps(message).encode())
        if "exit" in message or "error" in message:
            self._end = frame
        if self._streams:
            self._later += frame

    def see_off(self) -> None:
        """Return when whoever was told how it ended wants no more of it, now or when they come back."""
        while self.expect()[0] not in (BYE, KILL):
            pass  # what was sent before they knew

    def wait(self, timeout: float = 0.0, also: Iterable[int] = ()) -> list[int]:
        """As `Leash.wait`; sees to the door meanwhile."""
        wanted = list(also)
        doors = [self._door.fileno()] if self._door else []
        ready = super().wait(timeout, [*wanted, *doors, *self._callers])
        for fd in ready:
            if fd in doors:
                self._open()
            elif fd in self._callers:
                self._listen(fd)
        return [fd for fd in ready if fd in wanted]

    def refill(self) -> None:
        """Queue output, and behind it the messages."""
        if self._streams is None or self._sent is None or self.is_backed_up:
            return
        data = self._spool.read(self._sent, CHUNK) if self._spool else b""
        if data and self._spool:
            self.send(OUTPUT, data)
            self._sent += len(data)
            self._spool.forget(self._sent)
        elif self._later:
            self._out += self._later
            self._later.clear()

    def cut(self, why: str) -> None:
        """See to the end of the connection: another may come, but not for a build that has not begun."""
        if self._spool is None:
            raise LeashBroken(why)
        self._let_go()

    def take(self, kind: bytes, payload: bytes) -> None:
        """Put one frame where `expect` finds it; a newcomer's first says where its output begins."""
        if kind != FROM or self._spool is None:
            super().take(kind, payload)
            return
        self._sent = max(self._spool.start, min(json.loads(payload), self._spool.end))
        self._out += pack(CONTROL, json.dumps({"from": self._sent}).encode())

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._streams = None
        self._frames = Frames()
        self._out.clear()
        self._later.clear()
        self.inbox = [frame for frame in self.inbox if frame[0] in (KILL, BYE)]  # the end holds, whoever asked for it
        self.epoch += 1

    def _open(self) -> None:
        if self._door is None:
            return
        try:
            caller, _ = self._door.accept()
        except OSError:
            return  # gone before we came
        caller.settimeout(0.0)
        self._callers[caller.fileno()] = caller, Frames()

    def _listen(self, fd: int) -> None:
        caller, frames = self._callers[fd]
        try:
            data = caller.recv(CHUNK)
            found = list(frames.feed(data))
        except (OSError, ValueError):
            data, found = b"", []
        if not data:
            del self._callers[fd]
            caller.close()
        elif found:
            del self._callers[fd]
            self._admit(caller, json.loads(found[0][1]), b"".join(pack(*each) for each in found[1:]) + frames.rest())

    def _admit(self, caller: socket.socket, asked: dict[str, Any], rest: bytes) -> None:
        """Judge a caller by its token.

        Raises:
            LeashBroken: it comes before there is a build to come to, so it will begin anew.
        """
        token = asked["token"]
        if token < self._token:
            _tell(caller, refused=f"attempt {self._token} has this task, {token} came too late")
            caller.close()
            return
        self._token = token
        if self._spool is None:
            _tell(caller, unknown=True)
            caller.close()
            raise LeashBroken(f"attempt {token} begins anew")
        self._let_go()
        self._connection, self._streams = caller, (caller.fileno(), caller.fileno())
        self._sent, self._heard = None, time.monotonic()
        self._later += self._end
        self.send(CONTROL, json.dumps({"attached": True}).encode())
        for kind, payload in self._frames.feed(rest):
            self.take(kind, payload)


def _tell(caller: socket.socket, **message: Any) -> None:
    """Send a first and last word; it always fits."""
    try:
        caller.send(pack(CONTROL, json.dumps(message).encode()))
    except OSError:
        return  # it does not wait for it


def begin(leash: Leash, spec: dict[str, Any], answer: Callable[[Kept, dict[str, Any]], None]) -> None:
    """Have a keeper of its own `answer` the task in `spec`, and be the bridge to it."""
    leash.flush()
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            ours.close()
            _leave_home(theirs, workdir_at(spec["workdir"]) / spec["id"])
            answer(Kept(spec["leash"], theirs, spec["token"]), spec)
            status = 0
        except LeashBroken:
            pass  # said by what is left: nothing
        finally:
            os._exit(status)
    theirs.close()
    os.waitpid(child, 0)
    relay(leash.unread(), ours)


def _leave_home(daemon: socket.socket, folder: Path) -> None:
    """Become a process that no login and no terminal takes along, and that another one watches over."""
    os.setsid()
    if os.fork():
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    if IS_LINUX:
        _be_watched(daemon, folder)
    become_subreaper()


def _be_watched(daemon: socket.socket, folder: Path) -> None:
    """Go on in a child. Where that is killed, this process inherits all that it started, and kills it too.

    Not the helpers of a container engine, without which the next look could not remove their container.
    """
    become_subreaper()
    keeper = os.fork()
    if keeper == 0:
        return
    daemon.close()  # whose end says that the keeper is gone
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the keeper ends by it, and takes its time to tidy up
    os.waitpid(keeper, 0)
    if not (folder / RECORD).exists():
        kill_descendants()
    os._exit(0)


def attach(leash: Leash, spec: dict[str, Any], folder: Path) -> None:
    """Be the bridge to the keeper that has the task in `folder`, or say that there is none."""
    peer = knock(folder)
    if peer is None:
        leash.control(unknown=True)
        return
    peer.sendall(pack(SPEC, json.dumps(spec).encode()))
    leash.flush()
    relay(leash.unread(), peer)


def knock(folder: Path) -> socket.socket | None:
    """Return a connection to the keeper of the task in `folder`, None where nobody is at home."""
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(KNOCK_LIMIT)
    try:
        os.chdir(folder)
        peer.connect(DOOR)
    except OSError:
        peer.close()
        return None
    finally:
        os.chdir("/")
    return peer


def relay(rest: bytes, peer: socket.socket) -> None:
    """Carry bytes between our streams and the keeper until either side ends. `rest` goes to the keeper first."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # a bridge has nothing to tidy up
    peer.settimeout(0.0)
    there, back = bytearray(rest), bytearray()
    while True:
        reads = [fd for fd, queue in ((0, there), (peer.fileno(), back)) if len(queue) < BACKLOG]
        writes = [fd for fd, queue in ((peer.fileno(), there), (1, back)) if queue]
        ready, able, _ = select.select(reads, writes, [], TICK)
        try:
            if 0 in ready and not _carry(0, there):
                return
            if peer.fileno() in ready and not _carry(peer.fileno(), back):
                break
            for fd, queue in ((peer.fileno(), there), (1, back)):
                if fd in able:
                    del queue[: os.write(fd, queue[:CHUNK])]
        except BlockingIOError:
            continue
        except OSError:
            break  # one of the two is gone: a keeper that ends early takes no more, and has said why
    _deliver(peer, back)


def _carry(fd: int, queue: bytearray) -> bool:
    data = os.read(fd, CHUNK)
    queue += data
    return bool(data)


def _deliver(peer: socket.socket, rest: bytearray) -> None:
    """Write what is left, and the keeper's last words, for as long as the daemon takes them."""
    try:
        while len(rest) < 2 * BACKLOG and _carry(peer.fileno(), rest):
            pass
    except OSError:
        pass  # all of it was read: there is no more, or it comes from one who lives and is not heard any longer
    limit = time.monotonic() + LAST_WORDS
    try:
        while rest and time.monotonic() < limit:
            if select.select([], [1], [], TICK)[1]:
                del rest[: os.write(1, rest[:CHUNK])]
    except OSError:
        return  # the daemon is gone, whom it was for
