"""The recipe for extension modules where the host has cibuildwheel: what it is called with, and what it may leave.

The real one needs a manylinux image, which cannot be had here (ARCHITECTURE.md says what was run by hand). A program in
its place does with the real docker what it does: makes a container from its settings, and works in there.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.adapters.local import LocalHost
from releasd.core.recipes import default_builds
from releasd.errors import Cancelled, HostLost
from support.boxes import docker_engine, local_spec, make_workdir
from support.containers import IMAGE, Engine
from support.hosts import LEASH, Place, eventually, make_place, runner_of

__all__ = ["docker_engine"]

PYPROJECT = '[build-system]\nrequires = ["setuptools", "cython"]\n[project]\nname = "demo"\nversion = "1.0.0"\n'
# As cibuildwheel does: the container's shell is told over its input what to do, and ends at the end of that.
PROGRAM = f"""\
#!/bin/sh
set -eu
echo "called with $*"
docker create --name=cibuildwheel-1 --interactive ${{CIBW_CONTAINER_ENGINE#docker; create_args: }} {IMAGE} /bin/sh
(echo 'echo working'; sleep "$SECONDS_OF_WORK"; echo 'echo done') | docker start --attach --interactive cibuildwheel-1
"""


@pytest.fixture
def place(docker_engine: Engine, tmp_path: Path) -> Iterator[Place]:
    """A host with docker and cibuildwheel; no container may be left there."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "cibuildwheel"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    spec = local_spec(docker_engine, make_workdir(docker_engine), leash=LEASH)
    made = make_place(LocalHost(replace(spec, path=f"{tmp_path / 'bin'}:/usr/local/bin:/usr/bin:/bin")), tmp_path)
    yield replace(made, workdir=Path(str(spec.workdir)))
    assert eventually(lambda: docker_engine.containers() == [])


def recipe(more: str = "") -> str:
    """Return the recipe's script for a wheel."""
    wheel, _ = default_builds({"pyproject.toml": PYPROJECT + more}, hosts=[frozenset({"linux", "x86_64"})])
    return wheel.run


def test_cibuildwheel_makes_the_wheels_where_it_is(place: Place, docker_engine: Engine) -> None:
    """It is told where they are to go, and works in a container that is marked as this build's."""
    env = {**docker_engine.env, "SECONDS_OF_WORK": "0"}
    seen = place.output(recipe(), env=env)
    assert f"called with --output-dir {place.workdir}/t-1/out" in seen
    assert "working\ndone\n" in seen


def test_a_cancelled_build_leaves_no_container_of_cibuildwheel(place: Place, docker_engine: Engine) -> None:
    """It is ended before it can remove its container itself."""
    seen: list[bytes] = []
    task = place.task(recipe(), env={**docker_engine.env, "SECONDS_OF_WORK": place.mark})
    with pytest.raises(Cancelled):
        place.host.run(task, seen.append, lambda: b"working" in b"".join(seen))
    assert docker_engine.containers() == []


def test_a_killed_runner_leaves_no_container_of_cibuildwheel(place: Place, docker_engine: Engine) -> None:
    """Nothing of the build is there any more to remove it, so docker does when its input ends."""
    seen: list[bytes] = []

    def kill_runner() -> bool:
        if b"working" in b"".join(seen):
            runner_of(place).kill()
            seen.clear()
        return False

    task = place.task(recipe(), env={**docker_engine.env, "SECONDS_OF_WORK": place.mark})
    with pytest.raises(HostLost):
        place.host.run(task, seen.append, kill_runner)
    place.host.probe([])
    assert eventually(lambda: docker_engine.containers() == [])


def test_a_project_that_names_its_container_engine_is_obeyed() -> None:
    """An option of the recipe's would replace what the project says."""
    assert "CIBW_CONTAINER_ENGINE" not in recipe('[tool.cibuildwheel]\ncontainer-engine = "podman"\n')
