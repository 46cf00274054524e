"""What `releasd status` shows of a release's destinations, and the warning before one closes for good."""

from datetime import datetime
from itertools import groupby
from typing import Any

from releasd.core.delivering import closes_at, lacking, warnings_due
from releasd.core.lifecycle import LIVE_STATES
from releasd.model import Job
from releasd.store import Store


def destinations(store: Store, job: Job) -> list[dict[str, Any]]:
    """Return each destination that the job came to, in order, with how far each file is.

    `closes_at` is when an index by the public one's rules takes no more of the files that it lacks; null: nothing
    lacks, or nothing is there yet.
    """
    files = {name: tuple(group) for name, group in groupby(store.deliveries(job.id), lambda each: each.index)}
    found = []
    for each in store.destinations(job.id):
        records = files.get(each.index, ())
        closing = closes_at(records) if each.closes and lacking(records) else None
        about = {"index": each.index, "proven_at": _time(each.proven_at), "evidence": each.evidence}
        shown = [
            {
                "filename": record.filename,
                "sha256": record.sha256,
                "size": record.size,
                "state": record.state,
                "error": record.error,
                "planned_at": _time(record.planned_at),
                "uploaded_at": _time(record.uploaded_at),
                "served_at": _time(record.served_at),
                "verified_at": _time(record.verified_at),
            }
            for record in records
        ]
        found.append({**about, "closes_at": _time(closing), "files": shown})
    return found


def warn_of_closing(store: Store, projects: tuple[str, ...], *, now: datetime) -> tuple[str, ...]:
    """Raise each alarm that is due: releases that are public in part, on an index that soon takes no more files.

    One whose files arrived after all is settled. Returns a sentence for each new one.
    """
    told = []
    for project in projects:
        _settle(store, project, now)
        for job in (*store.unfinished_releases(project), *store.jobs(project, LIVE_STATES)):
            told += _warn(store, job, now)
    return tuple(told)


def _warn(store: Store, job: Job, now: datetime) -> list[str]:
    told = []
    files = {name: tuple(group) for name, group in groupby(store.deliveries(job.id), lambda each: each.index)}
    for each in store.destinations(job.id):
        records = files.get(each.index, ())
        closing, missing = closes_at(records) if each.closes else None, lacking(records)
        level = warnings_due(closing, now) if closing and missing else 0
        if not closing or not level:
            continue
        if store.warn_closing(job, each.index, level, lacking=missing, closes_at=closing, now=now):
            names = ", ".join(missing)
            told.append(f"job {job.id}: {each.index} lacks {names} and takes no more after {closing:%Y-%m-%d %H:%M}")
    return told


def _settle(store: Store, project: str, now: datetime) -> None:
    for alarm in store.alarms(project):
        if alarm.kind == "closing" and store.arrived(alarm.index, alarm.filename.split(", ")):
            store.acknowledge(alarm.id, "the files arrived", by="releasd", now=now)


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
