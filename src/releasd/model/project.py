"""What a repository says of itself, and what the operator registered: projects, builds, gates, hosts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from releasd.model.words import Bump


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRule:
    """One `releaseRules` entry in semantic-release's sense.

    `match` maps parsed fields (`type`, `scope`, `subject`, …) to a glob, or to None for "absent"; `release` is the
    bump, `Bump.NONE` for `release: false`.
    """

    release: Bump
    match: Mapping[str, str | None] = field(default_factory=dict)
    breaking: bool = False
    revert: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """The container in which a build runs, on a host that has docker or podman.

    Attributes:
        image: a name with or without tag, `name@sha256:…`, or an image's id as `sha256:…`.
        pull: "missing", "always" or "never".
        network: "none", or "default" for what the engine gives.
        memory: bytes, swap included; None: all that the host has.
        cpus: processors' time, such as 1.5; None: all.
        pids: processes and threads at the same time; None: the engine's own limit.
        env: variables for the script besides the build's, which they overrule.
    """

    image: str
    pull: str = "missing"
    network: str = "none"
    memory: int | None = None
    cpus: float | None = None
    pids: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSpec:
    """One build target, as the repository names it.

    `run` is a POSIX shell script started in the root of the exported sources; it leaves its files in the folder
    `$RELEASD_OUT`. `artifacts` are globs for the files wanted from there. Times are seconds.
    """

    name: str
    run: str
    labels: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ("*.whl", "*.tar.gz")
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 3600.0
    idle_timeout: float = 1800.0  # without a byte of output
    cache: str = "deps"  # what a host keeps for the next release: "none", "deps" (downloads) or "full"
    container: ContainerSpec | None = None  # None: on the host itself

    @property
    def host_tools(self) -> tuple[str, ...]:
        """Return the programs that the host has to have: in a container they are the image's."""
        return () if self.container else self.tools

    @property
    def image_tools(self) -> tuple[str, ...]:
        """Return the programs that its container's image has to have."""
        return self.tools if self.container else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A check of the project's own (tests, lint) that must pass before anything is built."""

    name: str
    run: str
    labels: tuple[str, ...] = ()
    timeout: float = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticReleaseOptions:
    """What semantic-release's commit analyzer is told, as its configuration spells it (JSON values).

    Attributes:
        preset: "angular" (its default) or "conventionalcommits".
        release_rules: `releaseRules` in order, each a mapping with `release`; None where there are none.
        parser_opts: `parserOpts`; expressions are texts.
        preset_config: `presetConfig`.
    """

    preset: str = "angular"
    release_rules: tuple[Mapping[str, Any], ...] | None = None
    parser_opts: Mapping[str, Any] = field(default_factory=dict)
    preset_config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseBranch:
    """One entry of semantic-release's `branches`, as written; `name` may be a glob.

    Attributes:
        channel: the distribution channel; None: not given, False: the default channel.
        range: the maintenance range, such as `1.x`; None: by name.
        prerelease: True (identifier = branch name), an identifier, or None.
    """

    name: str
    channel: str | bool | None = None
    range: str | None = None
    prerelease: str | bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotesOptions:
    """What semantic-release's release-notes-generator is told (JSON values, as written); None: the host decides."""

    preset: str = "angular"
    preset_config: Mapping[str, Any] = field(default_factory=dict)
    parser_opts: Mapping[str, Any] = field(default_factory=dict)
    host: str | None = None
    commit: str | None = None
    issue: str | None = None
    link_compare: bool | None = None
    link_references: bool | None = None
    writer_opts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One of several packages in a repository, each with its own versions.

    Attributes:
        name: what the repository calls it.
        root: its folder, without a slash at the end; empty for the repository's own.
        areas: what belongs to it, each a list of git's pathspecs; a commit that touches one counts in full.
        depends: the packages that it depends on, directly or not; a release-worthy change in one is a patch here.
        indirect: what belongs to those, likewise.
        group: the other packages that share one version with it, by their tag formats; empty: it has its own.
    """

    name: str
    root: str = ""
    areas: tuple[tuple[str, ...], ...] = ()
    depends: tuple[str, ...] = ()
    indirect: tuple[tuple[str, ...], ...] = ()
    group: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotesType:
    """How commits of one type show in releasd's own notes, as an entry of npm's `presetConfig.types` says it.

    `scope` is one scope that it is for, None for all; `hidden` shows them only where they are breaking.
    """

    type: str
    section: str | None = None  # None: the type's usual title
    scope: str | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotesStyle:
    """`[notes]`: how releasd's own notes look, and where their links lead.

    Attributes:
        format: "default", "keep-a-changelog" or "template"; the default is npm's where the analysis is npm's.
        template: the path of a Jinja template in the repository.
        contributors: whether the notes end with who wrote the commits.
        types: what is shown and under which titles, in this order; empty: the usual.
        forge: a name in `core.pages.FORGES`; None: by the host's name.
        urls: forms of addresses by what they lead to: `compare`, `commit`, `issue`, `user`.
    """

    format: str = "default"
    template: str | None = None
    contributors: bool = False
    types: tuple[NotesType, ...] = ()
    forge: str | None = None
    urls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectConfig:
    """What a repository says about its own releases: *what* to build, never where it may go (DESIGN.md §5.3)."""

    source: str = "defaults"
    name: str | None = None  # the distribution's name; None: read from pyproject.toml
    tag_format: str = "v{version}"
    initial_version: str | None = None  # None: 1.0.0 where semantic-release's analysis decides, else 0.1.0
    changelog: str = "CHANGELOG.md"
    release_rules: tuple[ReleaseRule, ...] = ()
    version_files: tuple[str, ...] = ()  # empty: pyproject.toml and Cargo.toml, where present
    builds: tuple[BuildSpec, ...] = ()  # empty: the recipe of the build backend
    gates: tuple[Gate, ...] = ()
    container: ContainerSpec | None = None  # where the recipe's builds run, when `builds` is empty
    analysis: str = "conventional-commits"  # or "semantic-release"
    semantic_release: SemanticReleaseOptions = field(default_factory=SemanticReleaseOptions)
    branches: tuple[ReleaseBranch, ...] = ()  # empty: semantic-release's defaults
    major_on_zero: bool = True  # whether a breaking change takes 0.x to 1.0.0; if not, to the next minor
    notes: NotesOptions = field(default_factory=NotesOptions)
    notes_style: NotesStyle = field(default_factory=NotesStyle)
    repository_url: str | None = None  # for links; None: the remote's
    changelog_title: str | None = None  # what stays on top of the changelog; None: what is there
    commit_message: str | None = None  # of the release commit, with {version}, {tag}, {notes}, …; None: the default
    targets: tuple[str, ...] = ()  # of the recipe, such as "linux-x86_64"; empty: those that the hosts are
    smoke: str | None = None  # a shell script that tries an installed wheel
    sdist_generated: tuple[str, ...] = ()  # globs of what an sdist holds besides tracked files
    crates: tuple[str, ...] = ()  # which crates are published; "*": all of the release's that may be
    warnings: tuple[str, ...] = ()  # what was found and cannot be honoured, never silently dropped
    package: Package | None = None  # the one that this is the configuration of; None: the whole repository
    packages: tuple["ProjectConfig", ...] = ()  # dependencies first; empty: the repository is one package

    @property
    def first_version(self) -> str:
        """Return the version of the first release."""
        return self.initial_version or ("1.0.0" if self.analysis == "semantic-release" else "0.1.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRules:
    """What an index takes. `max_file_size` in bytes; the defaults are the public index's.

    `max_project_size`: bytes of all files of all versions together, None: nobody knows of a limit.
    `pypi_rules`: it refuses plain `linux_*` wheels, local versions, direct dependencies and private classifiers, and
    takes no file for a release that is older than 14 days. `gate`: a script of the operator's that must end well, once
    the files are proven there, before the next destination gets any.
    """

    max_file_size: int = 100 << 20
    max_project_size: int | None = 10 << 30
    pypi_rules: bool = True
    gate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """A registered build host, as the operator wrote it. `address` is None for the daemon's own machine."""

    name: str
    labels: frozenset[str]
    slots: int = 1
    address: str | None = None
    port: int = 22
    user: str | None = None
    identity: str | None = None
    known_hosts: str | None = None
    path: str | None = None  # PATH for builds; None: the host's own
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str | None = None  # where fresh folders are made; None: ~/.cache/releasd/builds
    cache_limit: int = 10_000_000_000  # bytes that all caches may take there
    engine: str | None = None  # "docker" or "podman"; None: the first of them that works
    leash: float = 60.0  # seconds that a build goes on without the daemon
    lost_after: float = 30.0  # seconds without a sign of life after which its builds move to another host


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftRunning:
    """A build that may still run: on which host, as which task, and where in its log its output begins, in bytes."""

    host: str
    task: str
    log_start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """A shell script that the operator has run on a registered host after each release. `timeout` in seconds."""

    host: str
    run: str
    timeout: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project, as the operator registered it: where it may go, never what it contains. Times are seconds.

    `builds` and `gates`, when given, replace the repository's own; `hosts` limits where they run (empty: anywhere).
    """

    name: str
    repository: str  # path or URL
    branch: str = "main"
    branches: tuple[str, ...] = ()  # further ones that are released from: names, or globs
    trunk: str | None = None  # the first of them, where `branch` is another one
    indexes: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()
    forge: str | None = None  # where a release page is made
    mail: tuple[str, ...] = ()
    deploy: tuple[Deploy, ...] = ()
    builds: tuple[BuildSpec, ...] = ()
    gates: tuple[Gate, ...] = ()
    hosts: tuple[str, ...] = ()
    allow_repository_builds: bool = True
    allow_full_cache: bool = False  # whether a build that the repository describes may keep compiled files
    container: ContainerSpec | None = None  # used instead of the repository's own
    require_digest: bool = False  # whether images have to be named by digest
    allowed_images: tuple[str, ...] = ()  # globs; empty: every image
    lost_breaking: str = "hold"  # "hold", "major" or "ignore": a breaking change that the rules would lose
    smoke: str | None = None  # replaces the repository's own
    reproduce: str = "off"  # "off", "report" or "require": every build a second time, bytes compared
    unknown_plugins: str = "refuse"  # or "ignore": plug-ins of semantic-release that releasd does not know
    remote_url: str | None = None  # `repository` with its ssh alias resolved, for links; None: as it is
    allowed_signers: str | None = (
        None  # the file of those who may sign what is released; None: no signature is asked for
    )
    revoked_signers: str | None = None  # the file of keys that may no longer
    verify_timeout: float = 1800.0
