"""Builds that wait for a host, until they have one; jobs that wait because no host can be used at all."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update

from releasd.core.schedule import LONGEST_QUARANTINE, Placement
from releasd.model import JobId, JobState, StepName, StepState
from releasd.store.codec import clean
from releasd.store.queue import put_back
from releasd.store.rows import Brief, Part, guarded, record
from releasd.store.slots import explain, hand_out, stop_waiting, why_out
from releasd.store.tables import build as build_table
from releasd.store.tables import host_state, waiting_build
from releasd.store.tables import job as job_table
from releasd.store.tables import step as step_table
from releasd.store.values import WaitingRecord

LOOK_EVERY = timedelta(seconds=5)  # between two looks by one who waits; who frees a slot hands it on at once
_THIS = (waiting_build.c.job_id == bindparam("of"), waiting_build.c.name == bindparam("called"))
_WAITS = select(waiting_build.c.token, waiting_build.c.looked_at, waiting_build.c.reason).where(*_THIS)
_RUNS_ON = select(build_table.c.host).where(
    build_table.c.job_id == bindparam("of"),
    build_table.c.name == bindparam("called"),
    build_table.c.state == StepState.STARTED,
)
_ANY_RUNS = select(build_table.c.name).where(
    build_table.c.job_id == bindparam("of"), build_table.c.state == StepState.STARTED
)
_ADD = insert(waiting_build)
_RENEW = update(waiting_build).where(*_THIS)


class Placing(Part):
    """Which build is given which host's slot."""

    def place_build(
        self,
        job_id: JobId,
        token: int,
        name: str,
        *,
        hosts: Mapping[str, int],
        labels: Sequence[str] = (),
        now: datetime,
    ) -> Placement:
        """Give a build a slot of one of `hosts` (name to slots) when it is its turn; until then it waits, and says why.

        To be asked again several times a second: nearly always that costs one look at its own row. A build that holds
        a slot of one of `hosts` keeps it. Raises `Fenced`.
        """
        this = {"of": job_id, "called": name}
        with self._db.read() as conn:
            waits = conn.execute(_WAITS, this).one_or_none()
        if waits is not None and waits.token == token and now - waits.looked_at < LOOK_EVERY:
            return Placement(reason=waits.reason)
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            host = _host_of(conn, job_id, name)
            if host in hosts:
                return Placement(host=host)
            _wait(conn, job, name, hosts, labels=labels, now=now)
            hand_out(conn, now)
            host = _host_of(conn, job_id, name)
            return Placement(host=host) if host in hosts else _explained(conn, job_id, name, now)

    def leave_build(self, job_id: JobId, token: int, name: str, *, now: datetime) -> None:
        """Let a build wait no longer; a slot that it has goes to the next, for it runs nowhere. Raises `Fenced`."""
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            stop_waiting(conn, job_id, name)
            host = _host_of(conn, job_id, name)
            if host is not None:
                why = "it does not run there"
                mine = and_(build_table.c.job_id == job_id, build_table.c.name == name)
                ended = {"state": StepState.FAILED, "error": why, "finished_at": now, "task": None}
                conn.execute(update(build_table).where(mine).values(ended))
                record(conn, "build.failed", job, now=now, build=name, host=host, error=why)
                hand_out(conn, now)

    def park(
        self, job_id: JobId, token: int, name: str, *, hosts: Mapping[str, int], reason: str, now: datetime
    ) -> None:
        """Give a job back to the queue until one of `hosts` can be used, for the build `name`.

        It is due as soon as one recovers or is resumed (at once where one has meanwhile) and when a host is new, and
        looked at again in any case after `LONGEST_QUARANTINE`.
        Its next attempt looks at the circumstances anew: what `preflight` found is forgotten. Raises `Fenced`.
        """
        with self._db.write() as conn:
            job = guarded(conn, job_id, token)
            again = now if _one_is_back(conn, hosts) else now + timedelta(seconds=LONGEST_QUARANTINE)
            put_back(conn, job, now=now, reason=reason, not_before=again)
            if not job.irrevocable:
                looked = and_(step_table.c.job_id == job_id, step_table.c.name == StepName.PREFLIGHT)
                conn.execute(delete(step_table).where(looked))
            _wait(conn, job, name, hosts, labels=(), now=now, reason=reason)

    def waiting(self, job_id: JobId) -> tuple[WaitingRecord, ...]:
        """Return the builds of a job that wait for a host, by name; of a job that runs no more, why it is queued."""
        live = and_(job_table.c.id == waiting_build.c.job_id, job_table.c.token == waiting_build.c.token)
        states = job_table.c.state.in_((JobState.RUNNING, JobState.QUEUED))
        columns = (waiting_build.c.name, waiting_build.c.since, waiting_build.c.reason)
        query = select(*columns).join(job_table, and_(live, states)).where(waiting_build.c.job_id == job_id)
        with self._db.read() as conn:
            rows = conn.execute(query.order_by(waiting_build.c.name)).mappings()
            return tuple(WaitingRecord(**row) for row in rows)


def wake_waiting(conn: Connection, host: str, now: datetime, *, is_new: bool = False) -> None:
    """Make the jobs due that were put off until `host` can be used, and hand out its slots; a new one may suit any."""
    live = and_(job_table.c.id == waiting_build.c.job_id, job_table.c.token == waiting_build.c.token)
    query = select(waiting_build.c.job_id, waiting_build.c.hosts).join(
        job_table, and_(live, job_table.c.state == JobState.QUEUED)
    )
    due = sorted({row.job_id for row in conn.execute(query) if is_new or host in row.hosts})
    if due:
        late = or_(job_table.c.not_before.is_(None), job_table.c.not_before > now)
        conn.execute(update(job_table).where(job_table.c.id.in_(due), late).values(not_before=now))
    hand_out(conn, now)


def _one_is_back(conn: Connection, hosts: Iterable[str]) -> bool:
    rows = conn.execute(select(host_state).where(host_state.c.name.in_(tuple(hosts)))).mappings()
    return any(not why_out(dict(row)) for row in rows)


def _wait(
    conn: Connection,
    job: Brief,
    name: str,
    hosts: Mapping[str, int],
    *,
    labels: Sequence[str],
    now: datetime,
    reason: str = "",
) -> None:
    values = {"token": job.token, "looked_at": now, "hosts": dict(hosts), "labels": list(labels)}
    values |= {"reason": clean(reason)}
    if not conn.execute(_RENEW, values | {"of": job.id, "called": name}).rowcount:
        conn.execute(_ADD, values | {"job_id": job.id, "name": name, "since": now})


def _host_of(conn: Connection, job_id: JobId, name: str) -> str | None:
    host: str | None = conn.execute(_RUNS_ON, {"of": job_id, "called": name}).scalar_one_or_none()
    return host


def _explained(conn: Connection, job_id: JobId, name: str, now: datetime) -> Placement:
    """Say why a build waits. It is not stuck while others of its job run: they are not to be waited for in vain."""
    found = explain(conn, job_id, name, now)
    if found.is_stuck and conn.execute(_ANY_RUNS, {"of": job_id}).first() is not None:
        return Placement(reason=found.reason)
    return found
