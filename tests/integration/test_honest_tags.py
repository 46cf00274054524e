"""Platform tags against real binaries: gcc makes them, auditwheel and abi3audit look into them on this machine."""

import os
import subprocess
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.adapters.artifacts import ArtifactFolder
from releasd.adapters.hosts import with_defaults
from releasd.adapters.local import LocalHost
from releasd.errors import CheckFailed
from releasd.model import Artifact, HostSpec, IndexRules
from releasd.steps import audit, check
from support.dist import wheel, wheel_name
from support.fakeports import FakeHosts, Scene
from support.tools import lacking, require_tool
from support.wheels import sha256

AARCH64 = (183).to_bytes(2, "little")  # e_machine of an ELF header, 18 bytes from its beginning
# dlsym moved into libc with glibc 2.34, so whoever calls it needs that version.
SOURCE = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dlfcn.h>
static PyObject *find(PyObject *self, PyObject *args) { return PyBool_FromLong(dlsym(0, "x") != 0); }
static PyMethodDef methods[] = {{"find", find, METH_NOARGS, ""}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "my_demo", 0, -1, methods};
PyMODINIT_FUNC PyInit_my_demo(void) { MORE return PyModule_Create(&module); }
"""


def compiled(folder: Path, *, more: str = "", limited: bool = True) -> bytes:
    """Return an extension module; `more` is C that its initialisation runs first."""
    gcc = require_tool("gcc")
    include = sysconfig.get_paths()["include"]
    if not Path(include, "Python.h").exists():
        lacking("Python.h is not installed: see .ci/run for the packages that the tests need")
    (folder / "demo.c").write_text(SOURCE.replace("MORE", more))
    define = ("-DPy_LIMITED_API=0x03090000",) if limited else ()
    subprocess.run(
        (gcc, "-shared", "-fPIC", f"-I{include}", *define, "-o", folder / "demo.so", folder / "demo.c"),
        check=True,
        timeout=60,
    )
    return (folder / "demo.so").read_bytes()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return a release whose artifact store and whose one host are real."""
    made = Scene(tmp_path / "scratch")
    made.scratch.mkdir()
    made.plan = replace(made.plan, distribution="my-demo", version="1.2.0", pep440="1.2.0")
    spec = HostSpec(name="one", labels=frozenset({"linux", "x86_64"}), workdir=str(tmp_path / "work"))
    made.hosts = FakeHosts([LocalHost(with_defaults(spec, os.environ["PATH"]))])
    made.artifacts = ArtifactFolder(tmp_path / "artifacts")
    made.release_commit()
    return made


def sealed(scene: Scene, tag: str, binary: bytes, name: str = "my_demo.abi3.so") -> Artifact:
    """Seal a wheel of that tag with this extension module in it."""
    path = scene.scratch / wheel_name(tag)
    path.write_bytes(wheel({name: binary}, tags=[tag]).getvalue())
    digest = sha256(path)
    size = path.stat().st_size
    scene.artifacts.adopt(path, digest)
    made = Artifact(filename=wheel_name(tag), sha256=digest, size=size, build="wheel", host="one")
    scene.journal.sealed.append(made)
    return made


def found(scene: Scene, artifact: Artifact) -> str:
    """Return what is dishonest, as one text."""
    return "; ".join(problem.what for problem in audit.problems(scene.context(), [artifact])[artifact])


def test_a_wheel_for_a_processor_that_nobody_has(scene: Scene, tmp_path: Path) -> None:
    """What was cross-compiled is audited all the same, and released without a trial: no host is of its platform."""
    (tmp_path / "demo.c").write_text("void *PyInit_my_demo(void) { return 0; }")
    path = tmp_path / "demo.so"
    command = (require_tool("gcc"), "-shared", "-fPIC", "-nostdlib", "-o", path, tmp_path / "demo.c")
    subprocess.run(command, check=True, timeout=60)
    binary = bytearray(path.read_bytes())
    binary[18:20] = AARCH64
    wheel = sealed(scene, "cp39-abi3-manylinux_2_17_aarch64", bytes(binary))
    said = "not tried: no host of that platform (manylinux_2_17_aarch64)"
    assert check.apply(scene.context())["installed"] == {wheel.filename: said}


def test_honest_tags_pass(scene: Scene, tmp_path: Path) -> None:
    """A stable-ABI module that says which C library it needs is what it says; nothing is left on the host."""
    artifact = sealed(scene, "cp39-abi3-manylinux_2_39_x86_64", compiled(tmp_path))
    assert found(scene, artifact) == ""
    assert list((tmp_path / "work").iterdir()) == []


def test_a_manylinux_tag_that_is_a_lie(scene: Scene, tmp_path: Path) -> None:
    """The wheel that the origin's workflow once published: built on a new system, tagged for an old one."""
    artifact = sealed(scene, "cp39-abi3-manylinux_2_17_x86_64", compiled(tmp_path))
    said = found(scene, artifact)
    assert "its name promises manylinux_2_17, auditwheel finds manylinux_2_34_x86_64" in said
    assert "GLIBC_2.34" in said


def test_an_abi3_tag_that_is_a_lie(scene: Scene, tmp_path: Path) -> None:
    """A module that was compiled without the limited API uses what another Python does not have."""
    binary = compiled(tmp_path, more='PyCode_NewEmpty("a", "b", 1);', limited=False)
    said = found(scene, sealed(scene, "cp39-abi3-manylinux_2_39_x86_64", binary))
    assert "my_demo.abi3.so is tagged abi3 and uses what is outside the stable ABI: PyCode_NewEmpty" in said


def test_a_wheel_that_cannot_be_looked_into_takes_no_other_with_it(scene: Scene, tmp_path: Path) -> None:
    """All wheels are audited by one task: what breaks on one is told of that one, and what the other hides is found."""
    broken = sealed(scene, "cp39-abi3-manylinux_2_28_x86_64", b"\x7fELF" + bytes(100))
    lying = sealed(scene, "cp39-abi3-manylinux_2_17_x86_64", compiled(tmp_path))
    both = audit.problems(scene.context(), [broken, lying])
    tag, abi = (problem.what for problem in both[broken])
    assert f"{broken.filename}: auditwheel could not look into it: This does not look like a platform wheel" in tag
    assert abi == f"{broken.filename}: abi3audit could not look into it"
    assert "auditwheel finds manylinux_2_34_x86_64" in both[lying][0].what


def test_a_wheel_without_programs_is_not_audited(scene: Scene) -> None:
    """A platform wheel of data alone has nothing that could lie."""
    artifact = sealed(scene, "py3-none-manylinux_2_17_x86_64", b"data", name="my_demo/data")
    assert found(scene, artifact) == ""
    assert scene.said == {}


def test_the_lie_is_told_among_the_other_problems(scene: Scene, tmp_path: Path) -> None:
    """One message has everything: what is wrong with this wheel, and with the others."""
    sealed(scene, "cp39-abi3-manylinux_2_17_x86_64", compiled(tmp_path))
    sealed(scene, "cp39-abi3-linux_x86_64", compiled(tmp_path))
    with pytest.raises(CheckFailed) as caught:
        check.apply(scene.context())
    assert "auditwheel finds manylinux_2_34_x86_64" in caught.value.message
    assert "platform tag linux_x86_64 is refused by package indexes" in caught.value.message


def test_plain_linux_wheels_for_an_index_that_takes_them(scene: Scene, tmp_path: Path) -> None:
    """`pypi_rules = false`: a team's own index for its own machines."""
    scene.index.rules = IndexRules(pypi_rules=False)
    sealed(scene, "cp39-abi3-linux_x86_64", compiled(tmp_path))
    assert check.apply(scene.context())["installed"] == {wheel_name("cp39-abi3-linux_x86_64"): "one"}
