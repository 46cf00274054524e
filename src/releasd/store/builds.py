"""Builds and the artifacts that they leave. A sealed artifact is never changed and never made again."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, insert, select, update

from releasd.core.lifecycle import require_step
from releasd.errors import Conflict
from releasd.model import Artifact, Evidence, JobId, LeftRunning, StepState
from releasd.store.codec import clean
from releasd.store.rows import Brief, Part, get_brief, guarded, record
from releasd.store.slots import hand_out, note_place, note_success
from releasd.store.tables import artifact as artifact_table
from releasd.store.tables import build as build_table
from releasd.store.tables import loss
from releasd.store.values import BuildRecord

_ARTIFACT = tuple(artifact_table.c[name] for name in ("filename", "sha256", "size", "build", "host"))
_BUILD = tuple(build_table.c[field.name] for field in fields(BuildRecord))
_IS_LEFT = (build_table.c.state == StepState.STARTED, build_table.c.finished_at.is_not(None))
_LEFT = select(*(build_table.c[key] for key in ("job_id", "name", "host", "finished_at", "leash"))).where(*_IS_LEFT)
NOT_RETURNED = "nobody came back to it before its leash was up"


class Builds(Part):
    """Builds and artifacts of a job. Every write raises `Fenced` when the job is no longer held under `token`."""

    def build_sealed(
        self,
        job_id: JobId,
        token: int,
        name: str,
        host: str,
        artifacts: Sequence[Artifact],
        *,
        now: datetime,
        evidence: Evidence = MappingProxyType({}),
    ) -> None:
        """Record, durably, that a build ended well, that these are its files for ever, and how they were made.

        Raises:
            Conflict: a file of one of these names with other bytes is sealed.
        """
        with self._db.write() as conn:
            job = guarded(conn, job_id, token)
            for artifact in artifacts:
                _seal(conn, job, artifact, now)
            ended = {"host": host, "error": None, "finished_at": now, "evidence": dict(evidence)}
            _close(conn, job, name, StepState.SUCCEEDED, **ended)
            note_place(conn, job.project, name, host, what="succeeded_at", now=now)
            note_success(conn, host)
            record(conn, "build.succeeded", job, now=now, build=name, host=host, evidence=dict(evidence))
            hand_out(conn, now)

    def artifacts(self, job_id: JobId) -> tuple[Artifact, ...]:
        """Return the sealed files of a job, by name."""
        query = select(*_ARTIFACT).where(artifact_table.c.job_id == job_id).order_by(artifact_table.c.filename)
        with self._db.read() as conn:
            return tuple(Artifact(**row) for row in conn.execute(query).mappings())

    def build_kept(self, job_id: JobId, token: int, name: str, left: LeftRunning, *, leash: float) -> None:
        """Note, before a build begins on the host whose slot it has, where a later attempt of the job finds it.

        Without a daemon it goes on there for `leash` seconds.
        """
        with self._db.write(durable=False) as conn:
            guarded(conn, job_id, token)
            values = {"task": left.task, "log_start": left.log_start, "leash": leash}
            held = (build_table.c.host == left.host, build_table.c.state == StepState.STARTED)
            conn.execute(_change(job_id, name).where(*held).values(values))

    def build_log_moved(self, job_id: JobId, token: int, name: str, by: int) -> None:
        """Count the output of a build that is found again from `by` bytes further on in its log."""
        with self._db.write(durable=False) as conn:
            guarded(conn, job_id, token)
            conn.execute(_change(job_id, name).values(log_start=build_table.c.log_start + by))

    def build_attached(self, job_id: JobId, token: int, name: str, *, now: datetime) -> None:
        """Open a build again that an earlier attempt of the job left running."""
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            before = _build(conn, job_id, name)
            require_step(before.state if before else None, StepState.STARTED)
            conn.execute(_change(job_id, name).values(state=StepState.STARTED, error=None, finished_at=None))
            record(conn, "build.attached", job, now=now, build=name, host=before.host if before else None)

    def end_left(self, now: datetime) -> None:
        """Close the builds that were left running and that nobody came back to: their hosts have ended them by now."""
        with self._db.read() as conn:
            rows = conn.execute(_LEFT).all()
        due = [row for row in rows if row.finished_at + timedelta(seconds=row.leash) <= now]
        if not due:
            return
        with self._db.write(durable=False) as conn:
            for row in due:
                still = (build_table.c.state == StepState.STARTED, build_table.c.finished_at == row.finished_at)
                closed = {"state": StepState.FAILED, "error": NOT_RETURNED}
                if conn.execute(_change(row.job_id, row.name).where(*still).values(closed)).rowcount:
                    job = get_brief(conn, row.job_id)
                    record(conn, "build.failed", job, now=now, build=row.name, host=row.host, error=NOT_RETURNED)
            hand_out(conn, now)

    def build_failed(self, job_id: JobId, token: int, name: str, host: str, error: str, *, now: datetime) -> None:
        """Close a build that ended badly, or could not be begun on its host."""
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            _close(conn, job, name, StepState.FAILED, host=host, error=clean(error), finished_at=now)
            record(conn, "build.failed", job, now=now, build=name, host=host, error=clean(error))
            hand_out(conn, now)

    def lost(self, job_id: JobId, token: int, part: str, host: str, error: str) -> tuple[str, ...]:
        """Count that `host` failed in the middle of `part` of a job; return each time that one did, as text."""
        mine = (loss.c.job_id == job_id, loss.c.part == part)
        with self._db.write(durable=False) as conn:
            guarded(conn, job_id, token)
            before = conn.execute(select(loss.c.told).where(*mine).order_by(loss.c.number)).scalars().all()
            told = f"{host} ({clean(error)})"
            conn.execute(insert(loss).values(job_id=job_id, part=part, number=len(before) + 1, told=told))
            return (*before, told)

    def builds(self, job_id: JobId) -> tuple[BuildRecord, ...]:
        """Return the builds of a job, by name."""
        query = select(*_BUILD).where(build_table.c.job_id == job_id).order_by(build_table.c.name)
        with self._db.read() as conn:
            return tuple(BuildRecord(**row) for row in conn.execute(query).mappings())


def _change(job_id: JobId, name: str) -> Any:
    return update(build_table).where(build_table.c.job_id == job_id, build_table.c.name == name)


def _build(conn: Connection, job_id: JobId, name: str) -> BuildRecord | None:
    query = select(*_BUILD).where(build_table.c.job_id == job_id, build_table.c.name == name)
    row = conn.execute(query).mappings().one_or_none()
    return None if row is None else BuildRecord(**row)


def _artifact(conn: Connection, job_id: JobId, filename: str) -> Artifact | None:
    mine = (artifact_table.c.job_id == job_id, artifact_table.c.filename == filename)
    row = conn.execute(select(*_ARTIFACT).where(*mine)).mappings().one_or_none()
    return None if row is None else Artifact(**row)


def _close(conn: Connection, job: Brief, name: str, state: StepState, **values: Any) -> None:
    before = _build(conn, job.id, name)
    require_step(before.state if before else None, state)
    conn.execute(_change(job.id, name).values(state=state, task=None, **values))


def _seal(conn: Connection, job: Brief, artifact: Artifact, now: datetime) -> None:
    sealed = _artifact(conn, job.id, artifact.filename)
    if sealed is None:
        values = {name: getattr(artifact, name) for name in ("filename", "sha256", "size", "build", "host")}
        conn.execute(insert(artifact_table).values(job_id=job.id, sealed_at=now, **values))
        record(conn, "artifact.sealed", job, now=now, **values)
    elif sealed.sha256 != artifact.sha256:
        raise Conflict(
            f"{artifact.filename} is sealed for {sealed.build} with sha256 {sealed.sha256}, not {artifact.sha256}"
        )
