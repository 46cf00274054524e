"""The closed set of messages that wake the main thread. None of them decides anything: each asks for a look.

`SimpleQueue.put` may be called from a signal handler and from any thread (style-examples.md, P5).
"""

from dataclasses import dataclass
from queue import Empty, SimpleQueue

from releasd.model import JobId


@dataclass(frozen=True, slots=True)
class Wake:
    """Something changed in the store."""


@dataclass(frozen=True, slots=True)
class LookAt:
    """A project's branch may have moved; `source` says who thinks so."""

    project: str
    source: str


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A worker is free again. `defect` says why the attempt could not even say in the store how it ended."""

    job: JobId
    token: int
    defect: str | None = None


@dataclass(frozen=True, slots=True)
class RenewLeases:
    """It is time to renew the leases of what runs here."""


@dataclass(frozen=True, slots=True)
class DrainSpool:
    """There may be pushes in the spool folder."""


@dataclass(frozen=True, slots=True)
class Reload:
    """The configuration is to be read again."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The daemon is to end."""


Message = Wake | LookAt | JobEnded | RenewLeases | DrainSpool | Reload | Stop
Inbox = SimpleQueue[Message]


def take_all(inbox: Inbox, timeout: float) -> tuple[Message, ...]:
    """Wait up to `timeout` seconds for a message; return it with all others that are there, each once."""
    try:
        first = inbox.get(timeout=timeout)
    except Empty:
        return ()
    messages = [first]
    while True:
        try:
            messages.append(inbox.get_nowait())
        except Empty:
            return tuple(dict.fromkeys(messages))
