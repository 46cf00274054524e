"""What all modules of the store share: reading a job, guarding a write by the job's token, moving a job's state."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, select, update

from releasd.core.lifecycle import require_job
from releasd.errors import Fenced, UsageError
from releasd.model import Bump, Job, JobId, JobState, StepState
from releasd.store import log
from releasd.store.codec import Utc, clean
from releasd.store.database import Database
from releasd.store.tables import build as build_table
from releasd.store.tables import job as job_table
from releasd.store.tables import waiting_build

JOB_COLUMNS = tuple(job_table.c[field.name] for field in fields(Job))
"""Statements that every step of every job runs are made once: making them costs more than running them."""

TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.SUPERSEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """Of a job, what deciding about it and telling of it needs; without the plan, which may be large.

    `irrevocable`: `tag` was at least started, so the version may be public.
    """

    id: JobId
    project: str
    commit: str
    branch: str
    package: str
    version: str | None
    attempt: int
    token: int
    state: JobState
    owner: str | None
    bump: Bump | None
    cancel_requested: bool
    irrevocable: bool


_BRIEF = select(*(job_table.c[field.name] for field in fields(Brief))).order_by(job_table.c.id)
_HELD = _BRIEF.where(
    job_table.c.id == bindparam("id"), job_table.c.token == bindparam("token"), job_table.c.state == JobState.RUNNING
)
_CHANGE = update(job_table).where(job_table.c.id == bindparam("job_id"))


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
        raise _unknown(job_id)
    return found[0]


def briefs(conn: Connection, *where: ColumnElement[bool]) -> tuple[Brief, ...]:
    """Return what meets all of `where`, in the order of their making."""
    return tuple(Brief(**row) for row in conn.execute(_BRIEF.where(*where)).mappings())


def get_brief(conn: Connection, job_id: JobId) -> Brief:
    """Return one job in brief. Raises `UsageError` when there is none of that number."""
    found = briefs(conn, job_table.c.id == job_id)
    if not found:
        raise _unknown(job_id)
    return found[0]


def _unknown(job_id: JobId) -> UsageError:
    return UsageError(f"there is no job {job_id}", advice="List the jobs: releasd status")


def guarded(conn: Connection, job_id: JobId, token: int) -> Brief:
    """Return the job if it runs under exactly this token. Raises `Fenced` otherwise.

    The caller's transaction is the only writer, so what is true here stays true until it commits.
    """
    row = conn.execute(_HELD, {"id": job_id, "token": token}).mappings().one_or_none()
    if row is None:
        raise Fenced(f"job {job_id} is no longer held under token {token}")
    return Brief(**row)


def change(conn: Connection, job_id: JobId, **values: Any) -> None:
    """Write columns of one job."""
    conn.execute(_CHANGE, {"job_id": job_id} | values)


def record(conn: Connection, name: str, job: Brief | Job, *, now: datetime, **data: Any) -> None:
    """Append an event about `job`; what is None is left out."""
    keys = {"package": job.package or None, "version": job.version, "commit": job.commit, "attempt": job.attempt}
    known = {key: value for key, value in (keys | data).items() if value is not None}
    log.append(conn, name, now=now, project=job.project, job=job.id, data=known)


def move(
    conn: Connection, job: Brief, target: JobState, *, now: datetime, reason: str, event: str, **values: Any
) -> None:
    """Change a job's state, with its event. Raises `IllegalTransition`."""
    require_job(job.state, target)
    end_builds(conn, job.id, now)
    changed = {
        "state": target,
        "reason": clean(reason),
        "owner": None,
        "lease_until": None,
        "not_before": None,
        "finished_at": now if target in TERMINAL else None,
    }
    change(conn, job.id, **(changed | values))
    record(conn, event, job, now=now, reason=clean(reason))


def end_builds(conn: Connection, job_id: JobId, now: datetime) -> None:
    """Close what an attempt that is over left open, so that it takes no host's slot and waits for none.

    What may still run on a host takes its slot there, whether anyone returns to it or not; `Builds.end_left` closes it.
    """
    mine = and_(build_table.c.job_id == job_id, build_table.c.state == StepState.STARTED)
    left_now = {"finished_at": func.coalesce(build_table.c.finished_at, bindparam("left_at", now, Utc()))}
    conn.execute(update(build_table).where(mine, build_table.c.task.is_not(None)).values(left_now))
    ended = {"state": StepState.FAILED, "error": "the attempt ended", "finished_at": now}
    conn.execute(update(build_table).where(mine, build_table.c.task.is_(None)).values(ended))
    conn.execute(delete(waiting_build).where(waiting_build.c.job_id == job_id))
