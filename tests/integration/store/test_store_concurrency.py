"""Several threads and processes on one database, some of them killed."""

import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec
import pytest

from releasd.core.chain import verify
from releasd.errors import DiskFull, Transient
from releasd.model import JobState
from releasd.store import Store, database, open_store
from support.store import NOW, claim, claim_all, enqueue, running, url_of, write_forever

SPAWN = multiprocessing.get_context("spawn")
JOBS = 100


def assert_chained(store: Store) -> int:
    """Return the number of events, after finding the chain whole."""
    report = verify(msgspec.to_builtins(event) for event in store.events_after(0, 1_000_000))
    assert report.problem is None
    assert (report.lines, report.head) == store.head()
    return report.lines


def queue_many(store: Store) -> set[int]:
    return {enqueue(store, number, f"p{number}") for number in range(JOBS)}


def test_two_processes_claim_each_job_exactly_once(url: str, store: Store) -> None:
    """No job is lost and none is given twice, whoever is faster."""
    queued = queue_many(store)
    with ProcessPoolExecutor(2, mp_context=SPAWN) as pool:
        one, two = pool.map(claim_all, [url, url], ["one", "two"])
    assert sorted(one + two) == sorted(queued)
    assert {job.id for job in store.jobs(states={JobState.RUNNING}, limit=JOBS)} == queued
    assert_chained(store)


def test_threads_of_one_store_claim_each_job_exactly_once(store: Store) -> None:
    """The pool's threads share one store."""
    queued = queue_many(store)

    def take(owner: str) -> list[int]:
        claimed = []
        while (job := store.claim(owner, now=NOW, lease=NOW - NOW)) is not None:
            claimed.append(job.id)
        return claimed

    with ThreadPoolExecutor(4) as pool:
        claimed = [job_id for ids in pool.map(take, "abcd") for job_id in ids]
    assert sorted(claimed) == sorted(queued)
    assert_chained(store)


def test_threads_that_write_at_the_same_time_make_one_chain(store: Store) -> None:
    """Events of different jobs interleave, and each still names the one before it."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: enqueue(store, number, f"p{number}"), range(50)))
    assert assert_chained(store) == 100


@contextmanager
def writer(url: str) -> Iterator[BaseProcess]:
    """Give a process that writes without end; it is killed at the latest at the end."""
    process = SPAWN.Process(target=write_forever, args=(url,), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(30)


@pytest.mark.parametrize("busy", [0.0, 0.013, 0.037, 0.111])
def test_a_writer_that_is_killed_leaves_a_whole_chain_and_no_half_change(tmp_path: Path, busy: float) -> None:
    """SIGKILL in the middle of writing: a reader sees a valid log at once, and the next writer goes on from it."""
    url = url_of(tmp_path)
    open_store(url).close()
    with open_store(url, readonly=True) as reader, writer(url) as process:
        deadline = time.monotonic() + 60
        while reader.head()[0] < 50 and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(busy)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
    before = set(tmp_path.iterdir())
    assert tmp_path / "releasd.db-wal" in before
    with open_store(url, readonly=True) as reader:
        seen = assert_chained(reader)
        last = reader.jobs(limit=1)
    assert seen >= 50
    assert last
    assert set(tmp_path.iterdir()) == before
    with open_store(url) as store:
        store.reclaim(NOW, except_owner="new", all_others=True)
        assert store.jobs(states={JobState.RUNNING}) == ()
        assert assert_chained(store) >= seen


def test_a_reader_is_not_held_up_by_a_writer(url: str, store: Store) -> None:
    """`status` answers while a transaction is open."""
    job_id = enqueue(store)
    other = database.Database(url)
    with other.write() as conn, open_store(url, readonly=True) as reader:
        conn.exec_driver_sql("UPDATE job SET reason = 'changed'")
        assert reader.job(job_id).reason == "waiting for a worker"
    other.close()


def test_a_writer_that_is_kept_out_for_too_long_may_try_again(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody's open database shell does not hang the daemon, and costs no job."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.2)
    shell = sqlite3.connect(tmp_path / "releasd.db", isolation_level=None)
    with open_store(url_of(tmp_path)) as kept_out:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(Transient, match="locked"):
            enqueue(kept_out)
        shell.execute("ROLLBACK")
        shell.close()
        enqueue(kept_out)
    assert len(store.jobs()) == 1


def test_a_full_disk_is_said_and_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    """Nothing is half written, and when there is room again everything goes on."""
    url = url_of(tmp_path)
    with open_store(url) as store:
        job = running(store)
        head = store.head()
        with store._db.read() as conn:
            used = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
            conn.exec_driver_sql(f"PRAGMA max_page_count = {used}")
        with pytest.raises(DiskFull):
            store.append_event("daemon.started", now=NOW, data={"text": "x" * 100_000})
        assert store.head() == head
        with store._db.read() as conn:
            conn.exec_driver_sql("PRAGMA max_page_count = 1073741823")
        store.finish(job.id, job.token, JobState.SUCCEEDED, "", NOW)
        assert_chained(store)


def test_what_was_answered_for_is_on_disk_and_the_rest_follows_in_order(url: str, store: Store) -> None:
    """Enqueueing waits for the disk, a claim does not; a durable commit waits for those before it too."""
    modes = []

    def watch(conn: sqlite3.Connection) -> int:
        return conn.execute("PRAGMA synchronous").fetchone()[0]

    from sqlalchemy import event  # noqa: PLC0415 (only here)

    event.listen(store._db._engine, "commit", lambda conn: modes.append(watch(conn.connection.dbapi_connection)))
    enqueue(store)
    job = claim(store)
    store.finish(job.id, job.token, JobState.SUCCEEDED, "", NOW)
    store.head()
    assert modes[:4] == [2, 1, 2, 2]
