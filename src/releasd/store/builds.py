"""Builds and the artifacts that they leave. A sealed artifact is never changed and never made again."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from releasd.core.lifecycle import require_step
from releasd.errors import Conflict
from releasd.model import Artifact, Evidence, JobId, StepState
from releasd.store.codec import clean
from releasd.store.rows import Brief, Part, guarded, record
from releasd.store.tables import artifact as artifact_table
from releasd.store.tables import build as build_table
from releasd.store.values import BuildRecord

_ARTIFACT = tuple(artifact_table.c[name] for name in ("filename", "sha256", "size", "build", "host"))
_BUILD = tuple(build_table.c[field.name] for field in fields(BuildRecord))


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
            record(conn, "build.succeeded", job, now=now, build=name, host=host, evidence=dict(evidence))

    def artifacts(self, job_id: JobId) -> tuple[Artifact, ...]:
        """Return the sealed files of a job, by name."""
        query = select(*_ARTIFACT).where(artifact_table.c.job_id == job_id).order_by(artifact_table.c.filename)
        with self._db.read() as conn:
            return tuple(Artifact(**row) for row in conn.execute(query).mappings())

    def build_started(
        self,
        job_id: JobId,
        token: int,
        name: str,
        host: str,
        *,
        slots: int,
        now: datetime,
        task: str | None = None,
        log_start: int = 0,
    ) -> bool:
        """Open the next attempt of a build on `host`; False, and nothing changes, when all its slots are taken."""
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            if _busy(conn, job_id, name, host) >= slots:
                return False
            before = _build(conn, job_id, name)
            attempts = before.attempts + 1 if before else 1
            values: dict[str, Any] = {"host": host, "state": StepState.STARTED, "attempts": attempts}
            values |= {"error": None, "started_at": now, "finished_at": None, "task": task, "log_start": log_start}
            if before is None:
                conn.execute(insert(build_table).values(job_id=job_id, name=name, **values))
            else:
                conn.execute(_change(job_id, name).values(values))
            record(conn, "build.started", job, now=now, build=name, host=host, build_attempt=attempts)
            return True

    def build_attached(self, job_id: JobId, token: int, name: str, *, now: datetime) -> None:
        """Open a build again that an earlier attempt of the job left running."""
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            before = _build(conn, job_id, name)
            require_step(before.state if before else None, StepState.STARTED)
            conn.execute(_change(job_id, name).values(state=StepState.STARTED, error=None, finished_at=None))
            record(conn, "build.attached", job, now=now, build=name, host=before.host if before else None)

    def build_failed(self, job_id: JobId, token: int, name: str, host: str, error: str, *, now: datetime) -> None:
        """Close a build that ended badly, or whose host was lost."""
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            _close(conn, job, name, StepState.FAILED, host=host, error=clean(error), finished_at=now)
            record(conn, "build.failed", job, now=now, build=name, host=host, error=clean(error))

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


def _busy(conn: Connection, job_id: JobId, name: str, host: str) -> int:
    """Return how many builds run on a host, the one asked about aside."""
    running = and_(build_table.c.host == host, build_table.c.state == StepState.STARTED)
    other = or_(build_table.c.job_id != job_id, build_table.c.name != name)
    return conn.execute(select(func.count()).select_from(build_table).where(running, other)).scalar_one()


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
