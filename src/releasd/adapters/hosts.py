"""The registered hosts, each behind its adapter."""

import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from releasd.adapters.local import LocalHost
from releasd.core.platform import natural_labels
from releasd.model import HostSpec
from releasd.ports import Host


class RegisteredHosts:
    """`ports.Hosts` over the operator's entries."""

    def __init__(self, specs: Sequence[HostSpec], *, path: str) -> None:
        self._hosts = tuple(_host(spec, path) for spec in specs)
        here = next((host for host in self._hosts if host.spec.address is None), None)
        self._here = here or LocalHost(with_defaults(HostSpec(name="here", labels=frozenset()), path))

    @property
    def here(self) -> Host:
        """Return the daemon's own machine."""
        return self._here

    def able(self, labels: Iterable[str]) -> tuple[Host, ...]:
        """Return the hosts that have all these labels, in the order of registration."""
        wanted = frozenset(labels)
        return tuple(host for host in self._hosts if wanted <= host.spec.labels)


def _host(spec: HostSpec, path: str) -> Host:
    if spec.address is None:
        return LocalHost(with_defaults(spec, path))
    from releasd.adapters.ssh import SshHost  # noqa: PLC0415 - Fabric costs 0.2 s and 15 MB: only where it is needed

    return SshHost(spec)


def with_defaults(spec: HostSpec, path: str) -> HostSpec:
    """Return a local host's entry with this machine's labels, and with releasd's own tools (uv) on its PATH."""
    own = str(Path(sys.executable).parent)
    return replace(spec, labels=spec.labels | local_labels(), path=spec.path or f"{own}:{path}")


def local_labels() -> frozenset[str]:
    """Return the labels that this machine has by nature: its system and its architecture."""
    return natural_labels(platform.system(), platform.machine()) | {"local"}
