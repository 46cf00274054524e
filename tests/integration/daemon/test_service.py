"""The inbox loop, driven by a script: what it does at each turn, and what it says to its supervisor."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from queue import SimpleQueue
from threading import Event as Flag

import pytest

from releasd.core.retry import BUDGET_AFTER_TAG, LONGEST
from releasd.daemon import service as module
from releasd.daemon.inbox import DrainSpool, Inbox, JobEnded, LookAt, Reload, RenewLeases, Stop, Wake, take_all
from releasd.daemon.service import BREATHER, Service
from releasd.daemon.workers import Workers
from releasd.engine.world import World
from releasd.errors import ConfigError, DiskFull, GitError
from releasd.model import JobId, JobState
from support.gitrepo import git
from support.lab import LEASE, Killed, Lab


class Stand:
    """A service with scripted surroundings. `script` is called after each turn; it says `Stop` sooner or later.

    `said` has, in order, what the supervisor and the sources saw; `warned` the operational lines.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.inbox: Inbox = SimpleQueue()
        self.said: list[str] = []
        self.warned: list[tuple[str, dict[str, object]]] = []
        self.script: Callable[[], None] = lambda: self.inbox.put(Stop())
        self.reloads: Callable[[World], World] = lambda world: world
        self.turns = 0
        self.limit = time.monotonic() + 120  # seconds
        self.flag = Flag()
        lab.world = replace(lab.world, stopping=self.flag.is_set)
        self.service = Service(
            world=lab.world, inbox=self.inbox, workers=Workers(2, self.inbox), supervisor=self, outlet=self,
            stopping=self.flag, drain_spool=lambda _: self.said.append("drained"),
            reload=self._reload, sources=self._sources,
        )  # fmt: skip

    def _sources(self, world: World) -> Callable[[], None]:
        self.said.append(f"sources of {','.join(sorted(world.projects))}")
        return lambda: self.said.append("sources ended")

    def _reload(self, world: World) -> World:
        return self.reloads(world)

    def run(self) -> bool:
        return self.service.run()

    def ready(self) -> None:
        self.said.append("READY")

    def status(self, text: str) -> None:
        self.said.append(text)

    def watchdog(self) -> None:
        self.said.append("WATCHDOG")
        self.turns += 1
        assert time.monotonic() < self.limit, "the script never stops"
        self.script()

    def stopping(self) -> None:
        self.said.append("STOPPING")

    def reloading(self) -> None:
        self.said.append("RELOADING")

    def flush(self) -> None:
        self.said.append("flushed")

    def warn(self, event: str, **values: object) -> None:
        self.warned.append((event, values))

    def stop_when(self, condition: Callable[[], bool]) -> None:
        """Stop after the first turn at whose end the condition holds; look again soon until then."""

        def script() -> None:
            time.sleep(0.01)  # what is waited for runs in another thread of this process
            self.inbox.put(Stop() if condition() else Wake())

        self.script = script


@pytest.fixture
def stand(lab: Lab) -> Iterator[Stand]:
    made = Stand(lab)
    yield made
    made.flag.set()


def test_ready_is_said_after_the_first_look_and_the_watchdog_after_a_turn(stand: Stand) -> None:
    """Spool, branches and audit file first, then the sources of hints, then READY, then turns, then the end."""
    assert stand.run() is True
    order = [word for word in stand.said if word != "flushed"]
    assert order == ["drained", "sources of demo", "READY", "0 queued", "WATCHDOG", "STOPPING", "sources ended"]
    assert stand.said.index("flushed") < stand.said.index("READY")
    assert stand.said[-1] == "flushed"


def test_start_and_stop_are_events(stand: Stand, lab: Lab) -> None:
    """The audit log tells when which daemon ran, and whether it ended cleanly."""
    stand.run()
    assert lab.events("daemon.started") == [{"owner": "lab"}]
    assert lab.events("daemon.stopped") == [{"clean": True}]


def test_a_push_made_while_the_daemon_was_down_is_released(stand: Stand, lab: Lab) -> None:
    """The look at the start finds it before READY; a worker releases it."""
    lab.store.set_head("demo", "main", lab.main(), lab.clock.now())
    lab.push()
    stand.stop_when(lambda: lab.store.jobs()[0].state is JobState.SUCCEEDED)
    stand.run()
    (job,) = lab.store.jobs()
    assert job.source == "start"
    lab.assert_released(job, "1.1.0")


def test_a_dead_predecessors_job_is_taken_back(stand: Stand, lab: Lab) -> None:
    """The lock on the state folder proves the owner dead: its lease is not waited for."""
    lab.push()
    lab.enqueue()
    lab.store.claim("dead", now=lab.clock.now(), lease=LEASE)
    stand.stop_when(lambda: lab.store.jobs()[0].state is JobState.SUCCEEDED)
    stand.run()
    assert lab.events("lease.lost")[0]["owner"] == "dead"
    lab.assert_released(lab.store.jobs()[0], "1.1.0")


def test_hints_are_followed(stand: Stand, lab: Lab) -> None:
    """`LookAt` looks at a branch, `DrainSpool` at the spool folder."""
    stand.run()
    tip = lab.push()
    again = Stand(lab)
    again.inbox.put(LookAt("demo", "watch"))
    again.inbox.put(DrainSpool())
    again.run()
    assert again.said.count("drained") == 2
    assert [job.commit for job in lab.store.jobs()] == [tip]


def test_a_project_out_of_reach_does_not_keep_the_daemon_from_starting(stand: Stand, lab: Lab) -> None:
    """It is named in the log, and looked at again later."""

    def away(_: object) -> None:
        raise GitError("no such repository")

    object.__setattr__(stand.service.world, "clone", away)
    stand.run()
    assert ("project.unreachable", {"project": "demo", "why": "no such repository"}) in stand.warned
    assert "READY" in stand.said


def test_what_runs_is_said_once(stand: Stand, lab: Lab) -> None:
    """The status line changes with what runs, and is not repeated."""
    lab.push()
    lab.enqueue()
    hold = Flag()
    lab.at_fault = lambda point: hold.wait(60) if point == "build.started" else None

    stand.stop_when(lambda: "releasing demo 1.1.0; 0 queued" in stand.said and stand.turns > 5)
    real = stand.script

    def script() -> None:
        if "releasing demo 1.1.0; 0 queued" in stand.said:
            hold.set()
        real()

    stand.script = script
    stand.run()
    lines = [word for word in stand.said if word.startswith("releasing")]
    assert "releasing demo 1.1.0; 0 queued" in lines
    assert len(lines) == len(set(lines))


def test_leases_are_renewed(stand: Stand, lab: Lab) -> None:
    """A job that runs long stays ours."""
    lab.push()
    lab.enqueue()
    job = lab.claim()
    stand.service.world = replace(lab.world, owner="lab")
    lab.clock.sleep(30)
    stand.inbox.put(RenewLeases())
    seen: list[object] = []

    def script() -> None:
        seen.append(lab.store.job(job.id).lease_until)
        stand.inbox.put(Stop())

    stand.script = script
    stand.run()
    assert seen == [lab.clock.now() + LEASE]


def test_a_good_reload_takes_effect(stand: Stand, lab: Lab) -> None:
    """The old sources end, the new world's begin, new projects are looked at, and the supervisor hears both ends."""
    new = replace(lab.world, projects={"demo": lab.project, "other": replace(lab.project, name="other")})
    stand.reloads = lambda _: new
    stand.inbox.put(Reload())
    stand.run()
    begin = stand.said.index("RELOADING")
    assert stand.said[begin : begin + 4] == ["RELOADING", "sources ended", "sources of demo,other", "READY"]
    assert lab.events("config.reloaded") == [{"projects": ["demo", "other"]}]
    assert lab.store.head_of("other", "main") == lab.main()
    assert stand.said.count("sources ended") == 2


def test_a_bad_reload_keeps_the_old(stand: Stand, lab: Lab) -> None:
    """The mistakes are told, nothing else changes, and the daemon goes on."""

    def bad(_: World) -> World:
        raise ConfigError("the configuration has mistakes", problems=("a.toml: x: unknown",))

    stand.reloads = bad
    stand.inbox.put(Reload())
    stand.run()
    assert "a.toml: x: unknown" in str(lab.events("config.refused")[0]["why"])
    assert stand.warned[0][0] == "config.refused"
    assert stand.said.count("sources of demo") == 1
    assert stand.said.count("READY") == 2
    assert stand.service.world is lab.world


def test_stopping_puts_a_running_job_back(stand: Stand, lab: Lab) -> None:
    """What runs is told to stop, and waits in the queue for the next start, unharmed."""
    lab.push()
    job = lab.enqueue()
    lab.at_fault = lambda point: stand.flag.wait(60) if point == "build.started" else None
    stand.stop_when(lambda: "build.started" in lab.faults)
    assert stand.run() is True
    stopped = lab.store.job(job)
    assert (stopped.state, stopped.reason) == (JobState.QUEUED, "the daemon was stopped")
    assert lab.events("daemon.stopped") == [{"clean": True}]
    lab.world = replace(lab.world, stopping=lambda: False)
    lab.assert_released(lab.run(), "1.1.0")


def test_a_job_that_does_not_let_go_is_left(stand: Stand, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end is not put off for ever: after the limit the daemon says that it ends uncleanly."""
    monkeypatch.setattr(module, "STOP_WITHIN", 0.2)
    lab.push()
    lab.enqueue()
    hold = Flag()
    lab.at_fault = lambda point: hold.wait(60) if point == "build.started" else None
    stand.stop_when(lambda: "build.started" in lab.faults)
    try:
        assert stand.run() is False
        assert lab.events("daemon.stopped") == [{"clean": False}]
    finally:
        hold.set()
        stand.service.workers.close(10)


def test_an_attempt_that_died_goes_back_to_the_queue(stand: Stand, lab: Lab) -> None:
    """A worker that could not even write its end is reported, and its job is tried again after a breather."""
    lab.push()
    job = lab.enqueue()

    def die(point: str) -> None:
        if point == "job.claimed":
            raise Killed

    lab.at_fault = die
    stand.stop_when(lambda: any(name == "job.abandoned" for name, _ in stand.warned))
    stand.run()
    back = lab.store.job(job)
    assert back.state is JobState.QUEUED
    assert back.not_before == lab.clock.now() + BREATHER
    assert back.reason.startswith("Killed")


def test_attempts_that_die_are_bounded(stand: Stand, lab: Lab) -> None:
    """A job whose every attempt dies without a word waits longer each time, and fails in the end, with the reason."""
    lab.push()
    job = lab.enqueue()
    waits: list[float] = []

    def die(point: str) -> None:
        if point == "job.claimed":
            raise Killed("out of memory")

    def script() -> None:
        now = lab.store.job(job)
        if now.state is JobState.FAILED:
            stand.inbox.put(Stop())
        elif now.not_before and now.not_before > lab.clock.now():
            waits.append((now.not_before - lab.clock.now()).total_seconds())
            lab.clock.at = now.not_before
            stand.inbox.put(Wake())

    lab.at_fault = die
    stand.script = script
    stand.run()
    ended = lab.store.job(job)
    assert ended.attempt == BUDGET_AFTER_TAG
    assert ended.reason.endswith("Killed: out of memory")
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (BREATHER.total_seconds(), LONGEST)


def test_a_full_disk_hinders_a_turn_and_not_the_daemon(stand: Stand, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that cannot be finished is told and due again; the watchdog is pinged, for a restart would not help."""
    real = module.reconcile
    failing = [DiskFull("no space left on /state", advice="free some")]

    def reconcile(world: World, *, free: int) -> object:
        if failing:
            raise failing.pop()
        return real(world, free=free)

    monkeypatch.setattr(module, "reconcile", reconcile)
    stand.script = lambda: stand.inbox.put(Wake() if stand.turns == 1 else Stop())
    assert stand.run() is True
    assert stand.warned == [("daemon.hindered", {"why": "no space left on /state", "advice": "free some"})]
    assert stand.said.count("WATCHDOG") == 2
    assert "hindered: no space left on /state" in stand.said


def test_a_branch_that_vanished_while_down_is_no_error(stand: Stand, lab: Lab) -> None:
    """An empty repository is looked at like any other."""
    git(lab.remote, "update-ref", "-d", "refs/heads/main")
    stand.run()
    assert stand.warned == []


def test_the_inbox_gives_each_message_once() -> None:
    """A burst of equal hints is one hint; the order of first arrival stays."""
    inbox: Inbox = SimpleQueue()
    for message in (LookAt("a", "watch"), Wake(), LookAt("a", "watch"), LookAt("b", "watch"), Wake()):
        inbox.put(message)
    assert take_all(inbox, 0.1) == (LookAt("a", "watch"), Wake(), LookAt("b", "watch"))
    assert take_all(inbox, 0.01) == ()


def test_workers_count_what_runs_and_tell_of_the_end() -> None:
    """A slot is taken until the job ended; a defect is told with its kind."""
    inbox: Inbox = SimpleQueue()
    workers = Workers(2, inbox)
    hold = Flag()
    job = JobStub(7, 3)
    workers.start(job, lambda _: hold.wait(60))  # type: ignore[arg-type]  # a stub has what is used
    assert workers.free == 1
    hold.set()
    assert inbox.get(timeout=60) == JobEnded(JobId(7), 3)

    def breaks(_: object) -> None:
        raise ZeroDivisionError("by zero")

    workers.start(job, breaks)  # type: ignore[arg-type]  # likewise
    assert inbox.get(timeout=60) == JobEnded(JobId(7), 3, "ZeroDivisionError: by zero")
    assert workers.close(10) is True
    assert workers.free == 2


class JobStub:
    """What a worker needs of a job."""

    def __init__(self, number: int, token: int) -> None:
        self.id = JobId(number)
        self.token = token


def test_times_are_consistent() -> None:
    """Stopping fits into what is promised, and a hindered attempt is repeated well within a lease."""
    assert module.STOP_WITHIN < 10
    assert timedelta() < BREATHER < LEASE
