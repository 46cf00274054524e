"""How far each file has come on each destination of a job.

Nothing here waits for the disk: a lost row costs one more look at the index, which is asked in any case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import Connection, and_, insert, select, update

from releasd.core.delivering import advanced
from releasd.model import Artifact, DeliveryRecord, DestinationRecord, Evidence, FileState, Job, JobId
from releasd.store.codec import clean
from releasd.store.rows import Part, get_brief, guarded, record
from releasd.store.tables import delivery, destination
from releasd.store.watchtables import index_alarm

_DELIVERIES = select(*(delivery.c[field.name] for field in fields(DeliveryRecord)))
_DESTINATIONS = select(*(destination.c[field.name] for field in fields(DestinationRecord)))


class Deliveries(Part):
    """The files of a job on their way. Every write of an attempt raises `Fenced` when the job is not held any more."""

    def deliveries(self, job_id: JobId) -> tuple[DeliveryRecord, ...]:
        """Return each file on each destination, in the plan's order."""
        query = _DELIVERIES.join(
            destination, and_(destination.c.job_id == delivery.c.job_id, destination.c.index == delivery.c.index)
        )
        ordered = query.where(delivery.c.job_id == job_id).order_by(destination.c.position, delivery.c.filename)
        with self._db.read() as conn:
            return tuple(DeliveryRecord(**row) for row in conn.execute(ordered).mappings())

    def destinations(self, job_id: JobId) -> tuple[DestinationRecord, ...]:
        """Return the destinations that the job came to, in the plan's order."""
        query = _DESTINATIONS.where(destination.c.job_id == job_id).order_by(destination.c.position)
        with self._db.read() as conn:
            return tuple(DestinationRecord(**row) for row in conn.execute(query).mappings())

    def deliver(
        self,
        job_id: JobId,
        token: int,
        index: str,
        position: int,
        artifacts: Sequence[Artifact],
        *,
        closes: bool,
        now: datetime,
    ) -> None:
        """Add what is to go to a destination; what is known stays as it is."""
        with self._db.write(durable=False) as conn:
            guarded(conn, job_id, token)
            mine = (destination.c.job_id == job_id, destination.c.index == index)
            if conn.execute(select(destination.c.index).where(*mine)).first() is None:
                conn.execute(insert(destination).values(job_id=job_id, index=index, position=position, closes=closes))
            known = _of(conn, job_id, index)
            for each in artifacts:
                if each.filename not in known:
                    conn.execute(
                        insert(delivery).values(
                            job_id=job_id,
                            index=index,
                            filename=each.filename,
                            sha256=each.sha256,
                            size=each.size,
                            state=FileState.PLANNED,
                            planned_at=now,
                        )
                    )

    def delivered(
        self, job_id: JobId, token: int, index: str, filenames: Sequence[str], state: FileState, *, now: datetime
    ) -> None:
        """Move files on to `state`, with one event for those that moved."""
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            known = _of(conn, job_id, index)
            moved = [(known[name], advanced(known[name], state, now)) for name in filenames if name in known]
            changed = [after for before, after in moved if after != before]
            for each in changed:
                times = {"uploaded_at": each.uploaded_at, "served_at": each.served_at, "verified_at": each.verified_at}
                _write(conn, job_id, index, each.filename, state=each.state, error=each.error, **times)
            if changed:
                files = {each.filename: each.sha256 for each in changed}
                record(conn, f"file.{state}", job, now=now, index=index, files=files)

    def delivery_failed(self, job_id: JobId, token: int, index: str, problems: Mapping[str, str]) -> None:
        """Record what each file's last upload met; the step's own event tells of it."""
        with self._db.write(durable=False) as conn:
            guarded(conn, job_id, token)
            for name, problem in problems.items():
                _write(conn, job_id, index, name, error=clean(problem))

    def proven(self, job_id: JobId, token: int, index: str, evidence: Evidence, *, now: datetime) -> None:
        """Record that a destination serves everything."""
        with self._db.write(durable=False) as conn:
            job = guarded(conn, job_id, token)
            mine = (destination.c.job_id == job_id, destination.c.index == index)
            conn.execute(update(destination).where(*mine).values(proven_at=now, evidence=dict(evidence)))
            record(conn, "destination.verified", job, now=now, index=index, evidence=dict(evidence))

    def warn_closing(
        self, job: Job, index: str, level: int, *, lacking: Sequence[str], closes_at: datetime, now: datetime
    ) -> bool:
        """Raise, for any planned job, the `level`-th alarm that a destination closes; return whether it is new."""
        with self._db.write(durable=False) as conn:
            mine = (destination.c.job_id == job.id, destination.c.index == index, destination.c.warned < level)
            if conn.execute(update(destination).where(*mine).values(warned=level)).rowcount == 0:
                return False
            told = {"index": index, "closes_at": closes_at}
            values = {
                "project": job.project,
                "distribution": job.plan.distribution if job.plan else job.project,
                "kind": "closing",
                "filename": ", ".join(lacking),
                "version": job.plan.pep440 if job.plan else "",
            }
            conn.execute(insert(index_alarm).values(**told, **values, at=now))
            about = {"index": index, "closes_at": closes_at.isoformat(), "files": list(lacking)}
            record(conn, "destination.warned", get_brief(conn, job.id), now=now, **about)
            return True

    def arrived(self, index: str, filenames: Sequence[str]) -> bool:
        """Return whether an index took all these files, of whichever release."""
        query = select(delivery.c.filename).distinct()
        taken = (delivery.c.index == index, delivery.c.state != FileState.PLANNED)
        with self._db.read() as conn:
            found = conn.execute(query.where(*taken, delivery.c.filename.in_(filenames))).scalars()
            return set(found) >= set(filenames)


def _of(conn: Connection, job_id: JobId, index: str) -> dict[str, DeliveryRecord]:
    query = _DELIVERIES.where(delivery.c.job_id == job_id, delivery.c.index == index)
    return {row["filename"]: DeliveryRecord(**row) for row in conn.execute(query).mappings()}


def _write(conn: Connection, job_id: JobId, index: str, filename: str, **values: object) -> None:
    mine = (delivery.c.job_id == job_id, delivery.c.index == index, delivery.c.filename == filename)
    conn.execute(update(delivery).where(*mine).values(**values))
