"""What the store gives back beyond the model's own values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from releasd.model import JobId, StepState


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    """The job for a commit. `created` is False when it was there already; `superseded` are those it replaced."""

    job_id: JobId
    created: bool
    superseded: tuple[JobId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """The last attempt of one build of a job; see store/tables.py for `task` and `log_start`."""

    name: str
    host: str
    state: StepState
    attempts: int
    error: str | None
    started_at: datetime
    finished_at: datetime | None
    task: str | None = None
    log_start: int | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRecord:
    """What the last look at a host said: `facts` as the prober gave them, `reason` why it is not `ok`."""

    name: str
    ok: bool
    at: datetime
    facts: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRecord:
    """A build that waits for a host, and why."""

    name: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningBuild:
    """A build that holds a slot of a host."""

    project: str
    job: int
    build: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRecord:
    """A registered host. `spec` is what the operator says of it, `out` why it takes nothing new (empty: it does).

    `failures` in a row put it into quarantine `since` then, because of `why`; it is looked at again at `look_at`.
    """

    name: str
    spec: Mapping[str, Any]
    drained: bool
    failures: int
    since: datetime | None
    look_at: datetime | None
    why: str
    out: str
    running: tuple[RunningBuild, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is watched: one distribution (normalised name) of a project on one index."""

    project: str
    index: str
    distribution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRecord:
    """How the looks at what is watched go; see store/watchtables.py."""

    project: str
    index: str
    distribution: str
    since: datetime | None
    looked_at: datetime | None
    tried_at: datetime
    why: str
