"""`build`: one build per target, all at once, each on a host that has its labels, from the release commit alone.

A build's files are sealed in one transaction with its success: from then on the same bytes are used by every later
attempt, which is what makes an upload idempotent (DESIGN.md §2, "Sealing").
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from releasd.errors import BuildFailed, Cancelled, Conflict, NoHost, Permanent
from releasd.model import Artifact, BuildSpec, Evidence, StepName
from releasd.ports import Host, Output, Task, TaskResult
from releasd.steps import farm, version
from releasd.steps.context import Context


def observe(ctx: Context) -> Evidence | None:
    """Return the sealed files when every build of the plan has them, with exactly the sealed bytes."""
    missing = _missing(ctx)
    return None if missing else _evidence(ctx)


def apply(ctx: Context) -> Evidence:
    """Run the builds that have no sealed files yet; raise the first failure once all have ended."""
    version.ensure(ctx)
    source = ctx.scratch / "source.tar"
    ctx.git.archive(ctx.release_commit, source)
    epoch = ctx.git.commit_time(ctx.release_commit)
    wanted = _missing(ctx)
    with ThreadPoolExecutor(max_workers=len(wanted), thread_name_prefix="build") as pool:
        futures = [pool.submit(_build, ctx, build, source, epoch) for build in wanted]
    errors = [error for future in futures if (error := future.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, Cancelled | NoHost)):
        raise error
    return _evidence(ctx)


def _missing(ctx: Context) -> tuple[BuildSpec, ...]:
    for artifact in ctx.journal.artifacts():
        if not ctx.artifacts.has(artifact):
            raise Permanent(
                f"the sealed file {artifact.filename} is gone from the artifact store or has other bytes",
                advice="restore it from a backup; it must not be built again, for it may be public already",
            )
    built = ctx.journal.built()  # not by the files' builds: what two leave alike is sealed under the first's name
    return tuple(build for build in ctx.plan.builds if build.name not in built)


def _evidence(ctx: Context) -> Evidence:
    sealed = ctx.journal.artifacts()
    return {"files": {artifact.filename: artifact.sha256 for artifact in sealed}}


def environment(ctx: Context, build: BuildSpec, epoch: int) -> Mapping[str, str]:
    """Return what a build may know: never a secret, never the daemon's own environment."""
    return {
        "SOURCE_DATE_EPOCH": str(epoch),
        "RELEASD_PROJECT": ctx.plan.project,
        "RELEASD_VERSION": ctx.plan.version,
        "RELEASD_TAG": ctx.plan.tag,
        **({"RELEASD_PACKAGE": ctx.plan.package} if ctx.plan.package else {}),
        **build.env,
    }


def _build(ctx: Context, build: BuildSpec, source: Path, epoch: int) -> None:
    def task(host: Host) -> Task:
        dest = ctx.scratch / f"{build.name}-{host.spec.name}"
        dest.mkdir(parents=True, exist_ok=True)
        return Task(
            id=f"{ctx.plan.project}-{ctx.job.id}-{ctx.job.token}-{build.name}",
            script=build.run,
            dest=dest,
            source=source,
            env=environment(ctx, build, epoch),
            outputs=build.artifacts,
            timeout=build.timeout,
        )

    host, result = farm.run_build(ctx, build.name, _hosts(ctx, build), task)
    problem = _problem(build, result)
    if problem:
        ctx.journal.build_failed(build.name, host.spec.name, problem)
        raise BuildFailed(
            f"{build.name} on {host.spec.name}: {problem}", advice=f"releasd log {ctx.job.id} --step build"
        )
    sealed = [_adopted(ctx, build, host, output) for output in result.outputs]
    ctx.fault("build.adopted")
    _seal(ctx, build, host, sealed)
    ctx.fault("build.sealed")


def _hosts(ctx: Context, build: BuildSpec) -> Sequence[Host]:
    """Return the hosts that `preflight` found able; the others are away, lack a tool, or their disk is full."""
    hosts = farm.candidates(ctx, build.labels)
    able = ctx.journal.evidence(StepName.PREFLIGHT).get("hosts", {}).get(build.name, ())
    chosen = [host for host in hosts if host.spec.name in able] or hosts
    for host in hosts:
        if host not in chosen:
            ctx.say(build.name, f"{host.spec.name} is passed over: preflight could not use it")
    return chosen


def _seal(ctx: Context, build: BuildSpec, host: Host, files: Sequence[Artifact]) -> None:
    try:
        ctx.journal.build_sealed(build.name, host.spec.name, files)
    except Conflict:
        problem = "; ".join(_collisions(ctx, files))
        ctx.journal.build_failed(build.name, host.spec.name, problem)
        raise BuildFailed(
            problem, advice='let one of them make it: give the other artifacts = ["*.whl"], or what else it is for'
        ) from None


def _collisions(ctx: Context, files: Sequence[Artifact]) -> Iterator[str]:
    sealed = {artifact.filename: artifact for artifact in ctx.journal.artifacts()}
    for mine in files:
        other = sealed.get(mine.filename, mine)
        if other.sha256 != mine.sha256:
            yield f"the builds {other.build} and {mine.build} both leave {mine.filename}, with different bytes"


def _problem(build: BuildSpec, result: TaskResult) -> str | None:
    if result.why == "timeout":
        return f"it ran longer than its limit of {build.timeout:.0f} s and was ended"
    if result.exit_status != 0:
        return f"its command ended with exit status {result.exit_status}"
    if not result.outputs:
        return f"it ended well but left no file matching {', '.join(build.artifacts)} in $RELEASD_OUT"
    return None


def _adopted(ctx: Context, build: BuildSpec, host: Host, output: Output) -> Artifact:
    ctx.artifacts.adopt(output.path, output.sha256)
    return Artifact(
        filename=output.path.name, sha256=output.sha256, size=output.size, build=build.name, host=host.spec.name
    )
