"""The recipe for extension modules where the host has cibuildwheel: what a build that does not end well may leave.

That a build which ends well makes a release is for tests/end_to_end/test_recipes.py.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.adapters.local import LocalHost
from releasd.core.recipes import default_builds
from releasd.errors import Cancelled, HostLost
from releasd.ports import Task
from support.boxes import docker_engine, local_spec, make_workdir
from support.containers import Engine
from support.hosts import LEASH, Place, eventually, make_place, make_tar, member, runner_of
from support.packages import EXTENSION
from support.realtools import require_real
from support.wheelimage import SETTINGS, add_wheel_image

__all__ = ["docker_engine"]

FILES = {**EXTENSION, "pyproject.toml": EXTENSION["pyproject.toml"] + SETTINGS}


@pytest.fixture
def place(docker_engine: Engine, tmp_path: Path) -> Iterator[Place]:
    """A host with docker and cibuildwheel; no process, folder or container may be left there."""
    (tmp_path / "bin").mkdir()
    add_wheel_image(docker_engine, require_real("cibuildwheel", tmp_path / "bin"))
    spec = local_spec(docker_engine, make_workdir(docker_engine), leash=LEASH)
    made = make_place(LocalHost(replace(spec, path=f"{tmp_path / 'bin'}:/usr/local/bin:/usr/bin:/bin")), tmp_path)
    place = replace(made, workdir=Path(str(spec.workdir)))
    yield place
    assert eventually(lambda: not place.leftovers()), place.leftovers()
    assert eventually(lambda: docker_engine.containers() == [])


def long_build(place: Place, engine: Engine) -> Task:
    """Return a build whose compiler would be at work in the container for days."""
    wheel, _ = default_builds(FILES, hosts=[frozenset({"linux", "x86_64"})])
    source = make_tar(place.dest.with_suffix(".tar"), [(member(name), FILES[name].encode()) for name in FILES])
    return place.task(wheel.run, source=source, env={**engine.env, "CIBW_BEFORE_BUILD": f"sleep {place.mark}"})


def test_a_cancelled_build_leaves_no_container_of_cibuildwheel(place: Place, docker_engine: Engine) -> None:
    """It is ended before it can remove its container itself."""
    with pytest.raises(Cancelled):
        place.host.run(long_build(place, docker_engine), lambda _: None, lambda: bool(place.sleepers()))
    assert docker_engine.containers() == []
    assert place.leftovers() == []


def test_a_killed_runner_leaves_no_container_of_cibuildwheel(place: Place, docker_engine: Engine) -> None:
    """Nothing of the build is there any more to remove it, and what runs in there would go on for days."""
    killed: list[int] = []

    def kill_runner() -> bool:
        if not killed and place.sleepers():
            runner = runner_of(place)
            killed.append(runner.pid)
            runner.kill()
        return False

    with pytest.raises(HostLost):
        place.host.run(long_build(place, docker_engine), lambda _: None, kill_runner)
    place.host.probe([])
    assert eventually(lambda: docker_engine.containers() == [])
    assert eventually(lambda: not place.leftovers()), place.leftovers()
