"""A push made while the daemon was down: how long after READY its job is claimed."""

from collections.abc import Iterator

from benchmarks.figures import Figure
from benchmarks.place import place, push_feature, since_epoch, start
from support.stage import Stage

ROUNDS = 5
WAYS = {"noted by the hook": True, "no hook at all": False}


def run() -> Iterator[Figure]:
    """Measure with the spool file that the hook leaves, and with nothing but the repository itself."""
    for way, hook in WAYS.items():
        with place() as stage:
            start(stage, hook=hook)
            taken = tuple(_round(stage, hook=hook) for _ in range(ROUNDS))
        yield Figure(
            what=f"push while down, {way}: READY to its job claimed",
            unit="s",
            samples=taken,
            aim=1.0,
            peers="Buildbot and Laminar: both lost the push",
            how="below zero: claimed before READY",
        )


def _round(stage: Stage, *, hook: bool) -> float:
    stage.daemon.stop()
    seen = len(stage.events())
    commit = push_feature(stage)
    started = start(stage, hook=hook)
    job = stage.wait_for(lambda job: job["commit"] == commit and job["state"] in {"succeeded", "failed"})
    assert job["state"] == "succeeded", job["reason"]
    events = stage.events()[seen:]
    claimed = next(event for event in events if event["event"] == "job.claimed" and event["job"] == job["id"])
    return since_epoch(claimed) - started.ready
