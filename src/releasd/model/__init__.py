"""Frozen values, enums and ids that every layer shares. No behaviour beyond what follows from the fields.

Times are aware UTC datetimes named `*_at`; commits are full hexadecimal object names; digests are lower-case
hexadecimal sha256. Everything here survives a round trip through `msgspec.json`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NewType

from releasd.model.announcing import AnnouncedFile, Announcement, TargetRecord
from releasd.model.delivering import DeliveryRecord, DestinationRecord, FileState
from releasd.model.project import (
    BuildSpec,
    ContainerSpec,
    Deploy,
    Gate,
    HostSpec,
    IndexRules,
    LeftRunning,
    NotesOptions,
    NotesStyle,
    NotesType,
    Package,
    Project,
    ProjectConfig,
    ReleaseBranch,
    ReleaseRule,
    SemanticReleaseOptions,
)
from releasd.model.watching import AlarmKind, IndexAlarm, ListedFile, News, Origin, Suspicion, WatchedFile
from releasd.model.words import Bump, JobState, StepName, StepState

__all__ = [
    "AlarmKind",
    "AnnouncedFile",
    "Announcement",
    "Artifact",
    "BuildSpec",
    "Bump",
    "ChangelogForm",
    "Commit",
    "ContainerSpec",
    "Decision",
    "DeliveryRecord",
    "Deploy",
    "DestinationRecord",
    "Event",
    "Evidence",
    "Facts",
    "FileEdit",
    "FileState",
    "Gate",
    "HostSpec",
    "IndexAlarm",
    "IndexRules",
    "Job",
    "JobId",
    "JobState",
    "LastRelease",
    "LeftRunning",
    "ListedFile",
    "News",
    "NoRelease",
    "NotesOptions",
    "NotesStyle",
    "NotesType",
    "Origin",
    "Package",
    "Part",
    "Plan",
    "Project",
    "ProjectConfig",
    "PushHint",
    "ReleaseBranch",
    "ReleaseLine",
    "ReleaseRule",
    "SemanticReleaseOptions",
    "StepName",
    "StepRecord",
    "StepState",
    "Suspicion",
    "Tag",
    "TargetRecord",
    "Verdict",
    "WatchedFile",
]

JobId = NewType("JobId", int)
Evidence = Mapping[str, Any]  # what a step saw or did, as JSON values


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
class ReleaseLine:
    """What may be released from a branch.

    Attributes:
        kind: "release", "maintenance" or "prerelease".
        channel: the distribution channel; None: the default one.
        prerelease: the identifier of a pre-release branch.
        least: the lowest version that may be released; None: any.
        below: the version that all releases have to stay below; None: any.
        highest: the highest version that is reachable, pre-releases included; None: there is none.
        refused: why nothing may be released from this branch at all; empty: it may.
    """

    kind: str = "release"
    channel: str | None = None
    prerelease: str | None = None
    least: str | None = None
    below: str | None = None
    highest: str | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that a decision may depend on, read before it is made.

    `commits` are those reachable from `ref` and not from `last`, newest first, and may be more than fit into memory
    (then each walk reads them again); of a package only those that concern it,
    `indirect` being the names of those that do so through what it depends on. `files` holds the text of the version and
    lock files at `ref`; `unwritable` says of some of them why they cannot be edited. `group` is the highest version of
    the packages that share theirs with this one.
    """

    repository: str
    ref: str
    branch: str | None
    last: LastRelease | None
    commits: Sequence[Commit]
    files: Mapping[str, str] = field(default_factory=dict)
    unwritable: Mapping[str, str] = field(default_factory=dict)
    remote_url: str | None = None  # the repository's address, its ssh alias resolved; links in notes follow from it
    line: ReleaseLine = field(default_factory=ReleaseLine)
    indirect: frozenset[str] = frozenset()
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of several commits within a squash or merge commit's message, as `Verdict` and notes need it."""

    type: str | None
    scope: str | None
    subject: str
    bump: Bump
    breaking_notes: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    revert: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one commit asks for, and why, in one sentence.

    Attributes:
        parts: of a squash or merge commit, all that it stands for, its own title first; empty for any other commit.
        release_as: the version that its footer `Release-As` asks for.
        skips_breaking: it has a breaking change, and says [skip release].
    """

    commit: str
    type: str | None
    scope: str | None
    subject: str
    breaking: bool
    bump: Bump
    why: str
    parts: tuple[Part, ...] = ()
    release_as: str | None = None
    skips_breaking: bool = False


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
    verdicts: Sequence[Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangelogForm:
    """How notes go into the changelog.

    Attributes:
        kind: "default", "semantic-release" (as its plug-in does) or "keep-a-changelog".
        title: as in ProjectConfig.
        unreleased_url: what the link list of Keep a Changelog says for `[Unreleased]`; None where there is no page.
    """

    kind: str = "default"
    title: str | None = None
    unreleased_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A release, decided. Stored with its job and never recomputed once the job runs; of its verdicts the newest."""

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
    changelog_form: ChangelogForm = field(default_factory=ChangelogForm)
    hold: str = ""  # why a person has to approve it first; empty: nobody has to
    smoke: str | None = None  # a shell script that tries an installed wheel
    sdist_generated: tuple[str, ...] = ()  # as in ProjectConfig
    channel: str | None = None  # the distribution channel; None: the default one
    package: str = ""  # which of the repository's packages; empty: the repository is one
    crates: tuple[str, ...] = ()  # which are published, each after those that it needs


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
    package: str = ""  # which of the repository's packages; empty: the repository as a whole
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
