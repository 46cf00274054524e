"""What people and the engine ask about jobs. Nothing here writes."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select

from releasd.model import Job, JobId, JobState
from releasd.store.rows import Part, find_jobs, get_job
from releasd.store.tables import job as job_table


class Queries(Part):
    """Reading jobs."""

    def job(self, job_id: JobId) -> Job:
        """Return one job. Raises `UsageError` when there is none of that number."""
        with self._db.read() as conn:
            return get_job(conn, job_id)

    def jobs(
        self, project: str | None = None, states: Collection[JobState] | None = None, limit: int = 100
    ) -> tuple[Job, ...]:
        """Return at most `limit` jobs, newest first, of one project and in `states` if given."""
        where = [] if project is None else [job_table.c.project == project]
        if states is not None:
            where.append(job_table.c.state.in_(states))
        with self._db.read() as conn:
            return find_jobs(conn, *where, newest_first=True, limit=limit)

    def children_of(self, job: Job) -> tuple[JobId, ...]:
        """Return the jobs that a split made, or found made, for the packages of a repository's job; none for others."""
        if job.package or job.state is not JobState.SUCCEEDED or job.version:
            return ()
        same = (job_table.c.project == job.project, job_table.c.branch == job.branch, job_table.c.commit == job.commit)
        query = select(job_table.c.id).where(*same, job_table.c.package != "", job_table.c.id > job.id)
        with self._db.read() as conn:
            return tuple(conn.execute(query.order_by(job_table.c.id)).scalars())

    def newest_of_package(self, project: str, branch: str, package: str) -> Job | None:
        """Return the newest job for a package on a branch that was not superseded, None when there is none."""
        mine = (job_table.c.project == project, job_table.c.branch == branch, job_table.c.package == package)
        with self._db.read() as conn:
            found = find_jobs(conn, *mine, job_table.c.state != JobState.SUPERSEDED, newest_first=True, limit=1)
        return found[0] if found else None

    def queue(self) -> tuple[Job, ...]:
        """Return the queued jobs, oldest first, due or not."""
        with self._db.read() as conn:
            return find_jobs(conn, job_table.c.state == JobState.QUEUED)

    def queued_count(self) -> int:
        """Return how many jobs are queued, due or not."""
        with self._db.read() as conn:
            query = select(func.count()).select_from(job_table).where(job_table.c.state == JobState.QUEUED)
            return int(conn.execute(query).scalar_one())

    def why_queued(self) -> tuple[tuple[JobId, str, str], ...]:
        """Return of each queued job its number, its project, and the reason why it waits."""
        columns = (job_table.c.id, job_table.c.project, job_table.c.reason)
        with self._db.read() as conn:
            found = conn.execute(select(*columns).where(job_table.c.state == JobState.QUEUED).order_by(job_table.c.id))
            return tuple((row.id, row.project, row.reason) for row in found)

    def next_due(self, after: datetime) -> datetime | None:
        """Return the first time after `after` at which a queued job may be claimed; None when none waits for one."""
        waits = (job_table.c.state == JobState.QUEUED, job_table.c.not_before > after)
        with self._db.read() as conn:
            first: datetime | None = conn.execute(select(func.min(job_table.c.not_before)).where(*waits)).scalar()
        return first

    def last_release(self, project: str) -> Job | None:
        """Return the newest job of the project that released a version."""
        done = (job_table.c.state == JobState.SUCCEEDED, job_table.c.version.is_not(None))
        with self._db.read() as conn:
            found = find_jobs(conn, job_table.c.project == project, *done, newest_first=True, limit=1)
        return found[0] if found else None

    def unfinished_releases(self, project: str) -> tuple[Job, ...]:
        """Return the jobs that ended although their version may be public, newest first: a person has to look."""
        ended = job_table.c.state.in_((JobState.FAILED, JobState.CANCELLED))
        with self._db.read() as conn:
            mine = (job_table.c.project == project, ended, job_table.c.irrevocable)
            return find_jobs(conn, *mine, newest_first=True)
