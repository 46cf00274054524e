"""One claimed job's memory in the store: the `Journal` port, bound to a job and its token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from releasd.core.schedule import Placement
from releasd.errors import ReleasdError
from releasd.model import (
    Artifact,
    DeliveryRecord,
    Evidence,
    FileState,
    Job,
    LeftRunning,
    StepName,
    StepState,
    TargetRecord,
)
from releasd.ports import Clock
from releasd.store import Store


@dataclass(frozen=True, slots=True)
class JobJournal:
    """Implements `ports.Journal`; every call is one transaction, guarded by the claim's token."""

    store: Store
    clock: Clock
    job: Job

    def fence(self) -> None:
        """Raise `Fenced` unless the claim still holds."""
        self.store.fence(self.job.id, self.job.token)

    def evidence(self, step: StepName) -> Evidence:
        """Return what a step that succeeded recorded."""
        record = self.store.records(self.job.id).get(step)
        return record.evidence if record and record.state is StepState.SUCCEEDED else {}

    def artifacts(self) -> tuple[Artifact, ...]:
        """Return the sealed artifacts."""
        return self.store.artifacts(self.job.id)

    def how_built(self) -> Mapping[str, Evidence]:
        """Return what is known of how each build that ended well ran."""
        builds = self.store.builds(self.job.id)
        return {build.name: build.evidence for build in builds if build.state is StepState.SUCCEEDED}

    def built(self) -> Mapping[str, str]:
        """Return the builds that ended well, each with its host."""
        builds = self.store.builds(self.job.id)
        return {build.name: build.host for build in builds if build.state is StepState.SUCCEEDED}

    def build_begun(self, build: str, hosts: Mapping[str, int], labels: Sequence[str]) -> Placement:
        """Take a slot of one of the hosts when it is this build's turn."""
        return self.store.place_build(
            self.job.id, self.job.token, build, hosts=hosts, labels=labels, now=self.clock.now()
        )

    def build_kept(self, build: str, left: LeftRunning, *, leash: float) -> None:
        """Record where a later attempt finds the build."""
        self.store.build_kept(self.job.id, self.job.token, build, left, leash=leash)

    def build_log_moved(self, build: str, by: int) -> None:
        """Move where the build's output counts from."""
        if by:
            self.store.build_log_moved(self.job.id, self.job.token, build, by)

    def build_left(self, build: str) -> None:
        """Wait no longer."""
        self.store.leave_build(self.job.id, self.job.token, build, now=self.clock.now())

    def hosts_out(self) -> Mapping[str, str]:
        """Return the hosts that take nothing new, and why."""
        return {host.name: host.out for host in self.store.hosts() if host.out}

    def host_lost(self, host: str, why: str) -> None:
        """Put a host into quarantine."""
        self.store.host_lost(host, why, now=self.clock.now())

    def left_running(self, build: str) -> LeftRunning | None:
        """Return where an earlier attempt of this job began the build and did not see its end."""
        for each in self.store.builds(self.job.id):
            if each.name == build and each.task is not None:
                return LeftRunning(host=each.host, task=each.task, log_start=each.log_start or 0)
        return None

    def build_attached(self, build: str) -> None:
        """Record that the build still runs, and that this attempt has it now."""
        self.store.build_attached(self.job.id, self.job.token, build, now=self.clock.now())

    def build_sealed(self, build: str, host: str, artifacts: Sequence[Artifact], *, evidence: Evidence) -> None:
        """Record success and files in one transaction. Raises `Conflict`."""
        now = self.clock.now()
        self.store.build_sealed(self.job.id, self.job.token, build, host, tuple(artifacts), now=now, evidence=evidence)

    def build_failed(self, build: str, host: str, why: str) -> None:
        """Record that the build ended badly on this host."""
        self.store.build_failed(self.job.id, self.job.token, build, host, why, now=self.clock.now())

    def part_lost(self, part: str, host: str, why: str) -> Sequence[str]:
        """Count that the host failed in the middle of it."""
        return self.store.lost(self.job.id, self.job.token, part, host, why)

    def own_push(self, commit: str, *, on: str) -> None:
        """Remember our own commit before it is public. A look that still sees the branch at `on` sees no news.

        One of a package hides no push below it that was not looked at for the other packages yet.
        """
        self.fence()
        if self.job.package and self.store.head_of(self.job.project, self.job.branch) != on:
            return
        self.store.set_head(self.job.project, self.job.branch, commit, now=self.clock.now(), leaving=on)

    def deliveries(self, index: str) -> Mapping[str, DeliveryRecord]:
        """Return how far each file has come on a destination."""
        return {each.filename: each for each in self.store.deliveries(self.job.id) if each.index == index}

    def deliver(self, index: str, position: int, artifacts: Sequence[Artifact], *, closes: bool) -> None:
        """Record that these files are to go there."""
        now = self.clock.now()
        self.store.deliver(self.job.id, self.job.token, index, position, artifacts, closes=closes, now=now)

    def delivered(self, index: str, filenames: Sequence[str], state: FileState) -> None:
        """Record that files came that far."""
        self.store.delivered(self.job.id, self.job.token, index, filenames, state, now=self.clock.now())

    def delivery_failed(self, index: str, problems: Mapping[str, str]) -> None:
        """Record what each file's last upload met."""
        self.store.delivery_failed(self.job.id, self.job.token, index, problems)

    def proof(self, index: str) -> Evidence | None:
        """Return how a destination was proven, None while it was not."""
        found = (each for each in self.store.destinations(self.job.id) if each.index == index and each.proven_at)
        return next((each.evidence for each in found), None)

    def proven(self, index: str, evidence: Evidence) -> None:
        """Record that a destination serves everything."""
        self.store.proven(self.job.id, self.job.token, index, evidence, now=self.clock.now())

    def announcements(self) -> Mapping[str, TargetRecord]:
        """Return whom this job told, or tried to, by target."""
        return {each.target: each for each in self.store.announcements(self.job.id)}

    def announced(self, target: str, evidence: Evidence) -> None:
        """Record that the target was told."""
        self.store.announced(self.job.id, self.job.token, target, evidence, now=self.clock.now())

    def announce_failed(self, target: str, error: ReleasdError) -> None:
        """Record that the target was not told."""
        self.store.announce_failed(self.job.id, self.job.token, target, error, now=self.clock.now())

    def audit_head(self) -> str:
        """Return `SEQ:HASH` of the newest event."""
        seq, digest = self.store.head()
        return f"{seq}:{digest}"
