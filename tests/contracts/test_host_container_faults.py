"""Builds in containers that end badly: whatever happens, no container, process or folder stays on the host."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from releasd.adapters.local import LocalHost
from releasd.errors import Cancelled, HostLost, Permanent
from releasd.model import ContainerSpec
from support.boxes import Site, docker_engine, podman_engine, rootless_engine, site
from support.containers import HOLLOW_IMAGE, IMAGE
from support.hosts import eventually, runner_of

__all__ = ["docker_engine", "podman_engine", "rootless_engine", "site"]

DRIVER = """
import sys
from pathlib import Path
from releasd.adapters.local import LocalHost
from releasd.model import ContainerSpec, HostSpec
from releasd.ports import Task
sys.executable = {python!r}
host = LocalHost({spec!r})
task = Task(id="t-1", script={script!r}, dest=Path({dest!r}), container=ContainerSpec(image={image!r}))
host.run(task, lambda data: (sys.stdout.buffer.write(data), sys.stdout.flush()), lambda: False)
"""
BOX = ContainerSpec(image=IMAGE)
STUBBORN = "trap '' TERM INT HUP; echo up; (trap '' TERM; SLEEP) & SLEEP; wait"


def is_up(site: Site, seen: list[bytes]) -> bool:
    """Return whether a stubborn script has printed and both its sleeps run."""
    return bool(seen) and len(site.place.sleepers()) == 2


def test_a_cancelled_build_leaves_no_container(site: Site) -> None:
    """`Cancelled` is raised within seconds, confirmed by the host, and by then nothing is left."""
    seen: list[bytes] = []
    asked: list[float] = []

    def should_stop() -> bool:
        asked.extend([time.monotonic()] if is_up(site, seen) else [])
        return bool(asked)

    with pytest.raises(Cancelled, match=r"was cancelled$"):
        site.place.host.run(site.place.task(STUBBORN, container=BOX), seen.append, should_stop)
    assert time.monotonic() - asked[0] < 30.0
    assert site.leftovers() == []


def test_a_build_over_its_time_leaves_no_container(site: Site) -> None:
    """A timeout is told apart from a failure, and removes the container."""
    result = site.run(STUBBORN, timeout=2.0)
    assert result.why == "timeout"
    assert result.exit_status != 0
    assert site.leftovers() == []


def test_a_background_process_ends_with_the_script(site: Site) -> None:
    """A script that is done is done, even where something that it started holds its output open."""
    assert site.run("(SLEEP &); SLEEP & echo done", timeout=60).exit_status == 0
    assert site.leftovers() == []


def test_a_killed_daemon_leaves_no_container(site: Site, tmp_path: Path) -> None:
    """SIGKILL of the process that drives a build ends the container with nobody asking."""
    text = DRIVER.format(
        python=sys.executable,
        spec=replace(site.place.host.spec, leash=6.0),
        script=STUBBORN.replace("SLEEP", f"sleep {site.place.mark}"),
        dest=str(tmp_path / "dest"),
        image=IMAGE,
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    real = Path("/proc/self/exe").resolve()
    with subprocess.Popen((real, "-c", text), stdout=subprocess.PIPE, env=environment) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == b"up\n"
        assert eventually(lambda: len(site.place.sleepers()) == 2)
        driver.kill()
    assert eventually(lambda: site.leftovers() == [])


def test_the_container_of_a_killed_runner_is_removed_by_the_next_probe(site: Site) -> None:
    """A container outlives a runner that was itself killed; the next look at the host removes it and the folder."""
    seen: list[bytes] = []
    killed: list[psutil.Process] = []

    def kill_runner() -> bool:
        if not killed and is_up(site, seen):  # once: the container stays up, and nobody may have noticed yet
            killed.append(runner_of(site.place))
            killed[0].kill()
        return False

    with pytest.raises(HostLost):
        site.place.host.run(site.place.task(STUBBORN, container=BOX), seen.append, kill_runner)
    assert len(site.engine.containers()) == 1
    site.place.host.probe([])
    assert site.leftovers() == []


def test_a_container_that_cannot_be_removed_keeps_its_folder_for_a_later_look(site: Site) -> None:
    """An engine that is down keeps the record of its container; once it is up, the next look removes both."""
    folder = site.place.workdir / "t-1"
    folder.mkdir()
    folder.with_suffix(".lock").touch()
    record = folder / "container.json"
    stuck = {"program": "/bin/false", "name": "releasd-t-1", "env": {}}
    record.write_text(json.dumps(stuck))
    for path in (folder, record, folder.with_suffix(".lock")):
        os.chown(path, site.place.workdir.stat().st_uid, -1)
    site.place.host.probe([])
    assert folder.is_dir()
    record.write_text(json.dumps({**stuck, "program": "/bin/true"}))
    site.place.host.probe([])
    assert site.leftovers() == []


def test_an_image_without_a_shell_is_refused_in_the_engines_words(site: Site) -> None:
    """What the engine cannot start is a fault of the host's, told with its own words, not an exit status."""
    with pytest.raises(Permanent, match=r"did not run a container of .*test:no"):
        site.run("true", container=ContainerSpec(image=HOLLOW_IMAGE))
    assert site.leftovers() == []


@pytest.mark.parametrize("pull", ["missing", "always", "never"])
def test_an_image_that_cannot_be_had_is_refused_in_the_engines_words(site: Site, pull: str) -> None:
    """Neither here nor to be pulled: the error says which image and why, and nothing has begun."""
    absent = ContainerSpec(image="127.0.0.1:9/nothing:1", pull=pull)
    with pytest.raises(Permanent, match=r"did not run a container of 127\.0\.0\.1:9/nothing:1: .*\w"):
        site.run("echo never", container=absent)
    assert site.leftovers() == []


def test_an_option_that_the_engine_refuses_is_told(site: Site) -> None:
    """More processors than there are is refused by docker before it starts anything, and so said."""
    if not site.engine.has_limits or site.engine.name != "docker":
        return
    with pytest.raises(Permanent, match=r"did not run a container of .*CPUs"):
        site.run("true", container=ContainerSpec(image=IMAGE, cpus=4096.0))
    assert site.leftovers() == []


def test_two_work_folders_do_not_mistake_each_others_containers(site: Site) -> None:
    """The same task id in two work folders of one host makes two containers, and ending one leaves the other."""
    second = replace(site.place.host.spec, workdir=f"{site.place.workdir}/second")
    seen: list[bytes] = []
    inner: list[int] = []

    def run_another() -> bool:
        if is_up(site, seen) and not inner:
            task = site.place.task("true", container=BOX)
            inner.append(LocalHost(second).run(task, lambda _: None, lambda: False).exit_status)
            assert len(site.engine.containers()) == 1
        return bool(inner)

    with pytest.raises(Cancelled):
        site.place.host.run(site.place.task(STUBBORN, container=BOX), seen.append, run_another)
    assert inner == [0]
    Path(second.workdir or "").rmdir()
    assert site.leftovers() == []
