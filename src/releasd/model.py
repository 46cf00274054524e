"""Frozen values, enums and ids that every layer shares. No behaviour beyond what follows from the fields.

Times are aware UTC datetimes named `*_at`; commits are full hexadecimal object names; digests are lower-case
hexadecimal sha256. Everything here survives a round trip through `msgspec.json`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

JobId = NewType("JobId", int)
Evidence = Mapping[str, Any]  # what a step saw or did, as JSON values


class Bump(StrEnum):
    """How far a version moves; ordered by `rank`."""

    NONE = "none"
    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"

    @property
    def rank(self) -> int:
        """Return 0 for none up to 3 for major."""
        return list(Bump).index(self)


class JobState(StrEnum):
    """The states of a release job; transitions are in core/lifecycle.py."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


class StepName(StrEnum):
    """The nine steps, in the order in which they run (DESIGN.md §2)."""

    PREFLIGHT = "preflight"
    SYNC = "sync"
    VERSION = "version"
    BUILD = "build"
    CHECK = "check"
    TAG = "tag"
    PUBLISH = "publish"
    VERIFY = "verify"
    ANNOUNCE = "announce"


class StepState(StrEnum):
    """The states of one step in a job's journal."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit as git tells it. `message` is the whole text, trimmed; `parents` has two or more for a merge."""

    id: str
    message: str
    parents: tuple[str, ...] = ()
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A tag and the commit that it points at, annotated or not."""

    name: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRelease:
    """The release that a plan starts from: the highest release tag reachable from the planned commit."""

    tag: str
    version: str
    commit: str


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
class ProjectConfig:
    """What a repository says about its own releases: *what* to build, never where it may go (DESIGN.md §5.3)."""

    source: str = "defaults"
    name: str | None = None  # the distribution's name; None: read from pyproject.toml
    tag_format: str = "v{version}"
    initial_version: str = "0.1.0"
    changelog: str = "CHANGELOG.md"
    release_rules: tuple[ReleaseRule, ...] = ()
    version_files: tuple[str, ...] = ()  # empty: pyproject.toml and Cargo.toml, where present
    builds: tuple[BuildSpec, ...] = ()  # empty: the recipe of the build backend
    gates: tuple[Gate, ...] = ()
    analysis: str = "conventional-commits"  # or "semantic-release"
    semantic_release: SemanticReleaseOptions = field(default_factory=SemanticReleaseOptions)
    branches: tuple[ReleaseBranch, ...] = ()  # empty: semantic-release's defaults
    major_on_zero: bool = True  # whether a breaking change takes 0.x to 1.0.0; if not, to the next minor
    notes: NotesOptions = field(default_factory=NotesOptions)
    repository_url: str | None = None  # for links; None: the remote's
    changelog_title: str | None = None  # what stays on top of the changelog; None: what is there
    commit_message: str | None = None  # of the release commit, with {version}, {tag}, {notes}, …; None: the default
    warnings: tuple[str, ...] = ()  # what was found and cannot be honoured, never silently dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that a decision may depend on, read before it is made.

    `commits` are those reachable from `ref` and not from `last`, newest first. `files` holds the text of the
    version and lock files at `ref`.
    """

    repository: str
    ref: str
    branch: str | None
    last: LastRelease | None
    commits: tuple[Commit, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    web_url: str | None = None  # https base for links in notes, None where unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one commit asks for, and why, in one sentence."""

    commit: str
    type: str | None
    scope: str | None
    subject: str
    breaking: bool
    bump: Bump
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEdit:
    """A version file to be changed: `kind` names the editor in core/files.py."""

    path: str
    kind: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The outcome of version analysis alone, before any file is looked at."""

    bump: Bump
    version: str | None
    pep440: str | None
    tag: str | None
    reason: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A release, decided. Stored with its job and never recomputed once the job runs."""

    project: str
    distribution: str
    commit: str
    branch: str
    last: LastRelease | None
    bump: Bump
    version: str
    pep440: str
    tag: str
    reason: str
    notes: str
    changelog: str
    edits: tuple[FileEdit, ...]
    builds: tuple[BuildSpec, ...]
    gates: tuple[Gate, ...]
    indexes: tuple[str, ...]
    webhooks: tuple[str, ...]
    planned_at: datetime
    verdicts: tuple[Verdict, ...] = ()
    commit_message: str | None = None  # of the release commit, as in ProjectConfig
    changelog_title: str | None = None  # as in ProjectConfig
    semantic_changelog: bool = False  # written as semantic-release's plug-in does
    hold: str = ""  # why a person has to approve it first; empty: nobody has to


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRelease:
    """Nothing is released, and why, in one sentence for the pusher."""

    reason: str
    verdicts: tuple[Verdict, ...] = ()
    last: LastRelease | None = None
    hold: str = ""  # why a person has to look first; empty: nobody has to


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A built file, sealed: from the moment it is recorded its bytes are never made again. `size` in bytes."""

    filename: str
    sha256: str
    size: int
    build: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PushHint:
    """Someone says that a ref moved. A hint only: git is asked before anything is believed.

    `uid` is the sender's user id as the kernel told it, None where there was no sender (watch, reconcile).
    """

    repository: str
    ref: str
    old: str | None
    new: str
    source: str  # "hook", "spool", "watch", "reconcile", "operator"
    uid: int | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """A step's line in the journal. `error` is what a person reads; `retryable` follows from the error's class."""

    name: StepName
    state: StepState
    attempts: int
    evidence: Evidence = field(default_factory=dict)
    error: str | None = None
    advice: str = ""
    retryable: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A release job: one (project, commit). `token` rises with every claim and fences late writers."""

    id: JobId
    project: str
    commit: str
    branch: str
    state: JobState
    reason: str
    attempt: int
    token: int
    created_at: datetime
    not_before: datetime | None = None
    owner: str | None = None
    lease_until: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    bump: Bump | None = None  # asked for by an operator, instead of the analysis
    source: str = "hook"
    cancel_requested: bool = False
    approved: bool = False  # an operator let a held job go on
    version: str | None = None
    tag: str | None = None
    plan: Plan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the audit log: `hash` covers the canonical JSON of all other fields, `prev` is the line before's."""

    seq: int
    at: datetime
    event: str  # noun.verb_past
    project: str | None
    job: int | None
    data: Mapping[str, Any]
    prev: str
    hash: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project, as the operator registered it: where it may go, never what it contains. Times are seconds.

    `builds` and `gates`, when given, replace the repository's own; `hosts` limits where they run (empty: anywhere).
    """

    name: str
    repository: str  # path or URL
    branch: str = "main"
    indexes: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()
    builds: tuple[BuildSpec, ...] = ()
    gates: tuple[Gate, ...] = ()
    hosts: tuple[str, ...] = ()
    allow_repository_builds: bool = True
    lost_breaking: str = "hold"  # "hold", "major" or "ignore": a breaking change that the rules would lose
    verify_timeout: float = 1800.0
