"""`releasd hosts add` and `remove`: from an address to an entry in the operator's file, and back."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from releasd import config
from releasd.adapters.ssh import HostKey, SshHost, shown_keys
from releasd.app import remote
from releasd.config.places import config_path
from releasd.config.types import parse_address
from releasd.config.writing import rewrite
from releasd.core.hosttable import with_host, without_host
from releasd.core.platform import derived_labels
from releasd.errors import ConfigError, DaemonNotRunning, Denied, ReleasdError, UsageError
from releasd.model import HostSpec

KNOWN_HOSTS = "known_hosts.d"  # beside the configuration: a file for each host
TOOLS = ("uv",)  # what every host needs (steps/preflight.py)
RELOAD_WITHIN = 10.0  # seconds
LOOK_EVERY = 0.2  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A host to be registered, as asked for."""

    name: str
    address: str
    port: int = 22
    identity: Path | None = None
    labels: tuple[str, ...] = ()
    slots: int = 1

    def spec(self, known_hosts: Path | None = None) -> HostSpec:
        """Return the host's entry as adapters take it."""
        user, _, machine = self.address.rpartition("@")
        return HostSpec(
            name=self.name,
            labels=frozenset(self.labels),
            slots=self.slots,
            address=machine,
            user=user or None,
            port=self.port,
            identity=str(self.identity) if self.identity else None,
            known_hosts=str(known_hosts) if known_hosts else None,
        )


def request(
    address: str, name: str | None, *, port: int, identity: Path | None, labels: Sequence[str], slots: int
) -> Request:
    """Return the request; without a name the host has its machine's. Raises `UsageError`."""
    try:
        machine = parse_address(address).rpartition("@")[2]
    except ValueError as error:
        raise UsageError(f"{address!r} is {error}") from error
    called = name or re.sub(r"[^A-Za-z0-9_.-]+", "-", machine).strip("-.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", called):
        raise UsageError(f"{called!r} is no name", advice="--name with letters, digits and . _ -")
    odd = [label for label in labels if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", label)]
    if odd:
        told = ", ".join(map(repr, odd))
        raise UsageError(f"{told} is no label", advice="--label with letters, digits and . _ -, once for each label")
    key = identity.expanduser().absolute() if identity else None
    if key and not key.is_file():
        raise UsageError(f"there is no key {key}", advice="--identity with the file of a private key, as for ssh -i")
    return Request(name=called, address=address, port=port, identity=key, labels=tuple(labels), slots=slots)


def require_new(asked: Request, config_file: Path | None, environ: Mapping[str, str]) -> None:
    """Raise `UsageError` where a host of that name is registered, `ConfigError` where the file has mistakes."""
    if asked.name in config.load(config_file, environ).hosts:
        raise UsageError(
            f"there is a host {asked.name} already",
            advice=f"releasd hosts add --name OTHER {asked.address}, or first: releasd hosts remove {asked.name}",
        )


def keys_of(asked: Request) -> tuple[tuple[HostKey, ...], tuple[str, ...]]:
    """Return the keys that the host shows, and the known_hosts lines of the jump hosts on the way."""
    return shown_keys(asked.spec())


def matching(keys: Sequence[HostKey], fingerprint: str) -> tuple[HostKey, ...]:
    """Return the key with that fingerprint. Raises `Denied`, with what the host showed, when it has none such."""
    found = tuple(key for key in keys if key.fingerprint == fingerprint.rstrip("="))
    if not found:
        told = ", ".join(f"{key.kind} {key.fingerprint}" for key in keys)
        raise Denied(
            f"the host shows no key with the fingerprint {fingerprint}, but {told}",
            advice="someone may be in between; on the host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
        )
    return found


def add(
    asked: Request, lines: Sequence[str], config_file: Path | None, environ: Mapping[str, str]
) -> tuple[Path, dict[str, Any]]:
    """Trust these known_hosts lines, look at the host, and write it into the configuration; return file and entry.

    Raises:
        ReleasdError: the host cannot be used or the file not be changed; nothing is left of the attempt.
    """
    folder = config_path(config_file, environ).resolve().parent / KNOWN_HOSTS
    known = folder / asked.name
    try:
        folder.mkdir(mode=0o755, exist_ok=True)
        known.write_text("".join(f"{line}\n" for line in lines))
        known.chmod(0o644)
    except OSError as error:
        raise ConfigError(f"{known} cannot be written: {error.strerror}", advice="run it as its owner") from error
    try:
        with closing(SshHost(asked.spec(known))) as host:
            found = host.probe(TOOLS, survey=True)
        labels = sorted(derived_labels(found.system, found.machine, found.facts) | set(asked.labels))
        entry = _entry(asked, known, labels)
        file = rewrite(config_file, environ, lambda text: with_host(text, asked.name, entry))
    except ReleasdError:
        known.unlink()
        raise
    return file, entry


def _entry(asked: Request, known: Path, labels: Sequence[str]) -> dict[str, Any]:
    port = {} if asked.port == 22 else {"port": asked.port}  # noqa: PLR2004 - SSH's own
    identity = {"identity": str(asked.identity)} if asked.identity else {}
    return {
        "address": asked.address, **port, **identity, "known_hosts": str(known), "labels": list(labels),
        "slots": asked.slots,
    }  # fmt: skip


def take_over(name: str, config_file: Path | None, environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Have the daemon read the configuration again and look at a new host; None where no daemon runs.

    Raises:
        ReleasdError: the daemon did not take the configuration.
    """
    daemon = remote.connect(config_file, environ)
    try:
        _reload(daemon, lambda names: name in names)
        found: dict[str, Any] = daemon.post("/v1/hosts/probe", name=name)
    except DaemonNotRunning:
        return None
    return found


def _reload(daemon: remote.Remote, is_done: Callable[[set[str]], bool]) -> None:
    daemon.post("/v1/reload")
    limit = time.monotonic() + RELOAD_WITHIN
    while not is_done({host["name"] for host in daemon.get("/v1/status")["hosts"]}):
        if time.monotonic() > limit:
            raise ReleasdError(
                "the file is changed, but the daemon has not taken it over", advice="see its log, then: releasd doctor"
            )
        time.sleep(LOOK_EVERY)


def registered_names(config_file: Path | None, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the hosts that the configuration names; with none builds run on the daemon's own machine."""
    return tuple(config.load(config_file, environ).hosts)


def remove(
    name: str, config_file: Path | None, environ: Mapping[str, str], *, on_wait: Callable[[Sequence[str]], None]
) -> Path:
    """Take a host out of the configuration once nothing runs there; return the file.

    Args:
        name: the host.
        config_file: where the configuration is, if said.
        environ: the variables.
        on_wait: told which builds are waited for, whenever that changed.

    Raises:
        UsageError: there is no such host.
        ConfigError: a project's policy names it.
    """
    settings = config.load(config_file, environ)
    if name not in settings.hosts:
        known = ", ".join(settings.hosts) or "none"
        raise UsageError(f"the configuration has no host {name}; it has: {known}", advice="releasd hosts")
    named = [f"projects.{key}.policy.hosts" for key, each in settings.projects.items() if name in each.policy.hosts]
    if named:
        raise ConfigError(
            f"{name} is named by {', '.join(named)}",
            advice=f"take {name} out of {', '.join(named)} in {config_path(config_file, environ)} first",
        )
    daemon = remote.connect(config_file, environ)
    is_running = _drained(daemon, name, on_wait)
    file = rewrite(config_file, environ, lambda text: without_host(text, name))
    (file.parent / KNOWN_HOSTS / name).unlink(missing_ok=True)
    if is_running:
        _reload(daemon, lambda names: name not in names)
    return file


def _drained(daemon: remote.Remote, name: str, on_wait: Callable[[Sequence[str]], None]) -> bool:
    """Return when nothing runs on the host any more; False where no daemon runs."""
    told: list[str] = []
    try:
        running = daemon.post(f"/v1/hosts/{name}/drain")["running"]
        while running:
            builds = [f"{each['build']} of {each['project']}, job {each['job']}" for each in running]
            if builds != told:
                on_wait(told := builds)
            time.sleep(LOOK_EVERY)
            running = daemon.post(f"/v1/hosts/{name}/drain")["running"]
    except DaemonNotRunning:
        return False
    return True
