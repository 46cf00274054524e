"""From settings to where each secret is kept; alone, so that `releasd secrets check` starts without the engine."""

from releasd import config
from releasd.adapters.secrets import SecretSource


def secret_sources(settings: config.Settings) -> dict[str, SecretSource]:
    """Return where each secret is kept."""
    return {
        name: SecretSource(ref=reference.cmd or reference.ref or "", token=reference.token, env=reference.env)
        for name, reference in settings.secrets.items()
    }
