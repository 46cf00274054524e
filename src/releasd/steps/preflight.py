"""`preflight`: everything that could fail later and can be known now. It changes nothing, so it is never skipped.

Checked: the commit is signed as the operator asks, the remote takes a push, the tag is free, every build has an able
host with its tools, or with its container's image (pulled where it is not there yet) and the tools in that, each index
can be reached, its token can be had, and the version is not on it, the project's own gates are green.
"""

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from releasd.core import crates
from releasd.core.tools import lacking, lacks, programs
from releasd.errors import CheckFailed, Conflict, DiskFull, OwnDiskFull, Permanent
from releasd.model import BuildSpec, ContainerSpec, Evidence, Gate
from releasd.ports import Addressed, Host, Index, Probe, Task, TaskResult
from releasd.steps import farm, trust
from releasd.steps.context import Context

TRIAL_TOOL = "uv"  # `check` installs every wheel on the host that built it
LACKS = "releasd: the image lacks "  # before a tool's name
AT_ONCE = 16  # hosts that are looked at
DISK_NEEDED = 256 << 20  # bytes; less free space than this on a host means that a build there is bound to fail

Looks = Mapping[tuple[str, str], Future[Probe]]  # by host, and by the container that is to run there


def observe(ctx: Context) -> Evidence | None:
    """Return None: circumstances are looked at anew in each attempt."""


def apply(ctx: Context) -> Evidence:
    """Check everything; raise the first thing that is wrong, with what fixes it."""
    trust.check(ctx)  # before anything that the commit brings is run
    ctx.git.can_push(ctx.plan.branch)
    _tag_is_free(ctx)
    hosts = _able_hosts(ctx)
    doubts = {name: doubt for name in ctx.plan.indexes if (doubt := _version_is_free(ctx, name))}
    gates = {gate.name: _gate(ctx, gate) for gate in ctx.plan.gates}
    doubtful = {"doubts": doubts} if doubts else {}
    return {"hosts": hosts, "gates": gates, "indexes": list(ctx.plan.indexes), **doubtful}


def _tag_is_free(ctx: Context) -> None:
    ref = f"refs/tags/{ctx.plan.tag}"
    taken = ctx.git.remote_refs(ref, f"{ref}^{{}}")
    if taken:
        commit = taken.get(f"{ref}^{{}}") or taken[ref]
        raise Conflict(
            f"the tag {ctx.plan.tag} exists on the remote already, at {commit[:12]}, off the planned line of history",
            advice=f"merge that commit into {ctx.plan.branch}, or: git push --delete origin {ctx.plan.tag}",
        )


def _version_is_free(ctx: Context, name: str) -> str:
    """Return why it cannot be told whether the version is free there, "" where it is. Raises where it is not."""
    index = ctx.indexes[name]
    index.check_secret(ctx.plan.distribution, ctx.clock.now())
    versions = _versions(ctx, index)
    if not versions:
        ctx.say(name, "it is a registry of crates, and this release has none: nothing will go there")
    for distribution, number in versions:
        _is_free(index, distribution, number)
    doubt = index.doubt(ctx.plan.distribution) if isinstance(index, Addressed) else ""
    if doubt:
        ctx.say(name, doubt)
    return doubt


def _versions(ctx: Context, index: Index) -> list[tuple[str, str]]:
    """Return what will be new there: each crate with Cargo's version, or the distribution with Python's."""
    if index.takes(f"any-1.0.0{crates.ENDING}") and not index.takes("any-1.0.0.tar.gz"):
        return [(crate, ctx.plan.version) for crate in ctx.plan.crates]
    return [(ctx.plan.distribution, ctx.plan.pep440)]


def _is_free(index: Index, distribution: str, number: str) -> None:
    listed = index.files(distribution, number)
    if listed:
        raise Conflict(
            f"{distribution} {number} is on the index {index.name} already: "
            + ", ".join(file.filename for file in listed),
            advice="an index never takes a version back: tag it in the repository, or push a commit that asks for more",
        )


def _able_hosts(ctx: Context) -> dict[str, list[str]]:
    if not ctx.plan.builds:
        return {}
    hosts = {build.name: farm.candidates(ctx, build.labels) for build in ctx.plan.builds}
    usable = {b.name: farm.usable(ctx, b.name, hosts[b.name], b.labels) for b in ctx.plan.builds}
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="preflight") as pool:
        looks = _looks(ctx, usable, pool)
        found = pool.map(lambda build: _hosts_for(ctx, build, hosts[build.name], looks), ctx.plan.builds)
        return {build.name: names for build, names in zip(ctx.plan.builds, found, strict=True)}


def _looks(ctx: Context, usable: Mapping[str, Iterable[Host]], pool: Executor) -> Looks:
    """Look at each host at once, and only once for all the builds that it may get: a look starts a process there."""
    hosts: dict[tuple[str, str], Host] = {}
    builds: dict[tuple[str, str], list[BuildSpec]] = {}
    for build in ctx.plan.builds:
        for host in usable[build.name]:
            key = _key(host, build)
            hosts[key] = host
            builds.setdefault(key, []).append(build)
    return {
        key: pool.submit(hosts[key].probe, _programs(theirs), theirs[0].container, inside=_image_programs(theirs))
        for key, theirs in builds.items()
    }


def _programs(builds: Iterable[BuildSpec]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(tool for build in builds for tool in programs(build.host_tools)), TRIAL_TOOL)))


def _image_programs(builds: Iterable[BuildSpec]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tool for build in builds for tool in programs(build.image_tools)))


def _key(host: Host, build: BuildSpec) -> tuple[str, str]:
    return host.spec.name, repr(build.container)


def _hosts_for(ctx: Context, build: BuildSpec, hosts: Sequence[Host], looks: Looks) -> list[str]:
    out = ctx.journal.hosts_out()
    looked_at = [host for host in hosts if _key(host, build) in looks]
    verdicts = {host.spec.name: _verdict(ctx, host, build, looks[_key(host, build)]) for host in looked_at}
    able = [name for name, why in verdicts.items() if why is None]
    if able:
        return able
    away = [h for h in hosts if isinstance(verdicts.get(h.spec.name), farm.QUARANTINED) or h.spec.name in out]
    told = "; ".join(f"{host.spec.name}: {verdicts.get(host.spec.name) or out.get(host.spec.name)}" for host in hosts)
    if away:
        raise farm.waits_for(build.name, away, f"no host can do the build {build.name} now: {told}")
    other = "" if build.container else ", or name a container's image that has it (docs/project.md, Containers)"
    raise Permanent(
        f"no host can do the build {build.name}: {told}", advice=f"install what is missing{other}, then releasd retry"
    )


def _verdict(ctx: Context, host: Host, build: BuildSpec, look: Future[Probe]) -> Exception | str | None:
    try:
        return _problem(ctx, host, build, look.result())
    except OwnDiskFull:
        raise
    except farm.QUARANTINED as error:
        ctx.journal.host_lost(host.spec.name, error.message)
        return error
    except Permanent as error:
        return error


def _problem(ctx: Context, host: Host, build: BuildSpec, probe: Probe) -> str | None:
    if missing := lacking((*build.host_tools, TRIAL_TOOL), probe.missing):
        return f"lacks {', '.join(missing)}"
    if probe.disk_free < DISK_NEEDED:
        raise DiskFull(f"has only {probe.disk_free >> 20} MB of disk free")
    if probe.container_problem:
        return probe.container_problem
    if build.container and probe.is_image_absent:
        return _trial(ctx, host, build, build.container)
    return _lack(build, probe.image_missing)


def _lack(build: BuildSpec, missing: Collection[str]) -> str | None:
    found = lacking(build.image_tools, missing)
    return lacks(build.container.image, found) if build.container and found else None


def _trial(ctx: Context, host: Host, build: BuildSpec, container: ContainerSpec) -> str | None:
    """Start the build's container, which pulls its image, and look for the build's tools in there."""
    part = f"image-{build.name}"
    ctx.say(part, f"{host.spec.name} lacks the image {container.image}: it is pulled")
    task = Task(
        id=ctx.task_id(part),
        script="\n".join(
            f"command -v {tool} > /dev/null || echo {LACKS}{tool}" for tool in map(shlex.quote, programs(build.tools))
        ),
        dest=ctx.scratch,
        timeout=build.timeout,
        container=container,
    )
    result, said = _heard(ctx, part, host, task)
    lines = said.decode(errors="replace").splitlines()
    missing = [line.removeprefix(LACKS) for line in lines if line.startswith(LACKS)]
    if lack := _lack(build, missing):
        return lack
    return None if result.exit_status == 0 else f"its container failed: {result.why or ' '.join(lines[-3:])}"


def _heard(ctx: Context, part: str, host: Host, task: Task) -> tuple[TaskResult, bytes]:
    """Run something that is heard live, and return what it said as well; a loss of its host is counted."""
    said, log = bytearray(), ctx.sink(part)

    def hear(data: bytes) -> None:
        log(data)
        said.extend(data)

    try:
        return host.run(task, hear, ctx.should_stop), bytes(said)
    except OwnDiskFull:
        raise
    except farm.LOST as error:
        farm.count_loss(ctx, part, host, error, CheckFailed)
        raise


def _gate(ctx: Context, gate: Gate) -> str:
    hosts = farm.usable(ctx, f"gate-{gate.name}", farm.candidates(ctx, gate.labels), gate.labels)
    source = ctx.scratch / "gate.tar"
    if not source.exists():
        ctx.git.archive(ctx.plan.commit, source)
    task = Task(
        id=ctx.task_id(f"gate-{gate.name}"),
        script=gate.run,
        dest=ctx.scratch,
        source=source,
        timeout=gate.timeout,
    )
    host, result = farm.run_anywhere(ctx, f"gate-{gate.name}", hosts, task)
    if result.exit_status != 0:
        raise CheckFailed(
            f"the gate {gate.name} failed on {host.spec.name}: {result.why or f'exit status {result.exit_status}'}",
            advice=f"releasd log {ctx.job.id} --step preflight",
        )
    return host.spec.name
