"""The hash chain of the audit log: every line names the hash of the line before it (DESIGN.md §5.6).

A line is an event as JSON. Its `hash` is the sha256 of the canonical JSON of all its other fields, `prev` included,
so that a line cannot be changed without changing every later one, and the last hash stands for the whole log.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64  # the `prev` of the first line


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """What `verify` found. `bad_seq` is the first line that is wrong (None: none is), `problem` says how.

    `lines` counts the good lines before that, and `head` is the hash of the last of them.
    """

    lines: int
    head: str
    bad_seq: int | None = None
    problem: str | None = None

    @property
    def ok(self) -> bool:
        """Return whether the whole log is as it was written."""
        return self.problem is None


def canonical(event_fields: Mapping[str, Any]) -> bytes:
    """Return the one JSON text of `event_fields`: sorted keys, no spaces, UTF-8, times in UTC with a `Z`.

    Raises:
        TypeError: a value is not a JSON value or a datetime.
        ValueError: a number is not finite, or a datetime is naive.
    """
    text = json.dumps(
        event_fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_iso
    )
    return text.encode()


def link(prev_hash: str, fields: Mapping[str, Any]) -> str:
    """Return the hash of a line with `fields` (its `hash` and `prev` are left out) that follows `prev_hash`."""
    body = {key: value for key, value in fields.items() if key != "hash"}
    return hashlib.sha256(canonical(body | {"prev": prev_hash})).hexdigest()


def verify(lines: Iterable[Mapping[str, Any]], *, expected_head: str | None = None) -> ChainReport:
    """Check a whole log, first line first, and report the first line that is wrong.

    Args:
        lines: the events as decoded JSON, with every field of `Event`.
        expected_head: a hash that is known from elsewhere (an annotated tag) and must be in the log.
    """
    count, seq, prev, seen = 0, 0, GENESIS, expected_head in {None, GENESIS}
    for line in lines:
        problem = _problem(line, seq + 1, prev)
        if problem is not None:
            return ChainReport(lines=count, head=prev, bad_seq=_seq(line) or seq + 1, problem=problem)
        count, seq, prev = count + 1, seq + 1, str(line["hash"])
        seen = seen or prev == expected_head
    if not seen:
        problem = f"truncated: the log ends at {seq} without the expected head {expected_head}"
        return ChainReport(lines=count, head=prev, bad_seq=seq + 1, problem=problem)
    return ChainReport(lines=count, head=prev)


def _problem(line: Mapping[str, Any], expected: int, prev: str) -> str | None:
    seq = _seq(line)
    if seq is None:
        return "changed: the line has no number"
    if seq > expected:
        return f"removed or reordered: line {expected} is missing here"
    if seq < expected:
        return f"duplicated or reordered: line {seq} stands where line {expected} belongs"
    if line.get("hash") != _hash_of(line):
        return "changed: the line is not what its hash was made from"
    if line.get("prev") != prev:
        return "changed: the line does not follow the one before it"
    return None


def _hash_of(line: Mapping[str, Any]) -> str | None:
    try:
        return link(str(line.get("prev")), line)
    except (TypeError, ValueError):
        return None


def _seq(line: Mapping[str, Any]) -> int | None:
    seq = line.get("seq")
    return seq if isinstance(seq, int) and not isinstance(seq, bool) else None


def _iso(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} is not a JSON value")
    if value.tzinfo is None:
        raise ValueError("a time in the log must be aware")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
