"""From a hint to a queued job. The hint says where to look; what is queued is what git says there."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace

from releasd.core.branchnames import is_released_from
from releasd.daemon.inbox import Inbox, LookAt, Wake
from releasd.engine.reconcile import HEADS, look_at, preview, take_push
from releasd.engine.world import World
from releasd.errors import UsageError
from releasd.model import Project, PushHint

PREVIEW_WITHIN = 0.4  # seconds; the hook waits 0.7 in all
RECENT = 5  # jobs, among which is that of the push that is told of


def handle_push(
    world: World, inbox: Inbox, previews: Executor | None, hint: PushHint, *, on_record: bool = True
) -> str:
    """Queue what a hook tells of, durably, and return the line for the pusher; empty when nobody is concerned.

    Args:
        world: the present one.
        inbox: woken when something was queued.
        previews: plans the release for the pusher to read; None where no pusher waits.
        hint: what the hook told.
        on_record: whether a refusal becomes an event.

    Raises:
        UsageError: no configured project has this repository.
    """
    meant = world.same(hint.repository, hint.uid, {project.repository for project in world.projects.values()})
    known = [project for project in world.projects.values() if project.repository in meant]
    if not known:
        if on_record:
            refused = {"repository": hint.repository, "uid": hint.uid}
            world.store.append_event("hook.refused", data=refused, now=world.clock.now())
        raise UsageError(
            f"no project is configured for the repository {hint.repository}",
            advice="add it under [projects.NAME] and send the daemon SIGHUP, or: releasd hook remove",
        )
    branch = hint.ref.removeprefix(HEADS)
    meant_here = [replace(each, branch=branch, trunk=each.branch) for each in known if is_released_from(each, branch)]
    answers = [_queue(world, inbox, previews, p, hint) for p in meant_here if hint.ref != branch]
    return "; ".join(answer for answer in answers if answer)


def _queue(world: World, inbox: Inbox, previews: Executor | None, project: Project, hint: PushHint) -> str:
    here = world.peek(project)
    # Decided while the hint is written down: the pusher waits for the slower of the two, not for both.
    said = previews.submit(preview, world, project, here, hint.new) if here and previews else None
    tip = (here.resolve(hint.ref) if here else None) or hint.new
    job = take_push(world, project, hint, tip) or _taken(world, project, tip)
    if job is None:
        return ""
    queued = f"{project.name}: queued as job {job}"
    try:
        return said.result(PREVIEW_WITHIN) if said and tip == hint.new else queued
    except TimeoutError:
        return f"{queued}; its plan takes longer than a push should wait: releasd status {job}"
    finally:
        inbox.put(Wake())  # after the answer is known: a starting job would take the cores that it needs


def _taken(world: World, project: Project, tip: str) -> int | None:
    """Return the job that the watch, being faster than the hook, made for this commit; None for a push of our own."""
    return next((job.id for job in world.store.jobs(project.name, limit=RECENT) if job.commit == tip), None)


def look(world: World, hint: LookAt) -> bool:
    """Look at one project's branch and queue what is new; return whether anything was."""
    project = world.projects.get(hint.project)
    if project is None:
        return False
    found = look_at(world, project, world.clone(project), hint.source)
    queued = [take_push(world, project, each, each.new, is_look=True) for each in found]
    return any(job is not None for job in queued)


def poll(world: World, inbox: Inbox, on_error: Callable[[str, BaseException], None]) -> None:
    """Look at every project: those on this machine through the main thread, the others right here, off it."""
    for project in world.projects.values():
        hint = LookAt(project.name, "reconcile")
        if world.peek(project) is not None:
            inbox.put(hint)
            continue
        try:
            if look(world, hint):
                inbox.put(Wake())
        except Exception as error:  # noqa: BLE001 (one project out of reach must not hide the others)
            on_error(project.name, error)
