"""One look at everything, by the main thread, on every wake-up.

It implements this set of rules:

* A running job whose lease ended goes back to the queue.
* A build that an attempt left running holds its slot until its leash is up.
* A due job is claimed while a worker is free; the store sees to one running job per project.
* What is waited for has a time, so that the loop knows when to look again.
* A queued job whose project is not configured any more says so, once, for nothing here will ever claim it.
"""

from dataclasses import dataclass
from datetime import datetime

from releasd.core.branchnames import is_glob, matches, patterns
from releasd.engine.facts import Snapshot, decide, look
from releasd.engine.world import World
from releasd.errors import ReleasdError
from releasd.model import Job, NoRelease, Plan, Project, PushHint
from releasd.ports import Git

EMPTY = "0" * 40  # the head of a branch without commits
HEADS = "refs/heads/"
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
    world.store.end_left(now)
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


def take_push(world: World, project: Project, hint: PushHint, tip: str, *, is_look: bool = False) -> int | None:
    """Queue a job for the branch's tip; None when that commit was handed to a job before, or is our own.

    With `is_look` also when the branch was handled since it was looked at: what is newer must not be taken back. The
    next look tells.
    """
    now = world.clock.now()
    branch = hint.ref.removeprefix(HEADS)
    head = world.store.head_of(project.name, branch) or EMPTY
    if head == tip or (is_look and head != hint.old):
        return None
    queued = world.store.enqueue(
        project.name,
        tip,
        branch,
        source=hint.source,
        uid=hint.uid,
        ref=hint.ref,
        old=hint.old,
        options=hint.options,
        now=now,
    )
    world.fault("push.recorded")
    return queued.job_id


def look_at(world: World, project: Project, git: Git, source: str) -> tuple[PushHint, ...]:
    """Compare the remote's branches with what was last handed to a job; return a hint for each that moved.

    The first look at a branch only remembers where it stands: registering releases nothing. A branch that comes to be
    later, under a name or a glob that was looked for before, is a push like any other.
    """
    asked = tuple(f"{HEADS}{'*' if is_glob(name) else name}" for name in patterns(project))
    heads = world.store.heads_of(project.name)
    tips = {ref.removeprefix(HEADS): tip for ref, tip in git.remote_refs(*dict.fromkeys(asked)).items()}
    leaving = world.store.leaving(project.name)  # read last: what was noted since is not taken for a step back
    found: list[PushHint] = []
    for pattern in patterns(project):
        names = [name for name in tips if matches(pattern, name)] if is_glob(pattern) else [pattern]
        for name in names:
            tip, head = tips.get(name, EMPTY), heads.get(name, EMPTY if pattern in heads else None)
            if head is None:
                world.store.set_head(project.name, name, tip, now=world.clock.now())
            elif tip not in {head, EMPTY, leaving.get(name)}:
                found.append(
                    PushHint(repository=project.repository, ref=f"{HEADS}{name}", old=head, new=tip, source=source)
                )
        if pattern not in heads and is_glob(pattern):
            world.store.set_head(project.name, pattern, EMPTY, now=world.clock.now())
    return tuple(found)


def preview(world: World, project: Project, git: Git, commit: str) -> str:
    """Say in one line for the pusher what will be released, or why nothing is."""
    try:
        seen = look(git, commit, project)
    except ReleasdError as error:
        return f"{project.name} cannot be released: {error.message}"
    names = [each.package.name for each in seen.config.packages if each.package]
    told = [_said(world, project, git, seen, name) for name in names or [""]]
    shown = [line for line, is_release in told if is_release or not names]
    return "; ".join(shown) or f"{project.name}: none of its {len(names)} packages is released"


def _said(world: World, project: Project, git: Git, seen: Snapshot, package: str) -> tuple[str, bool]:
    """Return what there is to say of the repository or a package, and whether it is more than that nothing happens."""
    name = f"{project.name}/{package}" if package else project.name
    try:
        decided = decide(git, seen, project, world.hosts, package=package, bump=None, now=world.clock.now())
    except ReleasdError as error:
        return f"{name} cannot be released: {error.message}", True
    if decided.hold:
        return f"{name} waits for an approval: {decided.hold}", True
    return (f"{name}: {decided.reason}", False) if isinstance(decided, NoRelease) else (describe(decided), True)


def describe(plan: Plan) -> str:
    """Say in one line what a plan releases."""
    where = f" to {', '.join(plan.indexes)}" if plan.indexes else ", tag only"
    name = f"{plan.project}/{plan.package}" if plan.package else plan.project
    return f"{name} {plan.version} will be released{where} ({plan.reason})"
