"""A release from push to the end: until the first build runs, whole, and beside it the same steps as a shell script."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Figure
from benchmarks.place import place, push_feature, since_epoch, stamp, start
from benchmarks.shell import ShellRelease, ShellTimes
from releasd.model import StepName
from support.packages import MAKE
from support.stage import Stage

ROUNDS = 12
WARM_UPS = 1
STAMPED = "date +%s%N >{folder}/begun; {build}; date +%s%N >{folder}/ended"
LAST_OF_QUEUE = "job.claimed"


@dataclass(frozen=True)
class Trace:
    """One release: times of its events in seconds since the epoch, and when its build began and ended."""

    at: Mapping[str, float]  # by event; by event and step for steps
    begun: float
    ended: float

    def took(self, first: str, last: str) -> float:
        """Return the seconds between two events."""
        return self.at[last] - self.at[first]


def run() -> Iterator[Figure]:
    """Release again and again, in turns by releasd and by the script."""
    with place() as stage:
        stage.build_with(STAMPED.format(folder=stage.folder, build=MAKE), tools=["python3"])
        script = ShellRelease(stage)
        start(stage)
        both = [(_release(stage), script.release()) for _ in range(WARM_UPS + ROUNDS)][WARM_UPS:]
    traces, shells = [each[0] for each in both], [each[1] for each in both]
    yield from _start_figures(traces, shells)
    yield _whole_figure(traces, shells)
    yield from _step_figures(traces)


def _release(stage: Stage) -> Trace:
    seen = len(stage.events()) if (stage.state / "audit.jsonl").exists() else 0
    push_feature(stage)
    job = stage.wait_for(lambda job: job["state"] in {"succeeded", "failed"} and job["id"] > _last(stage, seen))
    assert job["state"] == "succeeded", job["reason"]
    events = [event for event in stage.events()[seen:] if event["job"] == job["id"]]
    at = {_key(event): since_epoch(event) for event in events}
    return Trace(at, stamp(stage.folder / "begun"), stamp(stage.folder / "ended"))


def _last(stage: Stage, seen: int) -> int:
    """Return the number of the newest job among the first `seen` events, 0 without any."""
    return max((event["job"] or 0 for event in itertools.islice(stage.events(), seen)), default=0)


def _key(event: Mapping[str, Any]) -> str:
    step = event["data"].get("step")
    return f"{event['event']} {step}" if step else str(event["event"])


def _start_figures(traces: list[Trace], shells: list[ShellTimes]) -> Iterator[Figure]:
    yield Figure(
        what="push accepted to its job claimed (the queue)",
        unit="ms",
        samples=tuple(trace.took("job.queued", LAST_OF_QUEUE) * 1000 for trace in traces),
        aim=50.0,
        peers="hook start to job running: Laminar 19 quiet, 67 loaded; Buildbot 749 and 1119 ms",
        how="between the events job.queued, which the hook's answer waits for, and job.claimed",
    )
    yield Figure(
        what="push accepted to the first build command running",
        unit="ms",
        samples=tuple((trace.begun - trace.at["job.queued"]) * 1000 for trace in traces),
        aim=300.0,
        beside={"script: first command to build running": tuple(shell.until_build * 1000 for shell in shells)},
        how="from job.queued to the build reading a clock; between: plan, preflight, fetch, commit and export",
    )


def _whole_figure(traces: list[Trace], shells: list[ShellTimes]) -> Figure:
    uploads = sorted(shell.upload for shell in shells)
    upload = uploads[len(uploads) // 2]
    return Figure(
        what="whole release less its build and the upload",
        unit="s",
        samples=tuple(
            trace.took("job.queued", "job.succeeded") - (trace.ended - trace.begun) - upload for trace in traces
        ),
        aim=1.0,
        beside={
            "script, less its build and upload": tuple(s.whole - s.build - s.upload for s in shells),
            "script, whole": tuple(shell.whole for shell in shells),
            "releasd, whole": tuple(trace.took("job.queued", "job.succeeded") for trace in traces),
            "uv publish alone (subtracted)": tuple(uploads),
        },
        how="from job.queued to job.succeeded; the upload is the script's median `uv publish` of the like files",
    )


def _step_figures(traces: list[Trace]) -> Iterator[Figure]:
    """Say where the time goes."""
    spans = {
        "claimed to planned": ("job.claimed", "job.planned"),
        **{str(step): (f"step.started {step}", f"step.succeeded {step}") for step in StepName},
    }
    for name, (first, last) in spans.items():
        yield Figure(
            what=f"    of it: {name}",
            unit="ms",
            samples=tuple(trace.took(first, last) * 1000 for trace in traces),
        )
