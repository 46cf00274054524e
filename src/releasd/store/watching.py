"""What the watcher remembers: looks, files, alarms, and who was told of those."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, insert, select, update

from releasd.core.retry import LONGEST, delay
from releasd.core.watching import Seen, sentence
from releasd.errors import ReleasdError, Transient, UsageError
from releasd.model import IndexAlarm, Suspicion, WatchedFile
from releasd.store import log
from releasd.store.codec import clean
from releasd.store.rows import Part
from releasd.store.tables import artifact, job
from releasd.store.values import Watch, WatchRecord
from releasd.store.watchtables import index_alarm, index_alarm_told, index_file, index_watch

_MANY = 500  # names in one question: databases bound them
_REMEMBERED = tuple(field.name for field in fields(WatchedFile))
_FILES = tuple(index_file.c[name] for name in _REMEMBERED)
_ALARMS = select(*(index_alarm.c[field.name] for field in fields(IndexAlarm))).order_by(index_alarm.c.id)
_ONCE = ("project", "index", "filename", "kind", "found")  # what makes two alarms one


class Watching(Part):
    """The ledger as the watcher reads it, and what it writes."""

    def ledger(self, filenames: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """Return those of the files that a release sealed and began to publish, with their digests."""
        names, found = list(filenames), dict[str, set[str]]()
        query = select(artifact.c.filename, artifact.c.sha256).join(job, job.c.id == artifact.c.job_id)
        with self._db.read() as conn:
            for start in range(0, len(names), _MANY):
                some = artifact.c.filename.in_(names[start : start + _MANY])
                for row in conn.execute(query.where(job.c.irrevocable, some)):
                    found.setdefault(row.filename, set()).add(row.sha256)
        return {name: frozenset(digests) for name, digests in found.items()}

    def released_files(self, project: str) -> tuple[str, ...]:
        """Return the names of all files that the project released."""
        query = select(artifact.c.filename).distinct().join(job, job.c.id == artifact.c.job_id)
        with self._db.read() as conn:
            return tuple(conn.execute(query.where(job.c.irrevocable, job.c.project == project)).scalars())

    def watches(self, project: str | None = None) -> tuple[WatchRecord, ...]:
        """Return what is watched, and how the last look went."""
        query = select(index_watch).order_by(index_watch.c.project, index_watch.c.index, index_watch.c.distribution)
        with self._db.read() as conn:
            rows = conn.execute(query if project is None else query.where(index_watch.c.project == project))
            return tuple(WatchRecord(**row) for row in rows.mappings())

    def watched_files(self, watch: Watch) -> Mapping[str, WatchedFile]:
        """Return what is remembered of the files there, by name."""
        with self._db.read() as conn:
            rows = conn.execute(select(*_FILES).where(_of(index_file, watch))).mappings()
            return {row["filename"]: WatchedFile(**row) for row in rows}

    def index_unseen(self, watch: Watch, why: str, *, now: datetime) -> None:
        """Remember that a look failed."""
        with self._db.write(durable=False) as conn:
            _looked(conn, watch, tried_at=now, why=clean(why))

    def index_looked(self, watch: Watch, seen: Seen, *, now: datetime) -> None:
        """Remember what a look found, with its events and alarms."""
        rows = _rows(watch, seen.changed)
        with self._db.write() as conn:
            if _looked(conn, watch, tried_at=now, looked_at=now, why=""):
                _say(conn, "index.watched", watch, now, files=len(seen.changed))
            _keep(conn, watch, rows)
            for event, name in _news(seen):
                _say(conn, event, watch, now, filename=name)
            for suspicion in seen.suspicions:
                _alarm(conn, watch, suspicion, now)

    def index_read(self, watch: Watch, file: WatchedFile, suspicion: Suspicion | None, *, now: datetime) -> None:
        """Remember that a file's bytes were read, and what was wrong with them."""
        with self._db.write(durable=suspicion is not None) as conn:
            _keep(conn, watch, _rows(watch, (file,)))
            if suspicion:
                _alarm(conn, watch, suspicion, now)

    def alarms(self, project: str | None = None) -> tuple[IndexAlarm, ...]:
        """Return the alarms that nobody acknowledged, oldest first."""
        query = _ALARMS.where(index_alarm.c.acknowledged_at.is_(None))
        with self._db.read() as conn:
            rows = conn.execute(query if project is None else query.where(index_alarm.c.project == project))
            return tuple(IndexAlarm(**row) for row in rows.mappings())

    def acknowledge(self, alarm_id: int, note: str, *, by: str, now: datetime) -> IndexAlarm:
        """Take note that a person settled an alarm; doing it twice is doing it once. Raises `UsageError`."""
        with self._db.write() as conn:
            found = _find(conn, alarm_id)
            if found.acknowledged_at is not None:
                return found
            values = {"acknowledged_at": now, "acknowledged_by": by, "note": clean(note)}
            conn.execute(update(index_alarm).where(index_alarm.c.id == alarm_id).values(values))
            about = {"alarm": alarm_id, "index": found.index, "filename": found.filename, "by": by, "note": clean(note)}
            log.append(conn, "index.acknowledged", now=now, project=found.project, data=about)
            return _find(conn, alarm_id)

    def told_of(self, alarm_id: int) -> Mapping[str, datetime | None]:
        """Return whom an alarm was told to, or tried to: when each is due again, None: it was told."""
        with self._db.read() as conn:
            rows = conn.execute(select(index_alarm_told).where(index_alarm_told.c.alarm_id == alarm_id))
            return {row.target: row.retry_at for row in rows}

    def alarm_told(self, alarm: IndexAlarm, target: str, error: ReleasdError | None, *, now: datetime) -> None:
        """Remember, durably, that a target was told of an alarm, or why not and when it is tried again."""
        with self._db.write() as conn:
            mine = and_(index_alarm_told.c.alarm_id == alarm.id, index_alarm_told.c.target == target)
            before = conn.execute(select(index_alarm_told.c.attempts).where(mine)).scalar_one_or_none() or 0
            said = clean(error.message) if error else None
            values = {"attempts": before + 1, "error": said, "retry_at": _due(error, before + 1, now), "at": now}
            if before:
                conn.execute(update(index_alarm_told).where(mine).values(values))
            else:
                conn.execute(insert(index_alarm_told).values(alarm_id=alarm.id, target=target, **values))
            about = {"alarm": alarm.id, "target": target, "target_attempt": before + 1}
            if error is None:
                log.append(conn, "announce.delivered", now=now, project=alarm.project, data=about)
            elif not before:  # the repetitions say nothing new
                failed = about | {"error": said, "advice": clean(error.advice), "retryable": True}
                log.append(conn, "announce.failed", now=now, project=alarm.project, data=failed)


def _news(seen: Seen) -> Iterator[tuple[str, str]]:
    """Yield what a look tells of besides alarms: an event's name and a file's."""
    yield from (("index.yanked", name) for name in seen.yanked)
    yield from (("index.unyanked", name) for name in seen.unyanked)
    yield from (("index.removed", name) for name in seen.removed)
    yield from (("index.restored", name) for name in seen.restored)


def _due(error: ReleasdError | None, attempts: int, now: datetime) -> datetime | None:
    """Return when an alarm is told again: what a person has to mend is tried, too, for an alarm must arrive."""
    if error is None:
        return None
    asked = (error.retry_after if isinstance(error, Transient) else None) or 0.0
    pause = delay(attempts) if isinstance(error, Transient) else LONGEST
    return now + timedelta(seconds=max(asked, pause))


def _of(table: Table, watch: Watch) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in asdict(watch).items()))


def _looked(conn: Connection, watch: Watch, **values: Any) -> bool:
    """Write how a look went; return whether it is the first that succeeded."""
    row = conn.execute(select(index_watch.c.since).where(_of(index_watch, watch))).one_or_none()
    first = "looked_at" in values and (row is None or row.since is None)
    if first:
        values["since"] = values["looked_at"]
    if row is None:
        conn.execute(insert(index_watch).values(**asdict(watch), **values))
    else:
        conn.execute(update(index_watch).where(_of(index_watch, watch)).values(values))
    return first


def _rows(watch: Watch, files: Iterable[WatchedFile]) -> list[dict[str, Any]]:
    """Return files as they are stored. Made before the store is locked, and not by `asdict`, which copies deeply."""
    where = asdict(watch)
    return [{**where, **{name: getattr(file, name) for name in _REMEMBERED}} for file in files]


def _keep(conn: Connection, watch: Watch, rows: list[dict[str, Any]]) -> None:
    """Write files, all in two statements: an index may list any number, and nobody else can write meanwhile."""
    if rows:
        mine = and_(_of(index_file, watch), index_file.c.filename == bindparam("name"))
        conn.execute(delete(index_file).where(mine), [{"name": row["filename"]} for row in rows])
        conn.execute(insert(index_file), rows)


def _alarm(conn: Connection, watch: Watch, suspicion: Suspicion, now: datetime) -> None:
    """Raise an alarm, unless the same is open: nodes of one index may disagree, to and fro.

    What is suspected is news each time (core/watching.py), so what was settled and comes again is a new alarm.
    """
    values = asdict(watch) | asdict(suspicion)
    same = and_(*(index_alarm.c[name].is_not_distinct_from(values[name]) for name in _ONCE))
    if conn.execute(select(index_alarm.c.id).where(same, index_alarm.c.acknowledged_at.is_(None))).first():
        return
    made = conn.execute(insert(index_alarm).values(**values, at=now).returning(index_alarm.c.id)).scalar_one()
    _say(conn, "index.alarmed", watch, now, alarm=made, why=sentence(_find(conn, made)), **asdict(suspicion))


def _find(conn: Connection, alarm_id: int) -> IndexAlarm:
    row = conn.execute(_ALARMS.where(index_alarm.c.id == alarm_id)).mappings().one_or_none()
    if row is None:
        raise UsageError(f"there is no alarm {alarm_id}", advice="List the alarms: releasd status")
    return IndexAlarm(**row)


def _say(conn: Connection, event: str, watch: Watch, now: datetime, **data: object) -> None:
    about = {"index": watch.index, "distribution": watch.distribution, **data}
    log.append(conn, event, now=now, project=watch.project, data=about)
