"""Containers on hosts behind a real network: what a cut cable costs a build in one, and what it leaves there."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from releasd.adapters.ssh import SshHost
from releasd.errors import HostLost
from releasd.model import ContainerSpec
from releasd.ports import TaskResult
from support.boxes import docker_engine, make_workdir, podman_engine
from support.containers import IMAGE, Engine
from support.hosts import Place, eventually, make_place
from support.netns import Farm, NetHost, farm

__all__ = ["docker_engine", "farm", "podman_engine"]

LINES = 30
COUNT = (
    f'i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo "line $i"; sleep 0.05; done; echo built > "$RELEASD_OUT/a.whl"'
)
CUT = 2.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """A host at the end of a cable that has an engine."""

    net: NetHost
    place: Place
    engine: Engine

    def run(self, script: str, at: bytes, then: Callable[[], object]) -> tuple[TaskResult, list[str]]:
        """Run a script in a container, and do something once it has said `at`; return the lines of its output."""
        seen = bytearray()
        done: list[object] = []

        def look() -> bool:
            if at in seen and not done:
                done.append(then())
            return False

        task = self.place.task(script, container=ContainerSpec(image=IMAGE), kept=True, token=1)
        result = self.place.host.run(task, seen.extend, look)
        return result, seen.decode().splitlines()

    def leftovers(self) -> list[str]:
        """Return what is left of any task: processes, files and containers."""
        return [*self.place.leftovers(), *self.engine.containers()]


@pytest.fixture(params=["docker_engine", "podman_engine"])
def wired(request: pytest.FixtureRequest, farm: Farm, tmp_path: Path) -> Iterator[Wired]:
    """A host with each engine in turn."""
    engine: Engine = request.getfixturevalue(request.param)
    net = farm.hosts[0]
    workdir = make_workdir(engine)
    spec = net.spec(workdir, leash=8.0, lost_after=4.0, env=dict(engine.env), engine=engine.name)
    made = make_place(SshHost(spec), tmp_path)
    place = Place(host=made.host, workdir=workdir, dest=made.dest, mark=made.mark)
    yield Wired(net=net, place=place, engine=engine)
    made.host.close()


@pytest.mark.slow
def test_a_cable_that_is_out_for_a_moment_costs_no_line(wired: Wired) -> None:
    """The build in the container goes on meanwhile: every line arrives once and in order, and so does its file."""

    def pull_out() -> None:
        wired.net.cut()
        threading.Timer(CUT, wired.net.mend).start()

    result, said = wired.run(COUNT, b"line 5\n", pull_out)
    assert [line for line in said if line.startswith("line")] == [f"line {number + 1}" for number in range(LINES)]
    assert [output.path.read_text() for output in result.outputs] == ["built\n"]
    assert result.evidence["engine"] == wired.engine.name
    assert wired.leftovers() == []


@pytest.mark.slow
def test_a_cable_that_stays_out_leaves_no_container(wired: Wired) -> None:
    """The host is told as lost, and ends the container by itself, with all that it had of the build."""
    with pytest.raises(HostLost):
        wired.run("echo up; SLEEP", b"up", wired.net.cut)
    assert eventually(lambda: wired.leftovers() == [])
