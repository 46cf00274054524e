"""What is known of files on their way to an index, and what follows from it (publishing-facts.md §0 and §2).

The record is only for people and for patience: whether a file is there is always asked of the index.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from releasd.core.crates import ENDING
from releasd.errors import Conflict, Denied, Permanent, ReleasdError, SecretError, Transient
from releasd.model import Artifact, DeliveryRecord, FileState

OPEN_FOR = timedelta(days=14)  # the public index takes no new files for an older release (facts §0.1)
PROPAGATION = timedelta(minutes=30)  # so long a taken file may stay unlisted before it is sent again (facts §2)
WARN_BEFORE = tuple(timedelta(days=days) for days in (7, 3, 1, 0))  # before the release closes
_ORDER = tuple(FileState)
_WORST_FIRST: tuple[type[ReleasdError], ...] = (Conflict, Denied, SecretError, Permanent, Transient, ReleasdError)


def in_order(artifacts: Iterable[Artifact]) -> tuple[Artifact, ...]:
    """Return the files in the order in which they go up: wheels before sdists, the small ones first.

    An installer that finds an sdist alone would build it; a slow upload that dies has then sent the most files.
    """
    return tuple(sorted(artifacts, key=lambda each: (not each.filename.endswith(".whl"), each.size, each.filename)))


def advanced(record: DeliveryRecord, state: FileState, now: datetime) -> DeliveryRecord:
    """Return the record at `state`, or as it was where it is further already; what is sent again is taken anew."""
    again = state is FileState.UPLOADED and record.state is FileState.UPLOADED
    if not again and _ORDER.index(state) <= _ORDER.index(record.state):
        return record
    moved = replace(record, state=state, error=None)
    if state is FileState.UPLOADED:
        return replace(moved, uploaded_at=now)
    if state is FileState.SERVED:
        return replace(moved, served_at=now)
    return replace(moved, served_at=record.served_at or now, verified_at=now)


def is_awaited(record: DeliveryRecord | None, now: datetime) -> bool:
    """Return whether the index had the file not long ago, so that it may list it yet without being sent it again.

    Also of a file that it listed: the nodes of a large index do not agree at every moment.
    """
    if record is None:
        return False
    times = (record.uploaded_at, record.served_at, record.verified_at)
    return any(now - at < PROPAGATION for at in filter(None, times))


def closes_at(records: Sequence[DeliveryRecord]) -> datetime | None:
    """Return when an index by the public one's rules takes no more files of this release; None: nothing there yet.

    A registry takes a crate's new version at any time: what lacks is another crate, not another file.
    """
    of_python = [each for each in records if not each.filename.endswith(ENDING)]
    seen = [at for each in of_python for at in (each.uploaded_at, each.served_at) if at is not None]
    return min(seen) + OPEN_FOR if seen else None


def lacking(records: Iterable[DeliveryRecord]) -> tuple[str, ...]:
    """Return the names of the files that never arrived."""
    return tuple(each.filename for each in records if each.state is FileState.PLANNED)


def warnings_due(closing: datetime, now: datetime) -> int:
    """Return how many of the warnings `WARN_BEFORE` are due."""
    return sum(closing - now <= before for before in WARN_BEFORE)


def ends_all(error: ReleasdError) -> bool:
    """Return whether the same would be said of the other files, or nobody wants to hear of them now."""
    asks_for_time = isinstance(error, Transient) and error.retry_after is not None
    return asks_for_time or isinstance(error, Denied | SecretError)


def combined(failures: Mapping[str, ReleasdError]) -> ReleasdError:
    """Return one error for all files that were not taken, to be raised; the worst cause decides on repetition.

    `failures` has at least one, by file name. The error's `by_file` has each one's words.
    """
    by_file = {name: error.message for name, error in failures.items()}
    kind, worst = next((kind, error) for kind in _WORST_FIRST for error in failures.values() if isinstance(error, kind))
    if all(error is worst for error in failures.values()):
        worst.by_file = by_file
        return worst
    told = dict.fromkeys(error.message for error in failures.values())
    text = worst.message
    if len(told) > 1:
        lines = (f"  {name}: {error.message}" for name, error in failures.items())
        text = "\n".join((f"{len(failures)} files were not taken:", *lines))
    asked = max((error.retry_after or 0.0 for error in failures.values() if isinstance(error, Transient)), default=0.0)
    made = Transient(text, advice=worst.advice, retry_after=asked or None) if kind is Transient else None
    result = made or kind(text, advice=worst.advice)
    result.by_file = by_file
    return result
