"""Runs one claimed job to the end of its attempt, and says in the store how it ended.

It implements this set of rules:

* A plan is made once, stored, and not made again while the job runs; only `Replan` throws it away.
* A claim that was lost ends the attempt at once, without touching anything more.
* A defect of our own ends the job like any other permanent failure: with its text in the journal, never silently.
* Whatever happens, the attempt's scratch folder is removed.
"""

import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from releasd.core.retry import BUDGET_AFTER_TAG, delay
from releasd.engine.attempt import run_steps
from releasd.engine.ending import drop_private_ref, end_job
from releasd.engine.facts import decide, look
from releasd.engine.journal import JobJournal
from releasd.engine.splitting import Waits, split, wait_for_dependencies
from releasd.engine.world import World
from releasd.errors import Cancelled, Fenced, NoHost, Permanent, ReleasdError, Replan, Stopping, Transient
from releasd.model import Job, JobState, NoRelease, Plan, Project
from releasd.ports import Git, Sink
from releasd.steps.context import Context

UNTIL_APPROVED = datetime(9999, 1, 1, tzinfo=UTC)  # nothing but an approval makes the job due


def execute(world: World, job: Job) -> None:
    """Run a claimed job until it finishes, waits, is cancelled or fenced, or the daemon stops."""
    world.fault("job.claimed")
    scratch = world.scratch(f"{job.id}-{job.token}")
    try:
        _guarded(world, job, scratch)
    except Fenced as lost:
        world.store.append_event(
            "job.fenced", project=job.project, job=job.id, data={"why": lost.message}, now=world.clock.now()
        )
    finally:
        world.forget(scratch)


def _guarded(world: World, job: Job, scratch: Path) -> None:
    try:
        _attempt_or_replan(world, job, scratch)
    except Fenced:
        raise
    except (Cancelled, Stopping):
        _interrupted(world, job)
    except Waits as wait:
        world.store.requeue(job.id, job.token, not_before=wait.until, reason=wait.message, now=world.clock.now())
    except NoHost as error:
        _park(world, job, error)
    except Transient as error:
        _later(world, job, error)
    except ReleasdError as error:
        _failed(world, job, error.message, error.advice)
    except Exception as error:  # noqa: BLE001 (a defect must end the job visibly, not the daemon)
        data = {"traceback": traceback.format_exc()}
        world.store.append_event("job.crashed", project=job.project, job=job.id, data=data, now=world.clock.now())
        _failed(
            world, job, f"a defect in releasd: {type(error).__name__}: {error}", "please report the job.crashed event"
        )


def _attempt_or_replan(world: World, job: Job, scratch: Path) -> None:
    try:
        _attempt(world, job, scratch)
    except Replan as moved:
        _replan(world, job, moved)


def _attempt(world: World, job: Job, scratch: Path) -> None:
    project = _project(world, job)
    git = world.clone(project)
    decided = job.plan or _plan(world, job, project, git)
    if decided.hold and not job.approved:
        reason = f"waits for an approval: {decided.hold} — releasd approve {job.id}, or release it as you mean it: "
        reason += f"releasd release {job.project} --branch {job.branch}"
        reason += f"{f' --package {job.package}' if job.package else ''} --bump major"
        world.store.requeue(job.id, job.token, not_before=UNTIL_APPROVED, reason=reason, now=world.clock.now())
        return
    if isinstance(decided, NoRelease):
        end_job(world, job, JobState.SUCCEEDED, decided.reason)
        return
    run_steps(world, context(world, job, decided, project=project, git=git, scratch=scratch))


def _project(world: World, job: Job) -> Project:
    """Return the job's project, its branch being the job's own."""
    project = world.projects.get(job.project)
    if project is None:
        raise Permanent(f"no project {job.project} is configured any more", advice="add it, then releasd retry")
    return replace(project, branch=job.branch, trunk=project.branch)


def context(world: World, job: Job, plan: Plan, *, project: Project, git: Git, scratch: Path) -> Context:
    """Return what this job's steps are given; attempt.py gives each step its own `sink`."""
    return Context(
        job=job,
        plan=plan,
        project=project,
        git=git,
        hosts=world.hosts,
        indexes=world.indexes,
        notifier=world.notifier,
        mailer=world.mailer,
        forges=world.forges,
        artifacts=world.artifacts,
        journal=JobJournal(world.store, world.clock, job),
        clock=world.clock,
        scratch=scratch,
        sink=_NoStep(),
        nonce=world.nonce,
        fault=world.fault,
        signer=world.signer,
        builder=world.builder,
        should_stop=lambda: _should_stop(world, job),
    )


def _should_stop(world: World, job: Job) -> bool:
    """Return whether the job was cancelled, which ends what it runs on hosts; a stop of the daemon leaves it running.

    Raises `Stopping`.
    """
    if world.store.cancel_requested(job.id):
        return True
    if world.stopping():
        raise Stopping("the daemon is stopping")
    return False


class _NoStep:
    """Outside of a step there is no output."""

    def __call__(self, part: str) -> Sink:
        raise Permanent(f"{part} has output outside of a step")

    def written(self, part: str) -> int:
        raise Permanent(f"{part} has output outside of a step")


def _plan(world: World, job: Job, project: Project, git: Git) -> Plan | NoRelease:
    """Plan from the newest state of the branch. An operator's own commit is taken as it is."""
    tip = git.fetch(project.branch)
    exact = job.source == "operator"
    if tip != job.commit and not exact and not job.package:
        raise Replan(f"{project.branch} is at {tip[:12]} by now")
    now = world.clock.now()
    seen = look(git, job.commit if exact else tip, project)  # a package's job stands on the release commits before it
    if seen.config.packages and not job.package:
        return split(world, job, project, git, seen)
    if job.package and job.source == "split":
        wait_for_dependencies(world, job, seen)
    decided = decide(git, seen, project, world.hosts, package=job.package, bump=job.bump, now=now)
    if isinstance(decided, Plan):
        world.store.set_plan(job.id, job.token, decided, now=now)
        world.fault("job.planned")
    return decided


def _replan(world: World, job: Job, moved: Replan) -> None:
    """Give this job up for one at the newest commit. Without a trace: nothing was public yet."""
    tip = world.clone(_project(world, job)).fetch(job.branch)
    drop_private_ref(world, job)
    now = world.clock.now()
    world.store.requeue(job.id, job.token, not_before=None, reason=moved.message, now=now, clear_plan=True)
    world.store.enqueue(job.project, tip, job.branch, source="replan", package=job.package, bump=job.bump, now=now)


def _interrupted(world: World, job: Job) -> None:
    if world.store.cancel_requested(job.id):
        end_job(world, job, JobState.CANCELLED, "cancelled by an operator")
    else:
        reason = "the daemon was stopped"
        world.store.requeue(job.id, job.token, not_before=None, reason=reason, now=world.clock.now())


def _park(world: World, job: Job, error: NoHost) -> None:
    """Put off a job until a host can be used. Nothing was tried, so it costs no step an attempt."""
    reason = f"{error.build} waits: {error.message}"
    world.store.park(job.id, job.token, error.build, hosts=error.hosts, reason=reason, now=world.clock.now())


def _later(world: World, job: Job, error: Transient) -> None:
    """Put off a job whose planning met something that may pass; its steps have their own retries.

    Its budget is the longest: it may have to wait for another release of the same version to be completed.
    """
    if job.attempt >= BUDGET_AFTER_TAG:
        _failed(world, job, f"planning, {job.attempt} times: {error.message}", error.advice)
        return
    now = world.clock.now()
    until = now + timedelta(seconds=max(error.retry_after or 0.0, delay(job.attempt)))
    world.store.requeue(
        job.id, job.token, not_before=until, reason=f"planning is tried again: {error.message}", now=now
    )


def _failed(world: World, job: Job, why: str, advice: str) -> None:
    reason = f"{why} — {advice}" if advice else why
    end_job(world, job, JobState.FAILED, reason)
