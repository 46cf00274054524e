"""Connections to build hosts, not open yet: by which way, with which keys of ours, and which of theirs are trusted.

Fabric trusts every host by default and reads ssh's configuration in its own way; here ssh is asked (sshconfig.py), and
only known keys are trusted, those of jump hosts too.
"""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import fabric
import paramiko  # type: ignore[import-untyped]  # it ships no types

from releasd.adapters.sshconfig import Settings, Target, settings
from releasd.errors import Permanent
from releasd.model import HostSpec

KNOWN_HOSTS = "~/.ssh/known_hosts"  # where people put a key by hand
SSH_PORT = 22
MOST_JUMPS = 8
CLOSE_LIMIT = 5.0  # seconds


def connection_to(spec: HostSpec, within: float) -> fabric.Connection:
    """Return a connection to the host; each part of opening it has `within` seconds.

    Raises:
        Permanent, HostLost: ssh does not say how to reach it, or a file that the entry names does not exist.
    """
    port = None if spec.port == SSH_PORT else spec.port  # None: the ssh configuration decides, then 22
    connection = _way_to(spec, Target(host=spec.address or "", user=spec.user, port=port), within)
    if spec.identity:
        connection.wanted = frozenset()
        own = {"key_filename": [str(Path(spec.identity).expanduser())], "look_for_keys": False, "allow_agent": False}
        connection.connect_kwargs = {**_limits(within), **own}
    return connection


def _way_to(
    spec: HostSpec, target: Target, within: float, gateway: fabric.Connection | None = None, depth: int = 0
) -> fabric.Connection:
    """Return a connection that is not open yet, behind its jump hosts. `gateway` was already passed on the way."""
    found = settings(target)
    before: fabric.Connection | str | None = gateway
    if gateway is None:
        if depth == MOST_JUMPS:
            raise Permanent(f"the jump hosts of {spec.name} lead in a circle", advice=f"ssh -G {target.host}")
        before = found.command
        for jump in found.jumps:
            before = _way_to(spec, jump, within, before if isinstance(before, fabric.Connection) else None, depth + 1)
    connection = _Hop(
        found.host,
        user=found.user,
        port=found.port,
        gateway=before,
        config=fabric.Config(ssh_config=paramiko.SSHConfig()),  # it reads no file: ssh did
        connect_timeout=within,
        connect_kwargs={**_limits(within), **_keys(found)},
        forward_agent=False,  # whatever the ssh configuration says: a build never gets at our keys
    )
    connection.wanted = frozenset(filter(None, map(_public, found.identities)))
    connection.client.set_missing_host_key_policy(_RefuseUnknown(spec))
    for path in (Path(spec.known_hosts).expanduser(),) if spec.known_hosts else found.known_hosts:
        _load_known_hosts(connection, path, found.alias, is_wanted=spec.known_hosts is not None)
    return connection


def _limits(within: float) -> dict[str, float]:
    return {"banner_timeout": within, "auth_timeout": within, "channel_timeout": within}


def _keys(found: Settings) -> dict[str, object]:
    """Return with which keys to log in, as Paramiko is told; `_Hop` adds those of the agent that are named."""
    there = [str(path) for path in found.identities if path.is_file()]
    return {"key_filename": there, "look_for_keys": False, "allow_agent": not found.identities_only}


class _Hop(fabric.Connection):  # type: ignore[misc]  # it ships no types
    """A connection that tries, of the agent's keys, first the one whose public half is among `wanted`.

    Paramiko alone would offer all, and a server hangs up after a few; or none, where only named ones may be used.
    """

    wanted: frozenset[str] = frozenset()
    relay: object = None

    def open_gateway(self) -> object:
        """Open what carries this connection, and keep it in mind."""
        self.relay = super().open_gateway()
        return self.relay

    def close(self) -> None:
        """Close it, also where opening it failed half way; a `ProxyCommand` is ended too and waited for."""
        transport = self.client.get_transport()
        self.client.close()
        if isinstance(self.relay, paramiko.ProxyCommand):
            self.relay.close = _nothing  # Paramiko's thread would signal a process id that may be another's by then
            self.relay.process.kill()
            if transport:
                transport.join(CLOSE_LIMIT)  # it reads what the command says
            with self.relay.process:
                self.relay = None

    def open(self) -> None:
        """Open it, the jump hosts before it first."""
        agent = paramiko.Agent() if self.wanted else None
        keys = agent.get_keys() if agent else ()
        self.connect_kwargs["pkey"] = next((key for key in keys if key.get_base64() in self.wanted), None)
        try:
            super().open()
        except BaseException:
            self.close()
            raise
        finally:
            if agent:
                agent.close()


def _nothing() -> None:
    """Take the place of what is not to be done any more."""


def _public(identity: Path) -> str:
    """Return the public half of a key as it stands beside it, "" where there is none."""
    try:
        words = identity.with_name(f"{identity.name}.pub").read_text().split()
    except (OSError, UnicodeDecodeError):
        return ""
    return words[1] if len(words) > 1 else ""


def hops_of(connection: fabric.Connection) -> Iterator[fabric.Connection]:
    """Yield the connection and the jump hosts before it, if any."""
    while isinstance(connection, fabric.Connection):
        yield connection
        connection = connection.gateway


def _load_known_hosts(connection: fabric.Connection, path: Path, alias: str | None, *, is_wanted: bool) -> None:
    if is_wanted and not path.is_file():
        raise Permanent(f"known_hosts file {path} does not exist", advice=f"ssh-keyscan HOST >> {path}, then compare")
    if not path.is_file():
        return
    connection.client.load_system_host_keys(str(path))
    for kind, key in (paramiko.HostKeys(str(path)).lookup(alias) or {}).items() if alias else ():
        connection.client.get_host_keys().add(known_as(connection), kind, key)


def known_as(connection: fabric.Connection) -> str:
    """Return the name by which a known_hosts file has it."""
    return connection.host if connection.port == SSH_PORT else f"[{connection.host}]:{connection.port}"


def fingerprint(key: paramiko.PKey) -> str:
    """Return a public key's fingerprint as `ssh-keygen -l` shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


class _RefuseUnknown:
    """What Paramiko asks about a host that is in no known_hosts file."""

    def __init__(self, spec: HostSpec) -> None:
        self._spec = spec

    def missing_host_key(self, _client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Refuse, and say what to compare."""
        raise Permanent(
            f"the key of host {self._spec.name} ({hostname}) is unknown: it showed {key.get_name()} {fingerprint(key)}",
            advice=how_to_trust(self._spec),
        )


def how_to_trust(spec: HostSpec) -> str:
    """Return by which commands a person trusts the host's key."""
    port = "" if spec.port == SSH_PORT else f"-p {spec.port} "
    return (
        f"compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` run on the host itself, then "
        f"`ssh-keyscan {port}{spec.address} >> {spec.known_hosts or KNOWN_HOSTS}`"
    )
