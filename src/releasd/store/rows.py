"""What all modules of the store share: reading a job, guarding a write by the job's token, moving a job's state."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from releasd.core.lifecycle import require_job
from releasd.errors import Fenced, UsageError
from releasd.model import Job, JobId, JobState
from releasd.store import log
from releasd.store.codec import clean
from releasd.store.database import Database
from releasd.store.tables import job as job_table

JOB_COLUMNS = tuple(job_table.c[field.name] for field in fields(Job))
TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.SUPERSEDED})


class Part:
    """A part of the store: some of its methods, on the database that all parts share."""

    def __init__(self, database: Database) -> None:
        self._db = database


def find_jobs(
    conn: Connection, *where: ColumnElement[bool], newest_first: bool = False, limit: int | None = None
) -> tuple[Job, ...]:
    """Return the jobs that meet all of `where`, in the order of their making."""
    order = job_table.c.id.desc() if newest_first else job_table.c.id
    query = select(*JOB_COLUMNS).where(*where).order_by(order).limit(limit)
    return tuple(Job(**row) for row in conn.execute(query).mappings())


def get_job(conn: Connection, job_id: JobId) -> Job:
    """Return one job. Raises `UsageError` when there is none of that number."""
    found = find_jobs(conn, job_table.c.id == job_id)
    if not found:
        raise UsageError(f"there is no job {job_id}", advice="List the jobs: releasd status")
    return found[0]


def guarded(conn: Connection, job_id: JobId, token: int) -> Job:
    """Return the job if it runs under exactly this token. Raises `Fenced` otherwise.

    The caller's transaction is the only writer, so what is true here stays true until it commits.
    """
    holds = (job_table.c.id == job_id, job_table.c.token == token, job_table.c.state == JobState.RUNNING)
    found = find_jobs(conn, *holds)
    if not found:
        raise Fenced(f"job {job_id} is no longer held by attempt token {token}")
    return found[0]


def record(conn: Connection, name: str, job: Job, *, now: datetime, **data: Any) -> None:
    """Append an event about `job`; what is None is left out."""
    keys = {"version": job.version, "commit": job.commit, "attempt": job.attempt}
    known = {key: value for key, value in (keys | data).items() if value is not None}
    log.append(conn, name, now=now, project=job.project, job=job.id, data=known)


def move(
    conn: Connection, job: Job, target: JobState, *, now: datetime, reason: str, event: str, **values: Any
) -> None:
    """Change a job's state, with its event. Raises `IllegalTransition`."""
    require_job(job.state, target)
    changed = {
        "state": target,
        "reason": clean(reason),
        "owner": None,
        "lease_until": None,
        "not_before": None,
        "finished_at": now if target in TERMINAL else None,
    }
    conn.execute(update(job_table).where(job_table.c.id == job.id).values(changed | values))
    record(conn, event, job, now=now, reason=clean(reason))
