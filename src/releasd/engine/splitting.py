"""A push to a repository of several packages becomes one job for each package that it releases.

They run one after the other, a package after those that it depends on: each makes its release commit on top of the one
before it, and finds on the index what it needs from there.
"""

from releasd.engine.facts import Snapshot, decide
from releasd.engine.world import World
from releasd.errors import Permanent, ReleasdError
from releasd.model import Job, NoRelease, Plan, Project
from releasd.ports import Git


def split(world: World, job: Job, project: Project, git: Git, seen: Snapshot) -> NoRelease:
    """Queue what the packages need; return what there is to say about the repository as a whole.

    Doing it again queues nothing twice. Raises `Permanent` for a bump that does not say of which package.
    """
    names = [each.package.name for each in seen.config.packages if each.package]
    if job.bump is not None:
        raise Permanent(
            f"a bump is for one package, and {job.project} has {len(names)}",
            advice=f"releasd release {job.project} --package {names[0]} --bump {job.bump}",
        )
    queued = [_queue(world, job, name) for name in names if _wants_job(world, project, git, seen, name)]
    world.fault("job.split")
    if not queued:
        return NoRelease(reason=f"no release: none of the {len(names)} packages asks for one")
    return NoRelease(reason=f"{len(queued)} of {len(names)} packages: {', '.join(queued)}")


def _wants_job(world: World, project: Project, git: Git, seen: Snapshot, package: str) -> bool:
    """Return whether a package is released, or cannot be decided about, which its own job then says."""
    try:
        decided = decide(git, seen, project, world.hosts, package=package, bump=None, now=world.clock.now())
    except ReleasdError:
        return True
    return isinstance(decided, Plan) or bool(decided.hold)


def _queue(world: World, job: Job, package: str) -> str:
    now = world.clock.now()
    made = world.store.enqueue(job.project, job.commit, job.branch, source="split", package=package, now=now)
    return f"{package} (job {made.job_id})"
