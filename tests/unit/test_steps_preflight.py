"""`preflight`: everything that could fail later and can be known now is known now."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.errors import (
    CheckFailed,
    Conflict,
    DiskFull,
    GitError,
    HostLost,
    NoHost,
    Permanent,
    ReleasdError,
    SecretError,
    TaskLost,
    Transient,
)
from releasd.model import BuildSpec, ContainerSpec, Gate
from releasd.ports import Probe, Task
from releasd.steps import farm, preflight
from support.fakehost import FakeHost, Scripted
from support.fakeports import TOOLS, FakeHosts, FakeIndex, Scene, host_spec


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_circumstances_are_looked_at_anew(scene: Scene) -> None:
    """What was true an attempt ago is no evidence."""
    assert preflight.observe(scene.context()) is None


def test_when_all_is_well_the_evidence_says_where_builds_can_run(scene: Scene) -> None:
    """Hosts, gates and indexes are recorded; nothing was changed anywhere."""
    before = dict(scene.remote.refs)
    assert preflight.apply(scene.context()) == {"hosts": {"wheel": ["one"]}, "gates": {}, "indexes": ["pypi"]}
    assert scene.remote.refs == before
    assert scene.index.uploads == []


@pytest.mark.parametrize("failure", [GitError("the remote denies a push"), Transient("no route")])
def test_a_remote_that_takes_no_push(scene: Scene, failure: ReleasdError) -> None:
    """What would stop `tag` stops the job here, before anything is built."""
    scene.remote.failure = failure
    with pytest.raises(type(failure), match=failure.message):
        preflight.apply(scene.context())


def test_a_taken_tag_is_a_conflict(scene: Scene) -> None:
    """A tag of the planned name, off the planned history, is named with its commit and the ways out."""
    scene.remote.tag("v1.1.0", scene.tip)
    with pytest.raises(Conflict, match=f"v1.1.0 exists on the remote already, at {scene.tip[:12]}") as caught:
        preflight.apply(scene.context())
    assert "git push --delete origin v1.1.0" in caught.value.advice


def test_an_annotated_taken_tag_is_told_by_its_commit(scene: Scene) -> None:
    """The commit is what people look up, not the tag object."""
    made = scene.git.write_tag(name="v1.1.0", commit=scene.tip, message="x", at=scene.clock.now())
    scene.remote.refs["refs/tags/v1.1.0"] = made
    with pytest.raises(Conflict, match=scene.tip[:12]):
        preflight.apply(scene.context())


def test_an_address_that_may_be_wrong_is_told_before_the_tag(scene: Scene) -> None:
    """A first release to an index without a page of its own is legal, so it goes on, and says what it cannot know."""
    scene.index.doubts = "pypi has a page neither for demo nor at simple_url itself"
    assert preflight.apply(scene.context())["doubts"] == {"pypi": scene.index.doubts}
    assert scene.index.doubts in b"".join(scene.said["pypi"]).decode()


class Registry(FakeIndex):
    """An index that takes crates alone."""

    def takes(self, filename: str) -> bool:
        return filename.endswith(".crate")


def test_each_crate_is_looked_up_by_cargos_version(scene: Scene) -> None:
    """A registry is asked for every crate of the release, and for no distribution of Python's."""
    scene.indexes = {"pypi": Registry()}
    preflight.apply(scene.context())
    assert scene.index.asked == []
    assert "this release has none" in scene.output("pypi")
    scene.plan = replace(scene.plan, crates=("demo-core", "demo"), version="1.1.0-rc.1", pep440="1.1.0rc1")
    preflight.apply(scene.context())
    assert scene.index.asked == [("demo-core", "1.1.0-rc.1"), ("demo", "1.1.0-rc.1")]


def test_a_version_that_is_on_the_index(scene: Scene) -> None:
    """An index never takes a version back: this has to be known before the tag, not after."""
    scene.index.stored["demo-1.1.0.tar.gz"] = "0" * 64
    with pytest.raises(Conflict, match=r"demo 1\.1\.0 is on the index pypi already: demo-1\.1\.0\.tar\.gz"):
        preflight.apply(scene.context())


@pytest.mark.parametrize("error", [SecretError("env:TOKEN is not set"), Transient("doppler is down")])
def test_a_token_that_cannot_be_had(scene: Scene, error: ReleasdError) -> None:
    """A missing token stops the release before its tag."""
    scene.index.secret_error = error
    with pytest.raises(type(error), match=error.message):
        preflight.apply(scene.context())


def test_an_index_that_is_down(scene: Scene) -> None:
    """An index that does not answer is waited for before anything is public."""
    scene.index.files_error = Transient("503")
    with pytest.raises(Transient, match="503"):
        preflight.apply(scene.context())


def build(**fields: object) -> tuple[BuildSpec, ...]:
    """Return one build."""
    return (BuildSpec(name="wheel", run="make", **fields),)


def test_a_missing_tool_is_named(scene: Scene) -> None:
    """A host without a tool that the build names cannot do it; host and tool are told."""
    scene.plan = replace(scene.plan, builds=build(tools=("cargo", "sh")))
    with pytest.raises(Permanent, match="no host can do the build wheel: one: lacks cargo") as caught:
        preflight.apply(scene.context())
    assert "releasd retry" in caught.value.advice
    assert "container's image" in caught.value.advice


def test_a_host_is_looked_at_once_for_all_builds(scene: Scene) -> None:
    """Each look starts a process there: the tools of all builds are asked for together, and judged build by build."""
    tools = {**TOOLS, "cargo": "/usr/bin/cargo"}
    host = FakeHost(host_spec("one"), tools=tools)
    asked: list[tuple[str, ...]] = []
    plain = host.probe

    def probe(tools: Iterable[str], container: ContainerSpec | None = None, **_: object) -> Probe:
        asked.append(tuple(tools))
        return plain(asked[-1], container)

    host.probe = probe  # type: ignore[method-assign]
    scene.hosts = FakeHosts([host])
    first = build(tools=("cargo",))[0]
    scene.plan = replace(scene.plan, builds=(first, replace(first, name="other", tools=("sh",))))
    assert preflight.apply(scene.context())["hosts"] == {"wheel": ["one"], "other": ["one"]}
    assert [set(tools) for tools in asked] == [{"cargo", "sh", preflight.TRIAL_TOOL}]
    scene.plan = replace(scene.plan, builds=(first, replace(first, name="other", tools=("rustc",))))
    with pytest.raises(Permanent, match="build other: one: lacks rustc"):
        preflight.apply(scene.context())


def test_one_able_host_is_enough(scene: Scene) -> None:
    """Hosts that cannot are left out of the evidence and are no error."""
    scene.plan = replace(scene.plan, builds=build(tools=("cargo",)))
    able = FakeHost(host_spec("two"), tools={**TOOLS, "cargo": "/usr/bin/cargo"})
    lost = FakeHost(host_spec("three"), probe_error=HostLost("gone"))
    scene.hosts = FakeHosts([FakeHost(host_spec("one"), tools=TOOLS), able, lost])
    assert preflight.apply(scene.context())["hosts"] == {"wheel": ["two"]}


def test_one_of_several_tools_will_do(scene: Scene) -> None:
    """`a|b` is lacking only where both are, and is told as people read it."""
    scene.plan = replace(scene.plan, builds=build(tools=("cargo|sh",)))
    assert preflight.apply(scene.context())["hosts"] == {"wheel": ["one"]}
    scene.plan = replace(scene.plan, builds=build(tools=("cargo|rustc",)))
    with pytest.raises(Permanent, match="one: lacks cargo or rustc"):
        preflight.apply(scene.context())


def test_when_the_only_able_host_is_away_it_is_waited_for(scene: Scene) -> None:
    """A host that cannot be reached may be able later: the failure may pass, and tells of every host."""
    scene.plan = replace(scene.plan, builds=build(tools=("cargo",)))
    scene.hosts = FakeHosts(
        [FakeHost(host_spec("one"), tools=TOOLS), FakeHost(host_spec("two"), probe_error=HostLost("gone"))]
    )
    with pytest.raises(HostLost, match="one: lacks cargo; two: gone"):
        preflight.apply(scene.context())


def test_a_host_that_refuses_us_is_no_passing_trouble(scene: Scene) -> None:
    """A wrong host key does not get better by waiting."""
    scene.hosts = FakeHosts([FakeHost(host_spec("one"), probe_error=Permanent("unknown host key"))])
    with pytest.raises(Permanent, match="one: unknown host key") as caught:
        preflight.apply(scene.context())
    assert not isinstance(caught.value, Transient)


class Boxed(FakeHost):
    """A host whose look at a container comes out as given."""

    container_problem: str | None = None
    is_image_absent = False

    def probe(
        self,
        tools: Iterable[str],
        container: ContainerSpec | None = None,
        *,
        inside: Iterable[str] = (),
        survey: bool = False,
    ) -> Probe:
        """Answer for the container that was asked for, and for no other."""
        found = super().probe(tools, container, inside=inside, survey=survey)
        if container is None:
            return found
        return replace(found, container_problem=self.container_problem, is_image_absent=self.is_image_absent)


def in_box(scene: Scene, host: FakeHost, *, tools: tuple[str, ...] = ()) -> None:
    """Have the scene's one build run in a container on `host`."""
    scene.plan = replace(scene.plan, builds=build(tools=tools, container=ContainerSpec(image="img")))
    scene.hosts = FakeHosts([host])


def test_a_host_that_cannot_run_the_container_says_why(scene: Scene) -> None:
    """What the host's look at its engine and image found is passed on, host by host."""
    host = Boxed(host_spec("one"), tools=TOOLS)
    host.container_problem = "containers cannot be run: docker is not installed, and podman is not installed"
    in_box(scene, host)
    with pytest.raises(Permanent, match="one: containers cannot be run: docker is not installed"):
        preflight.apply(scene.context())


def test_an_image_that_is_there_costs_no_trial(scene: Scene) -> None:
    """Where nothing has to be pulled or looked for, no container is started."""
    host = Boxed(host_spec("one"), tools=TOOLS)
    in_box(scene, host)
    assert preflight.apply(scene.context())["hosts"] == {"wheel": ["one"]}
    assert host.tasks == []


def test_an_absent_image_is_pulled_before_anything_is_built(scene: Scene) -> None:
    """A container of it is started once; where that fails, the host cannot do the build, in its own words."""
    host = Boxed(host_spec("one"), tools=TOOLS)
    host.is_image_absent = True
    in_box(scene, host)
    assert preflight.apply(scene.context())["hosts"] == {"wheel": ["one"]}
    assert [task.container for task in host.tasks] == [ContainerSpec(image="img")]
    refusing = Boxed(host_spec("one"), lambda _: Scripted(error=Permanent("no such image")), tools=TOOLS)
    refusing.is_image_absent = True
    in_box(scene, refusing)
    with pytest.raises(Permanent, match="one: no such image"):
        preflight.apply(scene.context())


def absent(scene: Scene, said: Scripted) -> None:
    """Have the scene's build in an image that its host has to pull, which goes as played."""
    host = Boxed(host_spec("one"), lambda _: said, tools=TOOLS)
    host.is_image_absent = True
    in_box(scene, host)


def test_a_pull_is_heard_live(scene: Scene) -> None:
    """What the engine says is in the job's log, after the host and the image, also where the pull fails."""
    absent(scene, Scripted(output=b"layer 1 of 9\n", error=Permanent("no such image")))
    with pytest.raises(Permanent):
        preflight.apply(scene.context())
    said = b"".join(scene.said["image-wheel"]).decode()
    assert said == "releasd: one lacks the image img: it is pulled\nlayer 1 of 9\n"


@pytest.mark.parametrize("loss", [TaskLost("killed"), DiskFull("no room")])
def test_a_pull_that_takes_its_host_along_is_waited_for_and_counted(scene: Scene, loss: ReleasdError) -> None:
    """The host is left alone for a while and the loss is one of the five that are borne; the fifth fails the job."""
    absent(scene, Scripted(error=loss))
    with pytest.raises(NoHost, match=f"one: {loss.message}"):
        preflight.apply(scene.context())
    assert scene.journal.losses == [f"one ({loss.message})"]
    scene.journal.out.clear()
    scene.journal.losses = [f"h{number} (went away)" for number in range(farm.MOST_LOSSES - 1)]
    with pytest.raises(Permanent, match=r"one: image-wheel was begun 5 times, .* h0 \(went away\);.* one \("):
        preflight.apply(scene.context())


def test_a_host_that_cannot_be_reached_for_a_pull_is_no_loss(scene: Scene) -> None:
    """Nothing had begun there."""
    absent(scene, Scripted(error=HostLost("no route")))
    with pytest.raises(NoHost, match="one: no route"):
        preflight.apply(scene.context())
    assert scene.journal.losses == []


def test_the_tools_of_a_container_are_looked_for_in_its_image(scene: Scene) -> None:
    """The host need not have them; an image that has to be pulled is asked once it is there. Of `a|b` one will do."""
    tools = ("maturin", "cargo", "cibuildwheel|auditwheel")
    for is_absent in (False, True):
        answer = Scripted(output=f"{preflight.LACKS}maturin\n{preflight.LACKS}cibuildwheel\n".encode())
        host = Boxed(host_spec("one"), lambda _, answer=answer: answer, tools=TOOLS)
        host.image_tools, host.is_image_absent = {"cargo", "auditwheel"}, is_absent
        in_box(scene, host, tools=tools)
        with pytest.raises(Permanent, match=r"one: the image img lacks maturin; .* pip install maturin"):
            preflight.apply(scene.context())
        assert bool(host.tasks) is is_absent
    host = Boxed(host_spec("one"), tools=TOOLS)
    host.image_tools = {"maturin", "cargo", "cibuildwheel"}
    in_box(scene, host, tools=tools)
    assert preflight.apply(scene.context())["hosts"] == {"wheel": ["one"]}


def test_a_trial_that_fails_for_another_reason_says_so(scene: Scene) -> None:
    """A container that starts and fails is no able host."""
    host = Boxed(host_spec("one"), lambda _: Scripted(output=b"no shell\n", exit_status=3), tools=TOOLS)
    host.is_image_absent = True
    in_box(scene, host, tools=("cargo",))
    with pytest.raises(Permanent, match="one: its container failed: no shell"):
        preflight.apply(scene.context())


def test_a_full_disk_is_known_beforehand(scene: Scene) -> None:
    """Less free space than a build is bound to need is told in megabytes; it is waited for, and the host left alone."""

    class Full(FakeHost):
        def probe(self, tools: object, container: object = None, **_: object) -> Probe:
            return Probe(system="Linux", machine="x86_64", tools={}, missing=(), disk_free=preflight.DISK_NEEDED - 1)

    scene.hosts = FakeHosts([Full(host_spec("one"))])
    with pytest.raises(NoHost, match="one: has only 255 MB of disk free"):
        preflight.apply(scene.context())
    assert "255 MB" in scene.journal.out["one"]


def test_labels_that_nobody_has(scene: Scene) -> None:
    """A build that can never run fails here and at once."""
    scene.plan = replace(scene.plan, builds=build(labels=("macos",)))
    with pytest.raises(Permanent, match="no registered host has the labels macos"):
        preflight.apply(scene.context())


def gated(tmp_path: Path, played: Scripted) -> Scene:
    """Return a scene with two gates, of which `lint` goes well and `tests` does what is played."""
    made = Scene(tmp_path, gates=(Gate(name="lint", run="lint"), Gate(name="tests", run="tests", timeout=60.0)))

    def script(task: Task) -> Scripted:
        return played if task.script == "tests" else Scripted(output=b"clean\n")

    made.hosts = FakeHosts([FakeHost(host_spec(), script, tools=TOOLS)])
    return made


def test_gates_run_on_the_planned_commit(tmp_path: Path) -> None:
    """Each gate gets the sources as they were pushed, and its output is kept under its name."""
    scene = gated(tmp_path, Scripted())
    assert preflight.apply(scene.context())["gates"] == {"lint": "one", "tests": "one"}
    assert scene.output("gate-lint") == "clean\n"
    tasks = scene.hosts.registered[0].tasks
    assert [task.timeout for task in tasks] == [1800.0, 60.0]
    assert {task.source for task in tasks} == {tmp_path / "gate.tar"}


@pytest.mark.parametrize(
    ("played", "told"),
    [(Scripted(exit_status=3), "exit status 3"), (Scripted(hangs=True), "timeout")],
)
def test_a_red_gate_ends_the_release(tmp_path: Path, played: Scripted, told: str) -> None:
    """A gate that fails or hangs is named with its host and cause, and with where its output is."""
    scene = gated(tmp_path, played)
    with pytest.raises(CheckFailed, match=f"the gate tests failed on one: {told}") as caught:
        preflight.apply(scene.context())
    assert caught.value.advice == "releasd log 3 --step preflight"


def test_a_gate_whose_hosts_are_away_is_put_off(tmp_path: Path) -> None:
    """Nothing is known about the project, so the attempt is repeated."""
    scene = gated(tmp_path, Scripted(error=HostLost("gone")))
    with pytest.raises(HostLost, match=r"no able host can be reached: one \(gone\)"):
        preflight.apply(scene.context())


def test_a_tag_only_project_needs_neither_host_nor_index(scene: Scene) -> None:
    """Without builds and indexes there is nothing to ask them for."""
    scene.plan = replace(scene.plan, builds=(), indexes=())
    scene.hosts = FakeHosts([])
    assert preflight.apply(scene.context()) == {"hosts": {}, "gates": {}, "indexes": []}


def test_a_host_without_uv_cannot_build(scene: Scene) -> None:
    """`check` installs each wheel with uv, so its absence is known before anything is built."""
    scene.hosts = FakeHosts([FakeHost(host_spec("one"))])
    with pytest.raises(Permanent, match="one: lacks uv"):
        preflight.apply(scene.context())
