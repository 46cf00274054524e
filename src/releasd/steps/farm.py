"""Runs a task on some host that can do it, passing over those that cannot be reached.

A build that an earlier attempt left running is seen to its end there. Else hosts with the labels are tried in turn, a
host with a free slot first; the task's id names the attempt that begins it, so that a late answer of a lost host is
never mistaken for this one's.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from releasd.errors import Cancelled, DiskFull, Fenced, HostLost, Permanent, ReleasdError, Stopping, Transient
from releasd.ports import Host, Task, TaskResult
from releasd.steps.context import Context

# What a host raises instead of an exit status: gone, full, or refusing us. Another one may do the work.
PASSED_OVER = (HostLost, DiskFull, Permanent)
SLOT_PAUSE = 0.2  # seconds between looks for a free slot


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


def run_build(ctx: Context, build: str, hosts: Sequence[Host], task: Callable[[Host], Task]) -> tuple[Host, TaskResult]:
    """Run a build on the first of `hosts` that has a free slot and sees it through to an exit status."""
    passed: list[tuple[Host, ReleasdError]] = []
    remaining = list(hosts)
    while remaining:
        host, made = _take_slot(ctx, build, remaining, task)
        ctx.fault("build.begun")
        try:
            return host, host.run(made, ctx.sink(build), ctx.should_stop)
        except PASSED_OVER as error:
            _pass_over(ctx, build, host, error)
            passed.append((host, error))
            remaining.remove(host)
        except Exception as error:
            _failed(ctx, build, host, error)
            raise
    raise all_passed(build, passed)


def resume_build(ctx: Context, build: str, task: Callable[[Host], Task]) -> tuple[Host, TaskResult] | None:
    """See a build to its end that an earlier attempt of this job left running; None where it has to begin anew.

    Nothing of ours may be written into the build's log before: its size tells how much of the output is there.
    """
    left = ctx.journal.left_running(build)
    host = next((host for host in ctx.hosts.able(()) if left and host.spec.name == left.host), None)
    if left is None or host is None:
        return None
    is_open = False

    def found() -> int:
        nonlocal is_open
        ctx.journal.build_attached(build)
        is_open = True
        ctx.fault("build.attached")
        return ctx.sink.written(build) - left.log_start

    try:
        result = host.attach(replace(task(host), id=left.task), ctx.sink(build), ctx.should_stop, found)
    except PASSED_OVER as error:
        if is_open:
            _pass_over(ctx, build, host, error)
        return None
    except Exception as error:
        if is_open:
            _failed(ctx, build, host, error)
        raise
    return (host, result) if result else None


def _pass_over(ctx: Context, build: str, host: Host, error: ReleasdError) -> None:
    ctx.journal.build_failed(build, host.spec.name, error.message)
    ctx.say(build, f"{host.spec.name} is passed over: {error.message}")


def _failed(ctx: Context, build: str, host: Host, error: Exception) -> None:
    """Close the build, unless it goes on without us."""
    if not isinstance(error, Stopping | Fenced):
        ctx.journal.build_failed(build, host.spec.name, str(error))


def run_anywhere(ctx: Context, part: str, hosts: Sequence[Host], task: Task) -> tuple[Host, TaskResult]:
    """Run a short task (a gate, a trial installation) on the first of `hosts` that can; takes no slot."""
    passed: list[tuple[Host, ReleasdError]] = []
    for host in hosts:
        try:
            return host, host.run(task, ctx.sink(part), ctx.should_stop)
        except PASSED_OVER as error:
            passed.append((host, error))
    raise all_passed(part, passed)


def all_passed(part: str, passed: Sequence[tuple[Host, ReleasdError]]) -> ReleasdError:
    """Say why no host could; it may pass as long as one of the causes may."""
    if len(passed) == 1 and not isinstance(passed[0][1], HostLost):
        return passed[0][1]
    told = "; ".join(f"{host.spec.name} ({error.message})" for host, error in passed)
    if any(isinstance(error, Transient) for _, error in passed):
        return HostLost(f"{part}: no able host can be reached: {told}", advice="releasd hosts probe")
    return Permanent(f"{part}: no host can do it: {told}", advice=passed[0][1].advice)


def _take_slot(ctx: Context, build: str, hosts: Sequence[Host], task: Callable[[Host], Task]) -> tuple[Host, Task]:
    start = ctx.sink.written(build)
    while True:
        for host in hosts:
            made = task(host)
            if ctx.journal.build_begun(build, host.spec.name, slots=host.spec.slots, task=made.id, log_start=start):
                return host, made
        if ctx.should_stop():
            raise Cancelled(f"{build} was waiting for a free slot")
        ctx.clock.sleep(SLOT_PAUSE)
