"""How a status looks to people."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from releasd.cli import hostsview, output
from releasd.cli.harmless import harmless

SHORT = 9  # characters of a commit's name
WIDEST = 120  # characters of a build's last line


def screen(found: dict[str, Any]) -> RenderableType:
    """Return the whole status: the daemon, what is live, projects, recent jobs, hosts."""
    return Group(*_sections(found))


def _sections(found: dict[str, Any]) -> Iterator[RenderableType]:
    daemon = found["daemon"]
    if daemon["running"]:
        yield Text(f"releasd runs (process {daemon['pid']})", style="green")
    else:
        yield Text("the daemon is not running; this is what its store says", style="bold yellow")
    yield from (_alarm(alarm) for alarm in found.get("alarms", ()))
    for job in found["jobs"]:
        yield Text()
        yield job_screen(job)
    yield Text()
    yield _projects(found["projects"]) if found["projects"] else Text("no project was looked at yet", style="dim")
    for project in found["projects"]:
        for job in project["unfinished"]:
            yield Text(f"unfinished: {named(job)} {job['version']}: {job['reason']}", style="bold red")
    for watch in found.get("watched", ()):  # a daemon that was not restarted yet says less
        if watch["why"]:
            yield Text(
                f"{watch['index']} cannot be watched for {watch['distribution']}: {watch['why']}", style="yellow"
            )
    if found["recent"]:
        yield Text()
        yield _recent(found["recent"])
    if found["hosts"]:
        yield Text()
        yield hostsview.table([{**host["facts"], **host} for host in found["hosts"]])


def _alarm(alarm: dict[str, Any]) -> Text:
    line = Text(f"ALARM {alarm['id']}: {alarm['project']}: {alarm['why']}", style="bold red")
    line.append(f" (since {alarm['at']})\n  → {alarm['advice']}", style="not bold default")
    return line


def named(job: dict[str, Any]) -> str:
    """Return what a job is for: its project, and the package where the repository has several."""
    return f"{job['project']}/{job['package']}" if job["package"] else str(job["project"])


def job_screen(job: dict[str, Any]) -> RenderableType:
    """Return one job: its headline, its steps, its builds."""
    head = Text(f"job {job['id']} ", style="bold")
    head.append(f"{named(job)} {job['version'] or job['commit'][:SHORT]} ")
    head.append(job["state"], style=output.style(job["state"]))
    if job["reason"] and job["reason"] != job["state"]:
        head.append(f": {job['reason']}")
    if job["not_before"] and not job["not_before"].startswith("9999"):  # until approved: the reason says so
        head.append(f" (not before {job['not_before']})", style="dim")
    steps, builds = (_step(step) for step in job["steps"]), (_build(build) for build in job["builds"])
    return Group(
        head,
        *steps,
        *(_destination(each) for each in job["destinations"]),
        *(_told(each) for each in job["announcements"]),
        *builds,
        *(_waits(build) for build in job["waiting"]),
        *(known(each) for each in job.get("known", ())),
    )


def _step(step: dict[str, Any]) -> Text:
    line = Text(f"  {step['name']:9} ")
    line.append(f"{step['state']:9}", style=output.style(step["state"]))
    line.append(f" {output.since(step['started_at'], step['finished_at'])}", style="dim")
    if step["attempts"] > 1:
        line.append(f" attempt {step['attempts']}", style="yellow")
    if step["error"]:
        line.append(f" {step['error']}", style="red")
    if step["error"] and step["advice"]:
        line.append(f"\n            → {step['advice']}")
    return line


def _destination(destination: dict[str, Any]) -> Text:
    """Return where a destination stands: how many of its files are how far, and each that was not taken."""
    states = Counter(file["state"] for file in destination["files"])
    line = Text(f"    {destination['index']} ")
    line.append(", ".join(f"{count} {state}" for state, count in states.items()))
    if destination["proven_at"]:
        line.append(" proven", style=output.style("succeeded"))
    if states["uploaded"]:
        line.append(" (stored, not yet served)", style="yellow")
    for file in destination["files"]:
        if file["error"]:
            line.append(f"\n      {file['filename']}: {file['error']}", style="red")
    if destination["closes_at"]:
        line.append(f"\n      what lacks is taken until {destination['closes_at']}, not later", style="bold red")
    return line


def _told(target: dict[str, Any]) -> Text:
    line = Text(f"    told {target['target']} ")
    line.append(target["state"], style=output.style(target["state"]))
    if target["attempts"] > 1:
        line.append(f" attempt {target['attempts']}", style="yellow")
    if target["evidence"].get("url"):
        line.append(f" {target['evidence']['url']}", style="dim")
    if target["error"]:
        line.append(f" {target['error']}", style="red")
    if target["error"] and target["advice"]:
        line.append(f"\n            → {target['advice']}")
    return line


def known(each: dict[str, Any]) -> Text:
    """Return what is known of a failure: its cause, and what to do."""
    where = f"{each['step']} {each['part']}".strip()
    line = Text(f"  {where}: {each['cause']}", style="yellow")
    line.append(f"\n    → {each['fix']}", style="default")
    return line


def _waits(build: dict[str, Any]) -> Text:
    line = Text(f"    {build['name']} ")
    line.append("waits", style=output.style("queued"))
    line.append(f" since {build['since']}: {build['reason']}")
    return line


def _build(build: dict[str, Any]) -> Text:
    line = Text(f"    build {build['name']} on {build['host']} ")
    line.append(build["state"], style=output.style(build["state"]))
    line.append(f" {output.since(build['started_at'], build['finished_at'])}", style="dim")
    if build["error"]:
        line.append(f" {build['error']}", style="red")
    if build["state"] == "started" and build["last_line"]:
        line.append(f"\n      {harmless(build['last_line'])[:WIDEST]}", style="dim")
    return line


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _projects(projects: list[dict[str, Any]]) -> Table:
    table = _table("project", "last release", "tag", "at", "branch at")
    for project in projects:
        last = project["last_release"] or {}
        head = (project["head"] or "")[:SHORT]
        cells = (last.get("version"), last.get("tag"), last.get("finished_at"))
        table.add_row(project["name"], *(cell or "-" for cell in cells), head)
    return table


def _recent(jobs: list[dict[str, Any]]) -> Table:
    table = _table("job", "project", "version", "state", "took", "reason")
    for job in jobs:
        table.add_row(
            str(job["id"]),
            named(job),
            job["version"] or job["commit"][:SHORT],
            Text(job["state"], style=output.style(job["state"])),
            output.since(job["started_at"], job["finished_at"]),
            job["reason"],
        )
    return table
