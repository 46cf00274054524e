"""Whether wheels' platform tags are honest: auditwheel for Linux, abi3audit for the stable ABI.

Both are programs of releasd's own installation and run as one task on the daemon's own machine (auditor.py): in a fresh
folder, with a time limit, their output in the log, and nothing left behind. What macOS binaries want is in
core/judging/machos.py.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence

from releasd.core.judging import audits
from releasd.core.judging.names import is_abi3, libc_of, macos_of, platforms
from releasd.core.judging.verdict import Problem
from releasd.core.judging.wheels import holds_elf
from releasd.model import Artifact
from releasd.ports import Task
from releasd.steps import auditor
from releasd.steps.context import Context

LIMIT = 300.0  # seconds for each wheel
PART = "audit"  # the name of the output
_JUDGES = {auditor.TAG: audits.platform_tag, auditor.ABI: audits.stable_abi}
# abi3audit has a cache in its home.
_SCRIPT = 'export HOME="$TMPDIR" XDG_CACHE_HOME="$TMPDIR"\nexec {command}\n'


def problems(ctx: Context, wheels: Sequence[Artifact]) -> Mapping[Artifact, tuple[Problem, ...]]:
    """Return what is dishonest in each wheel's tags; the files have passed core/distfiles.py."""
    for wheel in wheels:
        if any(macos_of(platform) for platform in platforms(wheel.filename)):
            what = "which libraries its binaries want from outside is not looked at (delocate-listdeps)"
            ctx.say(PART, f"{wheel.filename}: {what}")
    wanted = {wheel: _wanted(ctx, wheel) for wheel in wheels}
    reports = _reports(ctx, {wheel: programs for wheel, programs in wanted.items() if programs})
    return {
        wheel: tuple(
            problem
            for program in programs
            for problem in _JUDGES[program](wheel.filename, reports.get(auditor.report(program, wheel.filename)))
        )
        for wheel, programs in wanted.items()
    }


def _wanted(ctx: Context, wheel: Artifact) -> tuple[str, ...]:
    """Return the programs that have something to look at in a wheel: none in one without programs for Linux."""
    with ctx.artifacts.open(wheel) as file:
        if not holds_elf(file):
            return ()
    promised = any(libc_of(platform) for platform in platforms(wheel.filename))
    return (*((auditor.TAG,) if promised else ()), *((auditor.ABI,) if is_abi3(wheel.filename) else ()))


def _reports(ctx: Context, wanted: Mapping[Artifact, Sequence[str]]) -> Mapping[str, bytes]:
    """Return the reports that were written, by the names that `auditor.report` gives them."""
    if not wanted:
        return {}
    result = ctx.hosts.here.run(_task(ctx, wanted), ctx.sink(PART), ctx.should_stop)
    return {output.path.name: output.path.read_bytes() for output in result.outputs}


def _task(ctx: Context, wanted: Mapping[Artifact, Sequence[str]]) -> Task:
    looks = [f"{program}={wheel.filename}" for wheel, programs in wanted.items() for program in programs]
    dest = ctx.scratch / PART
    dest.mkdir(parents=True, exist_ok=True)
    return Task(
        id=ctx.task_id(PART),
        script=_SCRIPT.format(command=shlex.join((sys.executable, "-I", auditor.__file__, *looks))),
        dest=dest,
        inputs=tuple(ctx.artifacts.path(wheel) for wheel in wanted),
        outputs=("*.json",),
        timeout=LIMIT * len(wanted),
    )
