"""Secrets by reference, fetched at the moment of use and never kept.

A reference says where a secret is: `env:NAME`, `file:PATH`, `cred:NAME` (systemd credentials),
`doppler:PROJECT/CONFIG/NAME`, `keyring:SERVICE/USER`, `cmd:COMMAND` or a list of words to run. Errors never hold the
value, and their class is the cause: `Transient` while the place cannot be reached, `SecretDenied`, `SecretMissing`,
`SecretMalformed`, and `ConfigError` for the reference itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from releasd.adapters.secrets import command, cred, doppler, env, file, keyring
from releasd.errors import ConfigError, SecretError, SecretMalformed
from releasd.ports import Secret

Reference = str | tuple[str, ...]
_WORD = re.compile(r"[a-z]{1,12}")
SCHEMES = (
    "env:NAME",
    "file:PATH",
    "cred:NAME",
    "doppler:PROJECT/CONFIG/NAME",
    "keyring:SERVICE/USER",
    "cmd:COMMAND",
    "a list of words to run",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """One `[secrets.NAME]` entry.

    `token` is the reference of the Doppler service token, for `doppler:` alone. `env` names the variables that a
    command or a keyring sees besides PATH and HOME.
    """

    ref: Reference
    token: Reference | None = None
    env: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where references are looked up: the environment, systemd's folder of credentials, Doppler's API.

    `doppler_api` None is what DOPPLER_API_HOST says, which Doppler's own programs go by too, else the public one.
    `timeout` is in seconds, for a command or a request.
    """

    environ: Mapping[str, str]
    doppler_api: str | None = None
    timeout: float = 30.0


class SecretStore:
    """`ports.Secrets` over the operator's `[secrets]` entries."""

    def __init__(self, sources: Mapping[str, SecretSource], surroundings: Surroundings) -> None:
        self._sources = sources
        self._surroundings = surroundings

    def get(self, name: str) -> Secret:
        """Return the secret registered under `name`, fetched now."""
        source = self._sources.get(name)
        if source is None:
            raise SecretError(f"no secret is called {name!r}", advice=f"Add [secrets.{name}] to the configuration.")
        return resolve(source, self._surroundings)

    def storing(self, name: str) -> str:
        """Return what a person does to store another value under `name`: after a token was rotated, say."""
        source = self._sources.get(name)
        return storing(source) if source else f"Add [secrets.{name}] to the configuration."


def shown(source: SecretSource) -> str:
    """Return the reference as a person may see it: of a command its first word, for the others may be private."""
    words = source.ref if isinstance(source.ref, tuple) else ()
    if isinstance(source.ref, str):
        scheme, _, rest = source.ref.partition(":")
        words = command.split(rest) if scheme == "cmd" else ()
    return f"cmd: {words[0]} …" if words else str(source.ref)


def storing(source: SecretSource) -> str:
    """Return the command or edit that stores another value where `source` points. Nothing private is in it."""
    scheme, _, rest = source.ref.partition(":") if isinstance(source.ref, str) else ("cmd", "", "")
    match scheme:
        case "env":
            return f"Set {rest} where the daemon is started, and restart it."
        case "file":
            return f"(umask 077; cat >{rest})"
        case "cred":
            return f"Write it into the file of LoadCredential={rest}, then: systemctl restart releasd"
        case "doppler":
            project, config, name = doppler.split(rest)
            return doppler.storing(project, config, name)
        case "keyring":
            return "keyring set {} {}".format(*keyring.split(rest))
        case _:
            return "Store it where the secret's command reads it."


def resolve(source: SecretSource, surroundings: Surroundings) -> Secret:
    """Return the secret that `source` refers to. Raises `SecretError`, `Transient`, or `ConfigError` for its form."""
    if isinstance(source.ref, tuple):
        return _checked(_run(source.ref, source, surroundings), "the command")
    scheme, colon, rest = source.ref.partition(":")
    if not colon or not rest:
        raise _unknown(scheme if colon else None)
    return _checked(_fetch(scheme, rest, source, surroundings), f"{scheme}:…" if scheme == "cmd" else source.ref)


def _fetch(scheme: str, rest: str, source: SecretSource, surroundings: Surroundings) -> str:
    match scheme:
        case "env":
            return env.read(rest, surroundings.environ)
        case "file":
            return file.read(rest)
        case "cred":
            return cred.read(rest, surroundings.environ)
        case "doppler":
            return _doppler(rest, source, surroundings)
        case "keyring":
            return keyring.read(rest, surroundings.environ, names=source.env, timeout=surroundings.timeout)
        case "cmd":
            return _run(command.split(rest), source, surroundings)
        case _:
            raise _unknown(scheme)


def _run(argv: tuple[str, ...], source: SecretSource, surroundings: Surroundings) -> str:
    return command.read(argv, surroundings.environ, names=source.env, timeout=surroundings.timeout)


def _doppler(rest: str, source: SecretSource, surroundings: Surroundings) -> str:
    if source.token is None:
        raise ConfigError(
            "a doppler: secret needs a service token",
            advice='Add token = "cred:doppler" (or another reference) beside its ref.',
        )
    if isinstance(source.token, str) and source.token.startswith("doppler:"):
        raise ConfigError("Doppler's own token cannot come from Doppler", advice='Use token = "cred:doppler".')
    token = resolve(SecretSource(ref=source.token, env=source.env), surroundings)
    api = surroundings.doppler_api or surroundings.environ.get("DOPPLER_API_HOST") or doppler.API
    return doppler.read(rest, token, api=api, timeout=surroundings.timeout)


def _checked(value: str, where: str) -> Secret:
    if not value.strip():
        raise SecretMalformed(f"the secret at {where} is empty", advice="Store the value there and try again.")
    return Secret(value)


def _unknown(scheme: str | None) -> ConfigError:
    # A reference without a known scheme may be the secret itself, pasted in: it is not repeated.
    named = (
        f"{scheme!r} is no place for secrets" if scheme is not None and _WORD.fullmatch(scheme) else "not a reference"
    )
    return ConfigError(
        f"a secret's ref must be a reference: {named}",
        problems=(f"allowed: {', '.join(SCHEMES)}",),
        advice="Name where the secret is, never the secret itself.",
    )
