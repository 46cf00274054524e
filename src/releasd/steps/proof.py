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
from releasd.errors import CheckFailed, Conflict, Transient
from releasd.model import Artifact, Evidence, FileState
from releasd.ports import Index, ServedFile, Task, TaskResult
from releasd.steps.context import Context

PAUSE = 1.0  # seconds between looks while the index catches up
INSTALL_LIMIT = 600.0  # seconds
MINORS = range(8, 16)  # of Python 3: those that may be on this machine
NO_INTERPRETER = 69  # sysexits.h: EX_UNAVAILABLE
SMOKED = 70  # EX_SOFTWARE: it installs, and its own command fails
GATED = 71

INSTALL = """
{python} -I -c '' || exit 69
uv venv --quiet --no-config --python {python} "$TMPDIR/fresh"
uv pip install --quiet --no-config --no-cache --no-deps --only-binary :all: --python "$TMPDIR/fresh" {arguments}
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
    while not _served(ctx, index, download=True):
        if ctx.clock.now().timestamp() >= deadline:
            raise Transient(f"{index.name} has stored the files but does not serve all of them yet")
        ctx.clock.sleep(PAUSE)
    files = wanted(ctx, index)
    ctx.journal.delivered(index.name, [each.filename for each in files], FileState.VERIFIED)
    evidence = {"files": len(files), **_tried(ctx, index)}
    ctx.journal.proven(index.name, evidence)
    return evidence


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
    wheels = [each.filename for each in wanted(ctx, index) if each.filename.endswith(".whl")]
    why = _not_installed(index, wheels)
    if why:
        if gate:
            _judge(ctx, index, _run(ctx, index, f"verify-{index.name}", _GATE))
        return {"installed": f"not tried: {why}", **gate}
    _install(ctx, index, sys.executable, gate=bool(gate))
    others = [minor for minor in _others(ctx, index, wheels) if _install(ctx, index, f"python3.{minor}")]
    interpreters = {"interpreters": [f"3.{minor}" for minor in others]} if others else {}
    return {"installed": _requirement(ctx), **interpreters, **gate}


def _not_installed(index: Index, wheels: Sequence[str]) -> str:
    """Say why nothing can be installed here; empty where it can."""
    if index.install_options() is None:
        return f"{index.name} is no place to install from"
    return "" if runs_here(wheels) else "no wheel of this release is for the daemon's own machine"


def _requirement(ctx: Context) -> str:
    return f"{ctx.plan.distribution}=={ctx.plan.pep440}"


def _install(ctx: Context, index: Index, python: str, *, gate: bool = False) -> bool:
    """Install into a fresh environment; return False where this interpreter does not start at all."""
    requirement = _requirement(ctx)
    arguments = shlex.join((*(index.install_options() or ()), requirement))
    script = INSTALL.format(python=shlex.quote(python), arguments=arguments)
    if ctx.plan.smoke:
        script += _SMOKE.format(requirement=shlex.quote(requirement))
    is_own = python == sys.executable
    name = f"verify-{index.name}" if is_own else f"verify-{index.name}-{python}"
    result = _run(ctx, index, name, script + (_GATE if gate else ""))
    if result.exit_status == NO_INTERPRETER and not is_own:
        return False
    _judge(ctx, index, result)
    return True


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


def _run(ctx: Context, index: Index, name: str, script: str) -> TaskResult:
    about = {"RELEASD_INDEX": index.name, "RELEASD_VERSION": ctx.plan.pep440, "RELEASD_PROJECT": ctx.plan.project}
    scripts = {"SMOKE": ctx.plan.smoke, "GATE": index.rules.gate}
    task = Task(
        id=f"{ctx.plan.project}-{ctx.job.id}-{ctx.job.token}-{name}",
        script=script,
        dest=ctx.scratch,
        env={"UV_PYTHON_DOWNLOADS": "never"} | about | {key: text for key, text in scripts.items() if text},
        timeout=INSTALL_LIMIT,
    )
    return ctx.hosts.here.run(task, ctx.sink(index.name), ctx.should_stop)


def runs_here(wheels: Iterable[str]) -> bool:
    """Return whether one of the wheels is for this machine's interpreter and platform."""
    here = frozenset(sys_tags())
    return any(here & parse_wheel_filename(name)[3] for name in wheels)


def _others(ctx: Context, index: Index, wheels: Iterable[str]) -> list[int]:
    """Return the minor versions of the other interpreters that are here and that a wheel says it is for."""
    served = [file for file in listing(ctx, index) if file.filename in set(wheels)]
    able = [minor for minor in MINORS if minor != sys.version_info.minor and _is_for(served, minor)]
    missing = ctx.hosts.here.probe(tuple(f"python3.{minor}" for minor in able)).missing if able else ()
    return [minor for minor in able if f"python3.{minor}" not in missing]


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
