"""Walks a job through its steps: journal, observe, apply, journal.

* Before a step acts, `started` is on disk; it observes the world and acts only where its effect is absent; then the
  evidence is on disk. A crash in between is no special case: the next attempt runs the same lines.
* What comes next is decided by core/lifecycle.py from the journal alone; this file only carries it out.
* A job takes effect of a cancellation between steps, and at once in whatever runs on a host.
"""

from dataclasses import replace

from releasd.core.lifecycle import Finish, Run, Wait, next_action
from releasd.engine.ending import end_job
from releasd.engine.world import World
from releasd.errors import Cancelled, Fenced, NoHost, ReleasdError, Replan, Stopping, Transient
from releasd.model import Evidence, JobState, StepName
from releasd.steps import STEPS
from releasd.steps.context import Context

_ENDS_THE_ATTEMPT = (Cancelled, Fenced, NoHost, Replan, Stopping)


def run_steps(world: World, ctx: Context) -> JobState:
    """Run what is due until the job ends or has to wait; return the state that it was left in."""
    job, store = ctx.job, world.store
    while True:
        action = next_action(store.records(job.id), world.clock.now())
        if not isinstance(action, Finish) and ctx.should_stop():
            raise Stopping("asked to stop between two steps")
        match action:
            case Run(step):
                _run(world, ctx, step)
            case Wait(until, why):
                store.requeue(job.id, job.token, not_before=until, reason=why, now=world.clock.now())
                return JobState.QUEUED
            case Finish(state, reason):
                end_job(world, job, state, reason)
                return state


def _run(world: World, ctx: Context, step: StepName) -> None:
    job, store = ctx.job, world.store
    store.step_started(job.id, job.token, step, now=world.clock.now())
    world.fault(f"{step}.started")
    try:
        with world.output(job.id, step) as sink:
            evidence, adopted = _observe_then_apply(world, replace(ctx, sink=sink), step)
    except _ENDS_THE_ATTEMPT:
        raise
    except ReleasdError as error:
        _failed(world, ctx, step, error)
        return
    store.step_finished(job.id, job.token, step, evidence, now=world.clock.now(), adopted=adopted)
    world.fault(f"{step}.recorded")


def _observe_then_apply(world: World, ctx: Context, step: StepName) -> tuple[Evidence, bool]:
    module = STEPS[step]
    seen = module.observe(ctx)
    world.fault(f"{step}.observed")
    evidence = module.apply(ctx) if seen is None else seen
    world.fault(f"{step}.applied")
    return evidence, seen is not None


def _failed(world: World, ctx: Context, step: StepName, error: ReleasdError) -> None:
    world.store.step_failed(
        ctx.job.id,
        ctx.job.token,
        step,
        error=error.message,
        advice=error.advice,
        retryable=isinstance(error, Transient),
        retry_after=error.retry_after if isinstance(error, Transient) else None,
        now=world.clock.now(),
    )
