"""The two images of the workflow's Linux build: a base with a C compiler and Python, and one that has Rust, too.

The base stands for a manylinux image, which cannot be had everywhere: Debian, made once by debootstrap from the mirror
that this machine's apt uses. In the workflow a fresh container of it fetches the toolchain on every release; the other
image is what config/manylinux.Containerfile makes of it, once. Both have the same Rust and the same maturin.
"""

import contextlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import cache, left_out
from support.containers import Engine, docker

BASE, READY = "localhost/releasd-bench:base", "localhost/releasd-bench:rust"
PACKAGES = "gcc,libc6-dev,python3,python3-dev,python3-pip,ca-certificates"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
NETWORK = ("--network", "host", "--volume", f"{CERTIFICATES}:/ca.crt:ro", "--env", "PIP_CERT=/ca.crt")
# What `curl | sh` and `pip install maturin` do in the workflow's container, from where this machine may fetch.
TOOLCHAIN = (
    "{ apt-get update && apt-get install --yes --no-install-recommends rustc cargo"
    " && python3 -m pip install --break-system-packages --root-user-action ignore maturin==1.16.0; } >/dev/null 2>&1"
)
WITHIN = 900  # seconds for debootstrap


@dataclass(frozen=True)
class Boxes:
    """A docker with both images."""

    engine: Engine

    def by_hand(self, script: str) -> str:
        """Return the command that the workflow has for a build in the current folder, toolchain and all."""
        host = f"DOCKER_HOST={shlex.quote(self.engine.env['DOCKER_HOST'])}"
        inside = shlex.quote(f"{TOOLCHAIN} && {script}")
        options = f'--rm --volume "$PWD:$PWD" --workdir "$PWD" --env RELEASD_OUT=dist {shlex.join(NETWORK)}'
        return f"{host} docker run {options} {BASE} sh -euc {inside}"


@contextlib.contextmanager
def boxes() -> Iterator[Boxes | None]:
    """Yield them, or None, said loudly, where they cannot be made."""
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(_boxes(_base()))
        except (subprocess.SubprocessError, OSError, AssertionError) as error:
            left_out("the workflow's container", error)
            made = None
        yield made


@contextlib.contextmanager
def _boxes(base: Path) -> Iterator[Boxes]:
    folder = Path(tempfile.mkdtemp(prefix="rdbox"))
    try:
        with docker(folder) as engine:
            engine.ask("import", str(base), BASE)
            engine.ask("run", "--name", "rust", *NETWORK, BASE, "sh", "-euc", TOOLCHAIN)
            engine.ask("commit", "rust", READY)
            engine.ask("rm", "rust")
            yield Boxes(engine)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _base() -> Path:
    """Return the base as a tar, made once."""
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    archive = cache() / f"{suite}.tar"
    if archive.exists():
        return archive
    program = shutil.which("debootstrap")
    if program is None or os.geteuid() != 0:
        raise FileNotFoundError("it needs debootstrap, and root: apt-get install debootstrap")
    with tempfile.TemporaryDirectory(prefix="rdboot") as folder:
        made = (program, "--variant=minbase", f"--include={PACKAGES}", suite, f"{folder}/root", _mirror(suite))
        subprocess.run(made, check=True, capture_output=True, timeout=WITHIN)
        part = archive.with_suffix(".part")
        subprocess.run(("tar", "--create", "--file", part, "--directory", f"{folder}/root", "."), check=True)
        return part.replace(archive)


def _mirror(suite: str) -> str:
    """Return where this machine's apt has the packages of its system from."""
    wanted = ("--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {suite}", "Component: main")
    done = subprocess.run(("apt-get", "indextargets", *wanted), check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.split()[0]
