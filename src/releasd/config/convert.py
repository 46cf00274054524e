"""From sections to the plain values of model.py, which is all that adapters and steps ever see."""

from releasd.config.sections import Host, Project, Settings
from releasd.model import BuildSpec, Gate, HostSpec


def host_specs(settings: Settings) -> tuple[HostSpec, ...]:
    """Return the registered hosts. Without any there is one, `local`, whose labels the caller fills in."""
    if not settings.hosts:
        return (HostSpec(name="local", labels=frozenset()),)
    return tuple(_host_spec(name, host) for name, host in settings.hosts.items())


def build_specs(project: Project) -> tuple[BuildSpec, ...]:
    """Return the builds that the operator wrote for the project; empty leaves it to the repository."""
    return project.builds


def gates(project: Project) -> tuple[Gate, ...]:
    """Return the gates that the operator wrote for the project; empty leaves it to the repository."""
    return project.gates


def _host_spec(name: str, host: Host) -> HostSpec:
    user, _, address = (host.address or "").rpartition("@")
    return HostSpec(
        name=name,
        labels=frozenset(host.labels),
        slots=host.slots,
        address=address or None,
        port=host.port,
        user=user or None,
        identity=str(host.identity) if host.identity else None,
        known_hosts=str(host.known_hosts) if host.known_hosts else None,
        path=host.path,
        env=dict(host.env),
        workdir=host.workdir,
        cache_limit=host.cache_limit,
        engine=host.engine,
        leash=host.leash,
        lost_after=host.lost_after,
    )
