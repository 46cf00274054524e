"""`build`: one build per target, all at once, each on a host that has its labels, from the release commit alone.

A build's files are sealed in one transaction with its success: from then on the same bytes are used by every later
attempt, which is what makes an upload idempotent (DESIGN.md §2, "Sealing").
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from releasd.errors import BuildFailed, Cancelled, Conflict, NoHost, Permanent, Stopping
from releasd.model import Artifact, BuildSpec, Evidence, StepName
from releasd.ports import Cache, Host, Objects, Output, Task, TaskResult
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
    for error in sorted(errors, key=lambda error: isinstance(error, Cancelled | NoHost | Stopping)):
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


def _objects(ctx: Context) -> Objects:
    commit = ctx.release_commit
    return Objects(project=ctx.plan.project, commit=commit, pack=partial(ctx.git.pack, commit))


def may_keep_all(ctx: Context) -> bool:
    """Return whether a build may keep compiled files on a host: only where the operator said so."""
    return bool(ctx.project.builds) or ctx.project.allow_full_cache


def task(ctx: Context, build: BuildSpec, host: Host, source: Path, epoch: int, *, part: str) -> Task:
    """Return what runs on `host`; `part` is the build's name, or that of its second run (steps/reproduce.py)."""
    dest = ctx.scratch / f"{part}-{host.spec.name}"
    dest.mkdir(parents=True, exist_ok=True)
    return Task(
        id=ctx.task_id(part),
        script=build.run,
        dest=dest,
        source=source,
        objects=_objects(ctx),
        cache=Cache(mode=_cache_of(ctx, build, part), project=ctx.plan.project, target=build.name),
        env=environment(ctx, build, epoch),
        outputs=build.artifacts,
        timeout=build.timeout,
        idle_timeout=build.idle_timeout,
        container=build.container,
        token=ctx.job.token,
        kept=part == build.name,
        besides=partial(ctx.journal.build_log_moved, part),
    )


def _cache_of(ctx: Context, build: BuildSpec, part: str) -> str:
    """Return the cache's mode; a second run shares no compiled file with the first."""
    is_full = build.cache == "full" and part == build.name and may_keep_all(ctx)
    return "deps" if build.cache == "full" and not is_full else build.cache


def _build(ctx: Context, build: BuildSpec, source: Path, epoch: int) -> None:
    def on(host: Host) -> Task:
        return task(ctx, build, host, source, epoch, part=build.name)

    begun = farm.resume_build(ctx, build.name, on)
    if begun is None and build.cache == "full" and not may_keep_all(ctx):
        ctx.say(build.name, 'cache = "full" is for the operator to allow (policy.allow_full_cache); "deps" is used')
    host, result = begun or _run(ctx, build, on)
    if "image" in result.evidence:
        ctx.say(build.name, f"ran in {result.evidence['image']} ({result.evidence['image_id']})")
    wrong = problem(build, result)
    if wrong:
        ctx.journal.build_failed(build.name, host.spec.name, wrong)
        raise BuildFailed(f"{build.name} on {host.spec.name}: {wrong}", advice=f"releasd log {ctx.job.id} --step build")
    sealed = [_adopted(ctx, build, host, output) for output in result.outputs]
    ctx.fault("build.adopted")
    _seal(ctx, build, host, sealed, {"host": host.spec.name, **result.evidence})
    ctx.fault("build.sealed")


def _run(ctx: Context, build: BuildSpec, on: Callable[[Host], Task]) -> tuple[Host, TaskResult]:
    chosen, out = hosts(ctx, build), ctx.journal.hosts_out()
    away = [host for host in farm.candidates(ctx, build.labels) if host not in chosen and host.spec.name in out]
    return farm.run_build(ctx, build.name, chosen, on, away)


def hosts(ctx: Context, build: BuildSpec) -> Sequence[Host]:
    """Return the hosts that `preflight` found able; the others are away, lack a tool, or their disk is full."""
    known = farm.candidates(ctx, build.labels)
    able = ctx.journal.evidence(StepName.PREFLIGHT).get("hosts", {}).get(build.name, ())
    chosen = [host for host in known if host.spec.name in able] or known
    for host in known:
        if host not in chosen:
            ctx.say(build.name, f"{host.spec.name} is passed over: preflight could not use it")
    return chosen


def _seal(ctx: Context, build: BuildSpec, host: Host, files: Sequence[Artifact], evidence: Evidence) -> None:
    try:
        ctx.journal.build_sealed(build.name, host.spec.name, files, evidence=evidence)
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


def problem(build: BuildSpec, result: TaskResult) -> str | None:
    """Return what is wrong with how a build ended, None where it ended well."""
    if told := _from_outside(build, result):
        return told
    if result.exit_status != 0:
        return f"its command ended with exit status {result.exit_status}"
    if not result.outputs:
        return f"it ended well but left no file matching {', '.join(build.artifacts)} in $RELEASD_OUT"
    return None


def _from_outside(build: BuildSpec, result: TaskResult) -> str | None:
    match result.why:
        case "timeout":
            return f"it ran longer than its limit of {build.timeout:.0f} s and was ended"
        case "memory":
            return f"it used more memory than its container may have ({_memory(build)}), and was killed"
        case "idle":
            return f"it wrote nothing for {build.idle_timeout:.0f} s, its idle_timeout, and was ended"
        case "outputs":
            return f"what it left in $RELEASD_OUT cannot be taken: {result.evidence['outputs']}"
        case _:
            return None


def _memory(build: BuildSpec) -> str:
    limit = build.container.memory if build.container else None
    return f"{limit >> 20} MB" if limit else "all that the host has"


def _adopted(ctx: Context, build: BuildSpec, host: Host, output: Output) -> Artifact:
    ctx.artifacts.adopt(output.path, output.sha256)
    return Artifact(
        filename=output.path.name, sha256=output.sha256, size=output.size, build=build.name, host=host.spec.name
    )
