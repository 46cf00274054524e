"""Compiled packages with nothing but their pyproject.toml, released by their recipes with the real tools."""

import sys
from collections.abc import Callable

import pytest

from support.boxes import docker_engine
from support.containers import Engine
from support.packages import EXTENSION
from support.realtools import require_real
from support.stage import Job, Stage
from support.tools import require_tool
from support.truth import assert_released
from support.wheelimage import IMAGE, SETTINGS, add_wheel_image

__all__ = ["docker_engine"]

PYTHON = f"cp{sys.version_info[0]}{sys.version_info[1]}"


def release_extension(stage: Stage, **env: str) -> Job:
    """Release the extension in C: a wheel for this Python, repaired for manylinux, and an sdist, on the index."""
    require_tool("gcc")
    stage.config["hosts"]["here"]["env"] = {"UV_NO_BUILD_ISOLATION": "1", **env}
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over(timeout=120)
    files = {each["filename"] for each in job["artifacts"]}
    assert {build["name"] for build in job["builds"]} == {"wheel-linux-x86_64", "sdist"}
    assert any(name.startswith(f"demo-1.1.0-{PYTHON}-{PYTHON}-manylinux") for name in files), (files, job["reason"])
    assert_released(stage, job, "1.1.0", files=files)
    return job


def test_an_extension_in_c_without_cibuildwheel(make_stage: Callable[..., Stage]) -> None:
    """It is built with the host's Python and repaired by the host's auditwheel."""
    release_extension(make_stage(EXTENSION))


@pytest.mark.slow
def test_an_extension_in_c_by_cibuildwheel(make_stage: Callable[..., Stage], docker_engine: Engine) -> None:
    """It is built in a container of the image that its settings name, and no container is left."""
    stage = make_stage({**EXTENSION, "pyproject.toml": EXTENSION["pyproject.toml"] + SETTINGS})
    add_wheel_image(docker_engine, require_real("cibuildwheel", stage.folder / "bin"))
    job = release_extension(stage, **docker_engine.env)
    assert f"Starting container image {IMAGE}" in stage.log_text(job["id"])
    assert docker_engine.containers() == []
