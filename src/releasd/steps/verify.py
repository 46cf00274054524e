"""`verify`: each index serves exactly what was built.

Every file has our digest by its listing and by download, nothing is there that was not built here, and a fresh
environment installs that version from it.
"""

import shlex
import sys
from collections.abc import Iterable

from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from releasd.errors import Conflict, Transient
from releasd.model import Artifact, Evidence
from releasd.ports import Index, Task
from releasd.steps.context import Context
from releasd.steps.publish import listing, taken

PAUSE = 1.0  # seconds between looks while the index catches up
INSTALL_LIMIT = 600.0  # seconds

INSTALL = """
uv venv --quiet --no-config --python {python} "$TMPDIR/fresh"
uv pip install --quiet --no-config --no-cache --no-deps --only-binary :all: --python "$TMPDIR/fresh" {arguments}
"""


def observe(ctx: Context) -> Evidence | None:
    """Return None: verifying is looking."""


def apply(ctx: Context) -> Evidence:
    """Look at each index until it serves what was built, for at most the project's `verify_timeout`."""
    return {"indexes": {name: _verify(ctx, ctx.indexes[name]) for name in ctx.plan.indexes}}


def _verify(ctx: Context, index: Index) -> dict[str, object]:
    deadline = ctx.clock.now().timestamp() + ctx.project.verify_timeout
    while not _served(ctx, index):
        if ctx.clock.now().timestamp() >= deadline:
            raise Transient(f"{index.name} has stored the files but does not serve all of them yet")
        ctx.clock.sleep(PAUSE)
    return {"files": len(taken(ctx, index)), "installed": _install(ctx, index)}


def _served(ctx: Context, index: Index) -> bool:
    """Return whether every file is listed and downloads with our bytes. Raises `Conflict` for what is foreign."""
    artifacts = {artifact.filename: artifact for artifact in taken(ctx, index)}
    listed = listing(ctx, index)
    foreign = sorted(file.filename for file in listed if file.filename not in artifacts)
    if foreign:
        raise Conflict(
            f"{index.name} serves files in this version that were not built here: {', '.join(foreign)}",
            advice="find out who uploaded them; if nobody did, revoke the index's token now",
        )
    complete = len(listed) == len(artifacts)  # until then nothing is fetched: wheels are large, and looks are many
    for file in listed:
        wanted = artifacts[file.filename].sha256
        if file.sha256 not in {None, wanted} or (complete and index.download_sha256(file) != wanted):
            raise Conflict(
                f"{index.name} serves {file.filename} with other bytes than those built",
                advice="yank this version on the index, and find out how its bytes changed",
            )
    return complete


def _install(ctx: Context, index: Index) -> str:
    options = index.install_options()
    if options is None:
        return "not tried: it holds nothing for Python"
    if not runs_here(ctx.journal.artifacts()):
        return "not tried: no wheel of this release is for the daemon's own machine"
    requirement = f"{ctx.plan.distribution}=={ctx.plan.pep440}"
    task = Task(
        id=f"{ctx.plan.project}-{ctx.job.id}-{ctx.job.token}-verify-{index.name}",
        script=INSTALL.format(python=shlex.quote(sys.executable), arguments=shlex.join((*options, requirement))),
        dest=ctx.scratch,
        timeout=INSTALL_LIMIT,
    )
    result = ctx.hosts.here.run(task, ctx.sink(index.name), ctx.should_stop)
    if result.exit_status != 0:
        # It installed before it was uploaded (`check`): an index that lags behind its own listing is likelier than a
        # bad file, and a release must not end half done for one bad moment.
        raise Transient(
            f"{requirement} is served by {index.name} but does not install in a fresh environment yet",
            advice=f"releasd log {ctx.job.id} --step verify",
        )
    return requirement


def runs_here(artifacts: Iterable[Artifact]) -> bool:
    """Return whether one of the wheels is for this machine's interpreter and platform."""
    here = frozenset(sys_tags())
    wheels = (artifact.filename for artifact in artifacts if artifact.filename.endswith(".whl"))
    return any(here & parse_wheel_filename(name)[3] for name in wheels)
