"""Warm SSH connections to one host: made when first needed, shared by tasks and threads, closed when idle.

Paramiko carries many channels over one connection from any thread; making and closing connections is what has to be
done by one at a time. So the list of them is a baton: who takes it out of its queue may change it, and puts it back.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import fabric
import paramiko  # type: ignore[import-untyped]  # it ships no types

IDLE_AFTER = 420.0  # seconds without a channel; longer than the pause between two probes
SWEEP_EVERY = 60.0  # seconds
BROKEN = (OSError, EOFError, paramiko.SSHException)


@dataclass
class Line:
    """One connection, with the jump hosts before it."""

    hops: tuple[fabric.Connection, ...]  # the host itself first
    channels: list[paramiko.Channel] = field(default_factory=list)
    used: float = field(default_factory=time.monotonic)

    @property
    def is_alive(self) -> bool:
        """Return whether it has not been seen broken yet."""
        return bool(self.hops[0].transport and self.hops[0].transport.is_active())

    def execute(self, command: str, within: float) -> paramiko.Channel:
        """Return a channel on which `command` was started. Raises one of `BROKEN`."""
        channel = self.hops[0].transport.open_session(timeout=within)
        channel.settimeout(within)
        try:
            channel.exec_command(command)
        except BaseException:
            channel.close()
            raise
        self.channels = [each for each in self.channels if not each.closed] + [channel]
        self.used = time.monotonic()
        return channel

    def is_idle(self, seconds: float) -> bool:
        """Return whether nothing used it for so long."""
        if any(not channel.closed for channel in self.channels):
            self.used = time.monotonic()
        return time.monotonic() - self.used >= seconds

    def close(self) -> None:
        """Close it, the host's end first."""
        for hop in self.hops:
            hop.close()


class Pool:
    """The connections to one host; `connect(seconds)` makes one, and raises our errors."""

    def __init__(
        self, connect: Callable[[float], Line], *, idle_after: float = IDLE_AFTER, sweep_every: float = SWEEP_EVERY
    ) -> None:
        self._connect = connect
        self._idle_after = idle_after
        self._sweep_every = sweep_every
        self._baton: SimpleQueue[list[Line]] = SimpleQueue()
        self._baton.put([])

    def execute(self, command: str, within: float) -> paramiko.Channel:
        """Start `command` on a warm connection, or on a new one.

        Raises:
            TimeoutError: others were busy connecting for too long.
            OSError, EOFError, paramiko.SSHException: a new connection broke at once; and what `connect` raises.
        """
        try:
            lines = self._baton.get(timeout=2 * within)
        except Empty:
            raise TimeoutError("others are still connecting") from None
        try:
            return self._execute(lines, command, within)
        finally:
            self._baton.put(lines)

    def _execute(self, lines: list[Line], command: str, within: float) -> paramiko.Channel:
        for line in tuple(lines):
            try:
                if line.is_alive:
                    return line.execute(command, within)
            except paramiko.ChannelException:
                continue  # it has as many channels as its server allows (MaxSessions)
            except BROKEN:
                pass  # it died unnoticed, and nobody was told anything on it yet
            lines.remove(line)
            line.close()
        line = self._connect(within)
        lines.append(line)
        if len(lines) == 1:
            self._sweep_later()
        return line.execute(command, within)

    def close(self) -> None:
        """Close all connections; channels on them end."""
        try:
            lines = self._baton.get(timeout=1.0)
        except Empty:
            return  # someone connects just now: the end of the process, or idleness, closes it
        for line in lines:
            line.close()
        self._baton.put([])

    def _sweep_later(self) -> None:
        timer = threading.Timer(self._sweep_every, self._sweep)
        timer.daemon = True
        timer.start()

    def _sweep(self) -> None:
        """Close what is idle or dead; look again as long as there is something."""
        try:
            lines = self._baton.get(timeout=self._sweep_every)
        except Empty:
            self._sweep_later()
            return
        over = [line for line in lines if not line.is_alive or line.is_idle(self._idle_after)]
        rest = [line for line in lines if line not in over]
        self._baton.put(rest)
        for line in over:
            line.close()
        if rest:
            self._sweep_later()
