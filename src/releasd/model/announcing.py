"""What is told of a release, and to whom it was told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from releasd.model.words import Bump, StepState


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedFile:
    """A published file. `size` in bytes."""

    filename: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A release as everybody is told of it: the same for each target and each repetition. `notes` is Markdown."""

    project: str
    distribution: str
    version: str
    pep440: str
    tag: str
    commit: str
    bump: Bump
    notes: str
    indexes: tuple[str, ...] = ()
    files: tuple[AnnouncedFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRecord:
    """Whether one target was told: `succeeded`, or `failed` and, where `retryable`, due again at `retry_at`.

    Attributes:
        target: its kind and name, such as `webhook:chat`, `forge:main`, `mail:team/a@example.org`, `deploy:mini`.
        attempts: how often it was tried since an operator last asked for it.
        evidence: what the target answered, as JSON values.
        at: when it was tried last.
    """

    target: str
    state: StepState
    attempts: int
    error: str | None
    advice: str
    retryable: bool
    retry_at: datetime | None
    at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def is_due(self, now: datetime) -> bool:
        """Return whether the target is to be told (again) at `now`, aware UTC."""
        return self.state is StepState.FAILED and self.retryable and (self.retry_at is None or self.retry_at <= now)
