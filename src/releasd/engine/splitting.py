"""A push to a repository of several packages becomes one job for each package that it releases.

They run one after the other, a package after those that it depends on: each makes its release commit on top of the one
before it, and finds on the index what it needs from there.
"""

from datetime import datetime, timedelta

from releasd.engine.facts import Snapshot, config_of, decide, together
from releasd.engine.ranges import Together
from releasd.engine.world import World
from releasd.errors import Permanent, ReleasdError
from releasd.model import Job, JobState, NoRelease, Plan, Project
from releasd.ports import Git

_ASKED = frozenset({"operator", "request"})  # an operator's word holds for each package, too
_SOON, _LATE = 2.0, 600.0  # seconds until a dependency is looked at again: one that is due, and one that waits long


class Waits(ReleasdError):
    """A job has to wait for another, until a time at which it looks again."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


def wait_for_dependencies(world: World, job: Job, seen: Snapshot) -> None:
    """Return when what the job's package depends on is released, as far as it is going to be.

    Raises:
        Waits: a job for one of them is queued.
        Permanent: the newest job for one of them failed: what is released here would ask for it in vain.
    """
    package = config_of(seen.config, job.package).package if _is_there(seen, job.package) else None
    for name in package.depends if package else ():
        newest = world.store.newest_of_package(job.project, job.branch, name)
        if newest is None or newest.id == job.id:
            continue
        if newest.state is JobState.QUEUED:
            raise Waits(f"waits for {name} (job {newest.id})", _when(newest, world.clock.now()))
        if newest.state is JobState.FAILED:
            raise Permanent(
                f"{name}, which {job.package} depends on, was not released: job {newest.id}",
                advice=f"releasd retry {newest.id}, then releasd retry {job.id}",
            )


def _is_there(seen: Snapshot, package: str) -> bool:
    return any(each.package and each.package.name == package for each in seen.config.packages)


def _when(newest: Job, now: datetime) -> datetime:
    soon, late = now + timedelta(seconds=_SOON), now + timedelta(seconds=_LATE)
    return min(max(newest.not_before or soon, soon), late)


def split(world: World, job: Job, project: Project, git: Git, seen: Snapshot) -> NoRelease:
    """Queue what the packages need; return what there is to say about the repository as a whole.

    Doing it again queues nothing twice. Raises `Permanent` for a bump that does not say of which package.
    """
    names = [each.package.name for each in seen.config.packages if each.package]
    if job.bump is not None:
        raise Permanent(
            f"a bump is for one package, and {job.project} has {len(names)}",
            advice=f"releasd release {job.project} --branch {job.branch} --package {names[0]} --bump {job.bump}",
        )
    walk = together(git, seen, seen.config.packages)
    wanted = [name for name in names if _wants_job(world, project, git, seen, name, walk=walk)]
    queued = [_queue(world, job, name) for name in wanted]
    world.store.supersede_packages(job.project, job.branch, job.commit, keep=wanted, now=world.clock.now())
    world.fault("job.split")
    if not queued:
        return NoRelease(reason=f"no release: none of the {len(names)} packages asks for one")
    return NoRelease(reason=f"{len(queued)} of {len(names)} packages: {', '.join(queued)}")


def _wants_job(
    world: World, project: Project, git: Git, seen: Snapshot, package: str, *, walk: Together | None
) -> bool:
    """Return whether a package is released, or cannot be decided about, which its own job then says."""
    try:
        now = world.clock.now()
        decided = decide(git, seen, project, world.hosts, package=package, bump=None, now=now, walk=walk)
    except ReleasdError:
        return True
    return isinstance(decided, Plan) or bool(decided.hold)


def _queue(world: World, job: Job, package: str) -> str:
    is_asked = job.source in _ASKED
    made = world.store.enqueue(
        job.project,
        job.commit,
        job.branch,
        source=job.source if is_asked else "split",
        package=package,
        force=is_asked,
        now=world.clock.now(),
    )
    return f"{package} (job {made.job_id})"
