"""`releasd hosts probe`: through the daemon while it runs, so that it remembers; else from here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from releasd.app import remote
from releasd.errors import DaemonNotRunning, UsageError


def probe_all(config_file: Path | None, environ: Mapping[str, str], names: Sequence[str] = ()) -> dict[str, Any]:
    """Return what the hosts (those named, else all) say of themselves, and which builds would run there.

    Raises:
        UsageError: a name is no host's.
    """
    try:
        found: dict[str, Any] = remote.connect(config_file, environ).post("/v1/hosts/probe", name=names)
    except DaemonNotRunning:
        return _from_here(config_file, environ, names)
    return found


def _from_here(config_file: Path | None, environ: Mapping[str, str], names: Sequence[str]) -> dict[str, Any]:
    from releasd import config  # noqa: PLC0415 (slow, and only needed where no daemon has it)
    from releasd.app.repositories import peek  # noqa: PLC0415
    from releasd.app.world import registered, registered_hosts  # noqa: PLC0415
    from releasd.engine.probing import answers, builds_of, probe_hosts  # noqa: PLC0415

    settings = config.load(config_file, environ)
    hosts = registered_hosts(settings, environ).able(())
    if unknown := set(names) - {host.spec.name for host in hosts}:
        raise UsageError(f"there is no host {', '.join(sorted(unknown))}", advice="releasd hosts")
    wanted = []
    for project in (registered(name, entry) for name, entry in settings.projects.items()):
        git = None if project.builds else peek(project)
        wanted.append(builds_of(project, git, git.resolve(f"refs/heads/{project.branch}") if git else None, hosts))
    tools = {tool for each in wanted for tool in each.tools}
    found = probe_hosts((host for host in hosts if not names or host.spec.name in names), tools)
    return {"schema": 1, "hosts": found, "builds": answers(wanted, hosts, found, {})}
