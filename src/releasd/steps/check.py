"""`check`: nobody sees a file before it is known to be good.

Every file is judged as its index will (core/distfiles.py); every wheel is installed and imported in an empty
environment on a host of its platform: the one that built it when it can be reached, else any with the labels.
"""

from collections.abc import Sequence

from releasd.core.distfiles import Expected, importable, labels_for, problems
from releasd.errors import CheckFailed, Permanent
from releasd.model import Artifact, Evidence
from releasd.ports import Host, Task
from releasd.steps import farm
from releasd.steps.context import Context

TRIAL_LIMIT = 600.0  # seconds for one installation and import

# The interpreter is asked for with -I from an empty folder: the source tree must not shadow the wheel.
TRIAL = """
uv venv --quiet --no-config "$TMPDIR/trial"
uv pip install --quiet --no-config --python "$TMPDIR/trial" "$RELEASD_INPUTS"/*.whl
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
    task = Task(
        id=f"{ctx.plan.project}-{ctx.job.id}-{ctx.job.token}-trial-{artifact.sha256[:12]}",
        script=TRIAL.format(modules=", ".join(modules)),
        dest=ctx.scratch,
        inputs=(ctx.artifacts.path(artifact),),
        timeout=TRIAL_LIMIT,
    )
    host, result = farm.run_anywhere(ctx, artifact.filename, _hosts(ctx, artifact), task)
    if result.exit_status != 0:
        raise CheckFailed(
            f"{artifact.filename} does not install and import on {host.spec.name}",
            advice=f"releasd log {ctx.job.id} --step check",
        )
    return host.spec.name


def _hosts(ctx: Context, artifact: Artifact) -> tuple[Host, ...]:
    able = ctx.hosts.able(labels_for(artifact.filename))
    if not able:
        raise Permanent(
            f"no registered host can try {artifact.filename}",
            advice=f"register a host with the labels {', '.join(sorted(labels_for(artifact.filename)))}",
        )
    return tuple(sorted(able, key=lambda host: host.spec.name != artifact.host))
