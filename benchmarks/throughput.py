"""No-op jobs through the daemon's own loop, store and engine, on the real disk; git and the host are in memory."""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event as Flag

from benchmarks.figures import Figure
from releasd import config
from releasd.app.audit import AUDIT_FILE
from releasd.app.serve import Outlet
from releasd.app.world import build_world
from releasd.daemon.inbox import Inbox, Stop
from releasd.daemon.service import Service
from releasd.daemon.workers import Workers
from releasd.engine.world import World
from releasd.log import operational
from releasd.log.audit import AuditFile
from releasd.model import BuildSpec, HostSpec, JobState, Project
from releasd.ports import Host
from releasd.store import Store, open_store
from support.fakegit import FakeGit, FakeRemote
from support.fakehost import FakeHost, Scripted
from support.wheels import make_wheel

JOBS = 200
ROUNDS = 5
WORKERS = 4  # the default
LIMIT_SECONDS = 1.0
PEERS = "Laminar 71 and 84, Buildbot 2 to 3, DBOS 27-70; the SQLite prototype of the facts 146-148"
FILES = {"pyproject.toml": b'[project]\nname = "demo"\nversion = "1.0.0"\n'}
BUILD = BuildSpec(name="wheel", run="made in memory")
KINDS = {
    "chore: nothing": "no-op jobs (planned: nothing to release)",
    "feat: more": "jobs of all nine steps, one wheel each",
}


def run() -> Iterator[Figure]:
    """Queue them all, start the loop, stop the clock when it says that none is left; limits of the disk in turns."""
    for message, what in KINDS.items():
        rates, syncs, rows = [], [], []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory(prefix="releasd-bench-") as name:
                rates.append(_rate(Path(name), message))
                syncs.append(_limit(_syncer(Path(name) / "synced")))
                rows.append(_sqlite_limit(Path(name) / "limit.db"))
        yield Figure(
            what=what,
            unit="/s",
            samples=tuple(rates),
            aim=100.0 if message.startswith("chore") else None,
            beside={"write and fsync 4 kB": tuple(syncs), "one-row SQLite transactions (FULL)": tuple(rows)},
            peers=PEERS if message.startswith("chore") else "",
            how=f"{JOBS} queued jobs of as many projects, {WORKERS} workers: claim to end, audit file written",
        )


@dataclass
class _Supervisor:
    """Hears from the loop when nothing is left, and stops it."""

    inbox: Inbox
    ended: float = field(default=0.0)

    def ready(self) -> None:
        """Nobody waits for it."""

    def status(self, text: str) -> None:
        """Stop at the first word that nothing is queued and nothing runs."""
        if text == "0 queued" and not self.ended:
            self.ended = time.perf_counter()
            self.inbox.put(Stop())

    def watchdog(self) -> None:
        """Nobody waits for it."""

    def stopping(self) -> None:
        """Nobody waits for it."""

    def reloading(self) -> None:
        """Nobody waits for it."""


def _rate(folder: Path, message: str) -> float:
    """Return jobs per second."""
    remotes = {f"p{number}": _remote(message) for number in range(JOBS)}
    file = folder / "releasd.toml"
    file.write_text(f'[daemon]\nstate = "{folder}"\nruntime = "{folder}/run"\n')
    settings = config.load(file, {})
    stopping = Flag()
    with open_store(settings.daemon.database_url) as store:
        world = build_world(settings, store, owner="bench", stopping=stopping.is_set, environ=dict(os.environ))
        world = replace(
            world, projects=_projects(remotes), hosts=_Hosts(_host(folder)), clone=_clones(remotes), peek=lambda _: None
        )
        _queue(world, remotes)
        inbox: Inbox = SimpleQueue()
        supervisor = _Supervisor(inbox)
        begun = time.perf_counter()
        _service(world, inbox, supervisor, folder, stopping).run()
        done = store.jobs(states={JobState.SUCCEEDED}, limit=JOBS)
        assert len(done) == JOBS, [job.reason for job in store.jobs()][:3]
    return JOBS / (supervisor.ended - begun)


def _remote(message: str) -> FakeRemote:
    remote = FakeRemote()
    remote.tag("v1.0.0", remote.commit("chore: begin", FILES))
    remote.commit(message)
    return remote


def _projects(remotes: dict[str, FakeRemote]) -> dict[str, Project]:
    return {name: Project(name=name, repository=f"memory:{name}", branch="main", builds=(BUILD,)) for name in remotes}


@dataclass(frozen=True)
class _Hosts:
    """One host that can do everything (`ports.Hosts`)."""

    here: Host

    def able(self, _: Iterable[str]) -> tuple[Host, ...]:
        """Return it."""
        return (self.here,)


def _host(folder: Path) -> FakeHost:
    """Return a host that has built the wheel before it is asked."""
    wheel = make_wheel(folder, "demo", "1.1.0").read_bytes()
    built = Scripted(files={"demo-1.1.0-py3-none-any.whl": wheel})
    return FakeHost(HostSpec(name="memory", labels=frozenset(), slots=WORKERS), lambda _: built, tools={"uv": "uv"})


def _clones(remotes: dict[str, FakeRemote]) -> Callable[[Project], FakeGit]:
    clones = {name: FakeGit(remote) for name, remote in remotes.items()}
    return lambda project: clones[project.name]


def _queue(world: World, remotes: dict[str, FakeRemote]) -> None:
    for name, remote in remotes.items():
        world.store.enqueue(name, remote.refs["refs/heads/main"], "main", source="hook", now=world.clock.now())


def _service(world: World, inbox: Inbox, supervisor: _Supervisor, folder: Path, stopping: Flag) -> Service:
    return Service(
        world=world,
        inbox=inbox,
        workers=Workers(WORKERS, inbox),
        supervisor=supervisor,
        outlet=_outlet(world.store, folder),
        stopping=stopping,
        drain_spool=lambda _: None,
        reload=lambda same: same,
        sources=lambda _: lambda: None,
    )


def _outlet(store: Store, folder: Path) -> Outlet:
    log = operational.configure(
        level="info",
        log_format="json",
        stream=(folder / "daemon.log").open("w"),
        redact=lambda data: data,
        environ={},
    )
    return Outlet(store, AuditFile(folder / AUDIT_FILE), log)


def _limit(act: Callable[[], None]) -> float:
    """Return how often a second `act` can be done, one after the other."""
    begun = time.perf_counter()
    done = 0
    while (taken := time.perf_counter() - begun) < LIMIT_SECONDS:
        act()
        done += 1
    return done / taken


def _syncer(path: Path) -> Callable[[], None]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)

    def act() -> None:
        os.write(descriptor, bytes(4096))
        os.fsync(descriptor)

    return act


def _sqlite_limit(path: Path) -> float:
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (x)")
        return _limit(lambda: raw.execute("INSERT INTO t VALUES (1)").close())
