"""One claimed job's memory in the store: the `Journal` port, bound to a job and its token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from releasd.model import Artifact, Evidence, Job, LeftRunning, StepName, StepState
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

    def built(self) -> frozenset[str]:
        """Return the names of the builds that ended well."""
        builds = self.store.builds(self.job.id)
        return frozenset(build.name for build in builds if build.state is StepState.SUCCEEDED)

    def build_begun(self, build: str, host: str, *, slots: int, task: str, log_start: int) -> bool:
        """Take a slot of the host; False when all are taken."""
        now = self.clock.now()
        return self.store.build_started(
            self.job.id, self.job.token, build, host, slots=slots, now=now, task=task, log_start=log_start
        )

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

    def own_push(self, commit: str) -> None:
        """Remember our own commit before it is public."""
        self.fence()
        self.store.set_head(self.job.project, self.job.branch, commit, now=self.clock.now())

    def audit_head(self) -> str:
        """Return `SEQ:HASH` of the newest event."""
        seq, digest = self.store.head()
        return f"{seq}:{digest}"
