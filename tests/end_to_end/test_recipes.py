"""A compiled package with nothing but its pyproject.toml, released by its recipe."""

import sys
from collections.abc import Callable

from support.packages import EXTENSION
from support.stage import Stage
from support.tools import require_tool
from support.truth import assert_released

PYTHON = f"cp{sys.version_info[0]}{sys.version_info[1]}"


def test_an_extension_in_c(make_stage: Callable[..., Stage]) -> None:
    """Without cibuildwheel: a wheel for the host's Python, repaired by auditwheel, and an sdist, on the index."""
    require_tool("gcc")
    stage = make_stage(EXTENSION)
    stage.config["hosts"]["here"]["env"] = {"UV_NO_BUILD_ISOLATION": "1"}
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over(timeout=120)
    files = {each["filename"] for each in job["artifacts"]}
    assert {build["name"] for build in job["builds"]} == {"wheel-linux-x86_64", "sdist"}
    assert any(name.startswith(f"demo-1.1.0-{PYTHON}-{PYTHON}-manylinux") for name in files), (files, job["reason"])
    assert_released(stage, job, "1.1.0", files=files)
