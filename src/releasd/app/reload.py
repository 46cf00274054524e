"""What a daemon that runs cannot change about itself."""

from releasd import config
from releasd.errors import ConfigError

# Opened, bound and locked once, at the start.
_FIXED = ("state", "runtime", "database", "hook_socket_mode", "api_socket_mode")


def require_same_places(old: config.Daemon, new: config.Daemon) -> None:
    """Raise `ConfigError`, naming the keys, where a new configuration would move the daemon itself."""
    moved = [f"daemon.{key}" for key in _FIXED if getattr(old, key) != getattr(new, key)]
    if moved:
        raise ConfigError(
            f"{', '.join(moved)}: a change needs a restart",
            advice="undo it, or restart the daemon: systemctl restart releasd",
        )
