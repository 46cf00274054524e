"""`publish`: each destination gets the files that it lacks, and no others; the next one only when this one is proven.

What the index lists is the truth; the uploader's exit code is not (publishing-facts.md §2). Same name and same bytes
is ours; same name and other bytes is a `Conflict`. How far each file came is on record (core/delivering.py), for people
and for patience with an index that lags, never as a reason not to look.
"""

from collections.abc import Mapping, Sequence

from releasd.core.delivering import in_order, is_awaited
from releasd.errors import Conflict, ReleasdError, Transient
from releasd.model import Artifact, Evidence, FileState
from releasd.ports import Index
from releasd.steps import proof
from releasd.steps.context import Context

LISTING_PATIENCE = 30  # looks, a second apart, until the index lists what it took


def observe(ctx: Context) -> Evidence | None:
    """Return the evidence when every destination lists our files, and those before the last are proven."""
    for position, name in enumerate(ctx.plan.indexes):
        is_last = name == ctx.plan.indexes[-1]
        _plan(ctx, position, ctx.indexes[name])
        if lacks(ctx, ctx.indexes[name]) or not (is_last or ctx.journal.proof(name)):
            return None
    return _evidence(ctx, {})


def apply(ctx: Context) -> Evidence:
    """Serve one destination after the other, so that a failure on the first keeps the others untouched."""
    uploaded = {}
    for position, name in enumerate(ctx.plan.indexes):
        index = ctx.indexes[name]
        _plan(ctx, position, index)
        uploaded[name] = _deliver(ctx, index)
        if name != ctx.plan.indexes[-1]:
            proof.ensure(ctx, index)
            ctx.fault("publish.proven")
    return _evidence(ctx, uploaded)


def _plan(ctx: Context, position: int, index: Index) -> None:
    """Put on record what belongs on a destination, before anything is known of it there."""
    ctx.journal.deliver(index.name, position, proof.wanted(ctx, index), closes=index.rules.pypi_rules)


def lacks(ctx: Context, index: Index) -> tuple[Artifact, ...]:
    """Return the sealed files that the index does not list. Raises `Conflict` for one it lists with other bytes."""
    listed = {file.filename: file for file in proof.listing(ctx, index)}
    wanted = proof.wanted(ctx, index)
    for artifact in wanted:
        served = listed.get(artifact.filename)
        if served and (served.sha256 or index.download_sha256(served)) != artifact.sha256:
            raise Conflict(
                f"{index.name} has {artifact.filename} with other bytes than those built here",
                advice="somebody else published this version: find out who before anything else; "
                "an index never takes a file name again, so the way on is a new version",
            )
    ctx.journal.delivered(index.name, [a.filename for a in wanted if a.filename in listed], FileState.SERVED)
    return tuple(a for a in wanted if a.filename not in listed)


def _deliver(ctx: Context, index: Index) -> list[str]:
    """Send what lacks and was not taken a moment ago; return the names of what was sent, all listed by now."""
    lacking = lacks(ctx, index)
    if not lacking:
        return []
    known, now = ctx.journal.deliveries(index.name), ctx.clock.now()
    due = in_order(each for each in lacking if not is_awaited(known.get(each.filename), now))
    if due:
        _send(ctx, index, due)
    _wait_until_listed(ctx, index)
    return sorted(artifact.filename for artifact in due)


def _send(ctx: Context, index: Index, due: Sequence[Artifact]) -> None:
    ctx.journal.fence()
    try:
        index.upload([ctx.artifacts.path(artifact) for artifact in due], ctx.sink(index.name))
    except ReleasdError as error:
        ctx.say(index.name, f"the upload ended with: {error.message}; asking the index what it has")
        judged = error.by_file
        taken = [] if judged is None else [each.filename for each in due if each.filename not in judged]
        ctx.journal.delivered(index.name, taken, FileState.UPLOADED)
        _judge(ctx, index, due, error)
    else:
        ctx.journal.delivered(index.name, [each.filename for each in due], FileState.UPLOADED)
    ctx.fault("publish.uploaded")


def _judge(ctx: Context, index: Index, due: Sequence[Artifact], error: ReleasdError) -> None:
    """Raise the uploader's error unless the index has everything all the same."""
    missing = {each.filename for each in lacks(ctx, index)}
    if missing:
        each_alike = dict.fromkeys((each.filename for each in due), error.message)
        problems = each_alike if error.by_file is None else error.by_file
        ctx.journal.delivery_failed(index.name, {name: why for name, why in problems.items() if name in missing})
        raise error


def _wait_until_listed(ctx: Context, index: Index) -> None:
    missing = lacks(ctx, index)
    for _ in range(LISTING_PATIENCE):
        if not missing:
            return
        proof.pause(ctx)
        missing = lacks(ctx, index)
    raise Transient(
        f"{index.name} took the files but does not list {', '.join(a.filename for a in missing)} yet",
        advice="an index may lag for minutes; releasd looks again by itself",
    )


def _evidence(ctx: Context, uploaded: Mapping[str, list[str]]) -> Evidence:
    return {
        "indexes": list(ctx.plan.indexes),
        "files": {artifact.filename: artifact.sha256 for artifact in ctx.journal.artifacts()},
        "uploaded": dict(uploaded),
    }
