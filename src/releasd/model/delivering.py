"""How far each file of a release has come on each of its destinations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class FileState(StrEnum):
    """A file's way to the users of an index. It only ever goes on."""

    PLANNED = "planned"  # to be sent, if the index has it not
    UPLOADED = "uploaded"  # the index took it; it does not list it yet
    SERVED = "served"  # listed, with our digest
    VERIFIED = "verified"  # downloaded, with our bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """One file on one destination. A file that was there already was never `uploaded_at`.

    Attributes:
        index: the destination's name.
        size: in bytes.
        error: what the last attempt to send it met; None once it arrived.
    """

    index: str
    filename: str
    sha256: str
    size: int
    state: FileState
    error: str | None
    planned_at: datetime
    uploaded_at: datetime | None = None
    served_at: datetime | None = None
    verified_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRecord:
    """One destination of a job that was proven whole: `evidence` says how. `position` counts from 0."""

    index: str
    position: int
    proven_at: datetime | None
    evidence: Mapping[str, Any] = field(default_factory=dict)
