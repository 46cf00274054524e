"""Daemons that know nothing of each other build on one host: staging and production, or two maintainers."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.adapters.local import LocalHost
from releasd.errors import Stopping
from releasd.model import BuildSpec, HostSpec, LeftRunning
from releasd.steps import build
from support.builds import WHEEL, build_scene, sealed
from support.fakeports import FakeHosts, Scene

MEETING = """
echo begun; echo OWN > ../here; touch FOLDER/OWN
while [ ! -e FOLDER/OTHER ]; do sleep 0.05; done
cp ../here "$RELEASD_OUT/NAME"
"""


def daemon(tmp_path: Path, name: str, script: str) -> Scene:
    """Return a daemon that has job 3 of `demo` under claim 5, as the other one has; both have one host."""
    scene = build_scene(tmp_path / name)
    scene.scratch.mkdir()
    scene.plan = replace(scene.plan, builds=(BuildSpec(name="demo", run=script, timeout=60.0),))
    host = HostSpec(name="big", labels=frozenset(), workdir=str(tmp_path / "work"), leash=8.0)
    scene.hosts = FakeHosts([LocalHost(host)])
    return scene


def test_two_daemons_build_the_same_job_number_at_once(tmp_path: Path) -> None:
    """Each build meets the other one while both run, and each daemon seals the file of its own."""
    scripts = [
        MEETING.replace("FOLDER", str(tmp_path)).replace("NAME", WHEEL).replace("OWN", own).replace("OTHER", other)
        for own, other in (("alice", "bob"), ("bob", "alice"))
    ]
    scenes = [daemon(tmp_path, f"daemon{number}", script) for number, script in enumerate(scripts)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda scene: build.apply(scene.context()), scenes))
    assert [list(scene.artifacts.files.values()) for scene in scenes] == [[b"alice\n"], [b"bob\n"]]
    assert [sealed(scene) for scene in scenes] == [{WHEEL: "demo"}] * 2


def test_a_daemon_does_not_attach_to_the_build_of_another(tmp_path: Path) -> None:
    """The second asks for its own build of the same job and claim: what it gets is not the first one's."""
    first = daemon(tmp_path, "first", f'echo begun; sleep 2; echo alice > "$RELEASD_OUT/{WHEEL}"')
    first.stop = lambda: _leaves(first)
    with pytest.raises(Stopping):
        build.apply(first.context())
    second = daemon(tmp_path, "second", f'echo bob > "$RELEASD_OUT/{WHEEL}"')
    second.journal.left["demo"] = LeftRunning(host="big", task=second.context().task_id("demo"), log_start=0)
    build.apply(second.context())
    assert list(second.artifacts.files.values()) == [b"bob\n"]
    first.stop = lambda: False
    first.journal.left = first.journal.kept
    build.apply(first.context())
    assert list(first.artifacts.files.values()) == [b"alice\n"]


def _leaves(scene: Scene) -> bool:
    """A daemon that is stopped once its build runs."""
    if "begun" in scene.output("demo"):
        raise Stopping("the daemon is stopping")
    return False
