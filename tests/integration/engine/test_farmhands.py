"""Hosts over time: looked at when they are due, drained and resumed, waited for without costing an attempt."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from releasd.engine import farmhands, view
from releasd.engine.farmhands import Farm
from releasd.errors import DiskFull, HostLost, ReleasdError, TaskLost, UsageError
from releasd.model import BuildSpec, ContainerSpec, HostSpec, JobState, StepName
from releasd.ports import Probe, Task
from support.fakehost import FakeHost, Scripted
from support.fakeports import TOOLS, host_spec
from support.lab import Lab


class Watched(FakeHost):
    """A host that remembers when it was looked at, and whether thoroughly."""

    def __init__(self, spec: HostSpec) -> None:
        super().__init__(spec, tools=TOOLS)
        self.looks: list[bool] = []
        self.is_away = False

    def probe(
        self,
        tools: Iterable[str],
        container: ContainerSpec | None = None,
        *,
        inside: Iterable[str] = (),
        survey: bool = False,
    ) -> Probe:
        self.looks.append(survey)
        if self.is_away:
            raise HostLost("no route")
        return super().probe(tools, container, inside=inside, survey=survey)


@pytest.fixture
def far(lab: Lab) -> Watched:
    """Return a second host, registered."""
    made = Watched(host_spec("far", "linux"))
    lab.hosts.registered.append(made)
    farmhands.register(lab.world)
    return made


def tick(lab: Lab, seconds: float = 0.0) -> None:
    """Let time pass, and the tick come."""
    lab.clock.at += timedelta(seconds=seconds)
    Farm(lab.world, lambda: None).probe_due()


def test_a_host_that_is_well_is_looked_at_every_five_minutes(lab: Lab, far: Watched) -> None:
    """Thoroughly the first time; what was found then stays known."""
    for _ in range(61):
        tick(lab, 5)
    assert far.looks == [True, False]
    (record,) = (probe for probe in lab.store.probes() if probe.name == "far")
    assert record.facts["programs"] == {}
    assert record.facts["cores"] == 4


def test_a_host_in_quarantine_is_looked_at_by_its_own_clock(lab: Lab, far: Watched) -> None:
    """Soon, then less and less often; it comes back by itself."""
    tick(lab)
    far.is_away = True
    lab.store.host_lost("far", "reset", now=lab.clock.now())
    seen = []
    for second in range(40):
        tick(lab, 1)
        if len(far.looks) > len(seen) + 1:
            seen.append(second + 1)
    assert seen == [2, 6, 14, 30]
    far.is_away = False
    tick(lab, 32)
    assert lab.store.hosts()[0].out == ""


def test_draining_and_resuming(lab: Lab, far: Watched) -> None:
    """Both answer with what runs there; an unknown host is the asker's mistake and names those that there are."""
    farm = Farm(lab.world, lambda: None)
    assert farm.drain("far") == {"schema": 1, "name": "far", "drained": True, "running": []}
    assert farm.resume("far")["drained"] is False
    for steer in (farm.drain, farm.resume):
        with pytest.raises(UsageError, match="no host nobody; registered: one, far"):
            steer("nobody")
    with pytest.raises(UsageError, match="no host nobody"):
        farm.probe(["nobody"])


def test_only_the_named_hosts_are_looked_at(lab: Lab, far: Watched) -> None:
    """The others' last word stays."""
    found = Farm(lab.world, lambda: None).probe(["far"])
    assert [host["name"] for host in found["hosts"]] == ["far"]
    assert [probe.name for probe in lab.store.probes()] == ["far"]


def test_of_hosts_that_were_not_looked_at_nothing_is_said(lab: Lab, far: Watched) -> None:
    """A build that may run on one of them is not said to run nowhere; one that none of them is meant for is."""
    builds = (BuildSpec(name="mine", run="x"), BuildSpec(name="its", run="x", labels=("linux",)))
    lab.configure(builds=(*builds, BuildSpec(name="none", run="x", labels=("mac",))))
    found = Farm(lab.world, lambda: None).probe(["one"])["builds"]
    assert [(build["build"], build["ok"]) for build in found] == [("mine", True), ("its", None), ("none", False)]
    assert found[1]["hosts"] == {"one": "lacks the labels linux", "far": "was not looked at"}


def test_a_job_does_not_wait_beside_an_able_host(lab: Lab, far: Watched) -> None:
    """One that was drained in preflight and resumed while the build ran elsewhere takes it when that host is lost."""
    tick(lab)
    farm = Farm(lab.world, lambda: None)
    farm.drain("far")

    def lost(task: Task) -> Scripted | None:
        if "RELEASD_VERSION" not in task.env:
            return None
        farm.resume("far")
        return Scripted(error=TaskLost("gone"))

    lab.plays = lost
    job = lab.release()
    assert (job.state, job.not_before) == (JobState.QUEUED, lab.clock.at)


def test_a_reload_tells_of_hosts_that_come_and_go(lab: Lab, far: Watched) -> None:
    """Each once; a host that is gone is shown no more."""
    before = lab.world
    lab.hosts = type(lab.hosts)([lab.host])
    lab.world = lab._world()
    farmhands.register(lab.world, before)
    told = [(event.event, event.data["host"]) for event in lab.store.events_after(0) if event.event.startswith("host.")]
    assert told == [("host.added", "one"), ("host.added", "far"), ("host.removed", "far")]
    assert [host["name"] for host in view.status(lab.store, lab.clock.now())["hosts"]] == ["one"]


def test_what_a_build_lacks_is_told_for_each_host(lab: Lab, far: Watched) -> None:
    """Labels, tools, policy, quarantine: the answer to "would it run there" for every build of every project."""
    lab.hosts.registered.append(FakeHost(host_spec("bare", "linux"), tools={}))
    lab.configure(
        builds=(
            BuildSpec(name="linux", run="x", labels=("linux",)),
            BuildSpec(name="rust", run="x", tools=("cargo",)),
        ),
        hosts=("one", "far", "bare"),
    )
    Farm(lab.world, lambda: None).probe()
    Farm(lab.world, lambda: None).drain("far")
    linux, rust = Farm(lab.world, lambda: None).probe()["builds"]
    assert linux["hosts"] == {
        "one": "lacks the labels linux",
        "far": "is drained (releasd hosts resume far)",
        "bare": "cannot be used: lacks uv",
    }
    assert (linux["ok"], linux["project"], linux["labels"]) == (False, "demo", ["linux"])
    assert rust["hosts"]["one"] == "lacks cargo"


def test_a_container_that_would_not_run_is_told_as_preflight_would(lab: Lab) -> None:
    """An engine that answers is not enough: its image may be absent and never pulled, or a limit not be kept."""
    why = 'lacks the image img:1, and pull = "never"'
    lab.hosts.registered.append(FakeHost(host_spec("two"), tools=TOOLS, container_problem=why))
    farmhands.register(lab.world)
    box = ContainerSpec(image="img:1", pull="never")
    lab.configure(builds=(BuildSpec(name="boxed", run="x", container=box), BuildSpec(name="bare", run="x")))
    boxed, bare = Farm(lab.world, lambda: None).probe()["builds"]
    assert boxed["hosts"] == {"one": "", "two": why}
    assert bare["hosts"] == {"one": "", "two": ""}


def test_a_tool_that_an_image_lacks_is_told_with_what_cures_it(lab: Lab) -> None:
    """Whichever host it is: what is installed beside the container does not count."""
    lab.hosts.registered.append(two := FakeHost(host_spec("two"), tools=TOOLS | {"maturin": "/usr/bin/maturin"}))
    two.image_tools = {"auditwheel"}
    farmhands.register(lab.world)
    box, tools = ContainerSpec(image="img:1"), ("maturin", "cibuildwheel|auditwheel")
    lab.configure(builds=(BuildSpec(name="boxed", run="x", container=box, tools=tools),))
    (boxed,) = Farm(lab.world, lambda: None).probe()["builds"]
    assert boxed["ok"] is False
    assert boxed["hosts"]["two"] == (
        "the image img:1 lacks maturin; name another, or make one that has it: "
        "printf 'FROM img:1\\nRUN python3 -m pip install maturin\\n' | docker build -t NAME -"
    )
    assert "lacks maturin, cibuildwheel or auditwheel; " in boxed["hosts"]["one"]


def test_builds_that_the_repository_names_are_answered_for_too(lab: Lab) -> None:
    """Nothing has to be written for the operator; a repository without a recipe says why."""
    lab.configure(builds=())
    build_system = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    lab.push("feat: more", {"pyproject.toml": build_system + '[project]\nname = "demo"\nversion = "1.0.0"\n'})
    (build,) = Farm(lab.world, lambda: None).probe()["builds"]
    assert (build["build"], build["tools"], build["hosts"]) == ("dist", ["uv"], {"one": ""})
    lab.push("feat: else", {".releasd.toml": "builds = 7\n"})
    (unknown,) = Farm(lab.world, lambda: None).probe()["builds"]
    assert (unknown["build"], unknown["ok"]) == (None, None)
    assert unknown["reason"]


def test_a_job_without_a_host_waits_for_as_long_as_it_takes(lab: Lab) -> None:
    """No step loses an attempt, the reason names host and next look, and the release is made once the host is back."""
    farmhands.register(lab.world)
    tick(lab)
    lab.plays = lambda task: Scripted(error=HostLost("gone")) if "RELEASD_VERSION" in task.env else None
    job = lab.release()
    for _ in range(8):  # more often than any step is tried
        lab.clock.at = job.not_before
        job = lab.run()
        assert job.state is JobState.QUEUED
        assert "dist waits: no host is usable: one is quarantined since" in job.reason
    assert lab.store.records(job.id)[StepName.BUILD].attempts == 1
    shown = view.job_view(lab.store, job)
    assert [each["name"] for each in shown["waiting"]] == ["dist"]
    lab.plays = lambda _: None
    tick(lab, 60)
    lab.assert_released(lab.run(), "1.1.0")


@pytest.mark.parametrize(("task_of", "part"), [("-dist", "dist"), ("-trial-", "demo-1.1.0-py3-none-any.whl")])
@pytest.mark.parametrize("error", [TaskLost("went away"), DiskFull("no space left")])
def test_what_takes_its_host_along_is_not_repeated_for_ever(
    lab: Lab, error: ReleasdError, task_of: str, part: str
) -> None:
    """Looks at the host succeed each time. In the end the job fails, and tells of each time; a retry counts anew."""
    farmhands.register(lab.world)
    tick(lab)
    lab.plays = lambda task: Scripted(error=error) if task_of in task.id else None
    job, waits = lab.release(), []
    while job.state is JobState.QUEUED and len(waits) < 20:
        (host,) = lab.store.hosts()
        assert host.look_at is not None
        waits.append((host.look_at - lab.clock.at).total_seconds())
        lab.clock.at = host.look_at
        tick(lab)
        job = lab.run()
    assert job.state is JobState.FAILED
    assert waits == [2, 4, 8, 16]
    times = "; ".join([f"one ({error.message})"] * 5)
    assert f"{part} was begun 5 times, and each time its host failed: {times}" in job.reason
    lab.plays = lambda _: None
    tick(lab, 60)
    lab.store.retry(job.id, lab.clock.at, by="me")
    lab.assert_released(lab.run(), "1.1.0")


def test_a_drained_host_takes_no_release(lab: Lab) -> None:
    """The job waits before anything is done, and goes on by itself after `resume`."""
    farmhands.register(lab.world)
    farm = Farm(lab.world, lambda: None)
    farm.drain("one")
    job = lab.release()
    assert job.state is JobState.QUEUED
    assert "one is drained (releasd hosts resume one)" in job.reason
    assert StepName.VERSION not in lab.store.records(job.id)
    farm.resume("one")
    lab.assert_released(lab.run(), "1.1.0")
