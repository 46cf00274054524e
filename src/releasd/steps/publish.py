"""`publish`: each index gets the files that it lacks, and no others.

What the index lists is the truth; the uploader's exit code is not (publishing-facts.md §2). Same name and same bytes
is ours; same name and other bytes is a `Conflict`.
"""

from collections.abc import Mapping

from releasd.core import crates
from releasd.errors import Conflict, ReleasdError, Transient
from releasd.model import Artifact, Evidence
from releasd.ports import Index, ServedFile
from releasd.steps.context import Context

LISTING_PATIENCE = 30  # looks, a second apart, until the index lists what it took


def observe(ctx: Context) -> Evidence | None:
    """Return the evidence when every index lists every file with our digest."""
    lacking = {name: lacks(ctx, ctx.indexes[name]) for name in ctx.plan.indexes}
    return None if any(lacking.values()) else _evidence(ctx, {})


def apply(ctx: Context) -> Evidence:
    """Upload to one index after the other, so that a failure on the first keeps the others untouched."""
    return _evidence(ctx, {name: _publish(ctx, ctx.indexes[name]) for name in ctx.plan.indexes})


def lacks(ctx: Context, index: Index) -> tuple[Artifact, ...]:
    """Return the sealed files that the index does not list. Raises `Conflict` for one it lists with other bytes."""
    artifacts = taken(ctx, index)
    listed = {file.filename: file for file in listing(ctx, index)}
    for artifact in artifacts:
        served = listed.get(artifact.filename)
        if served and (served.sha256 or index.download_sha256(served)) != artifact.sha256:
            raise Conflict(
                f"{index.name} has {artifact.filename} with other bytes than those built here",
                advice="somebody else published this version: find out who before anything else; "
                "an index never takes a file name again, so the way on is a new version",
            )
    return tuple(artifact for artifact in artifacts if artifact.filename not in listed)


def taken(ctx: Context, index: Index) -> tuple[Artifact, ...]:
    """Return the sealed files that belong there."""
    return tuple(artifact for artifact in ctx.journal.artifacts() if index.takes(artifact.filename))


def listing(ctx: Context, index: Index) -> tuple[ServedFile, ...]:
    """Return what the index lists of this release: crates have names of their own, the other files share one."""
    python = (ctx.plan.distribution, ctx.plan.pep440)
    names = {crates.split_filename(artifact.filename) or python for artifact in taken(ctx, index)}
    return tuple(file for name, version in sorted(names) for file in index.files(name, version))


def _publish(ctx: Context, index: Index) -> list[str]:
    lacking = lacks(ctx, index)
    if not lacking:
        return []
    ctx.journal.fence()
    try:
        index.upload([ctx.artifacts.path(artifact) for artifact in lacking], ctx.sink(index.name))
    except ReleasdError as error:
        ctx.say(index.name, f"the upload ended with: {error.message}; asking the index what it has")
        if lacks(ctx, index):
            raise
    ctx.fault("publish.uploaded")
    _wait_until_listed(ctx, index)
    return [artifact.filename for artifact in lacking]


def _wait_until_listed(ctx: Context, index: Index) -> None:
    missing = lacks(ctx, index)
    for _ in range(LISTING_PATIENCE):
        if not missing:
            return
        ctx.clock.sleep(1.0)
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
