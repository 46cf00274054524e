"""The sections of the operator's configuration, as pydantic models: frozen, and no key that is not known.

config/releasd.toml describes every key for the operator; a test holds the two together.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from releasd.config.places import sqlite_url
from releasd.config.tables import Builds, Container, Gates
from releasd.config.types import (
    Address,
    Bucket,
    Duration,
    Email,
    Folder,
    HostFolder,
    IndexUrl,
    Mode,
    Name,
    Names,
    Repository,
    Size,
    Text,
    WebUrl,
)

# The one index whose addresses uv knows by itself.
PUBLIC_INDEX = "pypi"
_PASSWORD = re.compile(r"(?<=//)[^/@\s]*@")
_SCHEMES = ("env", "file", "cred", "doppler", "keyring", "cmd")
_KEYRING = re.compile(r"keyring:.+/[^/]+")
_DOPPLER = re.compile(r"doppler:[\w.-]+/[\w.-]+/[\w.-]+")


class Section(BaseModel):
    """What all sections share: frozen, strict about keys, and silent about passwords when shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def __repr_args__(self) -> Any:
        for name, value in super().__repr_args__():
            yield name, _PASSWORD.sub("[redacted]@", value) if isinstance(value, str) else value


class Daemon(Section):
    """`[daemon]`: where the daemon keeps things and how often it looks. Durations are seconds."""

    state: Folder
    runtime: Folder
    database: Text | None = None
    workers: int = Field(default=4, ge=1, le=64)
    reconcile_every: Duration = 30.0
    poll_remote_every: Duration = 30.0
    watch_indexes_every: Duration = 3600.0
    lease: Duration = 60.0
    keep_logs: Duration = 90 * 86400.0
    hook_socket_mode: Mode = 0o666
    api_socket_mode: Mode = 0o600
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"

    @property
    def database_url(self) -> str:
        """Return the database's URL: the one configured, or SQLite in the state folder."""
        return self.database or sqlite_url(self.state)


class Policy(Section):
    """`[projects.NAME.policy]`: what only the operator may say. `verify_timeout` in seconds."""

    allow_repository_builds: bool = True
    allow_full_cache: bool = False
    hosts: Names = ()  # empty: all
    require_digest: bool = False
    allowed_images: tuple[Text, ...] = ()  # empty: all
    verify_timeout: Duration = 1800.0
    lost_breaking: Literal["hold", "major", "ignore"] = "hold"
    reproduce: Literal["off", "report", "require"] = "off"
    unknown_plugins: Literal["refuse", "ignore"] = "refuse"
    require_signed_commits: bool = False
    allowed_signers: Folder | None = None  # a file, as ssh-keygen(1) describes it
    revoked_signers: Folder | None = None  # a file of public keys, or a key revocation list
    committer_name: Text = "releasd"
    committer_email: Email = "releasd@localhost"

    @model_validator(mode="after")
    def _somebody_may_sign(self) -> Self:
        if self.require_signed_commits and self.allowed_signers is None:
            raise ValueError("require_signed_commits needs allowed_signers, the file of those who may sign")
        return self


class Deploy(Section):
    """`[[projects.NAME.deploy]]`: a script to be run on a host after each release. `timeout` in seconds."""

    host: Name
    run: Text = Field(repr=False)
    timeout: Duration = 600.0


class Project(Section):
    """`[projects.NAME]`: a repository to be released, and where to."""

    repository: Repository
    branch: Text = "main"
    branches: tuple[Text, ...] = ()
    publish: Names = ()
    webhooks: Names = ()
    forge: Name | None = None
    mail: Names = ()
    deploy: tuple[Deploy, ...] = ()
    builds: Builds = Field(default=(), repr=False)  # empty: what the repository says
    gates: Gates = Field(default=(), repr=False)  # empty: what the repository says
    smoke: Text | None = Field(default=None, repr=False)  # None: what the repository says
    container: Container | None = None  # None: what the repository says
    policy: Policy = Policy()


class Host(Section):
    """`[hosts.NAME]`: a machine that builds; with an `address` it is reached over SSH.

    Durations are seconds, `cache_limit` is bytes.
    """

    address: Address | None = None
    port: int = Field(default=22, ge=1, le=65535)
    identity: Folder | None = None
    known_hosts: Folder | None = None
    labels: tuple[Text, ...] = ()
    slots: int = Field(default=1, ge=1, le=256)
    path: Text | None = None
    env: dict[str, str] = Field(default_factory=dict, repr=False)
    workdir: HostFolder | None = None
    cache_limit: Size = 10_000_000_000
    engine: Literal["docker", "podman"] | None = None
    leash: Duration = 60.0
    lost_after: Duration = 30.0

    @model_validator(mode="after")
    def _ssh_keys_need_an_address(self) -> Self:
        odd = [key for key in ("port", "identity", "known_hosts") if key in self.model_fields_set]
        if odd and self.address is None:
            raise ValueError(f"{', '.join(odd)} without address; add address, or remove what only SSH needs")
        return self


# What each kind of destination is told, and which of it is required.
_KEYS_OF: dict[str, tuple[str, ...]] = {
    "index": ("publish_url", "simple_url", "secret", "max_file_mb", "max_project_gb", "pypi_rules", "parallel", "gate"),
    "crates": ("url", "secret", "max_file_mb", "pypi_rules", "gate"),
    "folder": ("path", "gate"),
    "s3": ("url", "bucket", "prefix", "region", "secret", "gate"),
}
_REQUIRED_OF: dict[str, tuple[str, ...]] = {
    "index": (),
    "crates": ("url", "secret"),
    "folder": ("path",),
    "s3": ("url", "bucket", "secret"),
}


class Index(Section):
    """`[indexes.NAME]`: a destination, which is a place to put files and the place to read the same files from."""

    kind: Literal["index", "crates", "folder", "s3"] = "index"
    publish_url: IndexUrl | None = None
    simple_url: IndexUrl | None = None
    path: Folder | None = None
    url: IndexUrl | None = None
    bucket: Bucket | None = None
    prefix: str = ""
    region: Text = "us-east-1"
    secret: Name | None = None
    max_file_mb: int = Field(default=100, ge=1, le=1 << 20)
    max_project_gb: int | None = Field(default=None, ge=1, le=1 << 20)
    pypi_rules: bool = True
    parallel: int = Field(default=4, ge=1, le=16)
    gate: Text | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        said = self.model_fields_set - {"kind"}
        odd = sorted(said - set(_KEYS_OF[self.kind]))
        if odd:
            owner = next(kind for kind, keys in _KEYS_OF.items() if odd[0] in keys)
            keys = ", ".join(_KEYS_OF[self.kind])
            raise ValueError(f'{odd[0]} is for kind = "{owner}", and this is kind = "{self.kind}", which takes {keys}')
        lacking = [key for key in _REQUIRED_OF[self.kind] if key not in said]
        if lacking:
            raise ValueError(f'{" and ".join(lacking)} missing; kind = "{self.kind}" needs it')
        return self


class SecretReference(Section):
    """`[secrets.NAME]`: where a secret is kept. The value itself is never in the configuration."""

    ref: Text | None = None
    cmd: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    token: Text | None = None
    env: tuple[Text, ...] = ()  # names of the variables that a command or keyring sees besides PATH and HOME

    @model_validator(mode="before")
    @classmethod
    def _from_string(cls, value: Any) -> Any:
        return {"ref": value} if isinstance(value, str) else value

    @field_validator("ref", "token")
    @classmethod
    def _known_scheme(cls, value: str | None) -> str | None:
        # The value is not repeated in the message: it may be the secret itself, written here by mistake.
        if value is not None and not re.match(rf"({'|'.join(_SCHEMES)}):.", value):
            known = ", ".join(f"{scheme}:" for scheme in _SCHEMES)
            raise ValueError(f"no reference to a secret; it has to begin with one of {known}")
        if value is not None and value.startswith("doppler:") and not _DOPPLER.fullmatch(value):
            raise ValueError("not a Doppler reference; write doppler:PROJECT/CONFIG/NAME")
        if value is not None and value.startswith("keyring:") and not _KEYRING.fullmatch(value):
            raise ValueError("not a keyring reference; write keyring:SERVICE/USER")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.ref is None) == (self.cmd is None):
            raise ValueError('needs one of ref and cmd; write ref = "env:NAME" or cmd = ["program", "argument"]')
        is_doppler = self.ref is not None and self.ref.startswith("doppler:")
        if is_doppler != (self.token is not None):
            raise ValueError('a doppler: reference, and no other, needs token, as token = "cred:doppler"')
        if self.env and self.cmd is None and not (self.ref or "").startswith(("cmd:", "keyring:")):
            raise ValueError("env is for commands and keyrings alone; remove it")
        if self.token is not None and self.token.startswith("doppler:"):
            raise ValueError('Doppler\'s own token cannot come from Doppler; write token = "cred:doppler"')
        return self


class Webhook(Section):
    """`[webhooks.NAME]`: an address told of each release, in the form that its `kind` wants."""

    url: WebUrl = Field(repr=False)  # such addresses often hold a key in their path
    kind: Literal["webhook", "slack", "matrix"] = "webhook"
    room: Text | None = None
    secret: Name | None = None

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if self.kind == "matrix" and (self.room is None or self.secret is None):
            raise ValueError("a matrix webhook needs room and secret (its access token)")
        if self.kind != "matrix" and self.room is not None:
            raise ValueError('room is for kind = "matrix" alone; remove it')
        if self.kind == "slack" and self.secret is not None:
            raise ValueError("Slack checks no signature; remove secret")
        return self


class Mail(Section):
    """`[mail.NAME]`: a mail server, and who is written to of each release."""

    host: Address
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca: Folder | None = None
    user: Text | None = None
    secret: Name | None = None
    sender: Email
    recipients: Annotated[tuple[Email, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _a_login_is_whole_and_hidden(self) -> Self:
        if (self.user is None) != (self.secret is None):
            raise ValueError("user and secret belong together; write both, or neither")
        if self.user is not None and self.security == "none":
            raise ValueError('a login needs security = "starttls" or "tls"; nothing may read it on its way')
        return self


class Forge(Section):
    """`[forges.NAME]`: where a release page is made. `url` is the API's base address."""

    kind: Literal["gitea", "forgejo", "gitlab", "github"]
    url: WebUrl
    repository: Text
    secret: Name

    @field_validator("repository")
    @classmethod
    def _owner_and_name(cls, value: str) -> str:
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)+", value):
            raise ValueError("not a repository there; write owner/name")
        return value


class Signing(Section):
    """`[signing]`: the SSH key that signs what is published, and the URI by which provenance names this daemon."""

    key: Folder
    builder: Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*:\S+$")] = "urn:releasd:builder"


class Settings(Section):
    """The whole configuration. Made by `load` alone; every other way leaves the cross-references unchecked."""

    daemon: Daemon
    projects: dict[Name, Project] = Field(default_factory=dict)
    hosts: dict[Name, Host] = Field(default_factory=dict)
    indexes: dict[Name, Index] = Field(default_factory=dict)
    secrets: dict[Name, SecretReference] = Field(default_factory=dict)
    webhooks: dict[Name, Webhook] = Field(default_factory=dict)
    mail: dict[Name, Mail] = Field(default_factory=dict)
    forges: dict[Name, Forge] = Field(default_factory=dict)
    signing: Signing | None = None
