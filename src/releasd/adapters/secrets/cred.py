"""`cred:NAME`: a systemd credential, a file in $CREDENTIALS_DIRECTORY that systemd itself keeps private.

Unlike a variable it is not inherited by the programs we start (systemd.exec(5), LoadCredential=).
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from releasd.adapters.secrets.file import read_open
from releasd.errors import ConfigError, SecretDenied, SecretMissing

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def read(name: str, environ: Mapping[str, str]) -> str:
    """Return the credential's text without one trailing newline. Raises `SecretMissing` or `SecretDenied`."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"cred:{name} is no name of a credential", advice="Use letters, digits, '.', '_' and '-'.")
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise SecretMissing(
            f"cred:{name} works only under systemd: CREDENTIALS_DIRECTORY is not set",
            advice=f"Add LoadCredential={name}:PATH to releasd.service, or use file:PATH.",
        )
    try:
        descriptor = os.open(Path(folder) / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        cause = SecretDenied if isinstance(error, PermissionError) else SecretMissing
        raise cause(
            f"the credential {name} cannot be read: {error.strerror}",
            advice=f"Add LoadCredential={name}:PATH to releasd.service and restart it.",
        ) from None
    return read_open(descriptor, shown=name, private=False)
