"""The operator's configuration: one TOML file, overridable by `RELEASD_…` variables (DESIGN.md §5.4).

`load` is the only way in. It reads everything anew each time, so a reload is a second call: it raises, or it gives
the new settings, and the caller keeps what it had. Its names are imported on first use (PEP 562), for they bring
pydantic, which costs over a tenth of a second; `releasd.config.places` does without.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from releasd.config.convert import build_specs, deploys, gates, host_specs
    from releasd.config.loading import load
    from releasd.config.sections import (
        Daemon,
        Deploy,
        Forge,
        Host,
        Index,
        Mail,
        Policy,
        Project,
        SecretReference,
        Settings,
        Signing,
        Webhook,
    )

__all__ = [
    "Daemon",
    "Deploy",
    "Forge",
    "Host",
    "Index",
    "Mail",
    "Policy",
    "Project",
    "SecretReference",
    "Settings",
    "Signing",
    "Webhook",
    "build_specs",
    "deploys",
    "gates",
    "host_specs",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from releasd.config import convert, loading, sections  # noqa: PLC0415 - see above

    return next(getattr(module, name) for module in (loading, convert, sections) if hasattr(module, name))
