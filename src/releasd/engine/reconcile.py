"""One look at everything, by the main thread, on every wake-up.

It implements this set of rules:

* A running job whose lease ended goes back to the queue.
* A due job is claimed while a worker is free; the store sees to one running job per project.
* What is waited for has a time, so that the loop knows when to look again.
* A queued job whose project is not configured any more says so, once, for nothing here will ever claim it.
"""

from dataclasses import dataclass
from datetime import datetime

from releasd.engine.facts import decide
from releasd.engine.world import World
from releasd.errors import ReleasdError
from releasd.model import Job, NoRelease, Plan, Project, PushHint
from releasd.ports import Git

EMPTY = "0" * 40  # the head of a branch without commits
LONGEST_SLEEP = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found due: jobs now claimed, and the seconds until the next one may be due."""

    claimed: tuple[Job, ...]
    sleep: float


def reconcile(world: World, *, free: int) -> Look:
    """Rescue lapsed leases, claim up to `free` due jobs, and say how long nothing will be due."""
    now = world.clock.now()
    world.store.reclaim(now=now, except_owner=world.owner, all_others=False)
    claimed: list[Job] = []
    while len(claimed) < free:
        job = world.store.claim(world.owner, now=now, lease=world.lease, projects=tuple(world.projects))
        if job is None:
            break
        claimed.append(job)
    _explain(world, now)
    return Look(tuple(claimed), _sleep(world, now))


def _explain(world: World, now: datetime) -> None:
    for number, project, reason in world.store.why_queued():
        advice = f"add [projects.{project}] and reload, or: releasd cancel {number}"
        gone = f"project {project} is not configured any more — {advice}"
        if project not in world.projects and reason != gone:
            world.store.explain(number, gone, now)
        elif project in world.projects and reason == gone:
            world.store.explain(number, "waiting for a worker", now)


def _sleep(world: World, now: datetime) -> float:
    """Return the seconds until a job's time comes. One whose time has come waits for a worker, whose end wakes us."""
    due = world.store.next_due(now)
    return LONGEST_SLEEP if due is None else min(LONGEST_SLEEP, (due - now).total_seconds())


def take_push(world: World, project: Project, hint: PushHint, tip: str) -> int | None:
    """Queue a job for the branch's tip; None when that commit was handed to a job before, or is our own."""
    now = world.clock.now()
    if world.store.head_of(project.name) == tip:
        return None
    queued = world.store.enqueue(
        project.name,
        tip,
        project.branch,
        source=hint.source,
        uid=hint.uid,
        ref=hint.ref,
        old=hint.old,
        options=hint.options,
        now=now,
    )
    world.fault("push.recorded")
    return queued.job_id


def look_at(world: World, project: Project, git: Git, source: str) -> PushHint | None:
    """Compare the remote's branch with what was last handed to a job; return a hint when it moved.

    The first look at a project only remembers where it stands: registering a project releases nothing.
    """
    ref = f"refs/heads/{project.branch}"
    tip = git.remote_refs(ref).get(ref, EMPTY)
    head = world.store.head_of(project.name)
    if head is None:
        world.store.set_head(project.name, tip, now=world.clock.now())
        return None
    if tip in {head, EMPTY}:
        return None
    return PushHint(repository=project.repository, ref=ref, old=head, new=tip, source=source)


def preview(world: World, project: Project, git: Git, commit: str) -> str:
    """Say in one line for the pusher what will be released, or why nothing is."""
    try:
        decided = decide(git, commit, project, world.hosts, bump=None, now=world.clock.now())
    except ReleasdError as error:
        return f"{project.name} cannot be released: {error.message}"
    if decided.hold:
        return f"{project.name} waits for an approval: {decided.hold}"
    if isinstance(decided, NoRelease):
        return f"{project.name}: {decided.reason}"
    return describe(decided)


def describe(plan: Plan) -> str:
    """Say in one line what a plan releases."""
    where = f" to {', '.join(plan.indexes)}" if plan.indexes else ", tag only"
    return f"{plan.project} {plan.version} will be released{where} ({plan.reason})"
