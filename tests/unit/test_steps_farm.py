"""Where a build runs: which host it is given, what becomes of it when that is lost, and what was left running."""

from dataclasses import replace
from pathlib import Path

import pytest

from releasd.errors import (
    BuildFailed,
    Cancelled,
    CheckFailed,
    DiskFull,
    HostLost,
    NoHost,
    OwnDiskFull,
    Permanent,
    Stopping,
    TaskLost,
)
from releasd.model import LeftRunning
from releasd.ports import Task
from releasd.steps import build, farm
from support.builds import WHEEL, build_scene, builds_of, leaves_files, sealed
from support.fakehost import FakeHost, Scripted
from support.fakeports import FakeHosts, Scene, host_spec


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return a release of one build and one able host."""
    return build_scene(tmp_path)


def test_builds_go_to_hosts_with_their_labels(scene: Scene) -> None:
    """Each build runs where all its labels are."""
    linux, mac = FakeHost(host_spec("big", "linux"), leaves_files), FakeHost(host_spec("mini", "macos"), leaves_files)
    scene.hosts = FakeHosts([linux, mac])
    scene.plan = replace(
        scene.plan, builds=(*builds_of("demo", labels=("linux",)), *builds_of("other", labels=("macos",)))
    )
    build.apply(scene.context())
    assert {artifact.build: artifact.host for artifact in scene.journal.sealed} == {"demo": "big", "other": "mini"}


def test_labels_that_nobody_has_fail_at_once(scene: Scene) -> None:
    """A build that can never run is not waited for; the labels are named."""
    scene.plan = replace(scene.plan, builds=builds_of("demo", labels=("windows", "gpu")))
    with pytest.raises(Permanent, match="no registered host has the labels windows, gpu") as caught:
        build.apply(scene.context())
    assert "[hosts.NAME]" in caught.value.advice


def test_hosts_that_the_project_may_not_use_do_not_count(scene: Scene) -> None:
    """The operator's limit holds, and is named when it is why nothing matches."""
    scene.hosts = FakeHosts([FakeHost(host_spec("one"), leaves_files), FakeHost(host_spec("two"), leaves_files)])
    scene.project = replace(scene.project, hosts=("two",))
    build.apply(scene.context())
    assert scene.journal.begun == [("demo", "two")]
    scene.project = replace(scene.project, hosts=("three",))
    with pytest.raises(Permanent, match=r"among the hosts allowed for demo \(three\)"):
        farm.candidates(scene.context(), ())


def test_a_lost_host_is_passed_over(scene: Scene) -> None:
    """Another able host does the work; the log and the journal say what happened to the first."""
    lost = FakeHost(host_spec("lost"), lambda _: Scripted(error=HostLost("connection reset")))
    scene.hosts = FakeHosts([lost, FakeHost(host_spec("two"), leaves_files)])
    build.apply(scene.context())
    assert scene.journal.failed == [("demo", "lost", "connection reset")]
    assert scene.journal.sealed[0].host == "two"
    assert "lost is passed over: connection reset" in scene.output("demo")


def test_when_all_hosts_are_lost_the_attempt_is_put_off(scene: Scene) -> None:
    """Hosts come back: the error may pass, and names every one of them."""
    hosts = [FakeHost(host_spec(name), lambda _: Scripted(error=HostLost("gone"))) for name in ("one", "two")]
    scene.hosts = FakeHosts(hosts)
    with pytest.raises(HostLost, match=r"one \(gone\); two \(gone\)"):
        build.apply(scene.context())
    assert scene.journal.sealed == []


def test_a_slot_is_waited_for(scene: Scene) -> None:
    """With every slot taken the build waits, and starts when one is free."""
    scene.journal.taken = {"one": 2}
    scene.clock.tick = lambda: scene.journal.taken.update(one=1) if len(scene.clock.slept) == 3 else None
    build.apply(scene.context())
    assert scene.clock.slept == [farm.SLOT_PAUSE] * 3


def test_a_free_host_is_taken_before_a_full_one(scene: Scene) -> None:
    """Registration order decides only among hosts with a free slot."""
    scene.hosts = FakeHosts([FakeHost(host_spec("one"), leaves_files), FakeHost(host_spec("two"), leaves_files)])
    scene.journal.taken = {"one": 2}
    build.apply(scene.context())
    assert scene.journal.begun == [("demo", "two")]
    assert scene.clock.slept == []


def test_waiting_for_a_slot_can_be_cancelled(scene: Scene) -> None:
    """A job that only waits ends at once when it is told to."""
    scene.journal.taken = {"one": 2}
    scene.stop = lambda: len(scene.clock.slept) > 1
    with pytest.raises(Cancelled, match="waiting for a free slot"):
        build.apply(scene.context())


def test_hosts_that_are_lost_or_full_are_quarantined(scene: Scene) -> None:
    """It is their own fault, and nothing else is to go there; one that refuses us is left to the next look."""
    errors = {"lost": HostLost("reset"), "full": DiskFull("no space"), "shut": Permanent("unknown key")}
    hosts = [FakeHost(host_spec(n), lambda _, e=error: Scripted(error=e)) for n, error in errors.items()]
    scene.hosts = FakeHosts([*hosts, FakeHost(host_spec("good"), leaves_files)])
    build.apply(scene.context())
    assert scene.journal.out == {"lost": "is quarantined (reset)", "full": "is quarantined (no space)"}
    assert scene.journal.sealed[0].host == "good"


def test_no_host_is_to_blame_for_our_own_full_disk(scene: Scene) -> None:
    """Another host would not help: the attempt is repeated, and the host is used again."""
    hosts = [FakeHost(host_spec("one"), lambda _: Scripted(error=OwnDiskFull("full"))), FakeHost(host_spec("two"))]
    scene.hosts = FakeHosts(hosts)
    with pytest.raises(OwnDiskFull):
        build.apply(scene.context())
    assert scene.journal.out == {}
    assert hosts[1].tasks == []


def test_with_every_host_out_nothing_is_tried(scene: Scene) -> None:
    """The job is to wait: the error names hosts and labels, and what is missing."""
    scene.journal.out = {"one": "is drained"}
    scene.plan = replace(scene.plan, builds=builds_of("demo", labels=("linux",)))
    scene.hosts = FakeHosts([FakeHost(host_spec("one", "linux"), leaves_files)])
    with pytest.raises(NoHost, match="no host with labels linux is usable: one is drained") as caught:
        build.apply(scene.context())
    assert (caught.value.build, caught.value.hosts) == ("demo", {"one": 2})
    assert scene.hosts.registered[0].tasks == []


def test_a_failed_build_is_told_before_one_that_waits(scene: Scene) -> None:
    """What a person has to mend is not hidden behind a host that is away."""
    away, here = FakeHost(host_spec("away", "mac")), FakeHost(host_spec("one"), lambda _: Scripted(exit_status=1))
    scene.hosts = FakeHosts([away, here])
    scene.project = replace(scene.project, hosts=("away", "one"))
    scene.journal.out = {"away": "is drained"}
    scene.plan = replace(scene.plan, builds=(*builds_of("mac", labels=("mac",)), *builds_of("demo")))
    with pytest.raises(BuildFailed):
        build.apply(scene.context())


def left_running(scene: Scene, host: str = "one") -> FakeHost:
    """Have a build that an earlier attempt began, and printed three bytes of, on a host; return the host."""
    scene.journal.left["demo"] = LeftRunning(host=host, task="demo-3-4-demo", log_start=2)
    scene.said["demo"] = [b"--", b"bui"]
    (registered,) = scene.hosts.registered
    return registered


def test_a_build_that_still_runs_is_attached_to(scene: Scene) -> None:
    """It is not begun again; what is in the log already does not come twice, and the newer token is shown."""
    host = left_running(scene)
    host.left["demo-3-4-demo"] = Scripted(output=b"building\n", files={WHEEL: b"demo"})
    build.apply(scene.context())
    assert host.tasks == []
    (task,) = host.attached
    assert (task.id, task.token, task.kept) == ("demo-3-4-demo", 5, True)
    assert scene.output("demo") == "--building\n"
    assert scene.journal.begun == []
    assert scene.journal.calls[:2] == ["attached demo", "build.attached"]
    assert scene.journal.build_evidence["demo"]["host"] == "one"


@pytest.mark.parametrize("host", ["one", "removed"])
def test_a_build_that_is_not_known_any_more_begins_anew(scene: Scene, host: str) -> None:
    """A host that was rebooted, or is no longer registered, has nothing to attach to; the slot there is given back."""
    registered = left_running(scene, host)
    build.apply(scene.context())
    (task,) = registered.tasks
    assert task.id.startswith("demo-3-5-demo-")
    assert registered.attached == []
    assert scene.journal.calls[0] == "left demo"


def test_a_host_lost_while_attached_is_recorded_and_the_build_begins_anew(scene: Scene) -> None:
    """What ran there counts as a failed attempt of the build; the host is quarantined, and another begins again."""
    host = left_running(scene)
    scene.hosts.registered.append(FakeHost(host_spec("two"), leaves_files))
    host.left["demo-3-4-demo"] = Scripted(error=HostLost("gone"))
    build.apply(scene.context())
    assert scene.journal.failed == [("demo", "one", "gone")]
    assert scene.journal.out == {"one": "is quarantined (gone)"}
    assert scene.journal.sealed[0].host == "two"


@pytest.mark.parametrize("is_attached", [False, True])
def test_a_build_that_was_lost_too_often_fails(scene: Scene, *, is_attached: bool) -> None:
    """It is the likely cause. Every host that failed with it is named; no other one is tried."""
    scene.journal.losses = [f"h{number} (went away)" for number in range(farm.MOST_LOSSES - 1)]
    lost = Scripted(error=TaskLost("killed"))
    if is_attached:
        left_running(scene).left["demo-3-4-demo"] = lost
    else:
        scene.hosts = FakeHosts([FakeHost(host_spec("one"), lambda _: lost)])
    scene.hosts.registered.append(FakeHost(host_spec("two"), leaves_files))
    with pytest.raises(BuildFailed, match=r"begun 5 times.* h0 \(went away\);.* one \(killed\)"):
        build.apply(scene.context())
    assert scene.hosts.registered[1].tasks == []


@pytest.mark.parametrize("is_loss", [True, False])
def test_a_gate_that_was_lost_too_often_fails(scene: Scene, *, is_loss: bool) -> None:
    """What a gate or a trial does to its hosts is bounded as a build's is; a host that was not reached is no loss."""
    scene.journal.losses = [f"h{number} (went away)" for number in range(farm.MOST_LOSSES - 1)]
    lost = FakeHost(host_spec("one"), lambda _: Scripted(error=(TaskLost if is_loss else HostLost)("rebooted")))
    other = FakeHost(host_spec("two"))
    task = Task(id="t", script="true", dest=scene.context().scratch)
    if not is_loss:
        assert farm.run_anywhere(scene.context(), "gate-tests", [lost, other], task)[0] is other
        return
    with pytest.raises(CheckFailed, match=r"gate-tests was begun 5 times.* h0 \(went away\);.* one \(rebooted\)"):
        farm.run_anywhere(scene.context(), "gate-tests", [lost, other], task)
    assert other.tasks == []


def test_hosts_that_cannot_be_reached_are_no_losses(scene: Scene) -> None:
    """Nothing had begun there: a network that is cut for a night fails no build."""
    scene.journal.losses = ["h (went away)"] * farm.MOST_LOSSES
    away = FakeHost(host_spec("away"), lambda _: Scripted(error=HostLost("no route")))
    scene.hosts = FakeHosts([away, FakeHost(host_spec("two"), leaves_files)])
    build.apply(scene.context())
    assert scene.journal.sealed[0].host == "two"


def test_a_stop_of_the_daemon_leaves_the_build_open(scene: Scene) -> None:
    """No failure is recorded: the next daemon asks for it."""

    def stop() -> bool:
        raise Stopping("the daemon is stopping")

    scene.stop = stop
    with pytest.raises(Stopping):
        build.apply(scene.context())
    assert scene.journal.failed == []


def test_a_build_is_noted_before_it_begins_with_where_its_output_does(scene: Scene) -> None:
    """What was said while it waited is not its output: a later attempt counts from behind that."""
    scene.journal.taken = {"one": 2}
    scene.clock.tick = scene.journal.taken.clear
    build.apply(scene.context())
    start = len("releasd: waits for a free slot\n")
    (task,) = scene.hosts.registered[0].tasks
    assert scene.journal.kept == {"demo": LeftRunning(host="one", task=task.id, log_start=start)}


def test_notes_of_a_host_are_not_counted_as_output(scene: Scene) -> None:
    """Else a later attempt would ask for the output from too far on, and lines would be missing."""
    noting = Scripted(note=b"releasd: no cache\n", output=b"building\n", files={WHEEL: b"demo"})
    scene.hosts = FakeHosts([FakeHost(host_spec(), lambda _: noting)])
    build.apply(scene.context())
    assert scene.journal.moved == {"demo": len(noting.note)}


def test_a_drained_host_finishes_what_was_left_running_there(scene: Scene) -> None:
    """Draining keeps new work away; a build that runs is seen to its end."""
    host = left_running(scene)
    host.left["demo-3-4-demo"] = Scripted(files={WHEEL: b"demo"})
    scene.journal.out = {"one": "is drained"}
    build.apply(scene.context())
    assert sealed(scene) == {WHEEL: "demo"}
