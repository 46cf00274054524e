"""Handing out the hosts' slots: what the tables say goes into core/schedule.py, and what it decides back into them.

Whoever frees a slot hands it on in the same transaction, to whichever build of whichever daemon is next: nobody who
waits has to be there for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, update

from releasd.core.schedule import History, Place, Placement, Waiting, assign, quarantined, why_waiting
from releasd.model import JobId, JobState, StepState
from releasd.store.rows import Brief, get_brief, record
from releasd.store.tables import build as build_table
from releasd.store.tables import build_place, host_state, waiting_build
from releasd.store.tables import job as job_table

_MINE = and_(job_table.c.id == waiting_build.c.job_id, job_table.c.token == waiting_build.c.token)
_WAITING = (
    select(waiting_build, job_table.c.project)
    .join(job_table, and_(_MINE, job_table.c.state == JobState.RUNNING))
    .order_by(waiting_build.c.since)
)
_BUSY = (
    select(build_table.c.host, job_table.c.project, func.count().label("builds"))
    .join(job_table, job_table.c.id == build_table.c.job_id)
    .where(build_table.c.state == StepState.STARTED)
    .group_by(build_table.c.host, job_table.c.project)
)
_STATE_NAMES = ("name", "removed", "drained", "failures", "since", "look_at", "why", "cores", "load")
_STATES = select(*(host_state.c[name] for name in _STATE_NAMES))
_PLACES = select(build_place).where(build_place.c.project.in_(bindparam("projects", expanding=True)))
_THIS_BUILD = (build_table.c.job_id == bindparam("of"), build_table.c.name == bindparam("called"))
_BEFORE = select(build_table.c.attempts).where(*_THIS_BUILD)
_AGAIN = update(build_table).where(*_THIS_BUILD)
_FIRST = insert(build_table)
_THIS_PLACE = tuple(build_place.c[name] == bindparam(f"its_{name}") for name in ("project", "build", "host"))
_SEEN = update(build_place).where(*_THIS_PLACE)
_NEW_PLACE = insert(build_place)
_NO_LONGER = delete(waiting_build).where(
    waiting_build.c.job_id == bindparam("of"), waiting_build.c.name == bindparam("called")
)
_EXPLAIN = update(waiting_build).where(
    waiting_build.c.job_id == bindparam("of"), waiting_build.c.name == bindparam("called")
)


@dataclass(frozen=True, slots=True)
class Floor:
    """All that counts at one moment: the builds that wait, the hosts that they wait for, and what was before."""

    waiting: tuple[Waiting, ...]
    places: Mapping[str, Place]
    history: History


def hand_out(conn: Connection, now: datetime) -> None:
    """Give every free slot to the build whose turn it is."""
    floor = look(conn)
    for build, host in assign(floor.waiting, floor.places, floor.history) if floor else ():
        start_build(conn, get_brief(conn, JobId(build.job)), build.build, host, now=now)


def look(conn: Connection) -> Floor | None:
    """Return what the tables say; None when nothing waits."""
    rows = conn.execute(_WAITING).mappings().all()
    if not rows:
        return None
    waiting = tuple(_waiting(row) for row in rows)
    busy: dict[str, int] = {}
    running: dict[str, int] = {}
    for row in conn.execute(_BUSY):
        busy[row.host] = busy.get(row.host, 0) + row.builds
        running[row.project] = running.get(row.project, 0) + row.builds
    places = _places(conn, _slots(row["hosts"] for row in rows), busy)
    turns, warm = _memory(conn, {build.project for build in waiting})
    return Floor(waiting, places, History(running=running, turns=turns, warm=warm))


def _waiting(row: Any) -> Waiting:
    return Waiting(
        project=row["project"],
        job=row["job_id"],
        build=row["name"],
        hosts=tuple(row["hosts"]),
        since=row["since"],
        labels=tuple(row["labels"]),
    )


def _slots(asked: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return each host's slots. A reload may have changed them: of two configurations the smaller number counts."""
    slots: dict[str, int] = {}
    for hosts in asked:
        for name, count in hosts.items():
            slots[name] = min(count, slots.get(name, count))
    return slots


def _places(conn: Connection, slots: Mapping[str, int], busy: Mapping[str, int]) -> dict[str, Place]:
    states = {row["name"]: dict(row) for row in conn.execute(_STATES).mappings()}
    places = {}
    for name, count in slots.items():
        state = states.get(name)
        own = {"out": why_out(state), "cores": state["cores"], "load": state["load"]} if state else {}
        places[name] = Place(name=name, slots=count, running=busy.get(name, 0), **own)
    return places


def why_out(state: Mapping[str, Any]) -> str:
    """Say why a host takes nothing new; empty: it does."""
    if state["removed"]:
        return "is not registered any more"
    if state["drained"]:
        return f"is drained (releasd hosts resume {state['name']})"
    if state["failures"]:
        return quarantined(state["since"], state["look_at"], state["why"])
    return ""


def _memory(
    conn: Connection, projects: Iterable[str]
) -> tuple[dict[str, datetime], dict[tuple[str, str], frozenset[str]]]:
    turns: dict[str, datetime] = {}
    warm: dict[tuple[str, str], frozenset[str]] = {}
    for row in conn.execute(_PLACES, {"projects": list(projects)}):
        turns[row.project] = max(row.started_at, turns.get(row.project, row.started_at))
        if row.succeeded_at is not None:
            key = (row.project, row.build)
            warm[key] = warm.get(key, frozenset()) | {row.host}
    return turns, warm


def start_build(conn: Connection, job: Brief, name: str, host: str, *, now: datetime) -> None:
    """Open the next attempt of a build on `host`; it waits no longer."""
    this = {"of": job.id, "called": name}
    before = conn.execute(_BEFORE, this).scalar_one_or_none()
    attempts = (before or 0) + 1
    values: dict[str, Any] = {"host": host, "state": StepState.STARTED, "attempts": attempts}
    values |= {"error": None, "started_at": now, "finished_at": None, "task": None, "log_start": None}
    if before is None:
        conn.execute(_FIRST, values | {"job_id": job.id, "name": name})
    else:
        conn.execute(_AGAIN, values | this)
    conn.execute(_NO_LONGER, this)
    note_place(conn, job.project, name, host, what="started_at", now=now)
    record(conn, "build.started", job, now=now, build=name, host=host, build_attempt=attempts)


def note_place(conn: Connection, project: str, build: str, host: str, *, what: str, now: datetime) -> None:
    """Remember when a build last started on a host (`what` is "started_at"), or succeeded there ("succeeded_at")."""
    this = {"its_project": project, "its_build": build, "its_host": host}
    if not conn.execute(_SEEN, {what: now} | this).rowcount:
        new = {"project": project, "build": build, "host": host, "started_at": now, "succeeded_at": None}
        conn.execute(_NEW_PLACE, new | {what: now})


def note_success(conn: Connection, host: str) -> None:
    """Forget what a host lost before: it has seen a build through."""
    conn.execute(update(host_state).where(host_state.c.name == host, host_state.c.losses > 0).values(losses=0))


def stop_waiting(conn: Connection, job_id: JobId, name: str) -> None:
    """Let a build wait no longer."""
    conn.execute(_NO_LONGER, {"of": job_id, "called": name})


def explain(conn: Connection, job_id: JobId, name: str, now: datetime) -> Placement:
    """Say, and remember, why a build of a running job waits."""
    floor = look(conn)
    mine = [build for build in floor.waiting if (build.job, build.build) == (job_id, name)] if floor else []
    if floor is None or not mine:
        raise LookupError(f"build {name} of job {job_id} does not wait")
    found = why_waiting(mine[0], floor.places)
    conn.execute(_EXPLAIN, {"of": job_id, "called": name, "reason": found.reason, "looked_at": now})
    return found
