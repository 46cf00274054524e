"""`check`: nobody sees a file before it is known to be good.

Every file is judged as its index will (core/distfiles.py); every wheel is installed and imported in an empty
environment on a host of its platform: the one that built it when it can be reached, else any with the labels.
"""

from collections.abc import Sequence

from releasd.core.distfiles import Expected, importable, interpreter_for, labels_for, problems
from releasd.core.platform import natural_labels
from releasd.errors import CheckFailed, HostLost, Transient
from releasd.model import Artifact, Evidence
from releasd.ports import Host, Task
from releasd.steps import farm
from releasd.steps.context import Context

TRIAL_LIMIT = 600.0  # seconds for one installation and import

NO_INTERPRETER = 69  # sysexits.h: EX_UNAVAILABLE
NOT_INSTALLED = 75  # EX_TEMPFAIL: a dependency may not have come
# The interpreter is asked for with -I from an empty folder: the source tree must not shadow the wheel.
TRIAL = """
uv venv --quiet --no-config {python} "$TMPDIR/trial" || exit 69
uv pip install --quiet --no-config --python "$TMPDIR/trial" "$RELEASD_INPUTS"/*.whl || exit 75
cd "$TMPDIR"
"$TMPDIR/trial/bin/python" -I -c 'import {modules}'
"""


def observe(ctx: Context) -> Evidence | None:
    """Return None: checking changes nothing, so it is done in each attempt."""


def apply(ctx: Context) -> Evidence:
    """Judge every file, all problems together, then try every wheel."""
    artifacts = ctx.journal.artifacts()
    _judge(ctx, artifacts)
    tried = {a.filename: _try(ctx, a) for a in artifacts if a.filename.endswith(".whl")}
    return {"files": [a.filename for a in artifacts], "installed": tried}


def _judge(ctx: Context, artifacts: Sequence[Artifact]) -> None:
    expected = Expected(distribution=ctx.plan.distribution, version=ctx.plan.pep440)
    found: list[str] = []
    for artifact in artifacts:
        with ctx.artifacts.open(artifact) as file:
            found.extend(problems(artifact.filename, file, expected))
    sdists = [a.filename for a in artifacts if not a.filename.endswith(".whl")]
    if len(sdists) > 1:
        found.append(f"an index takes one sdist for a release, these are {len(sdists)}: {', '.join(sdists)}")
    if found:
        raise CheckFailed("the built files are not what was planned: " + "; ".join(found))


def _try(ctx: Context, artifact: Artifact) -> str:
    with ctx.artifacts.open(artifact) as file:
        modules = importable(file)
    if not modules:
        modules = ("sys",)  # a wheel of scripts or data alone: that it installs is all there is to see
    host, result = farm.run_anywhere(ctx, artifact.filename, _hosts(ctx, artifact), _trial(ctx, artifact, modules))
    if result.exit_status == NO_INTERPRETER and (python := interpreter_for(artifact.filename)):
        return f"not tried: {host.spec.name} has no Python {python}"
    advice = f"releasd log {ctx.job.id} --step check"
    if result.exit_status == NOT_INSTALLED:
        raise Transient(f"{artifact.filename} does not install on {host.spec.name}", advice=advice)
    if result.exit_status != 0:
        raise CheckFailed(f"{artifact.filename} does not import on {host.spec.name}", advice=advice)
    return host.spec.name


def _trial(ctx: Context, artifact: Artifact, modules: Sequence[str]) -> Task:
    python = interpreter_for(artifact.filename)
    return Task(
        id=f"{ctx.plan.project}-{ctx.job.id}-{ctx.job.token}-trial-{artifact.sha256[:12]}",
        script=TRIAL.format(python=f"--python {python}" if python else "", modules=", ".join(modules)),
        dest=ctx.scratch,
        inputs=(ctx.artifacts.path(artifact),),
        env={"UV_PYTHON_DOWNLOADS": "never"},
        timeout=TRIAL_LIMIT,
    )


def _hosts(ctx: Context, artifact: Artifact) -> tuple[Host, ...]:
    """Return the hosts that can try a wheel: its builder where it is of that platform, then those with the labels."""
    wanted = labels_for(artifact.filename)
    builder = next((host for host in ctx.hosts.able(()) if host.spec.name == artifact.host), None)
    if builder and wanted <= builder.spec.labels | _nature(builder):
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
