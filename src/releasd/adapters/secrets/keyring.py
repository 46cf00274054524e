"""`keyring:SERVICE/USER`: a desktop's, a system's or any other keyring, through the library of that name.

The library is asked in a process of its own: a keyring that is locked asks its user for a password and waits, which
must not hold the daemon, and its back ends are foreign code. It comes with `pip install 'releasd[keyring]'`.
"""

import sys
from collections.abc import Mapping, Sequence

from releasd.adapters.secrets import command
from releasd.adapters.secrets.file import decode
from releasd.errors import ConfigError, SecretDenied, SecretError, SecretMissing

# What back ends go by: where their files are, the session's bus, and which of them is wanted.
_PASSED_ON = (
    "DBUS_SESSION_BUS_ADDRESS", "PYTHON_KEYRING_BACKEND", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
)  # fmt: skip
_NO_LIBRARY, _NO_BACKEND, _LOCKED, _ABSENT = 3, 4, 5, 6
_ASK = f"""
import sys
try:
    import keyring
    from keyring import errors
except ImportError:
    sys.exit({_NO_LIBRARY})
try:
    value = keyring.get_password(*sys.argv[1:])
except errors.NoKeyringError:
    sys.exit({_NO_BACKEND})
except (errors.KeyringLocked, errors.InitError):
    sys.exit({_LOCKED})
if value is None:
    sys.exit({_ABSENT})
sys.stdout.buffer.write(value.encode() + b"\\n")
"""


def split(rest: str) -> tuple[str, str]:
    """Return service and user; a service may be a URL, so the last slash counts. Raises `ConfigError`."""
    service, slash, user = rest.rpartition("/")
    if not (slash and service and user):
        raise ConfigError(f"keyring:{rest} is not keyring:SERVICE/USER", advice="Give both parts.")
    return service, user


def read(rest: str, environ: Mapping[str, str], *, names: Sequence[str], timeout: float) -> str:
    """Return the password of `SERVICE/USER`; `names` are further variables for the back end, `timeout` is in seconds.

    Raises `SecretMissing`, `SecretDenied` while the keyring is locked, `Transient` when it does not answer in time.
    """
    service, user = split(rest)
    env = {name: environ[name] for name in ("PATH", "HOME", *_PASSED_ON, *names) if name in environ}
    code, output = command.run((sys.executable, "-I", "-c", _ASK, service, user), env, timeout=timeout)
    if code != 0:
        raise _failure(code, service, user)
    return decode(output, shown=f"what the keyring holds for {service}")


def _failure(code: int, service: str, user: str) -> SecretError:
    look = f"keyring get {service} {user} >/dev/null"
    known: Mapping[int, SecretError] = {
        _NO_LIBRARY: SecretMissing("the library keyring is not installed", advice="pip install 'releasd[keyring]'"),
        _NO_BACKEND: SecretMissing(
            "there is no keyring on this machine for the daemon's user",
            advice="Set PYTHON_KEYRING_BACKEND for the daemon, or keep the secret in cred:NAME or file:PATH.",
        ),
        _LOCKED: SecretDenied(
            "the keyring is locked, or no session of its user is open",
            advice=f"Unlock it as the daemon's user: {look}",
        ),
        _ABSENT: SecretMissing(
            f"the keyring holds nothing for {user} of {service}", advice=f"keyring set {service} {user}"
        ),
    }
    failed = SecretDenied(
        f"the keyring failed for {user} of {service}", advice=f"See why, as the daemon's user: {look}"
    )
    return known.get(code, failed)
