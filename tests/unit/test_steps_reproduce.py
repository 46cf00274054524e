"""Every build once more: on another host where there is one, compared, and never published."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from releasd.errors import Cancelled, CheckFailed, HostLost
from releasd.model import BuildSpec, StepName
from releasd.ports import Task
from releasd.steps import reproduce
from support.dist import wheel, wheel_name
from support.fakehost import FakeHost, Scripted
from support.fakeports import TOOLS, FakeHosts, Scene, host_spec

GOOD = wheel().getvalue()
OTHER = wheel({"my_demo/__init__.py": "x = 2\n"}).getvalue()


def host(name: str, data: bytes = GOOD, **rest: Any) -> FakeHost:
    """Return a host that builds a wheel of these bytes, or does what else is said."""
    return FakeHost(host_spec(name), lambda _: Scripted(**({"files": {wheel_name(): data}} | rest)), tools=TOOLS)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return a release of one wheel, built on `one`, with another host `two`, to be reproduced."""
    made = Scene(tmp_path)
    made.release_commit()
    made.project = replace(made.project, reproduce="require")
    made.plan = replace(made.plan, builds=(BuildSpec(name="wheel", run="make wheel", env={"X": "y"}),))
    made.seal(wheel_name(), GOOD, host="one")
    made.hosts = FakeHosts([host("one"), host("two")])
    return made


def run(scene: Scene) -> dict[str, Any]:
    return reproduce.run(scene.context(), scene.journal.artifacts())


def tasks(scene: Scene) -> list[tuple[str, Task]]:
    return [(each.spec.name, task) for each in scene.hosts.registered for task in each.tasks]


def test_off_builds_nothing(scene: Scene) -> None:
    """The default costs nothing."""
    scene.project = replace(scene.project, reproduce="off")
    assert run(scene) == {}
    assert tasks(scene) == []


def test_the_same_bytes_elsewhere(scene: Scene) -> None:
    """The other host gets the same script, sources and variables, and its result is evidence, not an artifact."""
    before = scene.journal.artifacts()
    assert run(scene) == {"wheel": {"host": "two", "other_host": True, "differences": []}}
    ((name, task),) = tasks(scene)
    assert (name, task.script, task.env["X"], task.env["SOURCE_DATE_EPOCH"]) == (
        "two", "make wheel", "y", str(scene.git.commit_time(scene.context().release_commit)),
    )  # fmt: skip
    assert scene.journal.artifacts() == before
    assert scene.output("wheel-again") == "releasd: two gives the same bytes\n"


def test_a_build_whose_files_are_sealed_as_anothers_goes_to_another_host_too(scene: Scene) -> None:
    """Two builds that leave the same file: the second's own host counts, not whose name the file is under."""
    scene.plan = replace(scene.plan, builds=tuple(BuildSpec(name=name, run="make") for name in ("wheel", "same")))
    scene.journal.done["same"] = "one"
    assert run(scene)["same"] == {"host": "two", "other_host": True, "differences": []}
    scene.hosts = FakeHosts([host("one")])
    assert run(scene)["same"]["other_host"] is False


def test_a_difference_stops_the_release_where_it_is_required(scene: Scene) -> None:
    """The message names file, member, place and bytes."""
    scene.hosts = FakeHosts([host("one"), host("two", OTHER)])
    with pytest.raises(CheckFailed, match="a second build did not give the same bytes") as caught:
        run(scene)
    assert rf"{wheel_name()}: my_demo/__init__.py: its bytes differ from 4 on: '1\n' and '2\n'" in caught.value.message
    assert "policy.reproduce" in caught.value.advice


def test_a_difference_is_only_reported_where_that_is_asked_for(scene: Scene) -> None:
    """The release goes on; log and evidence have every line."""
    scene.project = replace(scene.project, reproduce="report")
    scene.hosts = FakeHosts([host("one"), host("two", OTHER)])
    (line, *_) = run(scene)["wheel"]["differences"]
    assert "my_demo/__init__.py: its bytes differ from 4 on" in line
    assert line in scene.output("wheel-again")


def test_a_single_host_builds_it_again_and_says_so(scene: Scene) -> None:
    """Less is proved in another folder of the same machine, so nobody is told that it were another host."""
    scene.hosts = FakeHosts([host("one")])
    assert run(scene)["wheel"]["other_host"] is False
    assert "there is no second able host: built again on one, in another folder" in scene.output("wheel-again")


def test_only_hosts_that_preflight_found_able(scene: Scene) -> None:
    """A second host without the tools is no second host."""
    scene.journal.evidences[StepName.PREFLIGHT] = {"hosts": {"wheel": ["one"]}}
    assert run(scene)["wheel"]["host"] == "one"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "it ended well but left no file"),
        ({"other-1.whl": b"x"}, f"{wheel_name()}: two did not make it"),
        ({wheel_name(): GOOD, "other-1.whl": b"x"}, "other-1.whl: two made it, the first build did not"),
    ],
)
def test_other_files_than_the_first_time(scene: Scene, files: dict[str, bytes], words: str) -> None:
    """A file too many or too few is a difference."""
    scene.hosts = FakeHosts([host("one"), host("two", files=files)])
    with pytest.raises(CheckFailed, match="did not give the same bytes") as caught:
        run(scene)
    assert words in caught.value.message


def test_a_second_build_that_fails(scene: Scene) -> None:
    """What builds on one host only is not reproducible; the slot is given back."""
    scene.hosts = FakeHosts([host("one"), host("two", exit_status=2)])
    with pytest.raises(CheckFailed, match="exit status 2"):
        run(scene)
    assert [(build, name) for build, name, _ in scene.journal.failed] == [("wheel-again", "two")]


def test_a_lost_host_puts_off_what_is_required(scene: Scene) -> None:
    """Nothing is known, so the attempt is repeated; a mere report does without."""
    scene.hosts = FakeHosts([host("one"), host("two", error=HostLost("gone"))])
    with pytest.raises(HostLost):
        run(scene)
    scene.journal.out.clear()
    scene.project = replace(scene.project, reproduce="report")
    (line,) = run(scene)["wheel"]["differences"]
    assert "it could not be built again" in line


def test_a_host_that_takes_nothing_new_is_no_second_one(scene: Scene) -> None:
    """A host that is drained is not waited for: the same one builds again, in another folder."""
    scene.hosts = FakeHosts([host("one"), host("two")])
    scene.journal.out = {"two": "is drained"}
    assert run(scene)["wheel"] == {"host": "one", "other_host": False, "differences": []}
    assert scene.journal.kept == {}


def test_cancelling_ends_a_report_too(scene: Scene) -> None:
    """A person's word is no finding to go on from."""
    scene.project = replace(scene.project, reproduce="report")
    scene.stop = lambda: True
    with pytest.raises(Cancelled):
        run(scene)
