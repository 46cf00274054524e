"""A one-commit change in a tree of 50 MB: what travels to a host over ssh, and how long until a build could begin."""

import contextlib
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure
from releasd.adapters.git import GitRepo
from releasd.adapters.ssh import ChannelLink, SshHost
from releasd.ports import Objects, Task
from support.gitrepo import Work, clone_of, git, make_remote, make_work
from support.sshd import Sshd, start_sshd
from support.tools import require_tool

ROUNDS = 5
FILES, SIZE = 1500, 50_000_000  # files, and bytes of all together
COMMAND_WITHIN = 120.0  # seconds
HOW = "from the start of the connection to the first line of the build's script"


@dataclass
class Place:
    """A repository, the daemon's clone of it, and a host behind sshd on this machine."""

    folder: Path
    work: Work
    clone: GitRepo
    server: Sshd

    @property
    def ssh(self) -> tuple[str, ...]:
        """Return the ssh command that reaches the host, without its name."""
        keys = (f"IdentityFile={self.server.folder}/client_key", f"UserKnownHostsFile={self.server.folder}/known_hosts")
        options = (
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=yes",
            f"Port={self.server.port}",
            *keys,
        )
        return (require_tool("ssh"), "-F", "none", *(part for option in options for part in ("-o", option)))

    @property
    def address(self) -> str:
        """Return the host's name."""
        spec = self.server.spec(self.folder)
        return f"{spec.user}@{spec.address}"


@dataclass(frozen=True)
class Sent:
    """One way, once: seconds, and bytes that went to the host inside of ssh."""

    seconds: float
    size: int


def run() -> Iterator[Figure]:
    """Measure the first release and the next ones, beside rsync and tar."""
    with _place() as place:
        first = {name: way(place, _commit(place, 0)) for name, way in WAYS.items()}
        rounds: dict[str, list[Sent]] = {name: [] for name in WAYS}
        for number in range(1, ROUNDS + 1):
            commit = _commit(place, number)
            for name, way in WAYS.items():
                rounds[name].append(way(place, commit))
    yield _figure("one-commit change in 50 MB: bytes sent", "kB", rounds)
    yield _figure("one-commit change in 50 MB: until a build can begin", "s", rounds, HOW)
    once = {name: [sent] for name, sent in first.items()}
    yield _figure("the first release of these 50 MB: bytes sent", "kB", once)
    yield _figure("the first release of these 50 MB: until a build can begin", "s", once, HOW)


def _figure(what: str, unit: str, rounds: Mapping[str, Sequence[Sent]], how: str = "") -> Figure:
    samples = {
        name: tuple(sent.size / 1000 if unit == "kB" else sent.seconds for sent in all_sent)
        for name, all_sent in rounds.items()
    }
    return Figure(what=what, unit=unit, samples=samples.pop("releasd"), beside=samples, how=how)


@contextlib.contextmanager
def _place() -> Iterator[Place]:
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="releasd-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "sshd").mkdir()
        server = stack.enter_context(contextlib.contextmanager(start_sshd)(folder / "sshd"))
        work = make_work(folder / "work", make_remote(folder / "remote.git"))
        _fill(work.path)
        yield Place(folder, work, clone_of(work), server)


def _fill(folder: Path) -> None:
    """Write a tree as repositories have them: text that packs to a third, and some files that do not pack."""
    dice = random.Random(4)
    words = [f"word{number}" for number in range(5000)]
    for number in range(FILES):
        path = folder / f"package{number % 30}" / f"module{number}.py"
        path.parent.mkdir(exist_ok=True)
        size = SIZE // FILES
        data = dice.randbytes(size) if number % 10 == 0 else " ".join(dice.choices(words, k=size // 7)).encode()
        path.write_bytes(data)
    git(folder, "add", "--all")


def _commit(place: Place, number: int) -> str:
    """Change what a release changes: a version, a changelog, and a few lines of three modules."""
    changed = {"VERSION": f"1.{number}.0\n", "CHANGELOG.md": f"# 1.{number}.0\n" * (number + 1)}
    for module in range(3):
        name = f"package{module}/module{module + 30}.py"
        changed[name] = (place.work.path / name).read_text(errors="replace") + f"\nchange {number}\n"
    place.work.commit(f"feat: change {number}", changed)
    place.work.push()
    return place.clone.fetch("main")


def _ours(place: Place, commit: str, *, by_pack: bool = True) -> Sent:
    """Run a build of one line; count what its link sends, the runner's own text included."""
    tar = place.folder / "source.tar"
    began = time.monotonic()
    place.clone.archive(commit, tar)
    objects = Objects(project="demo", commit=commit, pack=lambda have: place.clone.pack(commit, have))
    host, seen, sent = SshHost(place.server.spec(place.folder / "host/builds")), list[float](), [0]
    task = Task(
        id="t-1", script="echo begun", dest=place.folder, source=tar, objects=objects if by_pack else None, timeout=60.0
    )
    with _counted(sent):
        result = host.run(task, lambda _: seen.append(time.monotonic()), lambda: False)
    assert result.exit_status == 0
    return Sent(seen[0] - began, sent[0])


@contextlib.contextmanager
def _counted(sent: list[int]) -> Iterator[None]:
    plain = ChannelLink.send

    def send(self: ChannelLink, data: bytes) -> None:
        sent[0] += len(data)
        plain(self, data)

    ChannelLink.send = send  # type: ignore[method-assign]
    try:
        yield
    finally:
        ChannelLink.send = plain  # type: ignore[method-assign]


def _our_tar(place: Place, commit: str) -> Sent:
    return _ours(place, commit, by_pack=False)


def _rsync(place: Place, commit: str) -> Sent:
    """Bring a checked out tree into the folder that the last round left, as the workflow does."""
    assert commit
    target = place.folder / "host/rsynced"
    target.mkdir(parents=True, exist_ok=True)
    options = ("--archive", "--delete", "--exclude=.git", "--stats", f"--rsh={' '.join(place.ssh)}")
    command = (require_tool("rsync"), *options, f"{place.work.path}/", f"{place.address}:{target}/")
    began = time.monotonic()
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=COMMAND_WITHIN)
    seconds = time.monotonic() - began
    line = next(line for line in done.stdout.splitlines() if line.startswith("Total bytes sent"))
    return Sent(seconds, int("".join(filter(str.isdigit, line))))


def _tar(place: Place, commit: str) -> Sent:
    """Unpack an archive of the commit in a fresh folder."""
    target, tar = place.folder / "host/untarred", place.folder / "piped.tar"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    began = time.monotonic()
    place.clone.archive(commit, tar)
    with tar.open("rb") as file:
        command = (*place.ssh, place.address, f"tar x -C {target}")
        subprocess.run(command, stdin=file, check=True, capture_output=True, timeout=COMMAND_WITHIN)
    return Sent(time.monotonic() - began, tar.stat().st_size)


WAYS = {"releasd": _ours, "releasd, a host without git": _our_tar, "rsync -e ssh": _rsync, "tar over ssh": _tar}
