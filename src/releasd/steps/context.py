"""What a step is given: a decided plan, the ports, and the journal of its own job. Nothing is read from elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from releasd.core.provenance import Builder
from releasd.errors import Permanent
from releasd.model import Evidence, Job, JobId, Plan, Project, StepName
from releasd.ports import (
    ArtifactStore,
    Clock,
    Forge,
    Git,
    Hosts,
    Index,
    Journal,
    Mailer,
    Notifier,
    Outputs,
    ShouldStop,
    Signer,
)


def private_ref(job: JobId) -> str:
    """Return the ref, in the daemon's own clone only, that keeps a job's release commit until it is tagged."""
    return f"refs/releasd/jobs/{job}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One claimed job's surroundings. `scratch` is a folder of this attempt's own, removed afterwards."""

    job: Job
    plan: Plan
    project: Project
    git: Git
    hosts: Hosts
    indexes: Mapping[str, Index]
    notifier: Notifier
    mailer: Mailer
    forges: Mapping[str, Forge]
    artifacts: ArtifactStore
    journal: Journal
    clock: Clock
    scratch: Path
    sink: Outputs  # sink(part): where that part of the step writes its output, live
    nonce: Callable[[], str]  # 64 random bits in hexadecimal, new ones each time
    fault: Callable[[str], None]  # a named point where a test may end the process; see steps/faultpoints.py
    should_stop: ShouldStop
    signer: Signer | None = None  # None: nothing is signed
    builder: Builder = field(default_factory=Builder)

    @property
    def release_commit(self) -> str:
        """Return the commit that the `version` step made."""
        commit = self.journal.evidence(StepName.VERSION).get("commit")
        if not isinstance(commit, str):
            raise Permanent("the release commit is not in the journal", advice=f"releasd retry {self.job.id}")
        return commit

    @property
    def private_ref(self) -> str:
        """Return the ref that keeps this job's release commit until it is tagged."""
        return private_ref(self.job.id)

    def task_id(self, part: str) -> str:
        """Return a new id for a task of this attempt, under which its host keeps and finds it.

        Its 64 random bits keep it apart from tasks of every other daemon that uses the host, which counts jobs and
        claims from one as we do; and whoever was not told the id cannot attach to the task.
        """
        return f"{self.plan.project}-{self.job.id}-{self.job.token}-{part}-{self.nonce()}"

    def say(self, part: str, text: str) -> None:
        """Write one line of our own into the output of a part of the step."""
        self.sink(part)(f"releasd: {text}\n".encode())


class Step(Protocol):
    """A step is a module: `observe` looks at the world, `apply` changes it and only where `observe` saw nothing."""

    def observe(self, ctx: Context) -> Evidence | None:
        """Return the evidence that the effect is there and ours, or None. Raises `Conflict` if it is not ours."""
        ...

    def apply(self, ctx: Context) -> Evidence:
        """Bring the effect about and return the evidence."""
        ...
