"""A wheel as its users get it: installed and imported in an empty environment, on a host of its platform.

The host is the one that built it when it can be reached and can run it, else any that can; the interpreter one that the
wheel is for. Where either is lacking the wheel is not tried, which the evidence says. The project's own smoke command,
where it has one, runs in that environment.
"""

import shlex
from collections.abc import Sequence

from releasd.core.judging.interpreters import requests
from releasd.core.judging.names import platforms, runs_on
from releasd.core.judging.wheels import importable, requires_python
from releasd.core.platform import derived_labels
from releasd.errors import CheckFailed, HostLost, Permanent, Transient
from releasd.model import Artifact
from releasd.ports import Host, Task, TaskResult
from releasd.steps import farm
from releasd.steps.context import Context

LIMIT = 600.0  # seconds for one installation, import and smoke command

NOT_TRIED = "not tried: "  # begins the reason, where others have the name of a host

NO_INTERPRETER = 69  # sysexits.h: EX_UNAVAILABLE
NO_ENVIRONMENT = 73  # EX_CANTCREAT
NOT_INSTALLED = 75  # EX_TEMPFAIL: a dependency may not have come
SMOKED = 70  # EX_SOFTWARE: it imports, and its own command fails
# The interpreter is asked for with -I from an empty folder: the source tree must not shadow the wheel.
_TRIAL = """
uv --version >/dev/null || exit 73
python=
for wanted in {pythons}; do
  python="$(uv python find --no-config --no-project --system "$wanted")" && break
done
[ -n "$python" ] || exit 69
uv venv --quiet --no-config --python "$python" "$TMPDIR/trial" || exit 73
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
    """
    tried = _tried(ctx, artifact)
    if tried.startswith(NOT_TRIED):
        ctx.say(artifact.filename, tried)
    return tried


def _tried(ctx: Context, artifact: Artifact) -> str:
    hosts = _hosts(ctx, artifact)
    if not hosts:
        return f"{NOT_TRIED}no host of that platform ({', '.join(sorted(platforms(artifact.filename)))})"
    with ctx.artifacts.open(artifact) as file:
        # A wheel of scripts or data alone: that it installs is all there is to see.
        modules, required = importable(file) or ("sys",), requires_python(file)
    pythons = requests(artifact.filename, required)
    host, result = farm.run_anywhere(ctx, artifact.filename, hosts, _task(ctx, artifact, modules, pythons))
    if result.exit_status == NO_INTERPRETER:
        return f"{NOT_TRIED}{host.spec.name} has no Python that it is for ({' or '.join(pythons)})"
    _judge(ctx, artifact, host, result)
    return host.spec.name


def _judge(ctx: Context, artifact: Artifact, host: Host, result: TaskResult) -> None:
    """Raise what a trial's bad end means."""
    advice = f"releasd log {ctx.job.id} --step check"
    if result.exit_status == NO_ENVIRONMENT:
        raise CheckFailed(f"no environment for {artifact.filename} can be made on {host.spec.name}", advice=advice)
    if result.why == "timeout":
        raise CheckFailed(f"trying {artifact.filename} on {host.spec.name} took over {LIMIT:.0f} s", advice=advice)
    if result.exit_status == NOT_INSTALLED:
        raise Transient(f"{artifact.filename} does not install on {host.spec.name}", advice=advice)
    if result.exit_status == SMOKED and ctx.plan.smoke:
        raise CheckFailed(f"the smoke command fails with {artifact.filename} on {host.spec.name}", advice=advice)
    if result.exit_status != 0:
        raise CheckFailed(f"{artifact.filename} does not import on {host.spec.name}", advice=advice)


def _task(ctx: Context, artifact: Artifact, modules: Sequence[str], pythons: Sequence[str]) -> Task:
    script = _TRIAL.format(pythons=shlex.join(pythons), modules=", ".join(modules))
    return Task(
        id=ctx.task_id(f"trial-{artifact.sha256[:12]}"),
        script=script + (_SMOKE if ctx.plan.smoke else ""),
        dest=ctx.scratch,
        inputs=(ctx.artifacts.path(artifact),),
        env={"UV_PYTHON_DOWNLOADS": "never"} | ({"SMOKE": ctx.plan.smoke} if ctx.plan.smoke else {}),
        timeout=LIMIT,
    )


def _hosts(ctx: Context, artifact: Artifact) -> tuple[Host, ...]:
    """Return the hosts that can run a wheel: its builder first, then those that can by their labels."""
    known = ctx.hosts.able(())
    builders = (host for host in known if host.spec.name == artifact.host)
    others = (host for host in known if host.spec.name != artifact.host and _is_allowed(ctx, host))
    return (
        *(host for host in builders if _can_run(host, artifact.filename)),
        *(host for host in others if runs_on(artifact.filename, host.spec.labels)),
    )


def _can_run(host: Host, filename: str) -> bool:
    """Return whether a wheel's builder can run it: what its labels leave open it is asked; if it cannot be, it may."""
    if runs_on(filename, frozenset()):
        return True
    try:
        probe = host.probe(())
    except (HostLost, Permanent):  # it is passed over where that is still so
        return True
    return runs_on(filename, host.spec.labels | derived_labels(probe.system, probe.machine, probe.facts))


def _is_allowed(ctx: Context, host: Host) -> bool:
    return not ctx.project.hosts or host.spec.name in ctx.project.hosts
