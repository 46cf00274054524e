"""What the daemon does every so often, besides looking at branches."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from releasd import config
from releasd.app.world import clone, job_log
from releasd.core.lifecycle import LIVE_STATES
from releasd.daemon.inbox import DrainSpool, Inbox, RenewLeases, Wake
from releasd.daemon.pushes import poll
from releasd.daemon.ticks import Tick
from releasd.engine.deliveryview import warn_of_closing
from releasd.engine.farmhands import Farm
from releasd.engine.watching import Watcher
from releasd.engine.world import World
from releasd.model import Project
from releasd.steps.context import private_ref

PRIVATE_REFS = "refs/releasd/jobs/"
WATCH_TICK = 60.0  # seconds between two looks whether an index is to be watched, or someone to be told
PROBE_TICK = 5.0  # seconds between two looks whether a host is to be probed
HOURLY = 3600.0  # seconds
DAILY = 86400.0  # seconds
TIDY_WITHIN = 1800.0  # seconds for the garbage collection of one large clone


def ticks(
    world: World, settings: config.Settings, inbox: Inbox, complain: Callable[[str, object], None]
) -> tuple[Tick, ...]:
    """Return the clockwork of one world."""
    daemon = settings.daemon
    farm = Farm(world, lambda: inbox.put(Wake()))
    every = timedelta(seconds=daemon.watch_indexes_every)
    watcher = Watcher(world=world, every=every, complain=complain, wake=lambda: inbox.put(Wake()))

    def prune() -> None:
        job_log(settings).prune(world.clock.now() - timedelta(seconds=daemon.keep_logs))

    def tidy() -> None:
        for project in world.projects.values():
            own = clone(settings, project, timeout=TIDY_WITHIN)
            drop_stale_refs(world, project, own.refs(PRIVATE_REFS))
            own.tidy()

    def warn() -> None:
        told = warn_of_closing(world.store, tuple(world.projects), now=world.clock.now())
        for each in told:
            complain("publish", each)
        if told:
            inbox.put(Wake())  # the audit file gets the events from the main thread

    return (
        Tick(name="reconcile", every=daemon.reconcile_every, do=lambda: inbox.put(DrainSpool())),
        Tick(name="poll", every=daemon.poll_remote_every, do=lambda: poll(world, inbox, complain), at_once=True),
        Tick(name="lease", every=daemon.lease / 3, do=lambda: inbox.put(RenewLeases())),
        Tick(name="probe", every=PROBE_TICK, do=farm.probe_due),
        Tick(name="watch", every=min(WATCH_TICK, daemon.watch_indexes_every), do=watcher.tick),
        Tick(name="closing", every=HOURLY, do=warn, at_once=True),
        Tick(name="prune", every=DAILY, do=prune),
        Tick(name="tidy", every=DAILY, do=tidy),
    )


def drop_stale_refs(world: World, project: Project, refs: Iterable[str]) -> None:
    """Let go of the release commits of jobs that were superseded while they waited: nothing else needs them."""
    live = {private_ref(job.id) for job in world.store.jobs(project.name, LIVE_STATES)}
    unfinished = {private_ref(job.id) for job in world.store.unfinished_releases(project.name)}
    for ref in refs:
        if ref not in live | unfinished:
            world.clone(project).set_ref(ref, None)
