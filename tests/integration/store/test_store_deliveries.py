"""How far each file is on each destination: kept by the store, guarded by the claim, never backwards."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from releasd.core.watching import advice, sentence
from releasd.engine import deliveryview
from releasd.errors import Fenced
from releasd.model import Artifact, FileState, JobState
from releasd.store import Store
from releasd.store.tables import delivery
from support.store import NOW, running

FILES = tuple(Artifact(filename=f"demo-{n}.whl", sha256=str(n) * 64, size=n, build="b", host="h") for n in range(3))
NAMES = [each.filename for each in FILES]


def states(store: Store, job: int, index: str = "pypi") -> list[FileState]:
    return [each.state for each in store.deliveries(job) if each.index == index]


def test_a_destination_is_told_of_once(store: Store) -> None:
    """A second attempt finds what the first one planned, and does not begin again."""
    job = running(store)
    store.deliver(job.id, job.token, "pypi", 0, FILES, closes=True, now=NOW)
    store.delivered(job.id, job.token, "pypi", NAMES[:1], FileState.SERVED, now=NOW)
    store.deliver(job.id, job.token, "pypi", 0, FILES, closes=True, now=NOW + timedelta(hours=1))
    assert states(store, job.id) == [FileState.SERVED, FileState.PLANNED, FileState.PLANNED]
    assert [each.index for each in store.destinations(job.id)] == ["pypi"]


def test_files_move_on_with_one_event_for_those_that_moved(store: Store) -> None:
    """The audit log names the files with their digests; what did not move is not told again."""
    job = running(store)
    store.deliver(job.id, job.token, "pypi", 0, FILES, closes=True, now=NOW)
    for _ in range(2):
        store.delivered(job.id, job.token, "pypi", NAMES[:2], FileState.UPLOADED, now=NOW)
        store.delivered(job.id, job.token, "pypi", NAMES, FileState.SERVED, now=NOW)
    told = [(each.event, sorted(each.data["files"])) for each in store.events_after(0, 100) if "files" in each.data]
    assert told == [("file.uploaded", NAMES[:2]), ("file.served", NAMES)]


def test_a_lost_claim_writes_nothing(store: Store) -> None:
    """An attempt that was taken over changes no file's state."""
    job = running(store)
    store.deliver(job.id, job.token, "pypi", 0, FILES, closes=True, now=NOW)
    with pytest.raises(Fenced):
        store.delivered(job.id, job.token + 1, "pypi", NAMES, FileState.SERVED, now=NOW)
    with pytest.raises(Fenced):
        store.proven(job.id, job.token + 1, "pypi", {}, now=NOW)
    assert set(states(store, job.id)) == {FileState.PLANNED}


def test_the_schema_knows_no_state_without_its_time(store: Store) -> None:
    """Whatever the code does, a served file has a time at which it was."""
    job = running(store)
    store.deliver(job.id, job.token, "pypi", 0, FILES, closes=True, now=NOW)
    with pytest.raises(IntegrityError), store._db.write() as conn:
        conn.execute(delivery.update().values(state=FileState.SERVED))


def test_status_shows_destinations_in_order_with_the_deadline(store: Store) -> None:
    """Each file's way, and until when the index takes what it lacks."""
    job = running(store)
    for position, index in enumerate(("test", "pypi")):
        store.deliver(job.id, job.token, index, position, FILES, closes=True, now=NOW)
    store.delivered(job.id, job.token, "pypi", NAMES[:2], FileState.UPLOADED, now=NOW)
    store.delivery_failed(job.id, job.token, "pypi", {NAMES[2]: "400 quota"})
    store.delivered(job.id, job.token, "test", NAMES, FileState.VERIFIED, now=NOW)
    store.proven(job.id, job.token, "test", {"files": 3}, now=NOW)
    first, second = deliveryview.destinations(store, store.job(job.id))
    assert (first["index"], first["evidence"], first["closes_at"]) == ("test", {"files": 3}, None)
    assert [file["state"] for file in second["files"]] == ["uploaded", "uploaded", "planned"]
    assert second["files"][2]["error"] == "400 quota"
    assert second["closes_at"] == (NOW + timedelta(days=14)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_release_public_in_part_is_warned_of_as_its_end_comes_near(store: Store) -> None:
    """A week, three days and a day before the index takes no more, and once it is too late: each once, as an event."""
    job = running(store)
    store.deliver(job.id, job.token, "pypi", 0, FILES, closes=True, now=NOW)
    store.delivered(job.id, job.token, "pypi", NAMES[:1], FileState.SERVED, now=NOW)
    told = []
    for day in range(17):
        now = NOW + timedelta(days=day)
        for _ in range(2):
            told += [(day, each) for each in deliveryview.warn_of_closing(store, (job.project,), now=now)]
    assert [day for day, _ in told] == [7, 11, 13, 14]
    assert all(f"pypi lacks {NAMES[1]}, {NAMES[2]}" in each for _, each in told)
    events = [each for each in store.events_after(0, 100) if each.event == "destination.warned"]
    assert len(events) == 4
    alarms = store.alarms(job.project)
    assert [(alarm.kind, alarm.index, alarm.filename) for alarm in alarms] == [
        ("closing", "pypi", f"{NAMES[1]}, {NAMES[2]}")
    ] * 4
    assert "takes no more files of that release after" in sentence(alarms[0])
    assert sentence(alarms[3]).endswith("takes no more files of that release")
    assert (advice(alarms[0]), advice(alarms[3])) == (
        f"`releasd status {job.project}` says what it waits for.",
        "Release a new version.",
    )


def test_a_release_completed_in_time_settles_its_alarms(store: Store) -> None:
    """Nobody has to acknowledge what has passed by itself."""
    job = running(store)
    store.deliver(job.id, job.token, "pypi", 0, FILES, closes=True, now=NOW)
    store.delivered(job.id, job.token, "pypi", NAMES[:1], FileState.SERVED, now=NOW)
    late = NOW + timedelta(days=8)
    assert len(deliveryview.warn_of_closing(store, (job.project,), now=late)) == 1
    store.delivered(job.id, job.token, "pypi", NAMES, FileState.UPLOADED, now=late)
    assert deliveryview.warn_of_closing(store, (job.project,), now=late) == ()
    assert store.alarms(job.project) == ()


def test_a_whole_release_is_not_warned_of(store: Store) -> None:
    """Once every file arrived nothing closes for it."""
    job = running(store)
    store.deliver(job.id, job.token, "pypi", 0, FILES, closes=True, now=NOW)
    store.delivered(job.id, job.token, "pypi", NAMES, FileState.UPLOADED, now=NOW)
    assert job.state is JobState.RUNNING
    assert deliveryview.warn_of_closing(store, (job.project,), now=NOW + timedelta(days=20)) == ()


def test_what_never_closes_is_not_warned_of(store: Store) -> None:
    """A mirror takes files whenever they come."""
    job = running(store)
    store.deliver(job.id, job.token, "mirror", 0, FILES, closes=False, now=NOW)
    store.delivered(job.id, job.token, "mirror", NAMES[:1], FileState.SERVED, now=NOW)
    assert deliveryview.warn_of_closing(store, (job.project,), now=NOW + timedelta(days=20)) == ()
    assert deliveryview.destinations(store, store.job(job.id))[0]["closes_at"] is None
