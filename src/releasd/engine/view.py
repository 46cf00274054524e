"""What `releasd status` and the API show, read from the store alone: the same with the daemon up or down.

The shape is a promise (docs/status-json.md): keys are added, never changed within a schema number.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from releasd.core import alarming
from releasd.core.lifecycle import LIVE_STATES, ORDER
from releasd.engine import deliveryview
from releasd.errors import UsageError
from releasd.model import Job, JobId, StepName
from releasd.store import HostRecord, ProbeRecord, Store, WatchRecord

LastLine = Callable[[JobId, StepName, str], str]
SCHEMA = 1
RECENT = 10


def no_output(job: JobId, step: StepName, part: str) -> str:  # noqa: ARG001 - the signature of `JobLog.last_line`
    """Stand for job logs where there are none."""
    return ""


def status(
    store: Store, now: datetime, *, project: str | None = None, last_line: LastLine = no_output
) -> dict[str, Any]:
    """Return projects, live jobs with their steps and builds, recent jobs, hosts as last probed, and alarms.

    `last_line(job, step, part)` reads a job's log.
    """
    live = list(reversed(store.jobs(project, LIVE_STATES)))
    recent = [job for job in store.jobs(project, limit=RECENT + len(live)) if job.state not in LIVE_STATES]
    return {
        "schema": SCHEMA,
        "at": _time(now),
        "projects": [_project(store, name) for name in store.projects() if project in {None, name}],
        "jobs": [job_view(store, job, last_line) for job in live],
        "recent": [_brief(job) for job in recent[:RECENT]],
        "hosts": _hosts(store),
        "alarms": [alarming.document(alarm) for alarm in store.alarms(project)],
        "watched": [_watch(record) for record in store.watches(project)],
    }


def job_view(store: Store, job: Job, last_line: LastLine = no_output) -> dict[str, Any]:
    """Return everything about one job: its steps with their evidence, builds, files, and why it waits."""
    return _brief(job) | {
        "children": list(store.children_of(job)),
        "attempt": job.attempt,
        "not_before": _time(job.not_before),
        "owner": job.owner,
        "steps": [
            {
                "name": record.name,
                "state": record.state,
                "attempts": record.attempts,
                "error": record.error,
                "advice": record.advice,
                "evidence": record.evidence,
                "started_at": _time(record.started_at),
                "finished_at": _time(record.finished_at),
            }
            for record in sorted(store.records(job.id).values(), key=lambda record: ORDER.index(record.name))
        ],
        "builds": [
            {
                "name": build.name,
                "host": build.host,
                "state": build.state,
                "attempts": build.attempts,
                "error": build.error,
                "started_at": _time(build.started_at),
                "finished_at": _time(build.finished_at),
                "last_line": last_line(job.id, StepName.BUILD, build.name),
                "evidence": build.evidence,
            }
            for build in store.builds(job.id)
        ],
        "destinations": deliveryview.destinations(store, job),
        "announcements": [
            {
                "target": each.target,
                "state": each.state,
                "attempts": each.attempts,
                "error": each.error,
                "advice": each.advice,
                "retry_at": _time(each.retry_at),
                "at": _time(each.at),
                "evidence": each.evidence,
            }
            for each in store.announcements(job.id)
        ],
        "waiting": [
            {"name": waits.name, "reason": waits.reason, "since": _time(waits.since)} for waits in store.waiting(job.id)
        ],
        "artifacts": [
            {"filename": a.filename, "sha256": a.sha256, "size": a.size, "build": a.build, "host": a.host}
            for a in store.artifacts(job.id)
        ],
    }


def _watch(record: WatchRecord) -> dict[str, Any]:
    return {
        "project": record.project,
        "index": record.index,
        "distribution": record.distribution,
        "since": _time(record.since),
        "looked_at": _time(record.looked_at),
        "why": record.why,
    }


def _hosts(store: Store) -> list[dict[str, Any]]:
    probes = {probe.name: probe for probe in store.probes()}
    return [_host(host, probes.get(host.name)) for host in store.hosts()]


def _host(host: HostRecord, probe: ProbeRecord | None) -> dict[str, Any]:
    """Return a host; `ok` and `reason` are those of its last probe, of which there may have been none."""
    quarantine = {"since": _time(host.since), "next_look_at": _time(host.look_at), "reason": host.why}
    return {
        "name": host.name,
        "ok": probe.ok if probe else host.failures == 0,
        "reason": probe.reason if probe else "",
        "at": _time(probe.at) if probe else None,
        "facts": {**host.spec, **(probe.facts if probe else {})},
        "usable": not host.out,
        "why": host.out,
        "drained": host.drained,
        "quarantined": quarantine if host.failures else None,
        "running": [{"project": each.project, "job": each.job, "build": each.build} for each in host.running],
    }


def find_job(store: Store, job_id: int, last_line: LastLine = no_output) -> dict[str, Any]:
    """Return one job's view. Raises `UsageError` when there is none of that number."""
    return job_view(store, store.job(JobId(job_id)), last_line)


def latest_job(store: Store, project: str) -> Job:
    """Return the newest job of a project. Raises `UsageError` when it has none."""
    for job in store.jobs(project, limit=1):
        return job
    raise UsageError(f"{project} has no jobs", advice="releasd status lists the projects and their jobs")


def _project(store: Store, name: str) -> dict[str, Any]:
    last = store.last_release(name)
    heads = {branch: commit for branch, commit in store.heads_of(name).items() if commit.strip("0")}
    return {
        "name": name,
        "head": next(iter(heads.values()), None),
        "heads": heads,
        "last_release": _brief(last) if last else None,
        "unfinished": [_brief(job) for job in store.unfinished_releases(name)],
    }


def _brief(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "project": job.project,
        "commit": job.commit,
        "branch": job.branch,
        "package": job.package or None,
        "state": job.state,
        "reason": job.reason,
        "version": job.version,
        "tag": job.tag,
        "source": job.source,
        "created_at": _time(job.created_at),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
