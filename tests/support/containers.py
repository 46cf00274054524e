"""Real docker and podman for tests, each with folders, images and (docker) a daemon of its own, all ended afterwards.

What this machine needs for it (runc, cgroupfs, limits below its own) is from the platform notes of issue 4.
"""

import io
import json
import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.tools import lacking, require_tool

APPLETS = ["sh", "cat", "cp", "dd", "env", "grep", "hostname", "id", "kill", "ls", "mkdir", "sleep", "tail", "touch"]
IMAGE, PYTHON_IMAGE, HOLLOW_IMAGE = (
    "localhost/releasd-test:box",
    "localhost/releasd-test:py",
    "localhost/releasd-test:no",
)
CONTAINERS_CONF = """\
[containers]
default_ulimits=[{limits}]
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
"""
START_LIMIT = 90.0  # seconds for dockerd


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A working engine: `env` is what reaches it, `user` who has to run it (None: whoever runs the tests)."""

    name: str
    env: Mapping[str, str]
    folder: Path
    user: str | None = None

    @property
    def has_limits(self) -> bool:
        """Return whether it can keep limits: without root it needs cgroups v2."""
        return self.user is None or Path("/sys/fs/cgroup/cgroup.controllers").exists()

    def ask(self, *words: str, stdin: bytes = b"") -> str:
        """Run one of its commands and return what it says."""
        command = (*as_user(self.user), require_tool(self.name), *words)
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.env}
        done = subprocess.run(command, env=env, input=stdin, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.decode().strip()

    def containers(self) -> list[str]:
        """Return the names of all its containers, running or not."""
        return self.ask("ps", "--all", "--format", "{{.Names}}").split()

    def add_image(self, name: str, archive: bytes) -> None:
        """Make an image of a tar."""
        self.ask("import", "-", name, stdin=archive)

    def image_id(self, name: str) -> str:
        """Return an image's id as the evidence has it."""
        found = json.loads(self.ask("image", "inspect", name))[0]["Id"]
        return "sha256:" + found.removeprefix("sha256:")


def as_user(user: str | None) -> tuple[str, ...]:
    """Return what goes before a command to run it as `user`."""
    if user is None:
        return ()
    entry = pwd.getpwnam(user)
    return (require_tool("setpriv"), f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups")


@contextmanager
def docker(folder: Path, *options: str) -> Iterator[Engine]:
    """A dockerd on a socket of its own, without network devices."""
    require_root()
    socket = folder / "docker.sock"
    engine = Engine(name="docker", env={"DOCKER_HOST": f"unix://{socket}"}, folder=folder)
    own = (f"--host=unix://{socket}", f"--data-root={folder}/data", f"--exec-root={folder}/exec")
    quiet = ("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
    limits = ("--default-ulimit=nofile=1024:4096", f"--pidfile={folder}/pid")
    with (folder / "log").open("wb") as log:
        command = (require_tool("dockerd"), *own, *quiet, *limits, *options)
        daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(daemon, engine)
        yield engine
    finally:
        daemon.terminate()
        daemon.wait(90)
        if os.path.ismount(folder / "exec/netns/default"):  # of containers in the host's network
            subprocess.run((require_tool("umount"), folder / "exec/netns/default"), timeout=20, check=True)


def _wait_for(daemon: subprocess.Popen[bytes], engine: Engine) -> None:
    limit = time.monotonic() + START_LIMIT
    env = {"PATH": os.environ["PATH"], **engine.env}
    while time.monotonic() < limit and daemon.poll() is None:
        words = (require_tool("docker"), "version")
        if subprocess.run(words, env=env, capture_output=True, timeout=20, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError(f"dockerd did not start: {(engine.folder / 'log').read_text()[-2000:]}")


@contextmanager
def podman(folder: Path, user: str | None = None) -> Iterator[Engine]:
    """Podman with storage of its own, as root or as `user`."""
    require_root()
    require_tool("podman")
    limits = '"nofile=1024:4096"' if user else '"nofile=1024:4096", "nproc=4096:4096"'
    (folder / "containers.conf").write_text(CONTAINERS_CONF.format(limits=limits))
    storage = f'[storage]\ndriver="overlay"\ngraphroot="{folder}/root"\nrunroot="{folder}/run"\n'
    (folder / "storage.conf").write_text(storage)
    (folder / "runtime").mkdir(mode=0o700)
    if user:
        for path in (folder, folder / "runtime"):
            shutil.chown(path, user)
    env = {
        "CONTAINERS_CONF": f"{folder}/containers.conf",
        "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
        "XDG_RUNTIME_DIR": f"{folder}/runtime",
        "HOME": str(folder),
    }
    engine = Engine(name="podman", env=env, folder=folder, user=user)
    try:
        yield engine
    finally:
        if user:
            engine.ask("system", "migrate")  # ends the process that keeps the user's namespace
        elif (folder / "root/overlay").is_mount():
            subprocess.run((require_tool("umount"), folder / "root/overlay"), timeout=20, check=True)


def rootless_user() -> str:
    """Return a user who has subordinate ids, as podman without root needs."""
    require_tool("newuidmap")
    known = {entry.pw_name for entry in pwd.getpwall()}
    subordinate = Path("/etc/subuid")
    lines = subordinate.read_text().splitlines() if subordinate.exists() else []
    usable = [name for line in lines if (name := line.partition(":")[0]) in known - {"root"}]
    if not usable:
        lacking("no user has subordinate ids for podman without root: `useradd --create-home someone`")
    return usable[0]


def require_root() -> None:
    """Skip loudly, or fail under CI, unless this is root, as an engine of the tests' own needs."""
    if os.geteuid() != 0:
        lacking("an engine of the tests' own needs root")


def _engine(kind: str, folder: Path) -> Iterator[Engine]:
    user = rootless_user() if kind == "podman without root" else None
    with docker(folder) if kind == "docker" else podman(folder, user) as engine:
        engine.add_image(IMAGE, tar_of(busybox()))
        engine.add_image(HOLLOW_IMAGE, tar_of({"hollow": b""}))
        yield engine
        assert engine.containers() == []


@contextmanager
def started(kind: str) -> Iterator[Engine]:
    """One kind of engine with the images of the tests, in a folder that every user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="releasd-"))
    folder.chmod(0o755)
    try:
        yield from _engine(kind, folder)
    finally:
        subprocess.run(("rm", "-rf", "--one-file-system", folder), timeout=60, check=True)


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    """Docker, by a dockerd of the tests' own."""
    with started("docker") as engine:
        yield engine


@pytest.fixture(scope="session")
def podman_engine() -> Iterator[Engine]:
    """Podman as root."""
    with started("podman") as engine:
        yield engine


@pytest.fixture(scope="session")
def rootless_engine() -> Iterator[Engine]:
    """Podman as an ordinary user."""
    with started("podman without root") as engine:
        yield engine


def busybox() -> dict[str, bytes | str]:
    """Return the files of the smallest image that has a shell; a text is a link's target."""
    program = Path(require_tool("busybox")).read_bytes()
    return {"bin/busybox": program, **{f"bin/{applet}": "busybox" for applet in APPLETS}}


def tar_of(files: Mapping[str, bytes | str]) -> bytes:
    """Return a tar of programs and links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def python_image(*packages: str) -> bytes:
    """Return a tar of busybox, the Python that runs the tests, its standard library and some of its packages."""
    binary = Path(sys.executable).resolve()
    library, site = Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))
    shared = shared_libraries([binary, *library.glob("lib-dynload/*.so")])
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for path in {binary, *shared}:
                tar.add(path.resolve(), str(path).lstrip("/"))
            tar.add(library, str(library).lstrip("/"), filter=_without_extras)
            for package in packages:
                tar.add(site / package, f"{library}/{package}".lstrip("/"), filter=_without_extras)
            link = tarfile.TarInfo("bin/python3")
            link.type, link.linkname = tarfile.SYMTYPE, str(binary)
            tar.addfile(link)
        base = tar_of(busybox())
        return base[: _end_of(base)] + buffer.getvalue()


def _end_of(archive: bytes) -> int:
    """Return where a tar's members end, so that another's can follow."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.getmembers()
        return tar.offset


def _without_extras(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = info.name.split("/")
    unwanted = {"test", "tests", "site-packages", "dist-packages", "__pycache__", "idlelib", "ensurepip", "tkinter"}
    return None if unwanted & set(parts) or info.name.endswith((".a", ".pyc")) else info


def shared_libraries(programs: Sequence[Path]) -> set[Path]:
    """Return what programs are loaded with, at the paths where they look for it."""
    said = subprocess.run(("ldd", *programs), capture_output=True, text=True, timeout=60, check=False).stdout
    words = said.replace("=>", " ").split()
    return {Path(os.path.normpath(word)) for word in words if word.startswith("/") and not word.endswith(":")}
