"""A release of a maturin package for two targets on two hosts, beside the hand-run workflow of the same steps.

As the workflow does it: one build here, the other in a container on another host, whose toolchain the workflow fetches
on every release and releasd's image has. Then with both builds on bare hosts, so without what the image saves. Two
hosts on one machine share its cores, which two hosts of a farm do not; so a last time with each build taking `PADDED`
seconds, most of which it sleeps, as if its host were elsewhere.
"""

import contextlib
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import peers
from benchmarks.boxes import READY, Boxes, boxes
from benchmarks.figures import Figure
from benchmarks.handrun import HandRun, HandTimes
from benchmarks.place import place, since_epoch, start
from releasd.model import StepName
from support.packages import MATURIN
from support.parts import eventually
from support.sshd import Sshd, start_sshd
from support.stage import Stage, over_ssh

ROUNDS = 5  # after the first release
PADDED = 5  # seconds
AIM = 2.5  # times as fast as by hand
NATIVE = 'maturin build --quiet --release --locked --out "$RELEASD_OUT"'
CROSSED = f"{NATIVE} --target x86_64-unknown-linux-gnu --zig --compatibility manylinux2014"
TOOLS = ["cargo", "maturin"]
HOSTS = ("one", "two")


@dataclass(frozen=True)
class Variant:
    """The two builds, each on a host of its own; the second in a container of `boxes` where there are any."""

    what: str
    builds: tuple[str, str]
    boxes: Boxes | None = None

    @property
    def by_hand(self) -> tuple[str, str]:
        """Return the same builds as the workflow does them."""
        near, far = self.builds
        return near, self.boxes.by_hand(far) if self.boxes else far

    def settings(self, number: int) -> dict[str, object]:
        """Return what the entry of a build says beyond its script."""
        return {"container": {"image": READY, "pull": "never"}} if self.boxes and number else {}

    def host(self, number: int) -> dict[str, object]:
        """Return what the entry of a host says beyond its address."""
        engine = self.boxes.engine if self.boxes and number else None
        return {"engine": engine.name, "env": dict(engine.env)} if engine else {}


@dataclass(frozen=True)
class Times:
    """One release by releasd: seconds from before the push to the event of its success, and those of each step."""

    whole: float
    steps: Mapping[str, float]


def run() -> Iterator[Figure]:
    """Release in turns by releasd and by hand, each variant for itself."""
    zig = peers.zig()
    if zig is None:
        return
    node = peers.semantic_release()
    with boxes() as made:
        if made is not None:
            yield from _figures(Variant("one build in a container", (CROSSED, NATIVE), made), zig, node)
    for what, pad in (("both builds on bare hosts", 0), (f"each build {PADDED} s", PADDED)):
        yield from _figures(Variant(what, (_padded(NATIVE, pad), _padded(CROSSED, pad))), zig, node)


def _measured(variant: Variant, zig: Path, node: tuple[str, ...] | None) -> list[tuple[Times, HandTimes]]:
    with _stage(zig) as (stage, servers):
        for number, (name, server, script) in enumerate(zip(HOSTS, servers, variant.builds, strict=True)):
            workdir = str(stage.folder / name / "builds")
            labels = ["linux", platform.machine(), name]  # the first two as `releasd hosts add` finds them out
            entry = over_ssh(server, stage, labels=labels, workdir=workdir, **variant.host(number))
            stage.config["hosts"][name] = entry
            common = {"labels": [name], "tools": TOOLS, "artifacts": ["*.whl"], "cache": "full"}
            stage.build_with(script, **common, **variant.settings(number))
        stage.build_with('maturin sdist --out "$RELEASD_OUT"', tools=TOOLS, artifacts=["*.tar.gz"])
        hand = HandRun(stage, servers[1], variant.by_hand, node)
        start(stage)
        return [(_release(stage), hand.release()) for _ in range(1 + ROUNDS)]


def _padded(build: str, seconds: int) -> str:
    """Return a build that takes so long at least."""
    return f"sleep {seconds} & {build}; wait" if seconds else build


@contextlib.contextmanager
def _stage(zig: Path) -> Iterator[tuple[Stage, Sequence[Sshd]]]:
    with contextlib.ExitStack() as stack:
        stage = stack.enter_context(place(MATURIN))
        program = stage.folder / "bin/zig"
        program.write_text(f'#!/bin/sh\nexec {zig}/python -m ziglang "$@"\n')
        program.chmod(0o755)
        servers = []
        for name in HOSTS:
            (stage.folder / name).mkdir()
            servers.append(stack.enter_context(contextlib.contextmanager(start_sshd)(stage.folder / name)))
        yield stage, servers


def _release(stage: Stage) -> Times:
    """Push and wait; the time is that of the event, so looking costs nothing."""
    jobs = {job["id"] for job in stage.jobs()} if (stage.state / "releasd.db").exists() else set()
    stage.work.sync()
    stage.work.commit("feat: more")
    began = time.time()
    stage.push_main()
    job = stage.wait_for(lambda job: job["id"] not in jobs and job["state"] in {"succeeded", "failed"}, timeout=300.0)
    assert job["state"] == "succeeded", job["reason"] + stage.log_text(job["id"])
    at = eventually(lambda: _times_of(stage, job["id"]), "the audit file has it, too")
    steps = {
        str(step): at["step.succeeded", step] - at["step.started", step]
        for step in StepName
        if ("step.succeeded", step) in at
    }
    return Times(at["job.succeeded", None] - began, steps)


def _times_of(stage: Stage, job: int) -> dict[tuple[str, str | None], float]:
    """Return when each event of a job was; nothing before its last one is there."""
    events = [event for event in stage.events() if event["job"] == job]
    at = {(event["event"], event["data"].get("step")): since_epoch(event) for event in events}
    return at if ("job.succeeded", None) in at else {}


def _figures(variant: Variant, zig: Path, node: tuple[str, ...] | None) -> Iterator[Figure]:
    both = _measured(variant, zig, node)
    first, later = both[0], both[1:]
    yield Figure(
        what=f"workflow, {variant.what}: by hand / releasd",
        unit="x",
        samples=tuple(hand.whole / ours.whole for ours, hand in later),
        aim=AIM,
        beside={
            "by hand, no wheel checked / releasd": tuple(hand.unchecked / ours.whole for ours, hand in later),
            "… nor semantic-release asked / releasd": tuple(hand.least / ours.whole for ours, hand in later),
            "the first release, caches cold": (first[1].whole / first[0].whole,),
        },
        how="from before git push to job.succeeded; by hand from the first command to the last",
    )
    yield Figure(
        what="    whole release",
        unit="s",
        samples=tuple(ours.whole for ours, _ in later),
        beside={
            "by hand": tuple(hand.whole for _, hand in later),
            "by hand, no wheel checked": tuple(hand.unchecked for _, hand in later),
            "… nor semantic-release asked": tuple(hand.least for _, hand in later),
            "the first release": (first[0].whole,),
            "the first release by hand": (first[1].whole,),
        },
    )
    for step in first[0].steps:
        yield Figure(what=f"    releasd: {step}", unit="s", samples=tuple(ours.steps[step] for ours, _ in later))
    for part in first[1].parts:
        yield Figure(what=f"    by hand: {part}", unit="s", samples=tuple(hand.parts[part] for _, hand in later))
