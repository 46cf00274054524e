"""The audit log: events, chained by hash, in the same transaction as the change that they tell of."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from releasd.core.chain import GENESIS, link
from releasd.model import Event
from releasd.store.tables import event as event_table

_COLUMNS = tuple(event_table.c[name] for name in ("seq", "at", "event", "project", "job", "data", "prev", "hash"))
_HEAD = select(event_table.c.seq, event_table.c.hash).order_by(event_table.c.seq.desc()).limit(1)
_APPEND = insert(event_table)


def head(conn: Connection) -> tuple[int, str]:
    """Return the number and the hash of the last event; of an empty log, 0 and `GENESIS`."""
    row = conn.execute(_HEAD).one_or_none()
    return (0, GENESIS) if row is None else (row.seq, row.hash)


def append(
    conn: Connection,
    name: str,
    *,
    now: datetime,
    project: str | None = None,
    job: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write the next event. `data` is made plain JSON first, so that what is read back hashes the same."""
    seq, prev = head(conn)
    plain = msgspec.json.decode(msgspec.json.encode(data or {}))
    fields = {"seq": seq + 1, "at": now, "event": name, "project": project, "job": job, "data": plain}
    conn.execute(_APPEND, fields | {"prev": prev, "hash": link(prev, fields)})


def after(conn: Connection, seq: int, limit: int) -> tuple[Event, ...]:
    """Return at most `limit` events that follow number `seq`."""
    query = select(*_COLUMNS).where(event_table.c.seq > seq).order_by(event_table.c.seq).limit(limit)
    return tuple(Event(**row) for row in conn.execute(query).mappings())
