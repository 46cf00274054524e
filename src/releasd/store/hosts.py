"""What the last look at each build host said, and whether builds may go there."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from releasd.core.schedule import next_look
from releasd.errors import UsageError
from releasd.model import HostSpec, StepState
from releasd.store import log
from releasd.store.codec import clean
from releasd.store.placing import wake_waiting
from releasd.store.rows import Part
from releasd.store.slots import why_out
from releasd.store.tables import build as build_table
from releasd.store.tables import host_probe, host_state
from releasd.store.tables import job as job_table
from releasd.store.values import HostRecord, ProbeRecord, RunningBuild

_COLUMNS = tuple(host_probe.c[name] for name in ("name", "ok", "at", "facts", "reason"))
_STATE = select(host_state).where(host_state.c.name == bindparam("of"))
_CHANGE = update(host_state).where(host_state.c.name == bindparam("of"))
_ADD = insert(host_state)
_FRESH: Mapping[str, Any] = {
    "removed": False, "drained": False, "failures": 0, "since": None, "look_at": None, "why": "", "cores": 1,
    "load": 0.0, "losses": 0, "spec": {},
}  # fmt: skip
_WELL: Mapping[str, Any] = {"failures": 0, "since": None, "look_at": None, "why": ""}


class Hosts(Part):
    """Host probes, quarantine, draining."""

    def register_hosts(self, specs: Iterable[HostSpec], *, now: datetime) -> None:
        """Take note of the hosts that the configuration names; one that was not there before is an event.

        So is one that was, and is no more: it may have been taken out while no daemon ran. In a database that is shared
        it may be another daemon's, and stays.
        """
        shown = {spec.name: _shown(spec) for spec in specs}
        with self._db.read() as conn:
            known = {row.name: row.spec for row in conn.execute(select(host_state)) if not row.removed}
        gone = set() if self._db.is_shared else known.keys() - shown
        if not gone and all(known.get(name) == spec for name, spec in shown.items()):
            return
        with self._db.write() as conn:
            for name, spec in shown.items():
                if name not in known:
                    _change(conn, name, **_FRESH)
                    log.append(conn, "host.added", now=now, data={"host": name, **spec})
                _change(conn, name, spec=spec)
            for name in sorted(gone):
                _remove(conn, name, now)

    def host_removed(self, name: str, *, now: datetime) -> None:
        """Take note that a host is in the configuration no more: nothing new goes there."""
        with self._db.write() as conn:
            if not _is_removed(conn, name):
                _remove(conn, name, now)

    def drain_host(self, name: str, *, by: str, now: datetime) -> None:
        """Let a host finish what runs there, and take nothing new."""
        with self._db.write() as conn:
            if not _state(conn, name)["drained"]:
                _change(conn, name, drained=True)
                log.append(conn, "host.drained", now=now, data={"host": name, "by": by})

    def resume_host(self, name: str, *, by: str, now: datetime) -> None:
        """Let a drained host take builds again; those that wait for it are due."""
        with self._db.write() as conn:
            if _state(conn, name)["drained"]:
                _change(conn, name, drained=False)
                log.append(conn, "host.resumed", now=now, data={"host": name, "by": by})
                wake_waiting(conn, name, now)

    def host_lost(self, name: str, why: str, *, now: datetime) -> None:
        """Put a host that failed a build, or could not be reached for one, into quarantine at once.

        It is the longer, the more often that was so since a build last succeeded there: a good look proves little.
        """
        with self._db.write(durable=False) as conn:
            _quarantine(conn, name, clean(why), now, lost=1)

    def save_probe(self, name: str, *, ok: bool, facts: Mapping[str, Any], reason: str, now: datetime) -> None:
        """Keep the newest probe of a host; it ends the host's quarantine, or begins or prolongs it.

        An event is written when the probe changed between able and not, and when the quarantine did. Of a host that was
        removed during the look nothing is kept.
        """
        with self._db.write(durable=False) as conn:
            if _is_removed(conn, name):
                return
            before = conn.execute(select(host_probe.c.ok).where(host_probe.c.name == name)).scalar_one_or_none()
            conn.execute(delete(host_probe).where(host_probe.c.name == name))
            values = {"name": name, "ok": ok, "at": now, "facts": dict(facts), "reason": clean(reason)}
            conn.execute(insert(host_probe).values(values))
            if before is not ok:
                event = "host.found" if ok else "host.lost"
                log.append(conn, event, now=now, data={"host": name, "reason": clean(reason)})
            if not ok:
                _quarantine(conn, name, clean(reason), now)
                return
            _change(conn, name, cores=int(facts.get("cores") or 1), load=float(facts.get("load") or 0.0))
            if _state(conn, name)["failures"]:
                _recover(conn, name, now)
            elif before is None:
                wake_waiting(conn, name, now, is_new=True)

    def probes(self) -> tuple[ProbeRecord, ...]:
        """Return the newest probe of each host, by name."""
        with self._db.read() as conn:
            rows = conn.execute(select(*_COLUMNS).order_by(host_probe.c.name)).mappings()
            return tuple(ProbeRecord(**row) for row in rows)

    def hosts(self) -> tuple[HostRecord, ...]:
        """Return the registered hosts, by name, with whether builds may go there and what runs there now."""
        with self._db.read() as conn:
            rows = conn.execute(select(host_state).where(~host_state.c.removed).order_by(host_state.c.name))
            runs = _running(conn)
            return tuple(_record(dict(row), runs.get(row["name"], ())) for row in rows.mappings())


def _shown(spec: HostSpec) -> dict[str, Any]:
    every = asdict(spec)
    return {"labels": sorted(spec.labels)} | {key: every[key] for key in ("slots", "address", "port", "user")}


def _record(row: Mapping[str, Any], running: tuple[RunningBuild, ...]) -> HostRecord:
    names = ("name", "spec", "drained", "failures", "since", "look_at", "why")
    return HostRecord(**{name: row[name] for name in names}, out=why_out(row), running=running)


def _running(conn: Connection) -> dict[str, tuple[RunningBuild, ...]]:
    columns = (build_table.c.host, job_table.c.project, build_table.c.job_id, build_table.c.name)
    query = select(*columns).join(job_table, job_table.c.id == build_table.c.job_id)
    found: dict[str, tuple[RunningBuild, ...]] = {}
    for row in conn.execute(query.where(build_table.c.state == StepState.STARTED).order_by(build_table.c.job_id)):
        build = RunningBuild(project=row.project, job=row.job_id, build=row.name)
        found[row.host] = (*found.get(row.host, ()), build)
    return found


def _state(conn: Connection, name: str) -> dict[str, Any]:
    row = conn.execute(_STATE, {"of": name}).mappings().one_or_none()
    if row is None or row["removed"]:
        raise UsageError(f"there is no host {name}", advice="List the hosts: releasd hosts")
    return dict(row)


def _is_removed(conn: Connection, name: str) -> bool:
    row = conn.execute(_STATE, {"of": name}).mappings().one_or_none()
    return row is not None and bool(row["removed"])


def _remove(conn: Connection, name: str, now: datetime) -> None:
    _change(conn, name, removed=True)
    conn.execute(delete(host_probe).where(host_probe.c.name == name))
    log.append(conn, "host.removed", now=now, data={"host": name})


def _change(conn: Connection, name: str, **values: Any) -> None:
    if not conn.execute(_CHANGE, values | {"of": name}).rowcount:
        conn.execute(_ADD, {**_FRESH, **values, "name": name})


def _quarantine(conn: Connection, name: str, why: str, now: datetime, *, lost: int = 0) -> None:
    """Begin or prolong a quarantine. A look before the next one is due (an operator's) prolongs nothing."""
    before = conn.execute(_STATE, {"of": name}).mappings().one_or_none()
    failures, since, losses = (before["failures"], before["since"], before["losses"]) if before else (0, None, 0)
    if failures and before and now < before["look_at"]:
        _change(conn, name, why=why)
        return
    losses += lost
    look_at = next_look(max(failures + 1, losses), now)
    _change(conn, name, failures=failures + 1, since=since or now, look_at=look_at, why=why, losses=losses)
    if not failures:
        log.append(conn, "host.quarantined", now=now, data={"host": name, "reason": why, "next_look_at": look_at})


def _recover(conn: Connection, name: str, now: datetime) -> None:
    since = _state(conn, name)["since"]
    _change(conn, name, **_WELL)
    log.append(conn, "host.recovered", now=now, data={"host": name, "quarantined_since": since})
    wake_waiting(conn, name, now)
