"""Whether a wheel's platform tag is honest: auditwheel for Linux, abi3audit for the stable ABI.

Both are programs of releasd's own installation and run as a task on the daemon's own machine: in a fresh folder, with a
time limit, their output in the log, and nothing left behind. What macOS binaries want is in core/judging/machos.py.
"""

import shlex
import sys

from releasd.core.judging import audits
from releasd.core.judging.names import is_abi3, libc_of, macos_of, platforms
from releasd.core.judging.verdict import Problem
from releasd.core.judging.wheels import holds_elf
from releasd.model import Artifact
from releasd.ports import Task, TaskResult
from releasd.steps.context import Context

LIMIT = 300.0  # seconds for one wheel
_TAG, _ABI = "auditwheel.json", "abi3audit.json"
# Side by side. Both end badly where they find something, and say so in the report; abi3audit has a cache in its home.
_SCRIPTS = {
    _TAG: '{python} -I -m auditwheel show --json "$RELEASD_INPUTS"/*.whl > "$RELEASD_OUT/auditwheel.json" &\n',
    _ABI: '{python} -I -m abi3audit --report --output "$RELEASD_OUT/abi3audit.json" "$RELEASD_INPUTS"/*.whl &\n',
}
_HOME = 'export HOME="$TMPDIR" XDG_CACHE_HOME="$TMPDIR"\n'


def problems(ctx: Context, artifact: Artifact) -> tuple[Problem, ...]:
    """Return what is dishonest in a wheel's tags; the file has passed core/distfiles.py."""
    if any(macos_of(platform) for platform in platforms(artifact.filename)):
        ctx.say(_part(artifact), "which libraries its binaries want from outside is not looked at (delocate-listdeps)")
    wanted = _wanted(ctx, artifact)
    if not wanted:
        return ()
    result = ctx.hosts.here.run(_task(ctx, artifact, wanted), ctx.sink(_part(artifact)), ctx.should_stop)
    found: tuple[Problem, ...] = ()
    if _TAG in wanted:
        found += audits.platform_tag(artifact.filename, _report(result, _TAG))
    if _ABI in wanted:
        found += audits.stable_abi(artifact.filename, _report(result, _ABI))
    return found


def _part(artifact: Artifact) -> str:
    """Return the name of the output; the wheel's own is that of its trial, which runs at the same time."""
    return f"audit-{artifact.filename}"


def _wanted(ctx: Context, artifact: Artifact) -> tuple[str, ...]:
    """Return the reports that are worth having of a wheel: none of one without programs for Linux."""
    with ctx.artifacts.open(artifact) as file:
        if not holds_elf(file):
            return ()
    promised = any(libc_of(platform) for platform in platforms(artifact.filename))
    return (*((_TAG,) if promised else ()), *((_ABI,) if is_abi3(artifact.filename) else ()))


def _task(ctx: Context, artifact: Artifact, wanted: tuple[str, ...]) -> Task:
    dest = ctx.scratch / f"audit-{artifact.sha256[:12]}"
    dest.mkdir(parents=True, exist_ok=True)
    python = shlex.quote(sys.executable)
    return Task(
        id=f"{ctx.plan.project}-{ctx.job.id}-{ctx.job.token}-audit-{artifact.sha256[:12]}",
        script=_HOME + "".join(_SCRIPTS[name].format(python=python) for name in wanted) + "wait\n",
        dest=dest,
        inputs=(ctx.artifacts.path(artifact),),
        outputs=wanted,
        timeout=LIMIT,
    )


def _report(result: TaskResult, name: str) -> bytes | None:
    found = next((output.path for output in result.outputs if output.path.name == name), None)
    return found.read_bytes() if found else None
