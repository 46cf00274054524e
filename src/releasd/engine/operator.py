"""What an operator may ask for: looking, releasing, retrying, cancelling, hosts. Decides nothing about releases."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from releasd.core import alarming
from releasd.core.branchnames import is_released_from
from releasd.core.lifecycle import is_past_return
from releasd.engine import view
from releasd.engine.ending import drop_private_ref
from releasd.engine.farmhands import Farm
from releasd.engine.world import World
from releasd.errors import UsageError
from releasd.model import Bump, JobId, JobState, Project, StepName


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What is to be released: a commit, by default a branch's tip; a branch, by default the project's first."""

    ref: str | None = None
    bump: Bump | None = None
    branch: str | None = None
    package: str | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """Bound to one world; `wake` makes the main thread look at once."""

    world: World
    wake: Callable[[], None]

    def status(self, project: str | None = None) -> dict[str, Any]:
        """Return what view.status says, with the projects that are configured but have no history yet."""
        if project is not None:
            self._project(project)
        world = self.world
        seen = view.status(world.store, world.clock.now(), project=project, last_line=world.last_line)
        return seen | {"watched": [each for each in seen["watched"] if self._is_watched(each)]}

    def _is_watched(self, watch: dict[str, Any]) -> bool:
        """Return whether the configuration still publishes there; what it published before is only remembered."""
        project = self.world.projects.get(watch["project"])
        return project is not None and watch["index"] in project.indexes

    def job(self, job_id: int) -> dict[str, Any]:
        """Return one job's view."""
        return view.find_job(self.world.store, job_id, self.world.last_line)

    def release(self, name: str, asked: Release) -> JobId:
        """Queue a release, by default of the branch's tip, even if that commit was judged before."""
        project = self._project(name)
        branch = asked.branch or project.branch
        if not is_released_from(project, branch):
            raise UsageError(f"{name} is not released from {branch}", advice="add it to the project's branches")
        git = self.world.clone(project)
        tip = git.fetch(branch)
        commit = git.resolve(asked.ref) if asked.ref else tip
        if commit is None or not git.is_ancestor(commit, tip):
            raise UsageError(f"{asked.ref} is no commit on {branch}", advice=f"git log origin/{branch}")
        source = "operator" if asked.ref else "request"
        queued = self.world.store.enqueue(
            name,
            commit,
            branch,
            source=source,
            package=asked.package or "",
            bump=asked.bump,
            force=True,
            now=self.world.clock.now(),
        )
        self.wake()
        return queued.job_id

    def retry(self, job_id: JobId, step: StepName | None) -> None:
        """Put a failed or cancelled job back into the queue, to resume where it stopped or from `step`."""
        self.world.store.retry(job_id, self.world.clock.now(), from_step=step, by="operator")
        self.wake()

    def cancel(self, job_id: JobId) -> None:
        """Cancel a job: at once when it is queued or builds, else before its next step."""
        job = self.world.store.cancel(job_id, self.world.clock.now(), by="operator")
        if job.state is JobState.CANCELLED and not is_past_return(self.world.store.records(job_id)):
            drop_private_ref(self.world, job)
        self.wake()

    def approve(self, job_id: JobId) -> None:
        """Let a job that waits for an approval go on as it was planned."""
        self.world.store.approve(job_id, self.world.clock.now(), by="operator")
        self.wake()

    def acknowledge(self, alarm_id: int, note: str) -> dict[str, Any]:
        """Take note that a person settled an alarm; it is shown no more."""
        found = self.world.store.acknowledge(alarm_id, note, by="operator", now=self.world.clock.now())
        self.wake()
        return {"schema": 1, **alarming.document(found), "note": found.note}

    @property
    def farm(self) -> Farm:
        """Return what may be done with the hosts."""
        return Farm(self.world, self.wake)

    def _project(self, name: str) -> Project:
        if name not in self.world.projects:
            known = ", ".join(sorted(self.world.projects)) or "none"
            raise UsageError(f"no project {name} is configured; configured: {known}", advice="releasd status")
        return self.world.projects[name]
