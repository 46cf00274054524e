"""`releasd secrets check`: fetches every configured secret, as the daemon would, and says nothing of what it is.

It runs as whoever calls it, daemon or no daemon: what another user may read, or what systemd hands to the service
alone, is judged for this user.
"""

import os
import pwd
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from releasd import config
from releasd.adapters import s3bucket
from releasd.adapters.crates import without_scheme
from releasd.adapters.secrets import SecretSource, SecretStore, Surroundings, shown
from releasd.adapters.uvpublish import check_token
from releasd.app.announcers import secrets_named
from releasd.app.secretplaces import secret_sources
from releasd.errors import ReleasdError, SecretDenied, SecretMalformed, SecretMissing, Transient, UsageError
from releasd.ports import Secret

_CAUSES: tuple[tuple[type[ReleasdError], str], ...] = (
    (Transient, "unreachable"),
    (SecretDenied, "denied"),
    (SecretMissing, "missing"),
    (SecretMalformed, "malformed"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Whether one secret can be had.

    Attributes:
        place: its reference, without anything that could be private.
        used_by: the parts of the configuration that name it.
        cause: "unreachable", "denied", "missing", "malformed" or "misconfigured"; None when it can be had.
    """

    name: str
    place: str
    used_by: tuple[str, ...]
    ok: bool
    cause: str | None = None
    message: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """As whom it was looked: `daemon_user` is whose the state folder is, None where that is the same or unknown."""

    user: str
    uid: int
    daemon_user: str | None = None


def names(config_file: Path | None, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the configured secrets. Raises `ConfigError`."""
    return tuple(config.load(config_file, environ).secrets)


def caller(config_file: Path | None, environ: Mapping[str, str]) -> Caller:
    """Return as whom the secrets are looked at. Raises `ConfigError`."""
    state = config.load(config_file, environ).daemon.state
    owner = state.stat().st_uid if state.exists() else os.geteuid()
    other = _user(owner) if owner != os.geteuid() else None
    return Caller(user=_user(os.geteuid()), uid=os.geteuid(), daemon_user=other)


def check(config_file: Path | None, environ: Mapping[str, str], wanted: Sequence[str] = ()) -> Iterator[Access]:
    """Yield what became of each secret, all of them or those `wanted`, as they are looked at.

    Raises:
        ConfigError: there is no configuration, or it has mistakes.
        UsageError: no secret has one of these names.
    """
    settings = config.load(config_file, environ)
    sources = secret_sources(settings)
    unknown = [name for name in wanted if name not in sources]
    if unknown:
        known = ", ".join(sources) or "none"
        raise UsageError(f"no secret is called {', '.join(unknown)}", advice=f"the configuration has: {known}")
    store = SecretStore(sources, Surroundings(environ=environ))
    for name in wanted or sources:
        yield _access(name, sources[name], store, settings)


def _access(name: str, source: SecretSource, store: SecretStore, settings: config.Settings) -> Access:
    tokens = {f"indexes.{index}": entry for index, entry in settings.indexes.items() if entry.secret == name}
    used = (*tokens, *(who for who, secret in secrets_named(settings).items() if secret == name))
    error = _error(name, store, tokens.values())
    if error is None:
        return Access(name=name, place=shown(source), used_by=used, ok=True)
    cause = next((word for kind, word in _CAUSES if isinstance(error, kind)), "misconfigured")
    return Access(
        name=name, place=shown(source), used_by=used, ok=False, cause=cause,
        message=error.message, advice=error.advice,
    )  # fmt: skip


def _error(name: str, store: SecretStore, destinations: Iterable[config.Index]) -> ReleasdError | None:
    """Return why the secret cannot be used; `destinations` are those that it is for."""
    try:
        secret = store.get(name)
    except ReleasdError as error:
        return error
    for entry in destinations:
        try:
            _judge(secret, entry)
        except ReleasdError as error:
            form = s3bucket.FORM if entry.kind == "s3" else "the bare token"
            return SecretMalformed(error.message, advice=f"Store {form}: {store.storing(name)}")
    return None


def _judge(secret: Secret, entry: config.Index) -> None:
    if entry.kind == "s3":
        s3bucket.key_pair(secret)
    else:
        bare = without_scheme(secret) if entry.kind == "crates" else secret
        check_token(bare, public=entry.kind == "index" and entry.publish_url is None)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
