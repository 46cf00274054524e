"""The end of a job, however it came about."""

from releasd.core.lifecycle import is_past_return
from releasd.engine.world import World
from releasd.errors import ReleasdError
from releasd.model import Job, JobState, StepName, StepState
from releasd.steps.context import private_ref


def end_job(world: World, job: Job, state: JobState, reason: str) -> None:
    """End a claimed job. A release that is not complete says so first, for it wants completing.

    Nothing else needs the private ref any more. It goes before the end is on disk, so that a crash leaves it to the
    next attempt rather than to nobody.
    """
    records = world.store.records(job.id)
    if state is not JobState.SUCCEEDED and is_past_return(records):
        tagged = "is" if records[StepName.TAG].state is StepState.SUCCEEDED else "may be"
        tag = world.store.job(job.id).tag
        reason = f"{tag} {tagged} tagged but not complete — {reason}; then: releasd retry {job.id}"
    elif StepName.VERSION in records:
        drop_private_ref(world, job)
    world.store.finish(job.id, job.token, state, reason, now=world.clock.now())
    world.fault("job.finished")


def drop_private_ref(world: World, job: Job) -> None:
    """Let go of a job's release commit; a project that is configured no more has no clone to do it in.

    A ref that cannot be dropped is on record and keeps nothing from ending: the daily tidying drops it.
    """
    project = world.projects.get(job.project)
    if project is None:
        return
    try:
        world.clone(project).set_ref(private_ref(job.id), None)
    except (ReleasdError, OSError) as error:
        world.store.append_event(
            "job.untidied", project=job.project, job=job.id, data={"why": str(error)}, now=world.clock.now()
        )
