"""Two hosts build the same bytes: another engine, another user and another folder make no difference to a wheel."""

import hashlib
import time
import zipfile
from pathlib import Path

import pytest

from releasd.adapters.local import LocalHost
from releasd.model import ContainerSpec
from releasd.ports import Output, Task
from support.boxes import docker_engine, local_spec, make_workdir, podman_engine, rootless_engine, run_as
from support.containers import PYTHON_IMAGE, Engine, python_image
from support.hosts import make_tar, member

__all__ = ["docker_engine", "podman_engine", "rootless_engine"]

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "demo"
version = "1.0.0"
[tool.hatch.build.targets.wheel]
packages = ["src/demo"]
"""
# The generated module tells where and as whom it was built, as many a real build does.
SCRIPT = """\
{ pwd; hostname; echo "$HOME $TMPDIR $PATH"; umask; } > src/demo/built.txt
python3 -c 'import os, hatchling.build; hatchling.build.build_wheel(os.environ["RELEASD_OUT"])'
"""
BACKEND = ("hatchling", "packaging", "pathspec", "pluggy", "trove_classifiers")


@pytest.fixture(scope="module")
def image() -> bytes:
    """The toolchain that both hosts have."""
    return python_image(*BACKEND)


@pytest.mark.slow
def test_two_hosts_build_the_same_bytes(
    docker_engine: Engine, rootless_engine: Engine, image: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root in docker and as a user in podman, in other folders and at other times: the same sha256."""
    first = built(docker_engine, image, tmp_path / "first")
    time.sleep(2.1)  # a zip tells times apart by two seconds
    run_as(rootless_engine.user or "", rootless_engine, monkeypatch)
    second = built(rootless_engine, image, tmp_path / "second")
    assert "/releasd/src" in zipfile.ZipFile(first.path).read("demo/built.txt").decode()
    assert hashlib.sha256(first.path.read_bytes()).hexdigest() == first.sha256 == second.sha256


def built(engine: Engine, image: bytes, dest: Path) -> Output:
    """Return the wheel that one host builds from the same sources."""
    engine.add_image(PYTHON_IMAGE, image)
    workdir = make_workdir(engine)
    files = {"pyproject.toml": PYPROJECT, "src/demo/__init__.py": "ANSWER = 42\n"}
    source = make_tar(engine.folder / "sources.tar", [(member(name), text.encode()) for name, text in files.items()])
    source.chmod(0o644)
    task = Task(
        id=dest.name,
        script=SCRIPT,
        source=source,
        dest=dest,
        outputs=("*.whl",),
        env={"SOURCE_DATE_EPOCH": "1700000000"},
        container=ContainerSpec(image=PYTHON_IMAGE),
    )
    seen: list[bytes] = []
    result = LocalHost(local_spec(engine, workdir)).run(task, seen.append, lambda: False)
    assert result.exit_status == 0, b"".join(seen).decode()
    assert engine.containers() == []
    (output,) = result.outputs
    return output
