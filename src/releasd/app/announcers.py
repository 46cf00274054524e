"""From settings to whoever tells the world of a release. Secrets are fetched at each use."""

import functools
from collections.abc import Callable, Mapping

from releasd import config
from releasd.adapters.forges import forge_of
from releasd.adapters.mail import Mailers, MailServer
from releasd.adapters.secrets import SecretStore
from releasd.adapters.webhook import Target, Webhooks
from releasd.ports import Forge, Secret


def webhooks(settings: config.Settings, secrets: SecretStore) -> Webhooks:
    """Return the webhooks of these settings."""
    return Webhooks(
        {
            name: Target(url=hook.url, kind=hook.kind, secret=_fetch(hook.secret, secrets), room=hook.room or "")
            for name, hook in settings.webhooks.items()
        }
    )


def mailers(settings: config.Settings, secrets: SecretStore) -> Mailers:
    """Return the mail servers of these settings."""
    return Mailers({name: _server(mail, secrets) for name, mail in settings.mail.items()})


def forges(settings: config.Settings, secrets: SecretStore) -> Mapping[str, Forge]:
    """Return the forges of these settings, by name."""
    return {
        name: forge_of(
            name=name,
            kind=forge.kind,
            url=forge.url,
            repository=forge.repository,
            token=functools.partial(secrets.get, forge.secret),
        )
        for name, forge in settings.forges.items()
    }


def secrets_named(settings: config.Settings) -> Mapping[str, str]:
    """Return the secrets that announcing needs, by who needs them."""
    named = {f"webhook {name}": hook.secret for name, hook in settings.webhooks.items()}
    named |= {f"mail server {name}": mail.secret for name, mail in settings.mail.items()}
    named |= {f"forge {name}": forge.secret for name, forge in settings.forges.items()}
    return {who: secret for who, secret in named.items() if secret}


def _server(mail: config.Mail, secrets: SecretStore) -> MailServer:
    return MailServer(
        host=mail.host,
        port=mail.port,
        security=mail.security,
        ca=str(mail.ca) if mail.ca else None,
        user=mail.user,
        secret=_fetch(mail.secret, secrets),
        sender=mail.sender,
        recipients=mail.recipients,
    )


def _fetch(secret: str | None, secrets: SecretStore) -> Callable[[], Secret] | None:
    return functools.partial(secrets.get, secret) if secret else None
