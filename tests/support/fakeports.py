"""Ports made of answers, and a step's whole surroundings built of them. What a test changes are plain attributes.

The fakes keep the promises of ports/: a journal raises `Fenced` once its claim is lost, an index takes each file
once, an artifact store refuses bytes of another digest.
"""

import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

from releasd.core.delivering import advanced
from releasd.core.schedule import Placement, no_host
from releasd.errors import Conflict, Fenced, Permanent, ReleasdError, Transient
from releasd.model import (
    Artifact,
    BuildSpec,
    Bump,
    DeliveryRecord,
    Evidence,
    FileEdit,
    FileState,
    HostSpec,
    Job,
    JobId,
    JobState,
    LeftRunning,
    Plan,
    Project,
    StepName,
    StepState,
    TargetRecord,
)
from releasd.ports import Host, Sink
from releasd.steps.context import Context
from support.fakegit import FakeGit, FakeRemote
from support.fakehost import FakeHost
from support.fakeindex import FakeIndex
from support.fakenews import FakeForge, FakeMailer, FakeNotifier

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
TOOLS = {"sh": "/bin/sh", "uv": "/usr/bin/uv"}  # what a host needs to be able
PYPROJECT = b'[project]\nname = "demo"\nversion = "1.0.0"\n'


def digest(data: bytes) -> str:
    """Return the sha256 of `data`."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class FakeClock:
    """Time that passes only by sleeping. `tick`, when set, is called at every sleep: the world moves on meanwhile."""

    at: datetime = NOW
    slept: list[float] = field(default_factory=list)
    tick: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)
        self.tick()


@dataclass
class FakeJournal:
    """One claimed job's memory. `calls` tells in which order things were done; set `lost` to lose the claim."""

    evidences: dict[StepName, Evidence] = field(default_factory=dict)
    sealed: list[Artifact] = field(default_factory=list)
    done: dict[str, str] = field(default_factory=dict)  # builds that ended well, and where
    begun: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str, str]] = field(default_factory=list)
    moved: dict[str, int] = field(default_factory=dict)  # by build: bytes in its log that are no output
    losses: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)  # slots that others hold, by host
    out: dict[str, str] = field(default_factory=dict)  # hosts that take nothing new, and why
    left: dict[str, LeftRunning] = field(default_factory=dict)  # by build
    kept: dict[str, LeftRunning] = field(default_factory=dict)  # by build, as this attempt notes them
    build_evidence: dict[str, Evidence] = field(default_factory=dict)
    told: dict[str, TargetRecord] = field(default_factory=dict)
    way: dict[str, dict[str, DeliveryRecord]] = field(default_factory=dict)  # by index and file name
    proofs: dict[str, Evidence] = field(default_factory=dict)  # by index
    lost: bool = False

    def fence(self) -> None:
        self.calls.append("fence")
        if self.lost:
            raise Fenced("the claim was taken over")

    def evidence(self, step: StepName) -> Evidence:
        return self.evidences.get(step, {})

    def artifacts(self) -> tuple[Artifact, ...]:
        return tuple(sorted(self.sealed, key=lambda artifact: artifact.filename))

    def how_built(self) -> Mapping[str, Evidence]:
        return dict(self.build_evidence)

    def built(self) -> Mapping[str, str]:
        return dict(self.done)

    def build_begun(self, build: str, hosts: Mapping[str, int], labels: Sequence[str]) -> Placement:
        able = {name: slots for name, slots in hosts.items() if name not in self.out}
        if not able:
            return Placement(reason=no_host(labels, {name: self.out[name] for name in hosts}), is_stuck=True)
        for host, slots in able.items():
            if self.taken.get(host, 0) < slots:
                self.begun.append((build, host))
                return Placement(host=host)
        return Placement(reason="waits for a free slot")

    def build_kept(self, build: str, left: LeftRunning, *, leash: float) -> None:
        self.kept[build] = left

    def build_log_moved(self, build: str, by: int) -> None:
        self.moved[build] = self.moved.get(build, 0) + by

    def build_left(self, build: str) -> None:
        self.calls.append(f"left {build}")

    def hosts_out(self) -> Mapping[str, str]:
        return dict(self.out)

    def host_lost(self, host: str, why: str) -> None:
        self.out[host] = f"is quarantined ({why})"

    def left_running(self, build: str) -> LeftRunning | None:
        return self.left.get(build)

    def build_attached(self, build: str) -> None:
        self.calls.append(f"attached {build}")

    def build_sealed(self, build: str, host: str, artifacts: Sequence[Artifact], *, evidence: Evidence) -> None:
        self.build_evidence[build] = evidence
        before = {artifact.filename: artifact.sha256 for artifact in self.sealed}
        if any(before.get(artifact.filename, artifact.sha256) != artifact.sha256 for artifact in artifacts):
            raise Conflict(f"{build} left other bytes than are sealed")
        self.calls.append(f"sealed {build}")
        self.sealed.extend(artifact for artifact in artifacts if artifact.filename not in before)
        self.done[build] = host

    def build_failed(self, build: str, host: str, why: str) -> None:
        self.failed.append((build, host, why))

    def part_lost(self, part: str, host: str, why: str) -> Sequence[str]:
        self.losses.append(f"{host} ({why})")
        return self.losses

    def own_push(self, commit: str, *, on: str) -> None:
        self.calls.append("own_push")
        self.own.append(commit)

    def deliveries(self, index: str) -> Mapping[str, DeliveryRecord]:
        return dict(self.way.get(index, {}))

    def deliver(self, index: str, position: int, artifacts: Sequence[Artifact], *, closes: bool) -> None:
        way = self.way.setdefault(index, {})
        for each in artifacts:
            way.setdefault(
                each.filename,
                DeliveryRecord(index=index, filename=each.filename, sha256=each.sha256, size=each.size,
                               state=FileState.PLANNED, error=None, planned_at=NOW),
            )  # fmt: skip

    def delivered(self, index: str, filenames: Sequence[str], state: FileState) -> None:
        way = self.way.get(index, {})
        way |= {name: advanced(way[name], state, NOW) for name in filenames if name in way}

    def delivery_failed(self, index: str, problems: Mapping[str, str]) -> None:
        way = self.way[index]
        way |= {name: replace(way[name], error=why) for name, why in problems.items()}

    def proof(self, index: str) -> Evidence | None:
        return self.proofs.get(index)

    def proven(self, index: str, evidence: Evidence) -> None:
        self.proofs[index] = evidence

    def announcements(self) -> Mapping[str, TargetRecord]:
        return dict(self.told)

    def announced(self, target: str, evidence: Evidence) -> None:
        self.told[target] = TargetRecord(
            target=target, state=StepState.SUCCEEDED, attempts=1, error=None, advice="", retryable=False,
            retry_at=None, at=NOW, evidence=evidence,
        )  # fmt: skip

    def announce_failed(self, target: str, error: ReleasdError) -> None:
        retryable = isinstance(error, Transient)
        self.told[target] = TargetRecord(
            target=target, state=StepState.FAILED, attempts=1, error=error.message, advice=error.advice,
            retryable=retryable, retry_at=NOW + timedelta(seconds=error.retry_after or 2.0) if retryable else None,
            at=NOW,
        )  # fmt: skip

    def audit_head(self) -> str:
        return "7:" + "a" * 64


@dataclass
class FakeArtifacts:
    """Built files in memory, by digest and name."""

    files: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def put(self, filename: str, data: bytes, *, build: str = "wheel", host: str = "one") -> Artifact:
        """Store bytes and return what would be sealed of them."""
        self.files[digest(data), filename] = data
        return Artifact(filename=filename, sha256=digest(data), size=len(data), build=build, host=host)

    def adopt(self, path: Path, sha256: str) -> None:
        data = path.read_bytes()
        if digest(data) != sha256:
            raise Permanent(f"{path.name} has other bytes")
        self.files[sha256, path.name] = data

    def has(self, artifact: Artifact) -> bool:
        data = self.files.get((artifact.sha256, artifact.filename))
        return data is not None and digest(data) == artifact.sha256

    def path(self, artifact: Artifact) -> Path:
        return Path("/artifacts", artifact.sha256, artifact.filename)

    def open(self, artifact: Artifact) -> BinaryIO:
        return io.BytesIO(self.files[artifact.sha256, artifact.filename])


@dataclass
class FakeHosts:
    """Registered hosts, in order; the first is `here`."""

    registered: list[FakeHost]

    @property
    def here(self) -> Host:
        return self.registered[0]

    def able(self, labels: Iterable[str]) -> tuple[Host, ...]:
        wanted = frozenset(labels)
        return tuple(host for host in self.registered if wanted <= host.spec.labels)


class FakeOutputs:
    """Output in memory: `said[part]` are its pieces."""

    def __init__(self, said: dict[str, list[bytes]]) -> None:
        self.said = said

    def __call__(self, part: str) -> Sink:
        return self.said[part].append

    def written(self, part: str) -> int:
        return len(b"".join(self.said[part]))


def host_spec(name: str = "one", *labels: str, slots: int = 2) -> HostSpec:
    """Return a host's entry."""
    return HostSpec(name=name, labels=frozenset(labels), slots=slots)


def plan_of(commit: str, **changes: Any) -> Plan:
    """Return the plan of demo 1.1.0 from `commit`."""
    fields: dict[str, Any] = {
        "project": "demo", "distribution": "demo", "commit": commit, "branch": "main", "last": None,
        "bump": Bump.MINOR, "version": "1.1.0", "pep440": "1.1.0", "tag": "v1.1.0", "reason": "a feature",
        "notes": "# 1.1.0 (2026-11-23)\n\n* more\n", "changelog": "CHANGELOG.md",
        "edits": (FileEdit(path="pyproject.toml", kind="pyproject", old="1.0.0", new="1.1.0"),),
        "builds": (BuildSpec(name="wheel", run="make wheel"),), "gates": (), "indexes": ("pypi",), "webhooks": (),
        "planned_at": NOW,
    }  # fmt: skip
    return Plan(**(fields | changes))


class Scene:
    """Everything around a step. `context()` joins it; `tip` is the planned commit."""

    def __init__(self, scratch: Path = Path("/nowhere"), **plan: Any) -> None:
        self.scratch = scratch
        self.remote = FakeRemote()
        self.tip = self.remote.commit("feat: more", {"pyproject.toml": PYPROJECT})
        self.git = FakeGit(self.remote)
        self.git.fetch("main")
        self.hosts = FakeHosts([FakeHost(host_spec(), tools=TOOLS)])
        self.indexes = {"pypi": FakeIndex()}
        self.notifier = FakeNotifier()
        self.mailer = FakeMailer()
        self.forges = {"main": FakeForge()}
        self.artifacts = FakeArtifacts()
        self.journal = FakeJournal()
        self.clock = FakeClock()
        self.said: dict[str, list[bytes]] = defaultdict(list)
        self.faults: list[str] = []
        self.at_fault: Callable[[str], None] = lambda _: None
        self.stop: Callable[[], bool] = lambda: False
        self.project = Project(name="demo", repository="/demo.git", indexes=("pypi",))
        self.plan = plan_of(self.tip, **plan)

    @property
    def index(self) -> FakeIndex:
        """Return the one index."""
        return self.indexes["pypi"]

    def output(self, part: str) -> str:
        """Return what was written into a part's output."""
        return b"".join(self.said[part]).decode()

    def seal(self, filename: str, data: bytes = b"bytes", **rest: str) -> Artifact:
        """Have a built file, sealed."""
        made = self.artifacts.put(filename, data, **rest)
        self.journal.sealed.append(made)
        self.journal.done[made.build] = made.host
        return made

    def release_commit(self) -> str:
        """Have the release commit, as the `version` step leaves it."""
        files = {"pyproject.toml": PYPROJECT.replace(b"1.0.0", b"1.1.0")}
        commit = self.git.write_commit(parents=(self.tip,), files=files, message="chore(release): 1.1.0", at=NOW)
        self.git.set_ref("refs/releasd/jobs/3", commit)
        self.journal.evidences[StepName.VERSION] = {"commit": commit}
        return commit

    def context(self) -> Context:
        """Return what the step is given."""

        def fault(point: str) -> None:
            self.faults.append(point)
            self.journal.calls.append(point)
            self.at_fault(point)

        job = Job(
            id=JobId(3), project="demo", commit=self.tip, branch="main", state=JobState.RUNNING, reason="running",
            attempt=1, token=5, created_at=NOW,
        )  # fmt: skip
        indexes: Mapping[str, FakeIndex] = self.indexes
        return Context(
            job=job, plan=self.plan, project=self.project, git=self.git, hosts=self.hosts, indexes=indexes,
            notifier=self.notifier, mailer=self.mailer, forges=self.forges,
            artifacts=self.artifacts, journal=self.journal, clock=self.clock,
            scratch=self.scratch, sink=FakeOutputs(self.said), nonce=partial(token_hex, 8),
            fault=fault,
            should_stop=self.stop,
        )  # fmt: skip
