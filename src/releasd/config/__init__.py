"""The operator's configuration: one TOML file, overridable by `RELEASD_…` variables (DESIGN.md §5.4).

`load` is the only way in. It reads everything anew each time, so a reload is a second call: it raises, or it gives
the new settings, and the caller keeps what it had. Importing this package costs some 0.2 s (pydantic): commands that
need no configuration do not import it.
"""

from releasd.config.convert import build_specs, gates, host_specs
from releasd.config.loading import config_path, load
from releasd.config.sections import Daemon, Host, Index, Policy, Project, SecretReference, Settings, Webhook

__all__ = [
    "Daemon",
    "Host",
    "Index",
    "Policy",
    "Project",
    "SecretReference",
    "Settings",
    "Webhook",
    "build_specs",
    "config_path",
    "gates",
    "host_specs",
    "load",
]
