"""systemd's side of being a service: notifications, the watchdog, and sockets that were opened for us.

Every variable of the protocol is taken out of the environment once read, so that no git and no build inherits it
(sd_notify(3), sd_listen_fds(3)). Without systemd everything here is silent.
"""

import socket
import time
from collections.abc import MutableMapping
from typing import Any

from releasd.errors import ConfigError

FIRST_FD = 3  # SD_LISTEN_FDS_START
_SEND_TIMEOUT = 1.0  # seconds; a full queue at systemd must not stop the inbox loop


class SystemdSupervisor:
    """`ports.Supervisor` through sdnotify. `pid` is our own; `environ` is `os.environ`, where sdnotify looks."""

    def __init__(self, environ: MutableMapping[str, str], *, pid: int) -> None:
        self._notifier = _connect(environ)
        self._watchdog_interval = _watchdog(environ, pid)

    def ready(self) -> None:
        """Say that the first look at everything is done, or that reloading is."""
        self._notify("READY=1")

    def status(self, text: str) -> None:
        """Say in a line what goes on."""
        self._notify("STATUS=" + " ".join(text.split()))  # a line break would begin another assignment

    def watchdog(self) -> None:
        """Say that the inbox loop is alive."""
        self._notify("WATCHDOG=1")

    def watchdog_interval(self) -> float | None:
        """Return the seconds after which to call `watchdog` again, half of what systemd allows; None: it never asks."""
        return self._watchdog_interval

    def stopping(self) -> None:
        """Say that we are about to end."""
        self._notify("STOPPING=1")

    def reloading(self) -> None:
        """Say that the configuration is being read again; `ready` ends it. systemd wants to know since when."""
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def close(self) -> None:
        """Let go of the socket."""
        if self._notifier is not None and self._notifier.socket is not None:
            self._notifier.socket.close()
            self._notifier = None

    def _notify(self, state: str) -> None:
        if self._notifier is not None:
            # sdnotify encodes as Latin-1 and drops, silently, what that lacks; systemd wants UTF-8.
            self._notifier.notify(state.encode().decode("latin-1"))


def listen_fds(environ: MutableMapping[str, str], *, pid: int) -> dict[str, socket.socket]:
    """Return the sockets that systemd opened for us, by their `FileDescriptorName=`; empty when there are none."""
    count = environ.pop("LISTEN_FDS", "")
    owner = environ.pop("LISTEN_PID", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if not count.isdigit() or owner != str(pid):
        return {}
    return dict(_adopt(FIRST_FD + n, names[n] if n < len(names) else "") for n in range(int(count)))


def _adopt(descriptor: int, name: str) -> tuple[str, socket.socket]:
    try:
        adopted = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ConfigError(
            f"descriptor {descriptor} ({name}) was handed over and is no socket: {error.strerror}",
            advice="Check the releasd.socket units.",
        ) from None
    adopted.set_inheritable(False)
    return name or f"fd{descriptor}", adopted


def _connect(environ: MutableMapping[str, str]) -> Any:
    """Return sdnotify's notifier, or None where nobody listens: without an address it would leak a socket."""
    if "NOTIFY_SOCKET" not in environ:
        return None
    import sdnotify  # noqa: PLC0415 - only under systemd

    notifier = sdnotify.SystemdNotifier()  # reads the address from os.environ itself
    del environ["NOTIFY_SOCKET"]
    if notifier.socket is not None:
        notifier.socket.settimeout(_SEND_TIMEOUT)
    return notifier


def _watchdog(environ: MutableMapping[str, str], pid: int) -> float | None:
    limit = environ.pop("WATCHDOG_USEC", "")
    owner = environ.pop("WATCHDOG_PID", "")
    if not limit.isdigit() or int(limit) == 0 or owner not in {"", str(pid)}:
        return None
    return int(limit) / 2_000_000
