"""The hash chain finds every way of tampering with the log."""

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from releasd.core.chain import GENESIS, ChainReport, canonical, link, verify
from releasd.model import Event

AT = datetime(2026, 11, 23, 0, 30, 0, 5, tzinfo=UTC)


def log(count: int) -> list[dict[str, Any]]:
    """Return a good log of `count` lines, as it is exported."""
    lines, prev = [], GENESIS
    for seq in range(1, count + 1):
        fields = {"seq": seq, "at": AT, "event": "job.queued", "project": "p", "job": seq, "data": {"ä": [1, None]}}
        event = Event(**fields, prev=prev, hash=link(prev, fields))
        lines.append(msgspec.to_builtins(event))
        prev = event.hash
    return lines


def test_canonical_json_has_sorted_keys_no_spaces_plain_utf8_and_utc_times() -> None:
    """The bytes that are hashed are those that the design states."""
    local = AT.astimezone(timezone(timedelta(hours=2)))
    assert canonical({"b": "ä", "a": {"d": 1, "c": None}, "at": local}) == (
        '{"a":{"c":null,"d":1},"at":"2026-11-23T00:30:00.000005Z","b":"ä"}'.encode()
    )


@pytest.mark.parametrize("value", [object(), datetime(2026, 1, 1), float("nan"), b"bytes"])  # noqa: DTZ001 (naive is the case)
def test_canonical_refuses_what_has_no_single_json_text(value: object) -> None:
    """A value that could be read back differently is never hashed."""
    with pytest.raises((TypeError, ValueError)):
        canonical({"value": value})


def test_link_covers_the_line_before() -> None:
    """The same fields after another line have another hash, and a line's own hash does not count."""
    fields = {"seq": 1, "event": "a.b"}
    assert link(GENESIS, fields) != link("1" * 64, fields)
    assert link(GENESIS, fields) == link(GENESIS, fields | {"hash": "x", "prev": "ignored"})


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_good_log_verifies(count: int) -> None:
    """An untouched log is found good, and its head is the last line's hash."""
    lines = log(count)
    head = lines[-1]["hash"] if lines else GENESIS
    assert verify(lines, expected_head=head) == ChainReport(lines=count, head=head)
    assert verify(lines).ok


@pytest.mark.parametrize("key", [field.name for field in dataclasses.fields(Event)])
def test_a_change_of_any_field_is_found_at_its_line(key: str) -> None:
    """Whatever is changed in a line, the report names that line."""
    lines = log(5)
    lines[2][key] = 99 if key == "seq" else "changed"
    report = verify(lines)
    assert not report.ok
    assert report.lines == 2
    assert report.bad_seq == (99 if key == "seq" else 3)


def test_a_line_hashed_again_after_a_change_breaks_the_next_line() -> None:
    """Making a changed line's hash fit moves the break to the line after it."""
    lines = log(5)
    lines[2]["event"] = "job.failed"
    lines[2]["hash"] = link(lines[2]["prev"], lines[2])
    report = verify(lines)
    assert report.bad_seq == 4
    assert report.problem is not None
    assert "does not follow" in report.problem


def test_a_removed_line_is_found() -> None:
    """A gap is reported where it is."""
    lines = log(5)
    del lines[2]
    report = verify(lines)
    assert report.bad_seq == 4
    assert report.problem == "removed or reordered: line 3 is missing here"


def test_the_removed_first_line_is_found() -> None:
    """The first line is witnessed by its number."""
    assert verify(log(3)[1:]).problem == "removed or reordered: line 1 is missing here"


def test_reordered_lines_are_found() -> None:
    """Two lines that changed places are reported at the first of them."""
    lines = log(5)
    lines[1], lines[2] = lines[2], lines[1]
    assert verify(lines).bad_seq == 3


def test_a_duplicated_line_is_found() -> None:
    """A line that is there twice is reported."""
    lines = log(3)
    lines.insert(2, lines[1])
    report = verify(lines)
    assert report.bad_seq == 2
    assert report.problem == "duplicated or reordered: line 2 stands where line 3 belongs"


def test_a_truncated_log_is_found_when_the_head_is_known() -> None:
    """A log cut at its end looks good by itself, and does not contain the head that a tag names."""
    lines = log(5)
    assert verify(lines[:3]).ok
    report = verify(lines[:3], expected_head=lines[4]["hash"])
    assert report.bad_seq == 4
    assert report.problem is not None
    assert report.problem.startswith("truncated")


def test_a_head_from_the_middle_is_accepted() -> None:
    """A tag names the head as it was then; the log has grown since."""
    lines = log(5)
    assert verify(lines, expected_head=lines[2]["hash"]).ok
    assert verify(lines, expected_head=GENESIS).ok


@pytest.mark.parametrize("line", [{}, {"seq": None}, {"seq": "1"}, {"seq": True}])
def test_a_line_without_a_number_is_reported_not_raised(line: dict[str, Any]) -> None:
    """Garbage in the file is a finding."""
    assert verify([line]).bad_seq == 1
