"""`env:NAME`: a variable of the daemon's own environment."""

from collections.abc import Mapping

from releasd.errors import SecretMissing


def read(name: str, environ: Mapping[str, str]) -> str:
    """Return the variable's value. Raises `SecretMissing` when it is not set."""
    try:
        return environ[name]
    except KeyError:
        raise SecretMissing(
            f"the variable {name} is not set for the daemon", advice=f"Set {name} where the daemon is started."
        ) from None
