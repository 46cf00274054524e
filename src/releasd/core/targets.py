"""Where compiled wheels are built: which platforms a recipe builds for, and on which hosts.

Decided from the configuration and the hosts' labels alone; no host is asked, so that a plan needs none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from releasd.core.platform import TARGETS

ZIG = "zig"  # a label: the host has zig, and rust's standard library for what it is asked to build

Labels = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A platform to build for. `name` is None for whichever the host is; `labels` are what the host has to have."""

    name: str | None
    labels: tuple[str, ...]
    is_crossed: bool = False  # built by zig on a host of another platform

    @property
    def system(self) -> str:
        """Return "linux", "macos", or "" for whichever the host is."""
        return TARGETS[self.name][0] if self.name else ""

    @property
    def machine(self) -> str:
        """Return the processor's architecture, or "" for whichever the host has."""
        return TARGETS[self.name][1] if self.name else ""

    def build(self, what: str) -> str:
        """Return a build's name."""
        return f"{what}-{self.name}" if self.name else what


def targets(wanted: Sequence[str], hosts: Iterable[Labels], *, zig: bool) -> tuple[Target, ...]:
    """Return what to build for: the targets wanted, else the platforms of the hosts, else whatever a host is.

    `zig`: the recipe can be cross-compiled, for Linux, where no host is of that platform and one has the label `zig`.
    """
    known = tuple(hosts)
    names = wanted or [name for name, labels in TARGETS.items() if _native(labels, known)]
    return tuple(_target(name, known, zig=zig) for name in names) or (Target(name=None, labels=()),)


def _native(labels: tuple[str, str], hosts: Iterable[Labels]) -> bool:
    return any(host.issuperset(labels) for host in hosts)


def _target(name: str, hosts: Sequence[Labels], *, zig: bool) -> Target:
    labels = TARGETS[name]
    crossed = zig and labels[0] == "linux" and not _native(labels, hosts) and any(ZIG in host for host in hosts)
    return Target(name=name, labels=(ZIG,) if crossed else labels, is_crossed=crossed)
