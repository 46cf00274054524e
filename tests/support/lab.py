"""The engine between real memory and real history: SQLite, git and the artifact folder are real, hosts and indexes
are made of answers, and time passes only when a test says so.

    lab.push("feat: more")      a maintainer's push; returns the commit
    job = lab.release()         queue the tip, claim it and run one attempt; returns the job as it then is
"""

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from secrets import token_hex
from tempfile import mkdtemp
from typing import Any

import pytest

from releasd.adapters.artifacts import ArtifactFolder
from releasd.adapters.git import GitRepo, clone_or_open
from releasd.core.version import to_pep440
from releasd.engine.executor import execute
from releasd.engine.farmhands import Farm
from releasd.engine.world import World
from releasd.model import BuildSpec, Job, JobId, Project, StepName, StepState
from releasd.ports import Sink, Task
from support.fakehost import FakeHost, Scripted
from support.fakenews import FakeForge, FakeMailer, FakeNotifier
from support.fakeports import (
    NOW,
    TOOLS,
    FakeClock,
    FakeHosts,
    FakeIndex,
    host_spec,
)
from support.gitrepo import git, make_remote, make_work
from support.store import fresh_store
from support.wheels import make_sdist, make_wheel

OWNER, LEASE = "lab", timedelta(seconds=60)
PACKAGE = {"pyproject.toml": '[project]\nname = "demo"\nversion = "1.0.0"\n'}
WHEEL, SDIST = "demo-{}-py3-none-any.whl", "demo-{}.tar.gz"


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the product catches it on purpose."""


class Lab:
    """See the module. Attributes named like the world's parts are what the world holds; tests change their answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = make_remote(folder / "demo.git")
        self.work = make_work(folder / "work", self.remote)
        self.work.commit("chore: begin", PACKAGE)
        self.work.tag("v1.0.0", message="v1.0.0")
        self.work.push()
        self.store = fresh_store(folder)
        self.clock = FakeClock()
        self.host = FakeHost(host_spec(), self._play, tools=TOOLS)
        self.hosts = FakeHosts([self.host])
        self.index = FakeIndex()
        self.notifier = FakeNotifier()
        self.mailer = FakeMailer({"team": ("a@example.org",)})
        self.forge = FakeForge()
        self.is_stopping = False
        self.at_fault: Callable[[str], None] = lambda _: None
        self.faults: list[str] = []
        self.said: dict[tuple[int, str, str], bytes] = defaultdict(bytes)
        self.plays: Callable[[Task], Scripted | None] = lambda _: None  # a test's answer before the lab's own
        self.project = Project(
            name="demo",
            repository=str(self.remote),
            indexes=("pypi",),
            builds=(BuildSpec(name="dist", run="build"),),
            verify_timeout=30.0,
        )
        self.world = self._world()

    def _world(self) -> World:
        return World(
            owner=OWNER, lease=LEASE, store=self.store, clock=self.clock, projects={"demo": self.project},
            clone=lambda _: self.clone, peek=lambda _: GitRepo(self.remote),
            same=lambda told, _, registered: {told} & set(registered), hosts=self.hosts, indexes={"pypi": self.index},
            notifier=self.notifier, mailer=self.mailer, forges={"main": self.forge},
            artifacts=ArtifactFolder(self.folder / "artifacts"), output=self._output,
            last_line=lambda *_: "",
            scratch=self._scratch, forget=shutil.rmtree, stopping=lambda: self.is_stopping,
            nonce=partial(token_hex, 8), fault=self._fault,
        )  # fmt: skip

    def configure(self, **changes: Any) -> None:
        """Change the project's entry, as a reload does."""
        self.project = replace(self.project, **changes)
        self.world = replace(self.world, projects={"demo": self.project})

    @property
    def clone(self) -> GitRepo:
        """Return the daemon's own clone."""
        return clone_or_open(self.folder / "clone.git", str(self.remote))

    def _play(self, task: Task) -> Scripted:
        played = self.plays(task)
        if played is not None:
            return played
        version = task.env.get("RELEASD_VERSION")
        return Scripted(output=b"building\n", files=self.built(to_pep440(version))) if version else Scripted()

    def built(self, version: str) -> dict[str, bytes]:
        """Return the files that the build leaves, by name."""
        folder = Path(mkdtemp(dir=self.folder))  # two builds run at once
        made = (make_wheel(folder, "demo", version), make_sdist(folder, "demo", version))
        return {path.name: path.read_bytes() for path in made}

    def _fault(self, point: str) -> None:
        self.faults.append(point)
        self.at_fault(point)

    def _scratch(self, name: str) -> Path:
        path = self.folder / "scratch" / name
        path.mkdir(parents=True)
        return path

    @contextmanager
    def _output(self, job: JobId, step: StepName) -> Iterator["_Outputs"]:
        yield _Outputs(self, (job, step))

    def push(self, message: str = "feat: more", files: dict[str, str] | None = None) -> str:
        """Commit on top of the remote's main and push, as a maintainer does; return the commit."""
        self.work.sync()
        commit = self.work.commit(message, files or {"more.txt": message})
        self.work.push("main")
        return commit

    def enqueue(self, commit: str | None = None, **rest: Any) -> JobId:
        """Queue a commit, by default the remote's tip."""
        rest = {"source": "hook", "now": self.clock.now()} | rest
        return self.store.enqueue("demo", commit or self.main(), "main", **rest).job_id

    def claim(self) -> Job:
        """Claim what is due; there has to be something."""
        job = self.store.claim(OWNER, now=self.clock.now(), lease=LEASE)
        assert job is not None, f"nothing is due: {self.store.queue()}"
        return job

    def run(self) -> Job:
        """Claim what is due, run one attempt, and return the job as it then is."""
        job = self.claim()
        execute(self.world, job)
        return self.store.job(job.id)

    def release(self, message: str = "feat: more") -> Job:
        """Push, queue and run one attempt; return the job as it then is."""
        self.push(message)
        self.enqueue()
        return self.run()

    def wait(self, job: Job) -> None:
        """Let time pass until a job that waits is due; hosts are looked at on the way, as by the tick."""
        assert job.not_before is not None, f"{job.state}: {job.reason}"
        self.clock.at = max(self.clock.at, job.not_before)
        Farm(self.world, lambda: None).probe_due()

    def main(self) -> str:
        """Return the commit that the remote's main is at."""
        return git(self.remote, "rev-parse", "refs/heads/main")

    def tags(self) -> set[str]:
        """Return the remote's tags."""
        return set(git(self.remote, "tag", "--list").split())

    def tagged(self, tag: str) -> str:
        """Return the commit that a tag of the remote is at."""
        return git(self.remote, "rev-parse", f"{tag}^{{commit}}")

    def private_refs(self) -> list[str]:
        """Return the private refs of the daemon's clone."""
        if not (self.folder / "clone.git").exists():
            return []
        return git(self.folder / "clone.git", "for-each-ref", "--format=%(refname)", "refs/releasd").split()

    def scratch_folders(self) -> list[str]:
        """Return what attempts left behind."""
        folder = self.folder / "scratch"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def steps(self, job: Job) -> dict[StepName, StepState]:
        """Return a job's journal in short."""
        return {step: record.state for step, record in self.store.records(job.id).items()}

    def events(self, *names: str) -> list[dict[str, Any]]:
        """Return the data of the events of these names, oldest first."""
        return [dict(event.data) for event in self.store.events_after(0) if event.event in names]

    def assert_released(self, job: Job, version: str) -> None:
        """Fail unless that version is released whole, once, and nothing private is left."""
        assert (job.state, job.version, job.tag) == ("succeeded", version, f"v{version}"), job.reason
        assert self.steps(job) == dict.fromkeys(StepName, StepState.SUCCEEDED)
        commit = self.store.records(job.id)[StepName.VERSION].evidence["commit"]
        assert self.tagged(f"v{version}") == commit
        assert git(self.remote, "merge-base", commit, "main") == commit, "the tag cannot be reached from main"
        wanted = {name: hashlib.sha256(data).hexdigest() for name, data in self.built(version).items()}
        assert {name: digest for name, digest in self.index.stored.items() if version in name} == wanted
        assert self.private_refs() == []
        assert self.scratch_folders() == []

    def assert_untouched(self, main: str) -> None:
        """Fail unless a release that did not come about left no tag, commit, file or private ref."""
        assert (self.tags(), self.main(), self.index.stored) == ({"v1.0.0"}, main, {})
        assert self.private_refs() == []
        assert self.scratch_folders() == []


class _Outputs:
    """The outputs of one step, in the lab's memory."""

    def __init__(self, lab: Lab, where: tuple[int, str]) -> None:
        self._lab = lab
        self._where = where

    def __call__(self, part: str) -> Sink:
        def write(data: bytes) -> None:
            self._lab.said[*self._where, part] += data

        return write

    def written(self, part: str) -> int:
        return len(self._lab.said[*self._where, part])


def at(lab: Lab, point: str, error: BaseException | type[BaseException]) -> None:
    """Have the named fault point raise, once."""

    def raises(reached: str) -> None:
        if reached == point:
            lab.at_fault = lambda _: None
            raise error

    lab.at_fault = raises


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Return a lab with one package, released as 1.0.0."""
    made = Lab(tmp_path)
    assert made.clock.now() == NOW
    yield made
    made.store.close()
