"""Wheels tried by the real uv on this machine, before and after they are public: which interpreter, or none."""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.adapters.artifacts import ArtifactFolder
from releasd.adapters.folder import EVERYTHING, FolderIndex
from releasd.adapters.hosts import with_defaults
from releasd.adapters.local import LocalHost
from releasd.errors import CheckFailed, Transient
from releasd.model import Artifact, HostSpec
from releasd.steps import proof, trial, verify
from support.dist import METADATA, wheel, wheel_name
from support.fakeports import FakeHosts, Scene
from support.tools import lacking
from support.wheels import sha256

MACHINE = platform.machine()
LAST_MINOR = proof.MINORS[-1]  # of those that verify looks for
OWN = f"cp3{sys.version_info.minor}"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return a release whose artifact store and whose one host are real."""
    made = Scene(tmp_path / "scratch")
    made.scratch.mkdir()
    made.hosts = FakeHosts([host(tmp_path)])
    made.artifacts = ArtifactFolder(tmp_path / "artifacts")
    return made


def host(folder: Path, *path: str) -> LocalHost:
    """Return this machine, with another PATH where one is given."""
    found = os.pathsep.join(path) or os.environ["PATH"]
    env = {"UV_OFFLINE": "1"}
    return LocalHost(with_defaults(HostSpec(name="one", labels=frozenset(), workdir=str(folder / "w"), env=env), found))


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
    beside = Path(sys.base_prefix).parent  # where our own interpreter comes from, others may, too
    folders: Sequence[Path] = (*map(Path, os.get_exec_path()), *managed.glob("3.*/bin"), *beside.glob("3.*/bin"))
    places = ((folder, minor) for minor in range(sys.version_info.minor + 1, 16) for folder in folders)
    found = next((at for at in places if "shims" not in at[0].parts and (at[0] / f"python3.{at[1]}").exists()), None)
    if found is None:
        lacking(f"no Python newer than 3.{sys.version_info.minor} is installed here")
    return found


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
    scene.hosts = FakeHosts([host(tmp_path, os.environ["PATH"], str(folder))])
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
    spec = HostSpec(name="one", labels=frozenset(), workdir=str(tmp_path / "w"), path="/nowhere")
    scene.hosts = FakeHosts([LocalHost(spec)])
    with pytest.raises(CheckFailed, match=r"no environment for .* can be made on one"):
        trial.run(scene.context(), sealed(scene, "py3-none-any"))


def served(scene: Scene, folder: Path, required: str) -> None:
    """Have a pure wheel in a folder that is a destination with a gate, in a release with a smoke command."""
    artifact = sealed(scene, "py3-none-any", f"Requires-Python: {required}\n")
    scene.journal.sealed.append(artifact)
    scene.plan = replace(
        scene.plan, distribution="my-demo", version="1.2.0", pep440="1.2.0", smoke='python -c "import my_demo"'
    )
    (folder / "mirror").mkdir()
    rules = replace(EVERYTHING, gate='python3 -V; echo "gate: $PATH"')
    index = FolderIndex(name="pypi", path=folder / "mirror", rules=rules)
    index.upload([scene.artifacts.path(artifact)], lambda _: None)
    scene.indexes = {"pypi": index}


def test_the_daemons_own_python_is_too_old_and_a_newer_one_is_here(scene: Scene, tmp_path: Path) -> None:
    """A release is verified by the interpreter that it is for; smoke command and gate run with that one."""
    folder, minor = other_interpreter()
    scene.hosts = FakeHosts([host(tmp_path, str(folder), os.environ["PATH"])])
    served(scene, tmp_path, f">=3.{minor}")
    evidence = verify.apply(scene.context())["indexes"]["pypi"]
    assert evidence["installed"] == "my-demo==1.2.0", scene.output("pypi")
    assert evidence["interpreters"][0] == f"python3.{minor}"
    assert f"Python 3.{minor}" in scene.output("pypi")


def test_no_python_here_is_new_enough(scene: Scene, tmp_path: Path) -> None:
    """The release is proven by its bytes, for it will never install here; the gate runs all the same."""
    served(scene, tmp_path, f">=3.{LAST_MINOR}")
    evidence = verify.apply(scene.context())["indexes"]["pypi"]
    why = "no wheel of this release is for an interpreter of the daemon's own machine"
    assert evidence["installed"] == f"not tried: {why} (requires-python >=3.{LAST_MINOR})"
    assert "gate: " in scene.output("pypi")


def test_own_python_installs_what_is_served(scene: Scene, tmp_path: Path) -> None:
    """Where the daemon's own interpreter will do, it is the one that smoke command and gate run with."""
    served(scene, tmp_path, ">=3.11")
    assert verify.apply(scene.context())["indexes"]["pypi"]["installed"] == "my-demo==1.2.0", scene.output("pypi")
    assert f"Python 3.{sys.version_info.minor}." in scene.output("pypi")


def test_a_broken_interpreter_on_the_path_holds_up_no_release(scene: Scene, tmp_path: Path) -> None:
    """What answers like a Python and makes no environment is passed over: the release is fine."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / f"python3.{LAST_MINOR}").write_text("#!/bin/sh\nexit 0\n")
    (broken / f"python3.{LAST_MINOR}").chmod(0o755)
    scene.hosts = FakeHosts([host(tmp_path, str(broken), os.environ["PATH"])])
    served(scene, tmp_path, ">=3.11")
    evidence = verify.apply(scene.context())["indexes"]["pypi"]
    assert evidence["installed"] == "my-demo==1.2.0", scene.output("pypi")
    assert f"python3.{LAST_MINOR}" not in evidence.get("interpreters", ())
