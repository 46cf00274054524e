"""The daemon's main thread: wait for a message, look at everything, do what is due, ping the watchdog.

It implements this set of rules:

* Nothing else decides. Hook, watch, ticks, API and signals only put messages into the inbox.
* READY is said after the first look: leases of a dead predecessor taken back, spool drained, branches looked at.
* The watchdog is pinged after each turn, never by a timer of its own. A turn that a full disk hindered counts too:
  a restart would not free it.
* Stopping takes no new job, lets go of the builds that run (the next daemon attaches to them), puts those jobs back,
  and takes at most `STOP_WITHIN` seconds.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event as Flag
from typing import Protocol

from releasd.core.retry import BUDGET_AFTER_TAG, delay
from releasd.daemon.inbox import (
    DrainSpool,
    Inbox,
    JobEnded,
    LookAt,
    Message,
    Reload,
    RenewLeases,
    Stop,
    Wake,
    take_all,
)
from releasd.daemon.pushes import look
from releasd.daemon.workers import Workers
from releasd.engine.ending import end_job
from releasd.engine.executor import execute
from releasd.engine.reconcile import reconcile
from releasd.engine.world import World
from releasd.errors import Fenced, ReleasdError
from releasd.model import JobState
from releasd.ports import Supervisor

STOP_WITHIN = 6.5  # seconds, of the 10 that are promised; closing the sockets may take the rest
BREATHER = timedelta(seconds=10)  # at least, before an attempt that could not write its end is repeated
LONGEST_WAIT = 5.0  # seconds between looks with nothing due; less where the supervisor's watchdog asks for it


class Outlet(Protocol):
    """Where the audit log and the operational log go."""

    def flush(self) -> None:
        """Write the events that are new in the store to the audit file, durably."""
        ...

    def warn(self, event: str, **values: object) -> None:
        """Write one operational log line."""
        ...


@dataclass(kw_only=True)
class Service:
    """One run of the daemon. `world` changes on a reload; jobs that run keep the one that they were started with."""

    world: World
    inbox: Inbox
    workers: Workers
    supervisor: Supervisor
    outlet: Outlet
    stopping: Flag
    drain_spool: Callable[[World], None]
    reload: Callable[[World], World]
    sources: Callable[[World], Callable[[], None]]  # starts what hints for this world; returns what ends it
    longest_wait: float = LONGEST_WAIT  # seconds
    _said: str = field(default="", init=False)
    _abandoned: list[JobEnded] = field(default_factory=list, init=False)

    def run(self) -> bool:
        """Serve until `Stop` arrives; return whether every job let go in time."""
        self._start()
        end_sources = self.sources(self.world)
        self.supervisor.ready()
        timeout = 0.0
        while True:
            messages = take_all(self.inbox, timeout)
            if Stop() in messages:
                break
            if Reload() in messages:
                end_sources = self._reload(end_sources)
            timeout = self._turn(messages)
        return self._stop(end_sources)

    def _start(self) -> None:
        now = self.world.clock.now()
        self.world.store.append_event("daemon.started", data={"owner": self.world.owner}, now=now)
        self.world.store.reclaim(now, except_owner=self.world.owner, all_others=True)
        self.drain_spool(self.world)
        self._look_at_all("start")
        self.outlet.flush()

    def _turn(self, messages: tuple[Message, ...]) -> float:
        """Look once; what a full disk or a locked database hindered is due again at the next turn."""
        try:
            return self._look(messages)
        except ReleasdError as error:
            self.outlet.warn("daemon.hindered", why=error.message, advice=error.advice)
            self.supervisor.status(f"hindered: {error.message}")
            self._said = ""
            return self.longest_wait
        finally:
            self.supervisor.watchdog()

    def _look(self, messages: tuple[Message, ...]) -> float:
        for message in messages:
            self._take(message)
        self._put_back()
        look = reconcile(self.world, free=self.workers.free)
        world = self.world
        for job in look.claimed:
            self.workers.start(job, lambda job: execute(world, job))
        self.outlet.flush()
        self._say()
        return min(look.sleep, self.longest_wait)

    def _put_back(self) -> None:
        """See to the jobs whose attempt could not write its end."""
        while self._abandoned:
            left = self._abandoned[0]
            with suppress(Fenced):
                self._give_back(left)
            self.outlet.warn("job.abandoned", job=left.job, why=left.defect)
            self._abandoned.pop(0)

    def _give_back(self, left: JobEnded) -> None:
        """Return a job to the queue; end it when that was done as often as any step is tried. Raises `Fenced`."""
        world, now = self.world, self.world.clock.now()
        world.store.fence(left.job, left.token)
        job = world.store.job(left.job)
        if job.attempt >= BUDGET_AFTER_TAG:
            end_job(world, job, JobState.FAILED, f"attempt {job.attempt} ended without a word, too: {left.defect}")
            return
        wait = max(BREATHER, timedelta(seconds=delay(job.attempt)))
        world.store.requeue(job.id, job.token, not_before=now + wait, reason=left.defect or "", now=now)

    def _take(self, message: Message) -> None:
        match message:
            case LookAt():
                self._look_at(message)
            case DrainSpool():
                self.drain_spool(self.world)
            case RenewLeases():
                self.world.store.renew(self.world.owner, now=self.world.clock.now(), lease=self.world.lease)
            case JobEnded(_, _, defect) if defect is not None:
                self._abandoned.append(message)
            case Wake() | JobEnded() | Reload() | Stop():
                pass  # the look that follows is all that they ask for

    def _look_at_all(self, source: str) -> None:
        """Look at what is on this machine; what is behind a network is left to the poll tick, off this thread."""
        for project in self.world.projects.values():
            if self.world.peek(project) is not None:
                self._look_at(LookAt(project.name, source))

    def _look_at(self, hint: LookAt) -> None:
        try:
            look(self.world, hint)
        except ReleasdError as error:
            self.outlet.warn("project.unreachable", project=hint.project, why=error.message)

    def _reload(self, end_sources: Callable[[], None]) -> Callable[[], None]:
        self.supervisor.reloading()
        try:
            self.world = self.reload(self.world)
        except ReleasdError as error:
            self._event("config.refused", why=error.message)
            self.outlet.warn("config.refused", why=error.message)
        else:
            self._event("config.reloaded", projects=sorted(self.world.projects))
            end_sources()
            end_sources = self.sources(self.world)
            self._look_at_all("reload")
        self.supervisor.ready()
        return end_sources

    def _event(self, name: str, **data: object) -> None:
        self.world.store.append_event(name, data=data, now=self.world.clock.now())

    def _say(self) -> None:
        running = self.world.store.jobs(states=(JobState.RUNNING,))
        queued = self.world.store.queued_count()
        text = ", ".join(f"{job.project} {job.version or job.commit[:12]}" for job in running)
        said = f"releasing {text}; {queued} queued" if running else f"{queued} queued"
        if said != self._said:
            self._said = said
            self.supervisor.status(said)

    def _stop(self, end_sources: Callable[[], None]) -> bool:
        self.supervisor.stopping()
        self.stopping.set()
        deadline = time.monotonic() + STOP_WITHIN
        end_sources()
        ended = self.workers.close(max(0.0, deadline - time.monotonic()))
        for host in self.world.hosts.able(()):
            host.close()
        self._event("daemon.stopped", clean=ended)
        self.outlet.flush()
        return ended
