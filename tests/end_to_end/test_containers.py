"""Releases whose builds run in containers: released as any other, and nothing is left on the host."""

import json

import pytest

from support.boxes import docker_engine, podman_engine, rootless_engine
from support.containers import PYTHON_IMAGE, Engine, python_image
from support.hosts import eventually
from support.packages import MAKE
from support.stage import Stage
from support.truth import assert_released

__all__ = ["docker_engine", "podman_engine", "rootless_engine"]


@pytest.fixture(params=["docker_engine", "podman_engine"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn, with an image that has Python."""
    engine: Engine = request.getfixturevalue(request.param)
    engine.add_image(PYTHON_IMAGE, python_image())
    return engine


def use(stage: Stage, engine: Engine, **host: object) -> None:
    """Have the stage's only host run containers in `engine`."""
    stage.config["hosts"]["here"] |= {"engine": engine.name, "env": dict(engine.env), **host}


@pytest.mark.slow
def test_a_release_built_in_a_container_is_a_release(stage: Stage, engine: Engine) -> None:
    """The image is named by digest, as the policy asks; preflight finds the tools in it; the log says what was used."""
    use(stage, engine)
    image = engine.image_id(PYTHON_IMAGE)
    stage.config["projects"]["demo"]["policy"] = {"require_digest": True}
    box = {"image": image, "pull": "never", "memory": "512m", "pids": 100}
    stage.build_with(MAKE, tools=["python3"], container=box)
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0")
    assert f"ran in {image} ({image})" in stage.log_text(job["id"])
    stage.assert_clean()
    assert engine.containers() == []


@pytest.mark.slow
def test_a_tool_that_the_image_lacks_stops_the_release_before_it_begins(stage: Stage, podman_engine: Engine) -> None:
    """What is installed on the host does not count: the reason names the host, the image's lack and nothing else."""
    podman_engine.add_image(PYTHON_IMAGE, python_image())
    use(stage, podman_engine)
    stage.build_with(MAKE, tools=["python3", "git"], container=PYTHON_IMAGE)
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert f"here: the image {PYTHON_IMAGE} lacks git; " in job["reason"]
    assert "v1.1.0" not in stage.tags()
    probed = json.loads(stage.run("hosts", "probe", "--json").stdout)
    assert f"the image {PYTHON_IMAGE} lacks git; " in probed["builds"][0]["hosts"]["here"]
    stage.assert_clean()
    assert podman_engine.containers() == []


@pytest.mark.slow
def test_a_daemon_killed_in_the_middle_leaves_no_container_and_releases_later(stage: Stage, engine: Engine) -> None:
    """SIGKILL while a build runs in its container: the next start completes the release, and no container stays."""
    use(stage, engine, leash=6)
    stage.build_with(f"{MAKE}; sleep 3", container={"image": PYTHON_IMAGE, "pull": "never"})
    stage.start()
    stage.push("feat: more")
    assert eventually(lambda: engine.containers() != [])
    stage.daemon.kill()
    stage.daemon.start()
    assert_released(stage, stage.wait_over(), "1.1.0")
    stage.assert_clean()
    assert engine.containers() == []
