"""What the last look at each build host said."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from releasd.store import log
from releasd.store.codec import clean
from releasd.store.rows import Part
from releasd.store.tables import host_probe
from releasd.store.values import ProbeRecord

_COLUMNS = tuple(host_probe.c[name] for name in ("name", "ok", "at", "facts", "reason"))


class Hosts(Part):
    """Host probes."""

    def save_probe(self, name: str, *, ok: bool, facts: Mapping[str, Any], reason: str, now: datetime) -> None:
        """Keep the newest probe of a host; an event is written when it changed between able and not."""
        with self._db.write(durable=False) as conn:
            before = conn.execute(select(host_probe.c.ok).where(host_probe.c.name == name)).scalar_one_or_none()
            conn.execute(delete(host_probe).where(host_probe.c.name == name))
            values = {"name": name, "ok": ok, "at": now, "facts": dict(facts), "reason": clean(reason)}
            conn.execute(insert(host_probe).values(values))
            if before is not ok:
                event = "host.found" if ok else "host.lost"
                log.append(conn, event, now=now, data={"host": name, "reason": clean(reason)})

    def probes(self) -> tuple[ProbeRecord, ...]:
        """Return the newest probe of each host, by name."""
        with self._db.read() as conn:
            rows = conn.execute(select(*_COLUMNS).order_by(host_probe.c.name)).mappings()
            return tuple(ProbeRecord(**row) for row in rows)
