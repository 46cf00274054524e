"""Proof that a destination serves exactly what was built.

Every file has our digest by its listing and by download, nothing is there that was not built here, a fresh environment
of each interpreter that is here and that a wheel is for installs that version from it, and the operator's gate, where
there is one, ends well. Where no such interpreter is here the bytes alone are the proof, and the evidence says so.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags, platform_tags, sys_tags

from releasd.core.distfiles import release_of
from releasd.core.judging.interpreters import LAST
from releasd.core.judging.names import tags_of
from releasd.core.judging.wheels import requires_python
from releasd.errors import Cancelled, CheckFailed, Conflict, Transient
from releasd.model import Artifact, Evidence, FileState
from releasd.ports import Index, ServedFile, Task, TaskResult
from releasd.steps.context import Context

PAUSE = 1.0  # seconds between looks while the index catches up
INSTALL_LIMIT = 600.0  # seconds
MINORS = range(8, 16)  # of Python 3: those that may be on this machine
MICROS = range(50)  # of each of them
SMOKED = 70  # EX_SOFTWARE: it installs, and its own command fails
GATED = 71
_INSTALLS = b"releasd: installs for "  # before an interpreter's name
_MOST_SAID = 1 << 16  # bytes of output that are looked at

_INSTALL = """
uv venv --quiet --no-config --python {python} "$TMPDIR/fresh"
uv pip install --quiet --no-config --no-cache --no-deps --only-binary :all: --python "$TMPDIR/fresh" {arguments}
fresh="$TMPDIR/fresh"
"""
# A shim of a version manager is no interpreter: it asks its manager each time, and for most versions starts nothing.
_OTHERS = """
for python in {pythons}; do
  case "$(command -v "$python" || :)" in ''|*/shims/*) continue ;; esac
  "$python" -I -c 'import sys; sys.exit(sys.version_info[:3] in {refused})' || continue
  uv venv --quiet --no-config --python "$python" "$TMPDIR/$python" || continue  # a broken one is none
  uv pip install --quiet --no-config --no-cache --no-deps --only-binary :all: --python "$TMPDIR/$python" {arguments}
  echo "releasd: installs for $python"
  fresh="${{fresh:-$TMPDIR/$python}}"
done
"""
# What the release needs comes from wherever this machine takes packages; the release itself is there already.
_SMOKE = """
if [ -n "${{fresh:-}}" ]; then
  uv pip install --quiet --no-config --python "$fresh" {requirement}
  PATH="$fresh/bin:$PATH" VIRTUAL_ENV="$fresh" sh -euc "$SMOKE" || exit 70
fi
"""
_GATE = """
PATH="${fresh:+$fresh/bin:}$PATH" sh -euc "$GATE" || exit 71
"""

Wheels = Mapping[str, SpecifierSet]  # by file name: the Pythons that its metadata asks for


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
    why = _not_here(index, wheels := _wheels(ctx, index))
    script = _script(ctx, index, wheels, is_here=not why)
    said = _run(ctx, index, script) if script else b""
    others = [line.rpartition(b" ")[2].decode() for line in said.splitlines() if line.startswith(_INSTALLS)]
    if why and not others:
        ctx.say(index.name, f"not tried: {why}")
    return {
        "installed": f"not tried: {why}" if why and not others else _requirement(ctx),
        **({"interpreters": others} if others else {}),
        **({"gate": "passed"} if index.rules.gate else {}),
    }


def _wheels(ctx: Context, index: Index) -> Wheels:
    return {each.filename: _required(ctx, each) for each in wanted(ctx, index) if each.filename.endswith(".whl")}


def _required(ctx: Context, wheel: Artifact) -> SpecifierSet:
    """Return what a wheel asks for, by the bytes that are served: not every listing tells it."""
    with ctx.artifacts.open(wheel) as file:
        return requires_python(file)


def _script(ctx: Context, index: Index, wheels: Wheels, *, is_here: bool) -> str:
    """Return what is to run: installations, the smoke command and the gate, as far as there are any."""
    requirement, gate = _requirement(ctx), _GATE if index.rules.gate else ""
    options = index.install_options()
    if options is None:
        return gate
    arguments = shlex.join((*options, requirement))
    install = _INSTALL.format(python=shlex.quote(sys.executable), arguments=arguments) if is_here else ""
    install += _for_others(wheels, arguments)
    smoke = _SMOKE.format(requirement=shlex.quote(requirement)) if install and ctx.plan.smoke else ""
    return install + smoke + gate


def _for_others(wheels: Wheels, arguments: str) -> str:
    others = _others(wheels)
    pythons = " ".join(f"python3.{minor}" for minor in others)
    return _OTHERS.format(pythons=pythons, refused=_refused(others), arguments=arguments) if others else ""


def _not_here(index: Index, wheels: Wheels) -> str:
    """Say why nothing can be installed here, but for what other interpreters install; empty where it can."""
    if index.install_options() is None:
        return f"{index.name} is no place to install from"
    if runs_here(wheels):
        return ""
    required = sorted({str(each) for each in wheels.values() if str(each)})
    asked = f" (requires-python {' or '.join(required)})" if required else ""
    return f"no wheel of this release is for an interpreter of the daemon's own machine{asked}"


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
        id=ctx.task_id(f"verify-{index.name}"),
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


def runs_here(wheels: Wheels) -> bool:
    """Return whether one of the wheels is for the daemon's own interpreter and platform."""
    here, version = frozenset(sys_tags()), ".".join(map(str, sys.version_info[:3]))
    return any(here & tags_of(name) and required.contains(version) for name, required in wheels.items())


def _others(wheels: Wheels) -> Mapping[int, Sequence[SpecifierSet]]:
    """Return the other minor versions that a wheel is for, wherever they are, and what those wheels ask for."""
    tags = {minor: _tags(minor) for minor in MINORS if minor != sys.version_info.minor}
    found = {minor: [wheels[name] for name in wheels if each & tags_of(name)] for minor, each in tags.items()}
    return {minor: asked for minor, asked in found.items() if any(each.contains(f"3.{minor}.{LAST}") for each in asked)}


def _tags(minor: int) -> frozenset[Tag]:
    interpreter, platforms = f"cp3{minor}", list(platform_tags())
    return frozenset(
        (*cpython_tags((3, minor), [interpreter], platforms), *compatible_tags((3, minor), interpreter, platforms))
    )


def _refused(others: Mapping[int, Sequence[SpecifierSet]]) -> tuple[tuple[int, int, int], ...]:
    """Return the releases of these minor versions that no wheel takes, as with >=3.12.4."""
    return tuple(
        (3, minor, micro)
        for minor, asked in others.items()
        for micro in MICROS
        if not any(each.contains(f"3.{minor}.{micro}") for each in asked)
    )
