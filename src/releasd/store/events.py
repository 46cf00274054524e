"""Reading the audit log, and writing events that belong to no other change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from releasd.model import Event, JobId
from releasd.store import log
from releasd.store.rows import Part


class Events(Part):
    """The audit log."""

    def append_event(
        self,
        event: str,
        *,
        now: datetime,
        project: str | None = None,
        job: JobId | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one event, `noun.verb_past`, durably. `data` holds JSON values."""
        with self._db.write() as conn:
            log.append(conn, event, now=now, project=project, job=job, data=data)

    def events_after(self, seq: int, limit: int = 1000) -> tuple[Event, ...]:
        """Return at most `limit` events that follow number `seq`, oldest first; 0 is before the first."""
        with self._db.read() as conn:
            return log.after(conn, seq, limit)

    def head(self) -> tuple[int, str]:
        """Return the number and hash of the last event, after it is on the disk: others may be told the hash."""
        if not self._db.readonly:
            self._db.flush()
        with self._db.read() as conn:
            return log.head(conn)
