"""Who was told of a release: one row for each target of a job, so that nobody is told again because of another."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from releasd.core.retry import delay
from releasd.errors import ReleasdError, Transient
from releasd.model import Evidence, JobId, StepState, TargetRecord
from releasd.store.codec import clean
from releasd.store.rows import Part, guarded, record
from releasd.store.tables import announcement as table

_NAMES = ("target", "state", "attempts", "error", "advice", "retryable", "retry_at", "at", "evidence")
_RECORDS = select(*(table.c[name] for name in _NAMES)).order_by(table.c.target)


class Announcements(Part):
    """The targets of a job. Every write raises `Fenced` when the job is no longer held under `token`."""

    def announcements(self, job_id: JobId) -> tuple[TargetRecord, ...]:
        """Return the targets that were told, or tried, by name."""
        with self._db.read() as conn:
            found = conn.execute(_RECORDS.where(table.c.job_id == job_id)).mappings()
            return tuple(TargetRecord(**row) for row in found)

    def announced(self, job_id: JobId, token: int, target: str, evidence: Evidence, *, now: datetime) -> None:
        """Record, durably, that a target was told: nobody wants to be told again after a power cut."""
        with self._db.write() as conn:
            job = guarded(conn, job_id, token)
            closed: dict[str, Any] = {"state": StepState.SUCCEEDED, "error": None, "advice": "", "retryable": False}
            attempts = _write(conn, job_id, target, closed | {"retry_at": None, "at": now, "evidence": dict(evidence)})
            told = {"target": target, "target_attempt": attempts, "evidence": dict(evidence)}
            record(conn, "announce.delivered", job, now=now, **told)

    def announce_failed(self, job_id: JobId, token: int, target: str, error: ReleasdError, *, now: datetime) -> None:
        """Record that a target was not told. What may pass is due again by core/retry.py, by itself."""
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            retryable = isinstance(error, Transient)
            asked = (error.retry_after if isinstance(error, Transient) else None) or 0.0
            pause = max(asked, delay(_attempts(conn, job_id, target) + 1))
            said = {"error": clean(error.message), "advice": clean(error.advice), "retryable": retryable}
            due = {"retry_at": now + timedelta(seconds=pause) if retryable else None}
            closed = {"state": StepState.FAILED, "at": now, "evidence": {}}
            attempts = _write(conn, job_id, target, closed | said | due)
            told = {"target": target, "target_attempt": attempts, **said, "advice": said["advice"] or None}
            record(conn, "announce.failed", job, now=now, **told)


def _attempts(conn: Connection, job_id: JobId, target: str) -> int:
    query = select(table.c.attempts).where(table.c.job_id == job_id, table.c.target == target)
    return int(conn.execute(query).scalar_one_or_none() or 0)


def _write(conn: Connection, job_id: JobId, target: str, values: dict[str, Any]) -> int:
    """Write the end of a target's attempt; return which attempt it was."""
    before = _attempts(conn, job_id, target)
    values |= {"attempts": before + 1}
    if before:
        mine = (table.c.job_id == job_id, table.c.target == target)
        conn.execute(update(table).where(*mine).values(values))
    else:
        conn.execute(insert(table).values(job_id=job_id, target=target, **values))
    return before + 1
