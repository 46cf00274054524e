"""`build`: each missing build runs on a host that can do it, and what it leaves is sealed."""

import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.errors import BuildFailed, Cancelled, Permanent
from releasd.model import ContainerSpec, HostSpec, StepName
from releasd.ports import Cache, Task, TaskResult
from releasd.steps import build
from support.builds import WHEEL, build_scene, builds_of, leaves_files, sealed
from support.fakehost import FakeHost, Scripted
from support.fakeports import FakeHosts, Scene, digest, host_spec


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return a release of one build and one able host."""
    return build_scene(tmp_path)


def test_nothing_built_is_nothing_to_adopt(scene: Scene) -> None:
    """Before the first build there is no evidence."""
    assert build.observe(scene.context()) is None


def test_a_build_is_sealed_with_its_files(scene: Scene) -> None:
    """The files are in the artifact store under their digest before the journal seals them."""
    evidence = build.apply(scene.context())
    assert evidence == {"files": {WHEEL: digest(b"demo")}}
    (artifact,) = scene.journal.sealed
    assert (artifact.size, artifact.build, artifact.host) == (4, "demo", "one")
    assert scene.artifacts.has(artifact)
    assert scene.journal.calls == ["build.begun", "build.adopted", "sealed demo", "build.sealed"]
    assert scene.output("demo") == "building\n"


def test_what_is_sealed_is_adopted(scene: Scene) -> None:
    """A second attempt builds nothing and has the same evidence."""
    first = build.apply(scene.context())
    assert build.observe(scene.context()) == first


def test_only_missing_builds_run(scene: Scene) -> None:
    """After one of two failed, only that one is built again: sealed bytes are never made twice."""
    scene.plan = replace(scene.plan, builds=builds_of("demo", "other"))
    scene.seal(WHEEL, b"demo", build="demo")
    assert build.observe(scene.context()) is None
    build.apply(scene.context())
    assert [task.script for task in scene.hosts.registered[0].tasks] == ["other"]
    assert sealed(scene) == {WHEEL: "demo", "other-1.1.0-py3-none-any.whl": "other"}


@pytest.mark.parametrize("change", ["gone", "other bytes"])
def test_a_sealed_file_that_changed_is_never_built_again(scene: Scene, change: str) -> None:
    """It may be public already: a person has to bring the sealed bytes back."""
    artifact = scene.seal(WHEEL, b"demo", build="demo")
    if change == "gone":
        scene.artifacts.files.clear()
    else:
        scene.artifacts.files[artifact.sha256, WHEEL] = b"changed"
    with pytest.raises(Permanent, match=f"{WHEEL} is gone from the artifact store or has other bytes") as caught:
        build.observe(scene.context())
    assert "backup" in caught.value.advice
    assert scene.hosts.registered[0].tasks == []


def test_a_build_sees_the_release_commit_and_no_secret(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets an export of the release commit and an explicit environment, nothing of the daemon's own."""
    monkeypatch.setenv("RELEASD_TEST_CANARY", "secret")
    scene.plan = replace(scene.plan, builds=builds_of("demo", env={"CFLAGS": "-O2"}, timeout=60.0))
    build.apply(scene.context())
    (task,) = scene.hosts.registered[0].tasks
    at = scene.git.commit_time(scene.context().release_commit)
    assert task.env == {
        "SOURCE_DATE_EPOCH": str(at), "RELEASD_PROJECT": "demo", "RELEASD_VERSION": "1.1.0",
        "RELEASD_TAG": "v1.1.0", "CFLAGS": "-O2",
    }  # fmt: skip
    assert task.source == scene.scratch / "source.tar"
    assert (task.timeout, task.outputs) == (60.0, ("*.whl", "*.tar.gz"))
    assert re.fullmatch("demo-3-5-demo-[0-9a-f]{16}", task.id)


def test_builds_run_at_the_same_time(scene: Scene) -> None:
    """Two builds of which each waits for the other both end."""
    meet = threading.Barrier(2, timeout=10)

    def script(task: Task) -> Scripted:
        meet.wait()
        return leaves_files(task)

    scene.plan = replace(scene.plan, builds=builds_of("demo", "other"))
    scene.hosts = FakeHosts([FakeHost(host_spec(), script)])
    assert len(build.apply(scene.context())["files"]) == 2


def test_a_cancelled_build_is_closed_in_the_journal(scene: Scene) -> None:
    """Whatever ends a build, its slot is given back."""
    scene.stop = lambda: True
    with pytest.raises(Cancelled):
        build.apply(scene.context())
    assert [(name, host) for name, host, _ in scene.journal.failed] == [("demo", "one")]


@pytest.mark.parametrize(
    ("played", "told"),
    [
        (Scripted(exit_status=2), "its command ended with exit status 2"),
        (Scripted(hangs=True), "it ran longer than its limit of 90 s and was ended"),
        (Scripted(), r"it ended well but left no file matching \*\.whl, \*\.tar\.gz in \$RELEASD_OUT"),
        (Scripted(files={"notes.txt": b""}), "left no file matching"),
    ],
)
def test_a_build_that_failed_says_how(scene: Scene, played: Scripted, told: str) -> None:
    """The error names build, host and cause, the advice where its output is; nothing is sealed."""
    scene.plan = replace(scene.plan, builds=builds_of("demo", timeout=90.0))
    scene.hosts = FakeHosts([FakeHost(host_spec(), lambda _: played)])
    with pytest.raises(BuildFailed, match=f"demo on one: .*{told}") as caught:
        build.apply(scene.context())
    assert caught.value.advice == "releasd log 3 --step build"
    assert scene.journal.sealed == []
    assert scene.journal.failed[0][:2] == ("demo", "one")


def test_a_build_in_a_container_says_what_it_ran_in_and_that_its_memory_was_too_little(scene: Scene) -> None:
    """The image's id is in the build's output, and a limit that killed it is told with its size."""
    box = ContainerSpec(image="img:1", memory=64 << 20)
    scene.plan = replace(scene.plan, builds=builds_of("demo", container=box))

    class Small(FakeHost):
        def run(self, task: Task, sink: object, should_stop: object) -> TaskResult:
            assert task.container == box
            return TaskResult(exit_status=137, why="memory", evidence={"image": "img:1", "image_id": "sha256:abc"})

    scene.hosts = FakeHosts([Small(host_spec())])
    with pytest.raises(BuildFailed, match=r"demo on one: it used more memory than its container may have \(64 MB\)"):
        build.apply(scene.context())
    assert scene.output("demo") == "releasd: ran in img:1 (sha256:abc)\n"


def test_a_build_whose_files_cannot_be_taken_fails_on_its_first_host(scene: Scene) -> None:
    """It would do the same elsewhere."""

    class Spoiling(FakeHost):
        def run(self, task: Task, sink: object, should_stop: object) -> TaskResult:
            return TaskResult(exit_status=0, why="outputs", evidence={"outputs": "out: No such file or directory"})

    scene.hosts = FakeHosts([Spoiling(host_spec()), FakeHost(host_spec("two"), leaves_files)])
    with pytest.raises(BuildFailed, match=r"left in \$RELEASD_OUT cannot be taken: out: No such file"):
        build.apply(scene.context())
    assert scene.hosts.registered[1].tasks == []


def test_a_failure_waits_for_the_other_builds(scene: Scene) -> None:
    """What the others made is kept: the next attempt does not make it again."""

    def script(task: Task) -> Scripted:
        return Scripted(exit_status=1) if task.script == "bad" else leaves_files(task)

    scene.plan = replace(scene.plan, builds=builds_of("bad", "demo"))
    scene.hosts = FakeHosts([FakeHost(host_spec(), script)])
    with pytest.raises(BuildFailed, match="bad on one"):
        build.apply(scene.context())
    assert sealed(scene) == {WHEEL: "demo"}


def test_a_real_failure_is_told_before_a_cancellation(scene: Scene) -> None:
    """When one build failed and the other was cancelled for it, the failure is what people read."""

    def script(task: Task) -> Scripted:
        return Scripted(error=Cancelled("stopped")) if task.script == "first" else Scripted(exit_status=1)

    scene.plan = replace(scene.plan, builds=builds_of("first", "second"))
    scene.hosts = FakeHosts([FakeHost(host_spec(), script)])
    with pytest.raises(BuildFailed):
        build.apply(scene.context())


def test_a_build_may_leave_several_files(scene: Scene) -> None:
    """Wheel and sdist of one build are sealed together."""
    files = {"demo-1.1.0.tar.gz": b"s", WHEEL: b"w"}
    scene.hosts = FakeHosts([FakeHost(host_spec(), lambda _: Scripted(files=files))])
    assert build.apply(scene.context())["files"] == {name: digest(data) for name, data in files.items()}
    assert scene.journal.calls.count("sealed demo") == 1


def test_what_two_builds_leave_alike_is_sealed_once(scene: Scene) -> None:
    """Both have ended well: neither is built again by a later attempt, whose bytes might be others."""
    sdist = Scripted(files={"demo-1.1.0.tar.gz": b"same"})
    scene.hosts = FakeHosts([FakeHost(host_spec(), lambda _: sdist)])
    scene.plan = replace(scene.plan, builds=builds_of("linux", "macos"))
    evidence = build.apply(scene.context())
    assert evidence == {"files": {"demo-1.1.0.tar.gz": digest(b"same")}}
    assert build.observe(scene.context()) == evidence


def test_builds_that_leave_other_bytes_under_one_name_are_told(scene: Scene) -> None:
    """The first attempt names both builds, the file and the edit; what was sealed first stays, once."""
    scene.hosts = FakeHosts([FakeHost(host_spec(), lambda t: Scripted(files={"demo-1.1.0.tar.gz": t.script.encode()}))])
    scene.plan = replace(scene.plan, builds=builds_of("linux", "macos"))
    with pytest.raises(
        BuildFailed, match=r"the builds (linux and macos|macos and linux) both leave demo-1\.1\.0\.tar\.gz"
    ) as caught:
        build.apply(scene.context())
    assert 'artifacts = ["*.whl"]' in caught.value.advice
    (first,) = scene.journal.sealed
    assert [name for name, *_ in scene.journal.failed] == [{"linux": "macos", "macos": "linux"}[first.build]]
    assert scene.journal.built().keys() == {first.build}


def test_the_hosts_own_environment_is_the_hosts_business(scene: Scene) -> None:
    """What the operator registered for a host is not mixed into the task: the host adds it itself."""
    spec = HostSpec(name="one", labels=frozenset(), env={"CC": "clang"})
    scene.hosts = FakeHosts([FakeHost(spec, leaves_files)])
    build.apply(scene.context())
    assert "CC" not in scene.hosts.registered[0].tasks[0].env


def test_a_build_goes_to_the_hosts_that_preflight_found_able(scene: Scene) -> None:
    """A host with the labels but without the tools is not given the build, whatever the order of registration."""
    hosts = [FakeHost(host_spec(name), leaves_files) for name in ("bare", "able")]
    scene.hosts = FakeHosts(hosts)
    scene.journal.evidences[StepName.PREFLIGHT] = {"hosts": {"demo": ["able"]}}
    build.apply(scene.context())
    assert [host.spec.name for host in hosts if host.tasks] == ["able"]


def tasks(scene: Scene) -> list[Task]:
    """Run the builds, and return what the host was given."""
    host = FakeHost(host_spec(), leaves_files)
    scene.hosts = FakeHosts([host])
    build.apply(scene.context())
    return host.tasks


def test_a_host_may_take_the_sources_as_git_objects(scene: Scene) -> None:
    """The objects are those of the release commit, from the daemon's own clone, and belong to the project."""
    (task,) = tasks(scene)
    assert task.objects is not None
    assert (task.objects.project, task.objects.commit) == ("demo", scene.context().release_commit)
    whole = b"".join(task.objects.pack([]))
    assert b"1.1.0" in whole
    assert b"".join(task.objects.pack([task.objects.commit])) == b""


def test_a_cache_belongs_to_a_project_and_a_build(scene: Scene) -> None:
    """Nothing is shared between targets or projects; what a build asks for is what it gets."""
    scene.plan = replace(scene.plan, builds=(*builds_of("one"), *builds_of("two", cache="none")))
    assert {task.cache for task in tasks(scene)} == {
        Cache(mode="deps", project="demo", target="one"),
        Cache(mode="none", project="demo", target="two"),
    }


@pytest.mark.parametrize(
    ("operator", "mode"),
    [({}, "deps"), ({"allow_full_cache": True}, "full"), ({"builds": builds_of("demo", cache="full")}, "full")],
)
def test_compiled_files_are_kept_only_where_the_operator_said_so(
    scene: Scene, operator: dict[str, object], mode: str
) -> None:
    """A repository that asks for "full" gets "deps", and the output says whom to ask."""
    scene.plan = replace(scene.plan, builds=builds_of("demo", cache="full"))
    scene.project = replace(scene.project, **operator)
    (task,) = tasks(scene)
    assert task.cache is not None
    assert task.cache.mode == mode
    assert ("policy.allow_full_cache" in scene.output("demo")) == (mode == "deps")


def test_a_silent_build_says_so(scene: Scene) -> None:
    """The limit that was met is named."""
    scene.hosts = FakeHosts([FakeHost(host_spec(), lambda _: Scripted(hangs=True, why="idle"))])
    with pytest.raises(BuildFailed, match="wrote nothing for 1800 s"):
        build.apply(scene.context())
