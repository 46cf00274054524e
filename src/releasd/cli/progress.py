"""Follows a job to its end, a line for each step that ends: what `release --wait` and `demo` show."""

import time
from collections.abc import Callable
from typing import Any

from releasd.cli import output
from releasd.errors import NothingToRelease, ReleasdError

PAUSE = 0.1  # seconds between looks
LIVE = {"queued", "running"}


def follow(ask: Callable[[], dict[str, Any]], *, quiet: bool = False) -> dict[str, Any]:
    """Print each step as it ends and each reason to wait as it changes; return the job when it is over."""
    out = output.console()
    out.quiet = quiet
    shown: set[tuple[str, str, int]] = set()
    waiting = ""
    while True:
        job = ask()
        for step in job["steps"]:
            key = (step["name"], step["state"], step["attempts"])
            if step["state"] != "started" and key not in shown:
                shown.add(key)
                out.print(_line(step))
        if job["state"] == "queued" and job["reason"] != waiting:
            waiting = job["reason"]
            out.print(f"  waiting: {waiting}", style="cyan")
        if job["state"] not in LIVE:
            return job
        time.sleep(PAUSE)


def _line(step: dict[str, Any]) -> Any:
    from rich.text import Text

    good = step["state"] == "succeeded"
    line = Text("  ✓ " if good else "  ✗ ", style="green" if good else "bold red")
    line.append(f"{step['name']:9} ")
    line.append(output.since(step["started_at"], step["finished_at"]), style="dim")
    if step["error"]:
        line.append(f" {step['error']}", style="red")
    if step["error"] and step["advice"]:
        line.append(f"\n    → {step['advice']}")
    return line


def outcome(job: dict[str, Any]) -> ReleasdError | None:
    """Return what a job's end means, None when it released."""
    if job["state"] != "succeeded":
        return ReleasdError(f"job {job['id']} {job['state']}: {job['reason']}", advice=f"releasd log {job['id']}")
    if job["version"] is None:
        return NothingToRelease(job["reason"])
    return None
