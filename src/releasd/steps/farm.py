"""Runs a task on some host that can do it, passing over those that cannot be reached.

A build that an earlier attempt left running is seen to its end there. Else which host is the scheduler's choice
(core/schedule.py); a host that is lost is quarantined at once, and the next one does the work. With none left the job
waits, and costs no attempt; but what was lost `MOST_LOSSES` times once it had begun, a build, gate, trial or the pull
of an image, is itself the likely cause, and fails. The task's id names the attempt that begins it, so that a late
answer of a lost host is never mistaken for this one's.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from releasd.core.schedule import no_host
from releasd.errors import (
    BuildFailed,
    Cancelled,
    CheckFailed,
    DiskFull,
    Fenced,
    HostLost,
    NoHost,
    OwnDiskFull,
    Permanent,
    ReleasdError,
    Stopping,
    TaskLost,
)
from releasd.model import LeftRunning
from releasd.ports import Host, Task, TaskResult
from releasd.steps.context import Context

# What a host raises instead of an exit status: gone, full, or refusing us. Another one may do the work.
PASSED_OVER = (HostLost, DiskFull, Permanent)
QUARANTINED = (HostLost, DiskFull)  # of these, what is the host's own fault
LOST = (TaskLost, DiskFull)  # of these, what a task may bring about by itself
MOST_LOSSES = 5  # of one build, gate, trial or pull; more hosts than a bad night takes
SLOT_PAUSE = 0.2  # seconds between looks whether it is our turn


def candidates(ctx: Context, labels: Iterable[str]) -> tuple[Host, ...]:
    """Return the hosts that may run work with these labels for this project.

    Raises:
        Permanent: no registered host could ever match; waiting would be for nothing.
    """
    wanted = tuple(labels)
    allowed = ctx.project.hosts
    hosts = tuple(h for h in ctx.hosts.able(wanted) if not allowed or h.spec.name in allowed)
    if not hosts:
        limit = f" among the hosts allowed for {ctx.project.name} ({', '.join(allowed)})" if allowed else ""
        raise Permanent(
            f"no registered host has the labels {', '.join(wanted) or '(none)'}{limit}",
            advice="register one under [hosts.NAME] with these labels, or change the build's labels",
        )
    return hosts


def usable(ctx: Context, part: str, hosts: Sequence[Host], labels: Sequence[str] = ()) -> tuple[Host, ...]:
    """Return those of `hosts` that take something new. Raises `NoHost` when each is drained or quarantined."""
    out = ctx.journal.hosts_out()
    found = tuple(host for host in hosts if host.spec.name not in out)
    if not found:
        raise waits_for(part, hosts, no_host(labels, {host.spec.name: out[host.spec.name] for host in hosts}))
    return found


def waits_for(part: str, hosts: Sequence[Host], why: str) -> NoHost:
    """Return the error that puts the job off until one of `hosts` can be used."""
    return NoHost(why, build=part, hosts=_slots(hosts), advice="releasd hosts probe")


def run_build(
    ctx: Context, build: str, hosts: Sequence[Host], task: Callable[[Host], Task], away: Sequence[Host] = ()
) -> tuple[Host, TaskResult]:
    """Run a build on whichever of `hosts` the scheduler gives it, and see it through to an exit status.

    `away` are those that could not be looked at and may do it once they are back.
    """
    passed: list[tuple[Host, ReleasdError]] = []
    while len(passed) < len(hosts):
        host, made = _take_slot(ctx, build, hosts, task, [host for host, _ in passed])
        ctx.fault("build.begun")
        try:
            return host, host.run(made, ctx.sink(build), ctx.should_stop)
        except Exception as error:
            if isinstance(error, OwnDiskFull) or not isinstance(error, PASSED_OVER):
                _failed(ctx, build, host, error)
                raise
            _give_up(ctx, build, host, error)
            passed.append((host, error))
    raise none_left(build, passed, away)


def resume_build(ctx: Context, build: str, task: Callable[[Host], Task]) -> tuple[Host, TaskResult] | None:
    """See a build to its end that an earlier attempt of this job left running; None where it has to begin anew.

    Nothing of ours may be written into the build's log before: its size tells how much of the output is there.
    """
    left = ctx.journal.left_running(build)
    if left is None:
        return None
    host = next((host for host in ctx.hosts.able(()) if host.spec.name == left.host), None)
    found = _attached(ctx, build, host, replace(task(host), id=left.task), left.log_start) if host else None
    if found is None:
        ctx.journal.build_left(build)
    return found


def _attached(ctx: Context, build: str, host: Host, task: Task, log_start: int) -> tuple[Host, TaskResult] | None:
    is_open = False

    def found() -> int:
        nonlocal is_open
        ctx.journal.build_attached(build)
        is_open = True
        ctx.fault("build.attached")
        return ctx.sink.written(build) - log_start

    try:
        result = host.attach(task, ctx.sink(build), ctx.should_stop, found)
    except Exception as error:
        if isinstance(error, OwnDiskFull) or not isinstance(error, PASSED_OVER):
            if is_open:
                _failed(ctx, build, host, error)
            raise
        _give_up(ctx, build, host, error)
        return None
    return (host, result) if result else None


def _failed(ctx: Context, build: str, host: Host, error: Exception) -> None:
    """Close the build, unless it goes on without us."""
    if not isinstance(error, Stopping | Fenced):
        ctx.journal.build_failed(build, host.spec.name, str(error))


def _give_up(ctx: Context, build: str, host: Host, error: ReleasdError) -> None:
    """Close the build for another host to take. Raises `BuildFailed` where it was lost too often."""
    _failed(ctx, build, host, error)
    _pass_over(ctx, build, host, error, BuildFailed)


def _kept(ctx: Context, build: str, host: Host, task: Callable[[Host], Task]) -> tuple[Host, Task]:
    """Note where a build will be found again, before it begins there."""
    made = task(host)
    if made.kept:
        left = LeftRunning(host=host.spec.name, task=made.id, log_start=ctx.sink.written(build))
        ctx.journal.build_kept(build, left, leash=host.spec.leash)
    return host, made


def run_anywhere(ctx: Context, part: str, hosts: Sequence[Host], task: Task) -> tuple[Host, TaskResult]:
    """Run a short task (a gate, a trial installation) on the first of `hosts` that can; takes no slot.

    Raises `CheckFailed` where it was lost too often.
    """
    passed: list[tuple[Host, ReleasdError]] = []
    out = ctx.journal.hosts_out()
    for host in sorted(hosts, key=lambda host: host.spec.name in out):
        try:
            return host, host.run(task, ctx.sink(part), ctx.should_stop)
        except OwnDiskFull:
            raise
        except PASSED_OVER as error:
            _pass_over(ctx, part, host, error, CheckFailed)
            passed.append((host, error))
    raise none_left(part, passed)


def none_left(part: str, passed: Sequence[tuple[Host, ReleasdError]], away: Sequence[Host] = ()) -> ReleasdError:
    """Say why no host could; where that may pass, those are waited for that are out, and `away`."""
    told = "; ".join(f"{host.spec.name} ({error.message})" for host, error in passed)
    out = [host for host, error in passed if isinstance(error, QUARANTINED)]
    if out:
        return waits_for(part, [*out, *away], f"no able host can be reached: {told}")
    if len(passed) == 1:
        return passed[0][1]
    return Permanent(f"{part}: no host can do it: {told}", advice=passed[0][1].advice)


def _pass_over(ctx: Context, part: str, host: Host, error: ReleasdError, too_often: type[Permanent]) -> None:
    if isinstance(error, QUARANTINED):
        ctx.journal.host_lost(host.spec.name, error.message)
    ctx.say(part, f"{host.spec.name} is passed over: {error.message}")
    if isinstance(error, LOST):
        count_loss(ctx, part, host, error, too_often)


def count_loss(ctx: Context, part: str, host: Host, error: ReleasdError, too_often: type[Permanent]) -> None:
    """Note that the host was lost to something that had begun there. Raises `too_often` with the last that may be."""
    losses = ctx.journal.part_lost(part, host.spec.name, error.message)
    if len(losses) >= MOST_LOSSES:
        raise too_often(
            f"{part} was begun {len(losses)} times, and each time its host failed: {'; '.join(losses)}",
            advice=f"see whether it fills the disk or kills processes: releasd log {ctx.job.id}; "
            f"then releasd retry {ctx.job.id}",
        )


def _slots(hosts: Iterable[Host]) -> dict[str, int]:
    return {host.spec.name: host.spec.slots for host in hosts}


def _take_slot(
    ctx: Context, build: str, hosts: Sequence[Host], task: Callable[[Host], Task], passed: Collection[Host]
) -> tuple[Host, Task]:
    """Return the host that the build was given, once it is its turn, and what is to run there."""
    labels = next((spec.labels for spec in ctx.plan.builds if spec.name == build), ())
    left = {host.spec.name: host for host in hosts if host not in passed}
    said = ""
    while True:
        placed = ctx.journal.build_begun(build, _slots(left.values()), labels)
        if placed.host is not None:
            return _kept(ctx, build, left[placed.host], task)
        if placed.is_stuck:
            raise waits_for(build, tuple(left.values()), placed.reason)
        if placed.reason != said:
            said = placed.reason
            ctx.say(build, said)
        if ctx.should_stop():
            ctx.journal.build_left(build)
            raise Cancelled(f"{build} was waiting for a free slot")
        ctx.clock.sleep(SLOT_PAUSE)
