"""The parts of a container build that no host shows from outside: its cache, and its name."""

import subprocess
from pathlib import Path

import pytest

from releasd.adapters.hostrun import CANCEL_LIMIT
from releasd.adapters.runner.container import CACHE, REMOVE_LIMIT, Box, client_environment, name_of, remove_container
from releasd.adapters.runner.processes import GRACE
from support.boxes import docker_engine, podman_engine, rootless_engine
from support.containers import IMAGE, Engine
from support.hosts import eventually

__all__ = ["docker_engine", "podman_engine", "rootless_engine"]


@pytest.fixture
def box(podman_engine: Engine, tmp_path: Path) -> Box:
    """A container that is not made yet."""
    spec = {"container": dict(ASKED), "engine": "podman"}
    (tmp_path / "t-1").mkdir()
    made = Box(spec, tmp_path / "t-1", client_environment("/usr/bin:/usr/sbin", "/nowhere", dict(podman_engine.env)))
    made.write_fetcher()
    subprocess.run(("sh", "-eu", made.fetcher), env=made.env, timeout=60, check=True)
    made.know_image()
    return made


ASKED = {
    "image": IMAGE,
    "pull": "never",
    "network": "none",
    "memory": None,
    "cpus": None,
    "pids": None,
    "env": {"WHO": "container"},
}


def test_a_cache_is_seen_at_the_same_path_on_every_host(box: Box, tmp_path: Path) -> None:
    """Where a host keeps its caches is in no variable that a build sees, for it would be in what it compiles."""
    cache = tmp_path / "caches" / "demo"
    box.write("true", cache, {"CARGO_HOME": f"{cache}/cargo", "WHO": "cache"})
    start, client = (tmp_path / "t-1" / "start").read_text(), Path(box.client).read_text()
    assert f"export CARGO_HOME={CACHE}/cargo\n" in start
    assert "export WHO=container\n" in start
    assert str(tmp_path) not in start
    assert f"--volume={cache}:{CACHE}:Z" in client
    assert remove_container(tmp_path / "t-1")


def test_no_container_is_made_behind_the_back_of_who_removes_it(box: Box, podman_engine: Engine) -> None:
    """A client that comes to the making of a container only after its end makes none."""
    box.write("true")
    box.end()
    done = subprocess.run(("sh", "-eu", box.client), env=box.env, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
    assert podman_engine.containers() == []


def test_a_container_that_is_being_made_is_waited_for_and_removed(box: Box, podman_engine: Engine) -> None:
    """An end in the middle of its making finds it a moment later, and removes it before it could run."""
    box.write("true")
    (slow := Path(box.client)).write_text(slow.read_text().replace("[ ! -e", "sleep 1; : [ ! -e"))
    with subprocess.Popen(("sh", "-eu", box.client), env=box.env, stderr=subprocess.DEVNULL) as client:
        assert eventually(slow.with_name("making").exists)
        box.end()
        client.kill()
    assert podman_engine.containers() == []


def test_an_image_is_known_by_its_id_where_it_is_there(box: Box, podman_engine: Engine) -> None:
    """What is kept for an image is kept for these bytes, not for a name."""
    assert f"sha256:{box.image_id.removeprefix('sha256:')}" == podman_engine.image_id(IMAGE)


def test_a_container_is_named_after_its_task_and_work_folder() -> None:
    """People find it by its task; two work folders on one host never make the same name."""
    first, second = name_of(Path("/a/demo-1-wheel")), name_of(Path("/b/demo-1-wheel"))
    assert first.startswith("releasd-demo-1-wheel-")
    assert first != second
    assert len(name_of(Path("/a") / ("x" * 200))) < 128


def test_a_record_that_was_never_finished_is_no_container(tmp_path: Path) -> None:
    """The record is on disk before a container is made, so half a record means that none was."""
    assert remove_container(tmp_path)
    (tmp_path / "container.json").write_text('{"program": "po')
    assert remove_container(tmp_path)


def test_a_cancellation_is_not_called_unconfirmed_while_the_host_still_has_time() -> None:
    """The daemon waits longer than a host may take for the build's grace and the container's removal."""
    assert CANCEL_LIMIT > GRACE + REMOVE_LIMIT
