"""What an alarm about an index looks like to those who are told of it, as core/announcing.py has it of a release."""

from datetime import datetime

import msgspec

from releasd.core.watching import advice, sentence
from releasd.model import IndexAlarm


def title(alarm: IndexAlarm) -> str:
    """Return one line that says it all."""
    return f"ALARM: {sentence(alarm)}"


def as_json(alarm: IndexAlarm) -> bytes:
    """Return the alarm as JSON, schema 1 (docs/watching.md)."""
    return msgspec.json.encode({"schema": 1, "event": "index.alarmed", **document(alarm)})


def document(alarm: IndexAlarm) -> dict[str, object]:
    """Return the alarm as JSON values, as `releasd status --json` shows it."""
    return {
        "id": alarm.id,
        "project": alarm.project,
        "index": alarm.index,
        "distribution": alarm.distribution,
        "kind": alarm.kind,
        "filename": alarm.filename,
        "version": alarm.version or None,
        "expected": alarm.expected,
        "found": alarm.found,
        "closes_at": _time(alarm.closes_at) if alarm.closes_at else None,
        "why": sentence(alarm),
        "advice": advice(alarm),
        "at": _time(alarm.at),
    }


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def text(alarm: IndexAlarm) -> str:
    """Return the alarm as the text of an e-mail or a chat message."""
    digests = "".join(
        f"{name}: sha256 {digest}\n"
        for name, digest in (("expected", alarm.expected), ("found", alarm.found))
        if digest is not None
    )
    return f"{alarm.project}: {sentence(alarm)}.\n\n{digests}\n{advice(alarm)}\n"
