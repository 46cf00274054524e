"""What follows from how far files are: order, patience, deadlines, one error for many."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from releasd.core import delivering
from releasd.errors import ConfigError, Conflict, Denied, Permanent, ReleasdError, Transient
from releasd.model import Artifact, DeliveryRecord, FileState

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def record(state: FileState = FileState.PLANNED, **times: datetime) -> DeliveryRecord:
    return DeliveryRecord(
        index="pypi", filename="f", sha256="0" * 64, size=1, state=state, error="old", planned_at=NOW - HOUR, **times
    )


def artifact(filename: str, size: int) -> Artifact:
    return Artifact(filename=filename, sha256="0" * 64, size=size, build="b", host="h")


def test_an_sdist_alone_is_never_first() -> None:
    """Installers would build it; and of wheels the small ones go first, for a slow upload that dies sent the most."""
    files = [artifact("a.tar.gz", 1), artifact("b.whl", 9), artifact("c.whl", 2)]
    assert [each.filename for each in delivering.in_order(files)] == ["c.whl", "b.whl", "a.tar.gz"]


@pytest.mark.parametrize("state", [FileState.UPLOADED, FileState.SERVED, FileState.VERIFIED])
def test_a_file_that_arrived_has_a_time_and_no_error(state: FileState) -> None:
    """Each state brings its time; what an earlier attempt met is over."""
    moved = delivering.advanced(record(), state, NOW)
    assert (moved.state, moved.error) == (state, None)
    assert getattr(moved, f"{state}_at") == NOW


def test_a_file_never_goes_back() -> None:
    """What was verified stays so, whatever a later look adds."""
    done = delivering.advanced(record(), FileState.VERIFIED, NOW)
    assert delivering.advanced(done, FileState.SERVED, NOW + HOUR) == done
    assert delivering.advanced(done, FileState.UPLOADED, NOW + HOUR) == done


def test_what_is_sent_again_is_awaited_anew() -> None:
    """An index that lost a file gets its time again after the second upload."""
    once = delivering.advanced(record(), FileState.UPLOADED, NOW)
    assert delivering.advanced(once, FileState.UPLOADED, NOW + HOUR).uploaded_at == NOW + HOUR


def test_a_taken_file_is_awaited_for_as_long_as_indexes_lag() -> None:
    """It is not sent again within the half hour that an index may need, and it is afterwards."""
    taken = record(FileState.UPLOADED, uploaded_at=NOW)
    assert delivering.is_awaited(taken, NOW + delivering.PROPAGATION - timedelta(seconds=1))
    assert not delivering.is_awaited(taken, NOW + delivering.PROPAGATION)
    listed = delivering.advanced(taken, FileState.SERVED, NOW + timedelta(minutes=20))
    assert delivering.is_awaited(listed, NOW + timedelta(minutes=49)), "one node of the index may not list it yet"
    assert not delivering.is_awaited(record(), NOW)
    assert not delivering.is_awaited(None, NOW)


def test_a_release_closes_two_weeks_after_its_first_file() -> None:
    """The public index's rule; nothing there, nothing closes."""
    first, later = record(FileState.SERVED, served_at=NOW), record(FileState.UPLOADED, uploaded_at=NOW + HOUR)
    assert delivering.closes_at([later, first, record()]) == NOW + timedelta(days=14)
    assert delivering.closes_at([record()]) is None
    crate = replace(first, filename="demo-1.1.0.crate")
    assert delivering.closes_at([crate]) is None, "a registry has no such rule"


@pytest.mark.parametrize(("left", "due"), [(8, 0), (7, 1), (2, 2), (1, 3), (0.5, 3), (0, 4), (-3, 4)])
def test_warnings_come_as_the_end_comes_near(left: float, due: int) -> None:
    """A week, three days, a day before, and when it is too late."""
    assert delivering.warnings_due(NOW + timedelta(days=left), NOW) == due


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([Transient("a"), Permanent("b")], Permanent),
        ([Permanent("a"), Denied("b")], Denied),
        ([Denied("a"), Conflict("b")], Conflict),
        ([ConfigError("a"), ConfigError("b")], ReleasdError),
        ([Transient("a"), Transient("b", retry_after=9.0)], Transient),
    ],
)
def test_the_worst_cause_decides_for_all(errors: list[ReleasdError], kind: type[ReleasdError]) -> None:
    """One error tells of every file; whether it is repeated by itself follows from the worst."""
    made = delivering.combined({f"{n}.whl": error for n, error in enumerate(errors)})
    assert type(made) is kind
    assert made.by_file == {"0.whl": "a", "1.whl": "b"}
    assert "2 files were not taken:\n  0.whl: a\n  1.whl: b" in made.message
    assert not isinstance(made, Transient) or made.retry_after == 9.0


def test_one_cause_is_told_once() -> None:
    """A token that is refused for twelve files is one sentence."""
    made = delivering.combined(dict.fromkeys(("a", "b"), Denied("403", advice="rotate")))
    assert (made.message, made.advice) == ("403", "rotate")
