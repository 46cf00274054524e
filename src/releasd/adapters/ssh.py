"""Build hosts over SSH: a runner behind one channel for each task, over a connection that is kept warm (sshpool.py).

Fabric trusts every host by default, and Paramiko would wait a quarter of an hour for a link that was cut: both are
changed here, for jump hosts too. The user's ssh configuration (names, ports, jump hosts, identities) is honoured, as
ssh itself says that it is (sshconfig.py).
"""

import logging
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import fabric
import paramiko  # type: ignore[import-untyped]  # it ships no types

from releasd.adapters import hostlook, hostrun
from releasd.adapters.conversation import Conversation, LinkClosed
from releasd.adapters.runner import BOOTSTRAP
from releasd.adapters.runner.leash import CHUNK
from releasd.adapters.sshconnect import (
    SSH_PORT,
    connection_to,
    fingerprint,
    hops_of,
    how_to_trust,
    known_as,
)
from releasd.adapters.sshpool import BROKEN, Line, Pool
from releasd.errors import Denied, HostLost, Permanent, ReleasdError
from releasd.model import ContainerSpec, HostSpec
from releasd.ports import Probe, ShouldStop, Sink, Task, TaskResult

COMMAND = f"python3 -I -S -c '{BOOTSTRAP}'"
CONNECT_LIMIT = 10.0  # seconds, for each of: connection, banner, authentication, channel
SEND_LIMIT = 30.0  # seconds in which a live link has taken something
CUT_LIMIT = 12.0  # seconds after which unanswered bytes mean that the link was cut
END_LIMIT = 5.0  # seconds in which a runner that did its work ends
TAIL = 2000  # bytes kept of what the host says outside of the protocol

# What goes wrong is raised as an error; without a log of ours Paramiko would print tracebacks beside it.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class SshHost:
    """Runs tasks on the host at `spec.address`."""

    def __init__(self, spec: HostSpec) -> None:
        self.spec = spec
        self._pool = Pool(lambda within: _connected(self.spec, within))

    def probe(
        self,
        tools: Iterable[str],
        container: ContainerSpec | None = None,
        *,
        inside: Iterable[str] = (),
        survey: bool = False,
    ) -> Probe:
        """Look at the host.

        Raises:
            HostLost: it cannot be reached.
            Permanent: its key is unknown or changed, it refuses us, or it has no Python.
        """
        with self._dial(CONNECT_LIMIT) as talk:
            return hostlook.probe(talk, self.spec, tools, container, inside=inside, survey=survey)

    def run(self, task: Task, sink: Sink, should_stop: ShouldStop) -> TaskResult:
        """Run `task` to its end. Errors are those of `ports.Host.run` and of `probe`."""
        return self._task(task, sink, should_stop).run()

    def attach(self, task: Task, sink: Sink, should_stop: ShouldStop, found: Callable[[], int]) -> TaskResult | None:
        """See a task to its end that is there already. Errors are those of `ports.Host.attach` and of `probe`."""
        return self._task(task, sink, should_stop).attach(found)

    def close(self) -> None:
        """Close the warm connections."""
        self._pool.close()

    def _task(self, task: Task, sink: Sink, should_stop: ShouldStop) -> hostrun.TaskRun:
        return hostrun.TaskRun(self._dial, self.spec, task, sink, should_stop, by_path=False)

    def _dial(self, within: float) -> Conversation:
        try:
            channel = self._pool.execute(COMMAND, min(within, CONNECT_LIMIT))
        except BROKEN as error:
            raise _why(self.spec, error) from error
        return Conversation(self.spec, ChannelLink(channel), max(within, CONNECT_LIMIT))


class ChannelLink:
    """A runner started by the login shell at the other end of a connection."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._said = b""
        self._channel = channel

    def send(self, data: bytes) -> None:
        """Send all of it. Raises `LinkClosed`."""
        self._channel.settimeout(SEND_LIMIT)
        try:
            self._channel.sendall(data)
        except (OSError, paramiko.SSHException) as error:  # a timeout is an OSError
            raise LinkClosed(self._last_words() or str(error)) from error

    def receive(self, timeout: float) -> bytes:
        """Return what came within `timeout` seconds, b"" for nothing. Raises `LinkClosed` at the end of the stream."""
        self._channel.settimeout(timeout)
        try:
            data = self._channel.recv(CHUNK)
        except TimeoutError:
            data = None
        while self._channel.recv_stderr_ready():
            self._said = (self._said + self._channel.recv_stderr(CHUNK))[-TAIL:]
        if data == b"":
            raise LinkClosed(self._last_words(), self._status())
        return data or b""

    def close(self) -> None:
        """End it: the runner reads the end of its stream, and ends what it started."""
        self._channel.shutdown_write()
        self._channel.status_event.wait(END_LIMIT)
        self._channel.close()

    def _status(self) -> int | None:
        """Return the login shell's exit status, or None where the link or a signal ended it."""
        self._channel.status_event.wait(END_LIMIT)
        status = self._channel.exit_status
        return status if status >= 0 else None

    def _last_words(self) -> str:
        return self._said.decode(errors="replace").strip()


def _connected(spec: HostSpec, within: float) -> Line:
    """Open a connection that trusts only known keys and notices a cut link. `within` in seconds, for each part."""
    hops: tuple[fabric.Connection, ...] = ()
    try:
        connection = connection_to(spec, within)
        hops = tuple(hops_of(connection))
        connection.open()
        for hop in hops:
            _notice_cuts(hop, min(CUT_LIMIT, spec.lost_after))
    except BaseException as error:
        for hop in hops:
            hop.close()
        if isinstance(error, BROKEN):
            raise _why(spec, error) from error
        raise
    return Line(hops)


def _notice_cuts(connection: fabric.Connection, seconds: float) -> None:
    """Have the kernel give a silent link up, and small frames sent at once (40 ms saved on each answer)."""
    sock = connection.transport.sock
    if not isinstance(sock, socket.socket):
        return  # through a jump host: its own socket is the one that counts
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {"TCP_USER_TIMEOUT": seconds * 1000, "TCP_KEEPIDLE": seconds, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2}
    for name, value in options.items():
        if hasattr(socket, name):  # Linux; elsewhere the host's silence tells
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), max(1, int(value)))


def _why(spec: HostSpec, error: Exception) -> ReleasdError:
    """Return our error for one of Paramiko's or the system's."""
    where = f"host {spec.name} ({spec.user + '@' if spec.user else ''}{spec.address}, port {spec.port})"
    if isinstance(error, paramiko.BadHostKeyException):
        return Permanent(
            f"the key of {where} has changed: {fingerprint(error.expected_key)} is known, "
            f"it showed {fingerprint(error.key)}",
            advice=f"someone may be in between; if the host was set up anew, remove the old line with "
            f"`ssh-keygen -R`, then {how_to_trust(spec)}",
        )
    if isinstance(error, paramiko.AuthenticationException) or "No authentication methods" in str(error):
        return Denied(
            f"{where} refused our key: {error}",
            advice=f"`ssh-copy-id {_as_ssh_takes_it(spec)}`, "
            "or set user and identity of the host; an identity must have no passphrase, or be in the agent",
        )
    if isinstance(error, FileNotFoundError) and spec.identity:
        return Permanent(f"identity {spec.identity} of host {spec.name} does not exist", advice="set its identity")
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return Permanent(f"{where} offers no algorithm that we accept: {error}", advice="update its sshd")
    return HostLost(f"{where} cannot be reached: {_in_words(error)}", advice=f"`ssh {_as_ssh_takes_it(spec)} true`")


def _in_words(error: Exception) -> str:
    """Return what happened; of several addresses that were tried, what each answered."""
    if isinstance(error, paramiko.ssh_exception.NoValidConnectionsError):
        tried = {f"{address[0]}: {each.strerror or each}" for address, each in error.errors.items()}
        return "; ".join(sorted(tried))
    return str(error) or type(error).__name__


def _as_ssh_takes_it(spec: HostSpec) -> str:
    """Return the arguments by which a person reaches the same place."""
    port = "" if spec.port == SSH_PORT else f"-p {spec.port} "
    identity = f"-i {spec.identity} " if spec.identity else ""
    return f"{port}{identity}{spec.user + '@' if spec.user else ''}{spec.address}"


KEY_KINDS = ("ssh-ed25519", "ecdsa", "rsa")  # of each a host may have one


@dataclass(frozen=True, slots=True)
class HostKey:
    """A public key as a host showed it: its kind, its fingerprint, and its line for a known_hosts file."""

    kind: str
    fingerprint: str
    line: str


def shown_keys(spec: HostSpec) -> tuple[tuple[HostKey, ...], tuple[str, ...]]:
    """Return the keys that a host shows, trusting none of them, and the known_hosts lines of the hops before it.

    Nobody logs in there: the connection ends when the key was seen. Hops are trusted as the user's own ssh does.

    Raises:
        HostLost, Permanent, Denied: it, or a hop before it, cannot be reached or is not trusted.
    """
    found: dict[str, HostKey] = {}
    hops: tuple[str, ...] = ()
    for kind in KEY_KINDS:
        connection = connection_to(replace(spec, known_hosts=None), CONNECT_LIMIT)
        others = {"keys": [other for other in _key_algorithms() if not other.startswith(kind)]}
        connection.connect_kwargs = {**connection.connect_kwargs, "disabled_algorithms": others}
        connection.client = paramiko.SSHClient()  # one that knows no key yet: each is shown
        seen = _SeeKey()
        connection.client.set_missing_host_key_policy(seen)
        try:
            connection.open()
        except _Seen:
            found.update({key.line: key for key in seen.keys})
            hops = tuple(_line_of(hop) for hop in hops_of(connection) if hop is not connection)
        except paramiko.ssh_exception.IncompatiblePeer:
            continue  # it has no key of this kind
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise _why(spec, error) from error
        finally:
            connection.client.close()
            for hop in hops_of(connection):
                hop.close()
    if not found:
        raise Permanent(f"host {spec.address} shows no key of a kind that we know: {', '.join(KEY_KINDS)}")
    return tuple(found.values()), hops


def _key_algorithms() -> tuple[str, ...]:
    return tuple(paramiko.Transport._preferred_keys)  # noqa: SLF001 - Paramiko lists them nowhere else


class _Seen(Exception):
    """Ends a connection whose key was all that was wanted."""


class _SeeKey:
    """Notes the key of a host, and trusts it not."""

    def __init__(self) -> None:
        self.keys: list[HostKey] = []

    def missing_host_key(self, _client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Note it and end the connection."""
        self.keys.append(HostKey(key.get_name(), fingerprint(key), f"{hostname} {key.get_name()} {key.get_base64()}"))
        raise _Seen


def _line_of(hop: fabric.Connection) -> str:
    key = hop.transport.get_remote_server_key()
    return f"{known_as(hop)} {key.get_name()} {key.get_base64()}"
