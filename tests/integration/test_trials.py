"""Wheels tried by the real uv on this machine: which interpreter is taken, and what is not tried at all."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from releasd.adapters.artifacts import ArtifactFolder
from releasd.adapters.hosts import with_defaults
from releasd.adapters.local import LocalHost
from releasd.errors import CheckFailed, Transient
from releasd.model import Artifact, HostSpec
from releasd.steps import trial
from support.dist import METADATA, wheel, wheel_name
from support.fakeports import FakeHosts, Scene
from support.wheels import sha256

MACHINE = platform.machine()
OWN = f"cp3{sys.version_info.minor}"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return a release whose artifact store and whose one host are real."""
    made = Scene(tmp_path / "scratch")
    made.scratch.mkdir()
    made.hosts = FakeHosts([host(tmp_path)])
    made.artifacts = ArtifactFolder(tmp_path / "artifacts")
    return made


def host(folder: Path, *programs: Path) -> LocalHost:
    """Return this machine, with these folders on its PATH besides."""
    path = os.pathsep.join((os.environ["PATH"], *map(str, programs)))
    env = {"UV_OFFLINE": "1"}
    return LocalHost(with_defaults(HostSpec(name="one", labels=frozenset(), workdir=str(folder / "w"), env=env), path))


def sealed(scene: Scene, tag: str, more: str = "", files: dict[str, str] | None = None) -> Artifact:
    """Seal a wheel of that tag; `more` is metadata."""
    path = scene.scratch / wheel_name(tag)
    path.write_bytes(wheel(files, tags=[tag], metadata=METADATA + more).getvalue())
    digest, size = sha256(path), path.stat().st_size
    scene.artifacts.adopt(path, digest)
    return Artifact(filename=wheel_name(tag), sha256=digest, size=size, build="wheel", host="one")


def other_interpreter() -> tuple[Path, int]:
    """Return the folder of an interpreter newer than our own that no version manager hides, and its minor version."""
    managed = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    folders: Sequence[Path] = (*map(Path, os.get_exec_path()), *managed.glob("3.*/bin"))
    for minor in range(sys.version_info.minor + 1, 16):
        for folder in folders:
            if "shims" not in folder.parts and (folder / f"python3.{minor}").exists():
                return folder, minor
    pytest.skip(f"no Python newer than 3.{sys.version_info.minor} is installed here")


@pytest.mark.parametrize(
    ("tag", "more"),
    [
        ("py3-none-any", ""),
        ("py3-none-any", "Requires-Python: >=3.8, !=3.9.7\n"),
        (f"cp38-abi3-manylinux_2_17_{MACHINE}", ""),
        (f"{OWN}-{OWN}-manylinux_2_17_{MACHINE}", "Requires-Python: >=3.8\n"),
    ],
)
def test_a_wheel_for_an_interpreter_that_is_here(scene: Scene, tag: str, more: str) -> None:
    """It is installed and imported, whichever way it says what it is for."""
    assert trial.run(scene.context(), sealed(scene, tag, more)) == "one", scene.said


@pytest.mark.parametrize(
    ("tag", "more", "why"),
    [
        ("py3-none-any", "Requires-Python: >=3.90\n", "one has no Python that it is for (<4,>=3,>=3.90)"),
        (f"cp390-abi3-manylinux_2_17_{MACHINE}", "", "one has no Python that it is for (cpython<4,>=3.90)"),
        (f"cp390-cp390t-manylinux_2_17_{MACHINE}", "", "one has no Python that it is for (3.90t)"),
        (f"pp390-pypy390_pp73-manylinux_2_17_{MACHINE}", "", "one has no Python that it is for (pypy==3.90.*)"),
        (f"{OWN}-{OWN}-manylinux_2_17_i686", "", "no host of that platform (manylinux_2_17_i686)"),
        ("py3-none-win_amd64", "", "no host of that platform (win_amd64)"),
    ],
)
def test_what_nothing_here_can_run(scene: Scene, tag: str, more: str, why: str) -> None:
    """It is not tried, and log and result say why: that says nothing against the wheel."""
    artifact = sealed(scene, tag, more)
    assert trial.run(scene.context(), artifact) == f"not tried: {why}", scene.said
    assert f"releasd: not tried: {why}\n" in scene.output(artifact.filename)


def test_a_wheel_for_the_other_c_library(scene: Scene) -> None:
    """This machine is asked which one it has, where its labels do not say."""
    family = "musllinux_1_2" if platform.libc_ver()[0] else "manylinux_2_17"
    artifact = sealed(scene, f"{OWN}-{OWN}-{family}_{MACHINE}")
    assert trial.run(scene.context(), artifact) == f"not tried: no host of that platform ({family}_{MACHINE})"


@pytest.mark.parametrize("is_pure", [True, False])
def test_the_default_interpreter_is_passed_over(scene: Scene, tmp_path: Path, *, is_pure: bool) -> None:
    """A wheel for a newer Python than the host's default is tried with that one, where it is installed."""
    folder, minor = other_interpreter()
    scene.hosts = FakeHosts([host(tmp_path, folder)])
    tag = "py3-none-any" if is_pure else f"cp3{minor}-abi3-manylinux_2_17_{MACHINE}"
    more = f"Requires-Python: >=3.{minor}\n" if is_pure else ""
    own = f"import sys\nassert sys.version_info >= (3, {minor})\n"
    assert trial.run(scene.context(), sealed(scene, tag, more, {"my_demo/__init__.py": own})) == "one", scene.said


@pytest.mark.parametrize(
    ("tag", "more"),
    [
        ("py3-none-any", "Requires-Dist: my-demo>=9\n"),
        (f"{OWN}-{OWN}-manylinux_2_17_{MACHINE}", "Requires-Python: >=3.90\n"),
    ],
)
def test_a_wheel_that_really_does_not_install(scene: Scene, tag: str, more: str) -> None:
    """Its interpreter is here, and uv refuses it: that is no reason to pass it."""
    with pytest.raises(Transient, match="does not install on one"):
        trial.run(scene.context(), sealed(scene, tag, more))


def test_a_host_without_uv(scene: Scene, tmp_path: Path) -> None:
    """What cannot be tried for lack of a tool is no wheel without an interpreter."""
    spec = HostSpec(name="one", labels=frozenset(), workdir=str(tmp_path / "w"), path="/nowhere:/usr/bin:/bin")
    if subprocess.run(("sh", "-c", "command -v uv"), env={"PATH": "/usr/bin:/bin"}, check=False).returncode == 0:
        pytest.skip("uv belongs to this system")
    scene.hosts = FakeHosts([LocalHost(spec)])
    with pytest.raises(CheckFailed, match=r"no environment for .* can be made on one"):
        trial.run(scene.context(), sealed(scene, "py3-none-any"))
