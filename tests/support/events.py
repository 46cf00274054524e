"""Chained events as the store would write them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from releasd.core.chain import GENESIS, link
from releasd.model import Event

BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def chained(count: int, **data: Any) -> tuple[Event, ...]:
    """Return events 1 to `count`; `data` goes into each."""
    events: list[Event] = []
    for seq in range(1, count + 1):
        prev = events[-1].hash if events else GENESIS
        fields = {"seq": seq, "at": BEGIN + timedelta(microseconds=seq), "event": "step.succeeded", "project": "demo"}
        fields |= {"job": 7, "data": {"step": "build", "note": "größer — ok", "n": seq, **data}}
        events.append(Event(**fields, prev=prev, hash=link(prev, fields)))
    return tuple(events)
