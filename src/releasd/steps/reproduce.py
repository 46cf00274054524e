"""Every build once more, on a second host where there is one, and the bytes compared (`policy.reproduce`).

A build that gives the same bytes elsewhere was made from its sources alone: nothing on one host, stale or planted, got
into it. The second result is compared and dropped; what was sealed stays what is published.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from releasd.core.judging.compare import differences
from releasd.errors import CheckFailed, Permanent, Transient
from releasd.model import Artifact, BuildSpec
from releasd.ports import Host, Output
from releasd.steps import build as first
from releasd.steps import farm, version
from releasd.steps.context import Context

AGAIN = "-again"  # after a build's name: its second run, in slots, logs and status


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """How the second run of a build came out. `found` are the differences, for people; empty: the same bytes."""

    build: str
    host: str
    is_other_host: bool
    found: tuple[str, ...]

    def evidence(self) -> dict[str, Any]:
        """Return what the journal keeps."""
        return {"host": self.host, "other_host": self.is_other_host, "differences": list(self.found)}


def run(ctx: Context, artifacts: Sequence[Artifact]) -> dict[str, Any]:
    """Build all again where the operator wants it, and return the evidence by build; empty where it is off.

    Raises:
        CheckFailed: something differs or was not built again, and `require` is set.
    """
    if ctx.project.reproduce == "off" or not ctx.plan.builds:
        return {}
    version.ensure(ctx)
    source = ctx.scratch / "again.tar"
    ctx.git.archive(ctx.release_commit, source)
    with ThreadPoolExecutor(max_workers=len(ctx.plan.builds), thread_name_prefix="again") as pool:
        futures = [pool.submit(_second, ctx, build, artifacts, source) for build in ctx.plan.builds]
    seconds = [future.result() for future in futures]
    for second in seconds:
        _tell(ctx, second)
    differing = [line for second in seconds for line in second.found]
    if differing and ctx.project.reproduce == "require":
        raise CheckFailed(
            "\n".join(("a second build did not give the same bytes:", *(f"  {line}" for line in differing))),
            advice=f"releasd log {ctx.job.id} --step check; make the build reproducible, or set policy.reproduce",
        )
    return {second.build: second.evidence() for second in seconds}


def _tell(ctx: Context, second: Second) -> None:
    part = second.build + AGAIN
    if not second.is_other_host:
        ctx.say(part, f"there is no second able host: built again on {second.host}, in another folder")
    for line in second.found:
        ctx.say(part, line)
    if not second.found:
        ctx.say(part, f"{second.host} gives the same bytes")


def _second(ctx: Context, build: BuildSpec, artifacts: Sequence[Artifact], source: Path) -> Second:
    mine = [artifact for artifact in artifacts if artifact.build == build.name]
    before = ctx.journal.built().get(build.name)  # not its files' host: what two builds leave alike is the first's
    able = first.hosts(ctx, build)
    out = ctx.journal.hosts_out()
    hosts = [host for host in able if host.spec.name != before and host.spec.name not in out] or able
    epoch = ctx.git.commit_time(ctx.release_commit)
    part = build.name + AGAIN
    try:
        host, result = farm.run_build(
            ctx, part, hosts, lambda host: first.task(ctx, build, host, source, epoch, part=part)
        )
    except (Transient, Permanent) as error:
        if ctx.project.reproduce == "require" and isinstance(error, Transient):
            raise
        why = f"{build.name}: it could not be built again: {error.message}"
        return Second(build=build.name, host="", is_other_host=True, found=(why,))
    problem = first.problem(build, result)
    if problem:
        ctx.journal.build_failed(part, host.spec.name, problem)
        found: tuple[str, ...] = (f"{build.name}: built again on {host.spec.name}, {problem}",)
    else:
        ctx.journal.build_sealed(part, host.spec.name, (), evidence=result.evidence)
        found = tuple(_compared(ctx, artifacts, mine, host, result.outputs))
    return Second(build=build.name, host=host.spec.name, is_other_host=host.spec.name != before, found=found)


def _compared(
    ctx: Context, artifacts: Sequence[Artifact], mine: Sequence[Artifact], host: Host, outputs: Sequence[Output]
) -> Iterator[str]:
    """Yield how the second files differ from the sealed ones; one of them may be sealed under another build's name."""
    sealed = {artifact.filename: artifact for artifact in artifacts}
    made = {output.path.name: output for output in outputs}
    for artifact in mine:
        if artifact.filename not in made:
            yield f"{artifact.filename}: {host.spec.name} did not make it"
    for name, output in sorted(made.items()):
        if name not in sealed:
            yield f"{name}: {host.spec.name} made it, the first build did not"
        elif sealed[name].sha256 != output.sha256:
            yield from _explained(ctx, sealed[name], output)


def _explained(ctx: Context, artifact: Artifact, output: Output) -> tuple[str, ...]:
    with ExitStack() as stack:
        one = stack.enter_context(ctx.artifacts.open(artifact))
        two = stack.enter_context(output.path.open("rb"))
        return differences(artifact.filename, one, two)
