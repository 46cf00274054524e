"""Real hosts on this machine, and proof that nothing is left of what ran there."""

import io
import secrets
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from releasd.adapters.local import LocalHost
from releasd.adapters.ssh import SshHost
from releasd.model import HostSpec
from releasd.ports import Host, Task, TaskResult
from support.sshd import Sshd

LEASH = 8.0  # seconds; short for tests of a dead daemon, long enough for a busy machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A real host whose folders this test can see. `mark` is a number of seconds that only this test sleeps for."""

    host: Host
    workdir: Path
    dest: Path
    mark: str

    def task(self, script: str, **changes: object) -> Task:
        """Return a task; `SLEEP` in its script becomes a very long sleep that `leftovers` would find."""
        script = script.replace("SLEEP", f"sleep {self.mark}")
        return Task(**{"id": "t-1", "script": script, "dest": self.dest, "outputs": ("*.whl",), **changes})

    def run(self, script: str, **changes: object) -> TaskResult:
        """Run a script, output unheeded."""
        return self.host.run(self.task(script, **changes), lambda _: None, lambda: False)

    def output(self, script: str, **changes: object) -> str:
        """Run a script and return what it printed."""
        seen: list[bytes] = []
        self.host.run(self.task(script, **changes), seen.append, lambda: False)
        return b"".join(seen).decode()

    def sleepers(self) -> list[psutil.Process]:
        """Return the living processes that sleep for `mark`."""
        found = []
        for process in psutil.process_iter():
            try:
                if self.mark in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def leftovers(self) -> list[str]:
        """Return what still exists of any task here: processes and files."""
        files = [str(path) for path in self.workdir.iterdir()] if self.workdir.exists() else []
        return [*map(str, self.sleepers()), *files]


def make_local(_: pytest.FixtureRequest, workdir: Path) -> Host:
    """Return this machine."""
    return LocalHost(HostSpec(name="here", labels=frozenset(), workdir=str(workdir), leash=LEASH))


def make_ssh(request: pytest.FixtureRequest, workdir: Path) -> Host:
    """Return this machine by way of a real sshd."""
    server: Sshd = request.getfixturevalue("sshd")
    return SshHost(server.spec(workdir, leash=LEASH))


def make_place(host: Host, tmp_path: Path) -> Place:
    """Return the place that `host` works in."""
    mark = f"9{secrets.randbelow(10**8):08d}"
    return Place(host=host, workdir=tmp_path / "work", dest=tmp_path / "dest", mark=mark)


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Return whether `condition` becomes true in time."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def runner_of(place: Place) -> psutil.Process:
    """Return the process that holds the lock of the place's only task."""
    (lock,) = place.workdir.glob("*.lock")
    for process in psutil.process_iter():
        try:
            if any(file.path == str(lock) for file in process.open_files()):
                return process
        except psutil.Error:
            continue
    raise AssertionError("nobody holds the lock")


def bridges() -> list[psutil.Process]:
    """Return what connects builds with us: our own runners, or our sshd's. A keeper is nobody's child any more."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any("exec(i.read" in part for part in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def cut_all() -> None:
    """Kill what connects the builds with us."""
    for process in bridges():
        process.kill()


@pytest.fixture(params=[make_local, make_ssh])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each kind of real host in turn; after the test nothing may be left there."""
    place = make_place(request.param(request, tmp_path / "work"), tmp_path)
    yield place
    assert eventually(lambda: not place.leftovers()), place.leftovers()


def make_tar(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """Write a tar of exactly these members."""
    with tarfile.open(path, "w") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """Return a member's header."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info
