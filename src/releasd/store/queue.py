"""The queue: from a hint to a claimed job, and back when its owner is gone.

Several pushes while a job is queued become one job for the newest commit. A job that never started `tag` may be
superseded, one that did may not: its version may be public, and only completing it makes the world whole.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, or_, select, update

from releasd.core.lifecycle import require_job
from releasd.errors import UsageError
from releasd.model import Bump, Job, JobId, JobState, PushHint
from releasd.store.codec import Utc
from releasd.store.hints import keep_hint, move_head
from releasd.store.rows import (
    JOB_COLUMNS,
    TERMINAL,
    Brief,
    Part,
    briefs,
    change,
    find_jobs,
    get_job,
    guarded,
    move,
    record,
)
from releasd.store.tables import job as job_table
from releasd.store.values import Enqueued

_SPLIT = ("split", "replan")  # who makes packages' jobs besides operators
_QUEUED = job_table.c.state == JobState.QUEUED
_RUNNING = job_table.c.state == JobState.RUNNING
_FRESH = _QUEUED & ~job_table.c.irrevocable


def _claim(*where: ColumnElement[bool]) -> Any:
    """Make the statement that takes the oldest due job that meets all of `where`."""
    busy = select(job_table.c.project).where(_RUNNING)
    due = or_(job_table.c.not_before.is_(None), job_table.c.not_before <= bindparam("now"))
    oldest = select(func.min(job_table.c.id)).where(_QUEUED, due, job_table.c.project.not_in(busy), *where)
    taken = {
        "state": JobState.RUNNING,
        "reason": "running",
        "owner": bindparam("by"),
        "lease_until": bindparam("until"),
        "not_before": None,
        "attempt": job_table.c.attempt + 1,
        "token": job_table.c.token + 1,
        "started_at": func.coalesce(job_table.c.started_at, bindparam("now", type_=Utc())),
    }
    take = update(job_table).where(job_table.c.id == oldest.scalar_subquery()).values(taken)
    return take.returning(*JOB_COLUMNS)


_CLAIM = _claim()
_CLAIM_OF = _claim(job_table.c.project.in_(bindparam("projects", expanding=True)))
_SAME_COMMIT = (job_table.c.project == bindparam("of"), job_table.c.commit == bindparam("at"))
_SERIAL = select(func.coalesce(func.max(job_table.c.serial), 0) + 1).where(*_SAME_COMMIT)
_ADD = insert(job_table).returning(*JOB_COLUMNS)


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
        package: str = "",
        bump: Bump | None = None,
        force: bool = False,
    ) -> Enqueued:
        """Make the job for a branch's newest commit, durably, unless there is one; it supersedes the queued one.

        With `package` the job is for one of the repository's packages; what is for another is left alone.

        An operator's `bump` passes on to the job that supersedes. A job that was superseded does not count: the branch
        came back to its commit. `force` makes another job for a commit whose last one is over. Raises `UsageError`
        when `bump` comes too late for the job that there is.
        """
        ref = ref or f"refs/heads/{branch}"
        hint = PushHint(
            repository=project, ref=ref, old=old, new=commit, source=source, uid=uid, options=tuple(options)
        )
        with self._db.write() as conn:
            keep_hint(conn, hint, now)
            if not package:  # else a push that nobody told of yet would be taken for handled
                move_head(conn, project, branch, commit, now)
            line = _line(project, branch, package)
            older = _waiting(conn, *line, job_table.c.commit != commit)
            for job in older:
                _supersede(conn, job, now, f"{commit[:12]} is newer")
            replaced = tuple(job.id for job in older)
            for last in find_jobs(conn, *line, job_table.c.commit == commit, newest_first=True, limit=1):
                if not _is_to_be_repeated(last, force=force):
                    _ask_bump(conn, last, bump, now)
                    return Enqueued(job_id=last.id, created=False, superseded=replaced)
            for job in older:
                bump = bump or job.bump
            made = _insert(conn, hint, now, branch=branch, package=package, bump=bump)
            return Enqueued(job_id=made, created=True, superseded=replaced)

    def supersede_packages(
        self, project: str, branch: str, commit: str, *, keep: Collection[str], now: datetime
    ) -> None:
        """Take the jobs out of the queue that a split made for packages which want none at `commit`, which is newer."""
        made = (job_table.c.project == project, job_table.c.branch == branch, job_table.c.source.in_(_SPLIT))
        unwanted = (job_table.c.package != "", job_table.c.package.not_in(keep), job_table.c.commit != commit)
        with self._db.write() as conn:
            for job in _waiting(conn, *made, *unwanted):
                _supersede(conn, job, now, f"{commit[:12]} asks for no release of it")

    def claim(
        self, owner: str, *, now: datetime, lease: timedelta, projects: Collection[str] | None = None
    ) -> Job | None:
        """Take the oldest due job whose project (one of `projects`, if given) runs none; None when nothing is due."""
        take, asked = _CLAIM, {"now": now, "by": owner, "until": now + lease}
        if projects is not None:
            take, asked = _CLAIM_OF, asked | {"projects": list(projects)}
        with self._db.write(durable=False) as conn:
            row = conn.execute(take, asked).mappings().one_or_none()
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
        """Put running jobs whose lease ended back, leaving those of `except_owner` alone; return them as they now are.

        With `all_others` the leases do not matter: the caller holds the lock that proves all other owners dead.
        """
        lost: list[ColumnElement[bool]] = [_RUNNING]
        if not all_others:
            lost.append(job_table.c.lease_until <= now)
        if except_owner is not None:
            lost.append(job_table.c.owner != except_owner)
        reason = "the daemon was restarted" if all_others else "the lease was lost"
        with self._db.read() as conn:
            if not briefs(conn, *lost):  # nearly always: this is asked at every look, and a write waits for the disk
                return ()
        with self._db.write() as conn:
            found = briefs(conn, *lost)
            for job in found:
                record(conn, "lease.lost", job, now=now, owner=job.owner, reason=reason)
                put_back(conn, job, now=now, reason=reason, not_before=None)
            return tuple(get_job(conn, job.id) for job in found)

    def fence(self, job_id: JobId, token: int) -> None:
        """Raise `Fenced` unless the job runs under exactly this token. To be called right before an outside effect."""
        with self._db.read() as conn:
            guarded(conn, job_id, token)


def put_back(conn: Connection, job: Brief, *, now: datetime, reason: str, not_before: datetime | None) -> None:
    """Return a running job to the queue, or at once to where it goes from there: cancelled, or superseded.

    An operator's bump passes on to the job that supersedes, as in `enqueue`.
    """
    if job.cancel_requested:
        move(conn, job, JobState.CANCELLED, now=now, reason="cancelled", event="job.cancelled")
        return
    for other in () if job.irrevocable else _waiting(conn, *_line(job.project, job.branch, job.package)):
        if other.id > job.id:
            _pass_bump(conn, job, other, now)
            _skip_queue(conn, job, now, f"job {other.id} is newer")
            return
        _pass_bump(conn, other, job, now)
        _supersede(conn, other, now, f"job {job.id} is newer")
    move(conn, job, JobState.QUEUED, now=now, reason=reason, event="job.requeued", not_before=not_before)


def _line(project: str, branch: str, package: str) -> tuple[ColumnElement[bool], ...]:
    """Return what is true of the jobs that supersede each other."""
    wanted = (job_table.c.project == project, job_table.c.branch == branch)
    return (*wanted, job_table.c.package == package)


def _waiting(conn: Connection, *where: ColumnElement[bool]) -> tuple[Brief, ...]:
    """Return the queued job of a line that can be superseded (the schema allows one)."""
    return briefs(conn, _FRESH, *where)


def _is_to_be_repeated(last: Job, *, force: bool) -> bool:
    return last.state is JobState.SUPERSEDED or (force and last.state in TERMINAL)


def _supersede(conn: Connection, job: Brief, now: datetime, reason: str) -> None:
    move(conn, job, JobState.SUPERSEDED, now=now, reason=reason, event="job.superseded")


def _skip_queue(conn: Connection, job: Brief, now: datetime, reason: str) -> None:
    """Go from running over queued to superseded in one write: the schema refuses the state between."""
    require_job(job.state, JobState.QUEUED)
    _supersede(conn, replace(job, state=JobState.QUEUED), now, reason)


def _pass_bump(conn: Connection, old: Brief, new: Brief, now: datetime) -> None:
    """Let the bump of a superseded job count for `new`, unless that one has its own or is planned."""
    if old.bump is None or new.bump is not None or new.version is not None:
        return
    change(conn, new.id, bump=old.bump)
    record(conn, "job.changed", new, now=now, bump=old.bump)


def _ask_bump(conn: Connection, job: Job, bump: Bump | None, now: datetime) -> None:
    """Let an operator's bump count for a job that waits and is not planned yet."""
    if bump is None or bump == job.bump:
        return
    is_held = job.plan is not None and bool(job.plan.hold)
    if job.state is not JobState.QUEUED or (job.plan is not None and not is_held):
        raise UsageError(
            f"job {job.id} is for this commit already and is {job.state}; its bump cannot be changed",
            advice=f"Look at it: releasd status {job.id}",
        )
    again = {"plan": None, "version": None, "tag": None, "not_before": None} if is_held else {}
    change(conn, job.id, bump=bump, **again)
    record(conn, "job.changed", job, now=now, bump=bump)


def _insert(conn: Connection, hint: PushHint, now: datetime, *, branch: str, package: str, bump: Bump | None) -> JobId:
    values = {
        "project": hint.repository,
        "commit": hint.new,
        "serial": conn.execute(_SERIAL, {"of": hint.repository, "at": hint.new}).scalar_one(),
        "branch": branch,
        "package": package,
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
    made = Job(**conn.execute(_ADD, values).mappings().one())
    record(conn, "job.queued", made, now=now, source=hint.source, bump=bump)
    return made.id
