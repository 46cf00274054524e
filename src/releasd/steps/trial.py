"""A wheel as its users get it: installed and imported in an empty environment, on a host of its platform.

The host is the one that built it when it can be reached, else any with the labels. The project's own smoke command,
where it has one, runs in that environment.
"""

from collections.abc import Sequence

from releasd.core.judging.names import interpreter_for, labels_for
from releasd.core.judging.wheels import importable
from releasd.core.platform import natural_labels
from releasd.errors import CheckFailed, HostLost, Transient
from releasd.model import Artifact
from releasd.ports import Host, Task
from releasd.steps import farm
from releasd.steps.context import Context

LIMIT = 600.0  # seconds for one installation, import and smoke command

NO_INTERPRETER = 69  # sysexits.h: EX_UNAVAILABLE
NOT_INSTALLED = 75  # EX_TEMPFAIL: a dependency may not have come
SMOKED = 70  # EX_SOFTWARE: it imports, and its own command fails
# The interpreter is asked for with -I from an empty folder: the source tree must not shadow the wheel.
_TRIAL = """
uv venv --quiet --no-config {python} "$TMPDIR/trial" || exit 69
uv pip install --quiet --no-config --python "$TMPDIR/trial" "$RELEASD_INPUTS"/*.whl || exit 75
mkdir "$TMPDIR/empty"
cd "$TMPDIR/empty"
"$TMPDIR/trial/bin/python" -I -c 'import {modules}'
"""
# The command is handed over in a variable: it is a script of its own, whatever quotes it has.
_SMOKE = """\
PATH="$TMPDIR/trial/bin:$PATH" VIRTUAL_ENV="$TMPDIR/trial" sh -euc "$SMOKE" || exit 70
"""


def run(ctx: Context, artifact: Artifact) -> str:
    """Try a wheel and return the host's name, or why it could not be tried.

    Raises:
        CheckFailed: it does not import, the smoke command fails, or no empty environment can be made.
        Transient: it does not install, or no host can be reached.
        Permanent: no host could ever run it.
    """
    with ctx.artifacts.open(artifact) as file:
        modules = importable(file)
    if not modules:
        modules = ("sys",)  # a wheel of scripts or data alone: that it installs is all there is to see
    host, result = farm.run_anywhere(ctx, artifact.filename, _hosts(ctx, artifact), _task(ctx, artifact, modules))
    if result.exit_status == NO_INTERPRETER and (python := interpreter_for(artifact.filename)):
        return f"not tried: {host.spec.name} has no Python {python}"
    advice = f"releasd log {ctx.job.id} --step check"
    if result.exit_status == NO_INTERPRETER:
        raise CheckFailed(f"no environment for {artifact.filename} can be made on {host.spec.name}", advice=advice)
    if result.why == "timeout":
        raise CheckFailed(f"trying {artifact.filename} on {host.spec.name} took over {LIMIT:.0f} s", advice=advice)
    if result.exit_status == NOT_INSTALLED:
        raise Transient(f"{artifact.filename} does not install on {host.spec.name}", advice=advice)
    if result.exit_status == SMOKED and ctx.plan.smoke:
        raise CheckFailed(f"the smoke command fails with {artifact.filename} on {host.spec.name}", advice=advice)
    if result.exit_status != 0:
        raise CheckFailed(f"{artifact.filename} does not import on {host.spec.name}", advice=advice)
    return host.spec.name


def _task(ctx: Context, artifact: Artifact, modules: Sequence[str]) -> Task:
    python = interpreter_for(artifact.filename)
    script = _TRIAL.format(python=f"--python {python}" if python else "", modules=", ".join(modules))
    return Task(
        id=f"{ctx.plan.project}-{ctx.job.id}-{ctx.job.token}-trial-{artifact.sha256[:12]}",
        script=script + (_SMOKE if ctx.plan.smoke else ""),
        dest=ctx.scratch,
        inputs=(ctx.artifacts.path(artifact),),
        env={"UV_PYTHON_DOWNLOADS": "never"} | ({"SMOKE": ctx.plan.smoke} if ctx.plan.smoke else {}),
        timeout=LIMIT,
    )


def _hosts(ctx: Context, artifact: Artifact) -> tuple[Host, ...]:
    """Return the hosts that can try a wheel: its builder where it is of that platform, then those with the labels."""
    wanted = labels_for(artifact.filename)
    builder = next((host for host in ctx.hosts.able(()) if host.spec.name == artifact.host), None)
    if builder and (wanted <= builder.spec.labels or wanted <= builder.spec.labels | _nature(builder)):
        others = (host for host in ctx.hosts.able(wanted) if host is not builder and _is_allowed(ctx, host))
        return (builder, *others)
    return farm.candidates(ctx, sorted(wanted))


def _is_allowed(ctx: Context, host: Host) -> bool:
    return not ctx.project.hosts or host.spec.name in ctx.project.hosts


def _nature(host: Host) -> frozenset[str]:
    """Return the labels that a host has by nature; a host that is away has none now."""
    try:
        probe = host.probe(())
    except HostLost:
        return frozenset()
    return natural_labels(probe.system, probe.machine)
