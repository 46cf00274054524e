"""The audit log in the database, and what else is kept beside jobs."""

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError

from releasd.core.chain import GENESIS, verify
from releasd.model import StepName
from releasd.store import Store
from support.store import NOW, enqueue, run_steps, running, url_of


def test_an_empty_log_has_the_genesis_as_its_head(store: Store) -> None:
    """There is always a head to write into a tag."""
    assert store.head() == (0, GENESIS)


def test_what_the_store_writes_verifies_as_exported(store: Store) -> None:
    """A release's events are one unbroken chain, read back from the database and encoded as JSON."""
    job = running(store)
    run_steps(store, job, StepName.ANNOUNCE)
    data = {"float": 0.1, "big": 2**62, "text": "ä \U0001f680", "time": NOW, "step": StepName.TAG, "tuple": (1, None)}
    store.append_event("daemon.stopped", now=NOW, data=data)
    events = store.events_after(0)
    lines = [msgspec.json.decode(msgspec.json.encode(event)) for event in events]
    report = verify(lines, expected_head=store.head()[1])
    assert (report.problem, report.lines) == (None, store.head()[0])
    assert events[-1].data["time"] == "2026-11-23T01:00:00Z"


def test_events_are_read_on_from_a_number(store: Store) -> None:
    """A follower asks for what came after the last that it saw."""
    for _ in range(5):
        store.append_event("daemon.started", now=NOW, project="p")
    assert [event.seq for event in store.events_after(2, 2)] == [3, 4]
    assert store.events_after(5) == ()


@pytest.mark.parametrize("statement", ["UPDATE event SET event = 'x'", "DELETE FROM event"])
def test_the_database_itself_refuses_to_change_the_log(store: Store, tmp_path: Path, statement: str) -> None:
    """Not even another program with the file open changes an event by accident."""
    store.append_event("daemon.started", now=NOW)
    engine = create_engine(url_of(tmp_path))
    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as conn:
        conn.execute(text(statement))
    engine.dispose()
    assert len(store.events_after(0)) == 1


def test_a_change_that_fails_leaves_no_event(store: Store) -> None:
    """Change and event are one transaction: evidence that is no JSON reaches neither the journal nor the log."""
    job = running(store)
    store.step_started(job.id, job.token, StepName.SYNC, NOW)
    head, records = store.head(), store.records(job.id)
    with pytest.raises(Exception, match="unsupported"):
        store.step_finished(job.id, job.token, StepName.SYNC, {"bad": object()}, NOW)
    assert (store.head(), store.records(job.id)) == (head, records)


def test_a_probe_replaces_the_one_before_and_only_changes_are_news(store: Store) -> None:
    """The log tells when a host went away or came back, not that it was looked at."""
    for ok, reason in ((True, ""), (True, ""), (False, "no route"), (False, "no route"), (True, "")):
        store.save_probe("mac", ok=ok, facts={"tools": {"uv": "0.13"}}, reason=reason, now=NOW)
    (probe,) = store.probes()
    assert (probe.name, probe.ok, probe.at, probe.facts) == ("mac", True, NOW, {"tools": {"uv": "0.13"}})
    told = [event.event for event in store.events_after(0)]
    assert told == ["host.found", "host.lost", "host.quarantined", "host.found", "host.recovered"]


def test_naive_times_are_refused(store: Store) -> None:
    """A time without a zone would be stored as something else than was meant."""
    with pytest.raises(Exception, match="aware"):
        enqueue(store, now=NOW.replace(tzinfo=None))
    assert store.jobs() == ()
