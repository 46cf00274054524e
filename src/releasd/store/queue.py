"""The queue: from a hint to a claimed job, and back when its owner is gone.

Several pushes while a job is queued become one job for the newest commit. A job that never started `tag` may be
superseded, one that did may not: its version may be public, and only completing it makes the world whole.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, literal, or_, select, update

from releasd.errors import UsageError
from releasd.model import Bump, Job, JobId, JobState, PushHint
from releasd.store import log
from releasd.store.codec import Utc
from releasd.store.rows import JOB_COLUMNS, TERMINAL, Part, find_jobs, guarded, move, record
from releasd.store.tables import job as job_table
from releasd.store.tables import project_head, push
from releasd.store.values import Enqueued

_QUEUED = job_table.c.state == JobState.QUEUED
_RUNNING = job_table.c.state == JobState.RUNNING
_FRESH = _QUEUED & ~job_table.c.irrevocable


class Queue(Part):
    """Hints in, claimed jobs out."""

    def enqueue(
        self,
        project: str,
        commit: str,
        branch: str,
        *,
        source: str,
        now: datetime,
        uid: int | None = None,
        old: str | None = None,
        ref: str | None = None,
        options: Sequence[str] = (),
        bump: Bump | None = None,
        force: bool = False,
    ) -> Enqueued:
        """Make the job for a commit, durably, unless there is one; the queued job of an older commit is superseded.

        An operator's `bump` passes on to the job that supersedes. `force` makes another job for a commit whose last
        one is over.
        """
        ref = ref or f"refs/heads/{branch}"
        hint = PushHint(
            repository=project, ref=ref, old=old, new=commit, source=source, uid=uid, options=tuple(options)
        )
        with self._db.write() as conn:
            _keep_hint(conn, hint, now)
            set_head(conn, project, commit, now)
            same = (job_table.c.project == project, job_table.c.commit == commit)
            for last in find_jobs(conn, *same, newest_first=True, limit=1):
                if not (force and last.state in TERMINAL):
                    _ask_bump(conn, last, bump, now)
                    return Enqueued(job_id=last.id, created=False)
            waiting = find_jobs(conn, job_table.c.project == project, _FRESH)
            for older in waiting:
                supersede(conn, older, now, f"{commit[:12]} is newer")
                bump = bump or older.bump
            made = _insert(conn, hint, branch, bump, now)
            record(conn, "job.queued", made, now=now, source=source, bump=bump)
            return Enqueued(job_id=made.id, created=True, superseded=tuple(older.id for older in waiting))

    def claim(
        self, owner: str, *, now: datetime, lease: timedelta, projects: Collection[str] | None = None
    ) -> Job | None:
        """Take the oldest due job whose project (one of `projects`, if given) runs none; None when nothing is due."""
        busy = select(job_table.c.project).where(_RUNNING)
        due = or_(job_table.c.not_before.is_(None), job_table.c.not_before <= now)
        oldest = select(func.min(job_table.c.id)).where(_QUEUED, due, job_table.c.project.not_in(busy))
        if projects is not None:
            oldest = oldest.where(job_table.c.project.in_(projects))
        taken = {
            "state": JobState.RUNNING,
            "reason": "running",
            "owner": owner,
            "lease_until": now + lease,
            "not_before": None,
            "attempt": job_table.c.attempt + 1,
            "token": job_table.c.token + 1,
            "started_at": func.coalesce(job_table.c.started_at, literal(now, Utc())),
        }
        take = update(job_table).where(job_table.c.id == oldest.scalar_subquery()).values(taken)
        with self._db.write(durable=False) as conn:
            row = conn.execute(take.returning(*JOB_COLUMNS)).mappings().one_or_none()
            if row is None:
                return None
            claimed = Job(**row)
            record(conn, "job.claimed", claimed, now=now, owner=owner, token=claimed.token)
            return claimed

    def renew(self, owner: str, *, now: datetime, lease: timedelta) -> int:
        """Put off the end of all leases of `owner`; return how many it has."""
        renewed = update(job_table).where(_RUNNING, job_table.c.owner == owner).values(lease_until=now + lease)
        with self._db.write(durable=False) as conn:
            return conn.execute(renewed).rowcount

    def reclaim(self, now: datetime, *, except_owner: str | None = None, all_others: bool = False) -> tuple[Job, ...]:
        """Put running jobs whose lease ended back, leaving those of `except_owner` alone; return them as they were.

        With `all_others` the leases do not matter: the caller holds the lock that proves all other owners dead.
        """
        lost: list[ColumnElement[bool]] = [_RUNNING]
        if not all_others:
            lost.append(job_table.c.lease_until <= now)
        if except_owner is not None:
            lost.append(job_table.c.owner != except_owner)
        reason = "the daemon was restarted" if all_others else "the lease was lost"
        with self._db.write() as conn:
            jobs = find_jobs(conn, *lost)
            for job in jobs:
                record(conn, "lease.lost", job, now=now, owner=job.owner, reason=reason)
                put_back(conn, job, now=now, reason=reason, not_before=None)
            return jobs

    def fence(self, job_id: JobId, token: int) -> None:
        """Raise `Fenced` unless the job runs under exactly this token. To be called right before an outside effect."""
        with self._db.read() as conn:
            guarded(conn, job_id, token)

    def head_of(self, project: str) -> str | None:
        """Return the last commit of the project that became a job, None before the first."""
        with self._db.read() as conn:
            query = select(project_head.c.commit).where(project_head.c.project == project)
            return conn.execute(query).scalar_one_or_none()

    def set_head(self, project: str, commit: str, now: datetime) -> None:
        """Note that `commit` needs no job (any more): reconcile compares the branch's tip with it."""
        with self._db.write() as conn:
            set_head(conn, project, commit, now)


def set_head(conn: Connection, project: str, commit: str, now: datetime) -> None:
    """Note the last commit of `project` that was handled."""
    mine = project_head.c.project == project
    if not conn.execute(update(project_head).where(mine).values(commit=commit, at=now)).rowcount:
        conn.execute(insert(project_head).values(project=project, commit=commit, at=now))


def supersede(conn: Connection, job: Job, now: datetime, reason: str) -> None:
    """End a queued job because a newer commit is queued."""
    move(conn, job, JobState.SUPERSEDED, now=now, reason=reason, event="job.superseded")


def next_serial(conn: Connection, project: str, commit: str) -> int:
    """Return the number of the next job for a commit, from 1."""
    same = (job_table.c.project == project, job_table.c.commit == commit)
    return int(conn.execute(select(func.coalesce(func.max(job_table.c.serial), 0)).where(*same)).scalar_one()) + 1


def put_back(
    conn: Connection, job: Job, *, now: datetime, reason: str, not_before: datetime | None, **values: Any
) -> None:
    """Return a running job to the queue, or to where it then goes at once: cancelled, or superseded by a newer one.

    `job` is the running job; its journal decides, through `irrevocable`, whether it can be superseded.
    """
    if job.cancel_requested:
        move(conn, job, JobState.CANCELLED, now=now, reason="cancelled", event="job.cancelled", **values)
        return
    fresh = _is_fresh(conn, job.id) or values.get("irrevocable") is False
    waiting = find_jobs(conn, job_table.c.project == job.project, _FRESH) if fresh else ()
    for other in waiting:
        if other.id > job.id:
            values |= {"state": JobState.SUPERSEDED, "finished_at": now}
            move(conn, job, JobState.QUEUED, now=now, reason=f"job {other.id} is newer", event="job.requeued", **values)
            record(conn, "job.superseded", job, now=now, reason=f"job {other.id} is newer")
            return
        supersede(conn, other, now, f"job {job.id} is newer")
    move(conn, job, JobState.QUEUED, now=now, reason=reason, event="job.requeued", not_before=not_before, **values)


def _is_fresh(conn: Connection, job_id: JobId) -> bool:
    query = select(job_table.c.irrevocable).where(job_table.c.id == job_id)
    return not conn.execute(query).scalar_one()


def _keep_hint(conn: Connection, hint: PushHint, now: datetime) -> None:
    """Record a hint once: reconcile says the same thing again and again."""
    unique = {"project": hint.repository, "ref": hint.ref, "new": hint.new, "source": hint.source}
    known = select(push.c.id).where(*(push.c[name] == value for name, value in unique.items()))
    if conn.execute(known).one_or_none() is not None:
        return
    rest = {"old": hint.old, "uid": hint.uid, "options": hint.options, "at": now}
    conn.execute(insert(push).values(unique | rest))
    told = {"commit": hint.new, "ref": hint.ref, "source": hint.source, "options": hint.options}
    data = told if hint.uid is None else told | {"uid": hint.uid}
    log.append(conn, "push.received", now=now, project=hint.repository, data=data)


def _ask_bump(conn: Connection, job: Job, bump: Bump | None, now: datetime) -> None:
    """Let an operator's bump count for a job that waits and is not planned yet."""
    if bump is None or bump == job.bump:
        return
    if job.state is not JobState.QUEUED or job.plan is not None:
        raise UsageError(
            f"job {job.id} releases this commit already and is {job.state}, its bump cannot be changed",
            advice=f"Watch it: releasd status {job.id}",
        )
    conn.execute(update(job_table).where(job_table.c.id == job.id).values(bump=bump))
    record(conn, "job.changed", job, now=now, bump=bump)


def _insert(conn: Connection, hint: PushHint, branch: str, bump: Bump | None, now: datetime) -> Job:
    values = {
        "project": hint.repository,
        "commit": hint.new,
        "serial": next_serial(conn, hint.repository, hint.new),
        "branch": branch,
        "state": JobState.QUEUED,
        "reason": "waiting for a worker",
        "attempt": 0,
        "token": 0,
        "created_at": now,
        "source": hint.source,
        "cancel_requested": False,
        "irrevocable": False,
        "bump": bump,
    }
    return Job(**conn.execute(insert(job_table).values(values).returning(*JOB_COLUMNS)).mappings().one())
