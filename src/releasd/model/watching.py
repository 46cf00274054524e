"""What an index serves of a project, as watched after the releases, and what is wrong with it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from releasd.model.announcing import Announcement

# Whose a file is: in the ledger; there before releasd looked for the first time; or from nobody knows where.
Origin = Literal["ledger", "before", "foreign"]
# What an alarm is about: a file that is not in the ledger, another digest in the listing, other bytes behind it; or a
# release that is there in part, on an index that soon takes no more of its files.
AlarmKind = Literal["foreign", "listed", "bytes", "closing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """A file of any version as an index lists it. `sha256` and `size` (bytes) are None where the index gives none."""

    filename: str
    sha256: str | None
    url: str
    yanked: bool = False
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFile:
    """What is remembered of a file that an index serves.

    Attributes:
        sha256: as listed last; where the index lists none, of its bytes when they were read first.
        missed: for how many looks in a row it was not listed.
        read_at: when its bytes were read last, None: never.
        wrong: the digest of its bytes when they were read last and were not what they should be, else None.
    """

    filename: str
    sha256: str | None
    origin: Origin
    yanked: bool = False
    missed: int = 0
    read_at: datetime | None = None
    wrong: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """What a look found wrong. `expected` is None where nothing of that name was; `version` "" where it has none."""

    kind: AlarmKind
    filename: str
    version: str
    expected: str | None
    found: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAlarm:
    """What a person has to look at, until it is acknowledged.

    Attributes:
        filename: of a "closing" one, the files that lack, divided by commas.
        closes_at: of a "closing" one, when the index takes no more.
    """

    id: int
    project: str
    index: str
    distribution: str
    kind: AlarmKind
    filename: str
    version: str
    expected: str | None
    found: str | None
    at: datetime
    closes_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    note: str | None = None


# What webhooks and people are told.
News = Announcement | IndexAlarm
