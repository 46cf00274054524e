"""What the hook adds to `git push`: daemon up, hung, hung with a full backlog, and absent."""

import contextlib
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.place import place, push_seconds, start
from support.gitrepo import git, make_remote
from support.stage import Stage

ROUNDS = 30
SAD_ROUNDS = 5
WARM_UPS = 3
BARE, EMPTY, OURS = "bare", "empty", "origin"
PEERS = "added, daemon up: sh+nc 2-11, Laminar 15, Buildbot 456 and 955 ms; hung: Laminar > 8000, Buildbot > 25000 ms"


def run() -> Iterator[Figure]:
    """Measure with one release running the whole time, so that each push is queued and none disturbs the next."""
    with place() as stage:
        stage.build_with("sleep 3600", artifacts=["*"])
        _add_remotes(stage)
        start(stage)
        _rounds(stage, WARM_UPS)
        yield _figure("daemon up", _rounds(stage, ROUNDS), aim=10.0, peers=PEERS)
        with _stopped(stage):
            yield _figure("daemon hung (SIGSTOP)", _rounds(stage, SAD_ROUNDS), aim=1000.0)
        with _stopped(stage), _full_backlog(stage.short / "run/hook.sock"):
            yield _figure("daemon hung, backlog full", _rounds(stage, SAD_ROUNDS), aim=1000.0)
        stage.daemon.stop()
        yield _figure("daemon absent", _rounds(stage, SAD_ROUNDS * 3), aim=1000.0)


def _add_remotes(stage: Stage) -> None:
    for name in (BARE, EMPTY):
        git(stage.work.path, "remote", "add", name, str(make_remote(stage.folder / f"{name}.git")))
    script = stage.folder / "empty.git/hooks/post-receive"
    script.parent.mkdir(exist_ok=True)
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)


def _rounds(stage: Stage, number: int) -> dict[str, list[float]]:
    """Push one commit after another to all three, each round beginning with another of them."""
    taken: dict[str, list[float]] = {BARE: [], EMPTY: [], OURS: []}
    names = list(taken)
    for _ in range(number):
        stage.work.commit("feat: more")
        for name in names:
            taken[name].append(push_seconds(stage, name) * 1000)
        names = names[1:] + names[:1]
        time.sleep(0.1)  # what the daemon does after its answer is not the next push's
    return taken


def _figure(state: str, taken: dict[str, list[float]], *, aim: float, peers: str = "") -> Figure:
    return Figure(
        what=f"hook adds to git push, {state}",
        unit="ms",
        samples=_added(taken[OURS], taken[BARE]),
        aim=aim,
        beside={
            "what a hook of `exit 0` adds": _added(taken[EMPTY], taken[BARE]),
            "the whole bare push": tuple(taken[BARE]),
        },
        peers=peers,
        how="differences of pushes of the same commit to two local repositories, taken in turns",
    )


def _added(pushes: Sequence[float], bare: Sequence[float]) -> tuple[float, ...]:
    return tuple(with_hook - without for with_hook, without in zip(pushes, bare, strict=True))


@contextlib.contextmanager
def _stopped(stage: Stage) -> Iterator[None]:
    stage.daemon.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        stage.daemon.signal(signal.SIGCONT)


@contextlib.contextmanager
def _full_backlog(path: Path) -> Iterator[None]:
    """Connect until the kernel takes no more."""
    with contextlib.ExitStack() as stack:
        while _connect(stack, path):
            pass
        yield


def _connect(stack: contextlib.ExitStack, path: Path) -> bool:
    client = stack.enter_context(socket.socket(socket.AF_UNIX))
    client.settimeout(0)
    try:
        client.connect(str(path))
    except BlockingIOError:
        return False
    return True
