"""Builds and the artifacts that they leave. A sealed artifact is never changed and never made again."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from releasd.core.lifecycle import require_step
from releasd.errors import Conflict
from releasd.model import Artifact, JobId, StepState
from releasd.store.codec import clean
from releasd.store.rows import Brief, Part, guarded, record
from releasd.store.tables import artifact as artifact_table
from releasd.store.tables import build as build_table
from releasd.store.values import BuildRecord

_ARTIFACT = tuple(artifact_table.c[name] for name in ("filename", "sha256", "size", "build", "host"))
_BUILD_NAMES = ("name", "host", "state", "attempts", "error", "started_at", "finished_at")
_BUILD = tuple(build_table.c[name] for name in _BUILD_NAMES)


class Builds(Part):
    """Builds and artifacts of a job. Every write raises `Fenced` when the job is no longer held under `token`."""

    def seal(self, job_id: JobId, token: int, artifact: Artifact, now: datetime) -> None:
        """Record a file, durably, before anyone is shown it. Sealing the same bytes again changes nothing.

        Raises:
            Conflict: a file of this name with other bytes is sealed.
        """
        with self._db.write() as conn:
            job = guarded(conn, job_id, token)
            sealed = _artifact(conn, job_id, artifact.filename)
            if sealed is None:
                _seal(conn, job, artifact, now)
            elif sealed.sha256 != artifact.sha256:
                raise Conflict(
                    f"{artifact.filename} is sealed with sha256 {sealed.sha256}, not {artifact.sha256}",
                    advice=f"Build everything again, before the tag: releasd retry {job_id} --from build",
                )

    def artifacts(self, job_id: JobId) -> tuple[Artifact, ...]:
        """Return the sealed files of a job, by name."""
        query = select(*_ARTIFACT).where(artifact_table.c.job_id == job_id).order_by(artifact_table.c.filename)
        with self._db.read() as conn:
            return tuple(Artifact(**row) for row in conn.execute(query).mappings())

    def build_started(self, job_id: JobId, token: int, name: str, host: str, now: datetime) -> BuildRecord:
        """Open the next attempt of a build, on `host`."""
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            before = _build(conn, job_id, name)
            values: dict[str, Any] = {
                "host": host,
                "state": StepState.STARTED,
                "attempts": before.attempts + 1 if before else 1,
            }
            values |= {"error": None, "started_at": now, "finished_at": None}
            if before is None:
                conn.execute(insert(build_table).values(job_id=job_id, name=name, **values))
            else:
                conn.execute(_change(job_id, name).values(values))
            record(conn, "build.started", job, now=now, build=name, host=host, build_attempt=values["attempts"])
            return BuildRecord(name=name, **values)

    def build_finished(
        self,
        job_id: JobId,
        token: int,
        name: str,
        host: str,
        now: datetime,
        *,
        error: str | None = None,
        host_lost: bool = False,
    ) -> None:
        """Close a build: well, or with `error`; `host_lost` says that the host went away, not that the build is bad."""
        told = None if error is None else clean(error)
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            before = _build(conn, job_id, name)
            state = StepState.SUCCEEDED if error is None else StepState.FAILED
            require_step(before.state if before else None, state)
            conn.execute(_change(job_id, name).values(host=host, state=state, error=told, finished_at=now))
            if host_lost:
                record(conn, "host.lost", job, now=now, build=name, host=host, error=told)
            event = "build.succeeded" if error is None else "build.failed"
            record(conn, event, job, now=now, build=name, host=host, error=told)

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


def _seal(conn: Connection, job: Brief, sealed: Artifact, now: datetime) -> None:
    values = {name: getattr(sealed, name) for name in ("filename", "sha256", "size", "build", "host")}
    conn.execute(insert(artifact_table).values(job_id=job.id, sealed_at=now, **values))
    record(conn, "artifact.sealed", job, now=now, **values)
