"""The daemon's end of one link to a runner: frames both ways, signs of life, and the runner's last word.

local.py makes links of pipes, ssh.py of a channel. The runner itself is sent over the link, so that nothing has to
be on a host beforehand, and nothing stays.
"""

import json
import time
from contextlib import suppress
from typing import Any, Protocol, Self

from releasd.adapters.runner import bundle
from releasd.adapters.runner import leash as wire
from releasd.errors import DiskFull, Fenced, HostLost, Permanent, ReleasdError
from releasd.model import HostSpec

START_LIMIT = 20.0  # seconds from a login to the runner's first word
BEAT_EVERY = 1.0  # seconds
LOOK_EVERY = 0.2  # seconds that one look for a frame takes at most
NOT_FOUND = 127  # a POSIX shell's exit status for a command that is not there


class LinkClosed(Exception):
    """The other side is gone. `said` is what it printed outside of the protocol, `status` its exit status if known."""

    def __init__(self, said: str = "", status: int | None = None) -> None:
        super().__init__(said)
        self.said = said
        self.status = status


class Link(Protocol):
    """A started runner's two streams. Nothing here waits longer than a minute."""

    def send(self, data: bytes) -> None:
        """Send all of it. Raises `LinkClosed`."""
        ...

    def receive(self, timeout: float) -> bytes:
        """Return what came within `timeout` seconds, b"" for nothing. Raises `LinkClosed` at the end of the stream."""
        ...

    def close(self) -> None:
        """End it: the runner notices, and ends what it started."""
        ...


def lost(host: str, closed: LinkClosed) -> ReleasdError:
    """Return the error for a link that ended without a last word."""
    detail = f": {closed.said}" if closed.said else ""
    return HostLost(f"host {host} went away{detail}", advice=f"releasd hosts probe {host}")


class Conversation:
    """The daemon's end of one link. Use it as a context manager: leaving it closes the link.

    `heard` is the `time.monotonic()` of the host's last sign of life. The runner has `within` seconds for its first.
    `is_own_python`: whether the runner's Python is this daemon's, if nobody put another in its place.
    """

    def __init__(self, spec: HostSpec, link: Link, within: float = START_LIMIT, *, is_own_python: bool = False) -> None:
        self.host = spec.name
        self._link = link
        self._lost_after = spec.lost_after
        self._frames = wire.Frames()
        self._waiting: list[tuple[bytes, bytes]] = []
        self.heard = self._beaten = time.monotonic()
        try:
            with suppress(LinkClosed):  # reading finds out why
                link.send(bundle(is_compiled=is_own_python))
            self._hello(min(within, START_LIMIT))
        except LinkClosed as closed:
            link.close()
            raise _not_started(spec, closed) from closed
        except BaseException:
            link.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the link; ending it twice is ending it once."""
        self._link.close()

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send one frame. A closed link is reported by the next `next`, which may find a last word first."""
        with suppress(LinkClosed):
            self._link.send(wire.pack(kind, payload))

    def next(self, timeout: float) -> tuple[bytes, bytes] | None:
        """Return the next frame, or None after `timeout` seconds; keep the leash alive meanwhile.

        Raises:
            HostLost: the link ended, or nothing was heard for too long.
            DiskFull, Permanent: the runner says why it stops.
            Fenced: a newer attempt has the task.
        """
        if time.monotonic() - self._beaten >= BEAT_EVERY:
            self._beaten = time.monotonic()
            self.send(wire.BEAT)
        if not self._waiting:
            self._take(self._receive(timeout))
        while self._waiting and self._waiting[0][0] == wire.BEAT:
            self._waiting.pop(0)
        if not self._waiting:
            return None
        kind, payload = self._waiting.pop(0)
        if kind == wire.CONTROL:
            self._raise_if_error(payload)
        return kind, payload

    def _take(self, data: bytes) -> None:
        try:
            self._waiting.extend(self._frames.feed(data))
        except ValueError as error:
            raise self._not_ours(error) from error

    def _receive(self, timeout: float) -> bytes:
        try:
            data = self._link.receive(timeout)
        except LinkClosed as closed:
            raise lost(self.host, closed) from closed
        now = time.monotonic()
        if data:
            self.heard = now
        elif now - self.heard > self._lost_after:
            raise HostLost(
                f"host {self.host} said nothing for {self._lost_after:g} s", advice=f"releasd hosts probe {self.host}"
            )
        return data

    def _hello(self, within: float) -> None:
        """Wait for the runner's first word; what a login shell printed before it is dropped."""
        seen = b""
        limit = time.monotonic() + within
        while wire.HELLO not in seen:
            seen = seen[-len(wire.HELLO) :] + self._link.receive(LOOK_EVERY)
            if time.monotonic() > limit:
                raise HostLost(
                    f"host {self.host} did not start the runner within {within:.0f} s",
                    advice="look at the user's login shell there",
                )
        self._take(seen.partition(wire.HELLO)[2])

    def _raise_if_error(self, payload: bytes) -> None:
        try:
            message: dict[str, Any] = json.loads(payload)
        except ValueError as error:
            raise self._not_ours(error) from error
        if "refused" in message:
            raise Fenced(f"host {self.host}: {message['refused']}")
        if "error" not in message:
            return
        if message["disk_full"]:
            raise disk_full(self.host, message["error"])
        raise Permanent(f"host {self.host}: {message['error']}", advice=f"releasd hosts probe {self.host}")

    def _not_ours(self, error: ValueError) -> Permanent:
        return Permanent(
            f"host {self.host} sent something that no runner sends: {error}",
            advice=f"see what else writes to the stream: `ssh {self.host} true` has to print nothing",
        )


def disk_full(where: str, detail: str) -> DiskFull:
    """Return the error for a host without space."""
    return DiskFull(f"the disk of host {where} is full: {detail}", advice=f"free space on {where}, or set its workdir")


def _not_started(spec: HostSpec, closed: LinkClosed) -> ReleasdError:
    if closed.status is None:
        return lost(spec.name, closed)
    if closed.status == NOT_FOUND:
        return Permanent(
            f"host {spec.name} has no python3, which runs builds there: {closed.said}",
            advice="install Python 3.8 or later there, as in `apt-get install python3`",
        )
    return Permanent(
        f"host {spec.name} could not start the runner (exit status {closed.status}): {closed.said}",
        advice=f"try `ssh {spec.address or 'localhost'} python3 --version`",
    )
