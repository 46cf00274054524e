"""`releasd hosts probe`: through the daemon while it runs, so that it remembers; else from here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from releasd.app import remote
from releasd.errors import DaemonNotRunning


def probe_all(config_file: Path | None, environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what every registered host says of itself."""
    try:
        found: list[dict[str, Any]] = remote.connect(config_file, environ).post("/v1/hosts/probe")
    except DaemonNotRunning:
        from releasd import config  # noqa: PLC0415 (slow, and only needed where no daemon has it)
        from releasd.app.world import registered, registered_hosts  # noqa: PLC0415
        from releasd.engine.probing import probe_hosts  # noqa: PLC0415

        settings = config.load(config_file, environ)
        projects = [registered(name, project) for name, project in settings.projects.items()]
        tools = {tool for project in projects for build in project.builds for tool in build.host_tools}
        return probe_hosts(registered_hosts(settings, environ).able(()), tools)
    return found
