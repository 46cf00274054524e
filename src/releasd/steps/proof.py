"""Proof that a destination serves exactly what was built.

Every file has our digest by its listing and by download, nothing is there that was not built here, a fresh environment
of each interpreter that is here installs that version from it, and the operator's gate, where there is one, ends well.
"""

import shlex
import sys
from collections.abc import Iterable, Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import compatible_tags, cpython_tags, platform_tags, sys_tags
from packaging.utils import parse_wheel_filename

from releasd.core.distfiles import release_of
from releasd.errors import Cancelled, CheckFailed, Conflict, Transient
from releasd.model import Artifact, Evidence, FileState
from releasd.ports import Index, ServedFile, Task, TaskResult
from releasd.steps.context import Context

PAUSE = 1.0  # seconds between looks while the index catches up
INSTALL_LIMIT = 600.0  # seconds
MINORS = range(8, 16)  # of Python 3: those that may be on this machine
SMOKED = 70  # EX_SOFTWARE: it installs, and its own command fails
GATED = 71
_INSTALLS = b"releasd: installs for "  # before an interpreter's name
_MOST_SAID = 1 << 16  # bytes of output that are looked at

INSTALL = """
uv venv --quiet --no-config --python {python} "$TMPDIR/fresh"
uv pip install --quiet --no-config --no-cache --no-deps --only-binary :all: --python "$TMPDIR/fresh" {arguments}
"""
# A shim of a version manager is no interpreter: it asks its manager each time, and for most versions starts nothing.
_OTHERS = """
for python in {pythons}; do
  case "$(command -v "$python" || :)" in ''|*/shims/*) continue ;; esac
  "$python" -I -c '' || continue
  uv venv --quiet --no-config --python "$python" "$TMPDIR/$python"
  uv pip install --quiet --no-config --no-cache --no-deps --only-binary :all: --python "$TMPDIR/$python" {arguments}
  echo "releasd: installs for $python"
done
"""
# What the release needs comes from wherever this machine takes packages; the release itself is there already.
_SMOKE = """
uv pip install --quiet --no-config --python "$TMPDIR/fresh" {requirement}
PATH="$TMPDIR/fresh/bin:$PATH" VIRTUAL_ENV="$TMPDIR/fresh" sh -euc "$SMOKE" || exit 70
"""
_GATE = """
PATH="$TMPDIR/fresh/bin:$PATH" sh -euc "$GATE" || exit 71
"""


def wanted(ctx: Context, index: Index) -> tuple[Artifact, ...]:
    """Return the files of the release that belong on this destination."""
    return tuple(each for each in ctx.journal.artifacts() if index.takes(each.filename))


def listing(ctx: Context, index: Index) -> tuple[ServedFile, ...]:
    """Return what the destination lists of this release now."""
    of_files = {release_of(each.filename) for each in wanted(ctx, index)} - {None}
    if not of_files and not index.takes(f"{ctx.plan.distribution}-{ctx.plan.pep440}.tar.gz"):
        return ()  # a crate of the same name is no part of a release without crates
    releases = of_files or {(ctx.plan.distribution, ctx.plan.pep440)}
    return tuple(file for name, version in sorted(filter(None, releases)) for file in index.files(name, version))


def ensure(ctx: Context, index: Index) -> Evidence:
    """Prove a destination, once; one that was proven is compared by its listing alone."""
    known = ctx.journal.proof(index.name)
    if known is not None and _served(ctx, index, download=False):
        return known
    deadline = ctx.clock.now().timestamp() + ctx.project.verify_timeout
    while (why := _not_served(ctx, index)) is not None:
        if ctx.clock.now().timestamp() >= deadline:
            raise why
        pause(ctx)
    files = wanted(ctx, index)
    ctx.journal.delivered(index.name, [each.filename for each in files], FileState.VERIFIED)
    evidence = {"files": len(files), **_tried(ctx, index)}
    ctx.journal.proven(index.name, evidence)
    return evidence


def pause(ctx: Context) -> None:
    """Wait until an index is looked at again. Raises `Cancelled` and `Stopping`."""
    if ctx.should_stop():
        raise Cancelled("it was cancelled while an index was waited for")
    ctx.clock.sleep(PAUSE)


def _not_served(ctx: Context, index: Index) -> Transient | None:
    """Return why not every file is listed and can be downloaded yet; None once it is. Raises as `_served` does."""
    try:
        is_served = _served(ctx, index, download=True)
    except Transient as error:
        return error
    return None if is_served else Transient(f"{index.name} has stored the files but does not serve all of them yet")


def _served(ctx: Context, index: Index, *, download: bool) -> bool:
    """Return whether every file is listed and downloads with our bytes. Raises `Conflict` for what is foreign."""
    artifacts = {artifact.filename: artifact for artifact in wanted(ctx, index)}
    listed = listing(ctx, index)
    foreign = sorted(file.filename for file in listed if file.filename not in artifacts)
    if foreign:
        raise Conflict(
            f"{index.name} serves files in this version that were not built here: {', '.join(foreign)}",
            advice="find out who uploaded them; if nobody did, revoke the index's token now",
        )
    complete = len(listed) == len(artifacts)  # until then nothing is fetched: wheels are large, and looks are many
    for file in listed:
        ours, fetched = artifacts[file.filename].sha256, complete and (download or file.sha256 is None)
        if file.sha256 not in {None, ours} or (fetched and index.download_sha256(file) != ours):
            raise Conflict(
                f"{index.name} serves {file.filename} with other bytes than those built",
                advice="yank this version on the index, and find out how its bytes changed",
            )
    return complete


def _tried(ctx: Context, index: Index) -> Evidence:
    """Install what was served, and run the operator's gate: with the release installed where it can be."""
    gate: Evidence = {"gate": "passed"} if index.rules.gate else {}
    why = _not_installed(index, wheels := _wheels(ctx, index))
    if why:
        if gate:
            _run(ctx, index, _GATE)
        return {"installed": f"not tried: {why}", **gate}
    said = _run(ctx, index, _script(ctx, index, _others(ctx, index, wheels)))
    others = [line.rpartition(b" ")[2].decode() for line in said.splitlines() if line.startswith(_INSTALLS)]
    return {"installed": _requirement(ctx), **({"interpreters": others} if others else {}), **gate}


def _wheels(ctx: Context, index: Index) -> list[str]:
    return [each.filename for each in wanted(ctx, index) if each.filename.endswith(".whl")]


def _script(ctx: Context, index: Index, others: Sequence[str]) -> str:
    requirement = _requirement(ctx)
    arguments = shlex.join((*(index.install_options() or ()), requirement))
    script = INSTALL.format(python=shlex.quote(sys.executable), arguments=arguments)
    script += _OTHERS.format(pythons=" ".join(others), arguments=arguments) if others else ""
    script += _SMOKE.format(requirement=shlex.quote(requirement)) if ctx.plan.smoke else ""
    return script + (_GATE if index.rules.gate else "")


def _not_installed(index: Index, wheels: Sequence[str]) -> str:
    """Say why nothing can be installed here; empty where it can."""
    if index.install_options() is None:
        return f"{index.name} is no place to install from"
    return "" if runs_here(wheels) else "no wheel of this release is for the daemon's own machine"


def _requirement(ctx: Context) -> str:
    return f"{ctx.plan.distribution}=={ctx.plan.pep440}"


def _judge(ctx: Context, index: Index, result: TaskResult) -> None:
    """Raise what a trial's end means.

    It installed before it was uploaded (`check`): an index that lags behind its own listing is likelier than a bad
    file, and a release must not end half done for one bad moment. A gate is the operator's word.
    """
    advice = f"releasd log {ctx.job.id} --step verify"
    if result.exit_status == GATED:
        again = f"releasd log {ctx.job.id} says why; then releasd retry {ctx.job.id}: nothing is uploaded again"
        raise CheckFailed(f"the gate of {index.name} failed", advice=again)
    if result.exit_status == SMOKED:
        raise Transient(f"the smoke command fails with {_requirement(ctx)} from {index.name}", advice=advice)
    if result.exit_status != 0:
        raise Transient(
            f"{_requirement(ctx)} is served by {index.name} but does not install in a fresh environment yet",
            advice=advice,
        )


def _run(ctx: Context, index: Index, script: str) -> bytes:
    """Run a script on this machine and return what it wrote. Raises as `_judge` does."""
    task = Task(
        id=f"{ctx.plan.project}-{ctx.job.id}-{ctx.job.token}-verify-{index.name}",
        script=script,
        dest=ctx.scratch,
        env={"UV_PYTHON_DOWNLOADS": "never"} | _scripts(ctx, index),
        timeout=INSTALL_LIMIT,
    )
    said, log = bytearray(), ctx.sink(index.name)

    def sink(data: bytes) -> None:
        said.extend(data[: _MOST_SAID - len(said)])
        log(data)

    _judge(ctx, index, ctx.hosts.here.run(task, sink, ctx.should_stop))
    return bytes(said)


def _scripts(ctx: Context, index: Index) -> dict[str, str]:
    """Return the variables by which the project's and the operator's own commands are handed over."""
    smoke = {"SMOKE": ctx.plan.smoke} if ctx.plan.smoke else {}
    if index.rules.gate is None:
        return smoke
    about = {"RELEASD_INDEX": index.name, "RELEASD_VERSION": ctx.plan.pep440, "RELEASD_PROJECT": ctx.plan.project}
    return smoke | about | {"GATE": index.rules.gate}


def runs_here(wheels: Iterable[str]) -> bool:
    """Return whether one of the wheels is for this machine's interpreter and platform."""
    here = frozenset(sys_tags())
    return any(here & parse_wheel_filename(name)[3] for name in wheels)


def _others(ctx: Context, index: Index, wheels: Iterable[str]) -> list[str]:
    """Return the names of the other interpreters that a wheel says it is for, wherever they are."""
    served = [file for file in listing(ctx, index) if file.filename in set(wheels)]
    return [f"python3.{minor}" for minor in MINORS if minor != sys.version_info.minor and _is_for(served, minor)]


def _is_for(served: Iterable[ServedFile], minor: int) -> bool:
    interpreter, platforms = f"cp3{minor}", list(platform_tags())
    tags = {
        *cpython_tags((3, minor), [interpreter], platforms),
        *compatible_tags((3, minor), interpreter, platforms),
    }
    return any(
        tags & parse_wheel_filename(file.filename)[3] and _allows(file.requires_python, minor) for file in served
    )


def _allows(requires_python: str | None, minor: int) -> bool:
    try:
        return SpecifierSet(requires_python or "").contains(f"3.{minor}.99")
    except InvalidSpecifier:
        return False
