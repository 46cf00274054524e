"""Where it is measured: the end-to-end tests' stage in a folder of its own, and clocks around what runs in it."""

import contextlib
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from support.gitrepo import ISOLATED
from support.packages import QUICK
from support.parts import eventually
from support.stage import Stage

COMMAND_WITHIN = 120.0  # seconds


@contextlib.contextmanager
def place(package: Mapping[str, str] = QUICK) -> Iterator[Stage]:
    """Yield a stage in which nothing runs yet; all of it is ended and removed afterwards."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="releasd-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        short = Path(tempfile.mkdtemp(prefix="rd"))
        stack.callback(shutil.rmtree, short, ignore_errors=True)
        stage = Stage(folder, short, package)
        stack.callback(stage.close)
        yield stage


@dataclass(frozen=True)
class Started:
    """When the daemon's process was started and when it said READY, in seconds since the epoch."""

    begun: float
    ready: float


class _Clocked(list[str]):
    """What the daemon said to its supervisor; notes when READY came, to the moment rather than to the next look."""

    ready_at = 0.0

    def extend(self, words: Iterable[str]) -> None:
        """Take some more."""
        words = list(words)
        if "READY=1" in words:
            self.ready_at = time.time()
        super().extend(words)


def start(stage: Stage, *, hook: bool = True) -> Started:
    """Start the daemon and note when it says READY."""
    said = stage.daemon.notified.said = _Clocked()
    stage.write_config()
    if hook:
        stage.install_hook(stage.remote)
    begun = time.time()
    stage.daemon.start()
    return Started(begun, said.ready_at)


def cost_of(command: Iterable[str | Path], *, cwd: Path, env: Mapping[str, str]) -> tuple[float, float]:
    """Run a command; return the seconds from before its start to after its end, and its processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    done = subprocess.run(
        tuple(command), cwd=cwd, env=dict(env), capture_output=True, timeout=COMMAND_WITHIN, check=False
    )
    taken = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout.decode()}{done.stderr.decode()}")
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def seconds_of(command: Iterable[str | Path], *, cwd: Path, env: Mapping[str, str]) -> float:
    """Run a command and return the seconds from before its start to after its end."""
    return cost_of(command, cwd=cwd, env=env)[0]


def push_seconds(stage: Stage, remote: str = "origin") -> float:
    """Push main of the stage's working copy and return the seconds."""
    env = {**stage.environ, **ISOLATED}
    return seconds_of(("git", "push", "--quiet", remote, "main"), cwd=stage.work.path, env=env)


def push_feature(stage: Stage) -> str:
    """Push a commit that wants a release, on top of whatever the daemon pushed meanwhile; return it."""

    def try_once() -> str | None:
        stage.work.sync()
        commit = stage.work.commit("feat: more")
        env = {**stage.environ, **ISOLATED}
        command = ("git", "push", "--quiet", "origin", "main")
        done = subprocess.run(command, cwd=stage.work.path, env=env, capture_output=True, timeout=30, check=False)
        return None if done.returncode else commit

    return str(eventually(try_once, "a push that was no race with the daemon's own"))


def since_epoch(event: Mapping[str, Any]) -> float:
    """Return the time of an event of the audit file."""
    return datetime.fromisoformat(str(event["at"])).timestamp()


def stamp(path: Path) -> float:
    """Return what `date +%s%N` wrote, in seconds since the epoch."""
    return int(path.read_text()) / 1e9
