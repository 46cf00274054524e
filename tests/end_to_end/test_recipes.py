"""Compiled packages with nothing but their pyproject.toml, released by their recipes with the real tools."""

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.boxes import docker_engine
from support.containers import Engine
from support.crossrust import require_cross_rust
from support.manylinux import IMAGE as RUST_IMAGE
from support.manylinux import build_manylinux
from support.packages import EXTENSION, MATURIN
from support.realtools import require_real
from support.stage import Job, Stage
from support.tools import require_tool
from support.truth import assert_released
from support.wheelimage import IMAGE, SETTINGS, add_wheel_image

__all__ = ["docker_engine"]

PYTHON = f"cp{sys.version_info[0]}{sys.version_info[1]}"
AARCH64 = 183  # elf.h: EM_AARCH64


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


@pytest.mark.slow
@pytest.mark.timeout(400)  # seconds; two images of half a gigabyte are made
def test_a_package_in_rust_in_the_image_that_the_containerfile_makes(
    make_stage: Callable[..., Stage], docker_engine: Engine, tmp_path: Path
) -> None:
    """No build is written, only the container named: both builds of the recipe run in it, and the wheel is tried."""
    (tmp_path / "image").mkdir()
    build_manylinux(docker_engine, tmp_path / "image")
    stage = make_stage({**MATURIN, ".releasd.toml": f'container = "{RUST_IMAGE}"\n'})
    stage.config["hosts"]["here"] |= {"engine": "docker", "env": dict(docker_engine.env)}
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over(timeout=150)
    built = {each["build"]: each["filename"] for each in job["artifacts"]}
    assert_released(stage, job, "1.1.0", files=set(built.values()))
    assert built["wheel-linux-x86_64"].startswith("demo-1.1.0-cp39-abi3-manylinux")
    assert stage.log_text(job["id"]).count(f"ran in {RUST_IMAGE} ({docker_engine.image_id(RUST_IMAGE)})") == len(built)
    (installed,) = (step["evidence"]["installed"] for step in job["steps"] if step["name"] == "check")
    assert installed[built["wheel-linux-x86_64"]] == "here"
    stage.assert_clean()
    assert docker_engine.containers() == []


@pytest.mark.slow
@pytest.mark.timeout(600)  # seconds; zig compiles a C library when it is first asked for one
def test_a_package_in_rust_for_a_platform_that_no_host_is_of(make_stage: Callable[..., Stage]) -> None:
    """Zig links it on the one host: the wheel's module is for aarch64, and it is released without having been tried."""
    stage = make_stage({**MATURIN, ".releasd.toml": 'targets = ["linux-x86_64", "linux-aarch64"]\n'})
    stage.config["hosts"]["here"]["labels"] = ["zig"]
    require_real("python-zig", stage.folder / "bin", "zig")
    require_cross_rust(stage.folder / "bin")
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over(timeout=500)
    built = {each["build"]: each["filename"] for each in job["artifacts"]}
    assert_released(stage, job, "1.1.0", files=set(built.values()))
    crossed = built["wheel-linux-aarch64"]
    assert crossed == "demo-1.1.0-cp39-abi3-manylinux2014_aarch64.manylinux_2_17_aarch64.whl"
    assert _processor(stage.folder / "index/files" / crossed) == AARCH64
    (installed,) = (step["evidence"]["installed"] for step in job["steps"] if step["name"] == "check")
    assert installed[built["wheel-linux-x86_64"]] == "here"
    assert installed[crossed].startswith("not tried: no host of that platform")
    assert "not tried: no host of that platform" in stage.said(job["id"])


def _processor(wheel: Path) -> int:
    """Return the processor that the only shared object in a wheel is for, as its ELF header has it."""
    with zipfile.ZipFile(wheel) as archive:
        (module,) = (name for name in archive.namelist() if name.endswith(".so"))
        header = archive.read(module)[:20]
    assert header.startswith(b"\x7fELF")
    return int.from_bytes(header[18:], "little")
