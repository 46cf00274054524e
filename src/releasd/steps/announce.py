"""`announce`: tells the world, at least once, with a key that lets the receiver drop a repetition.

Its failure never fails the release (core/lifecycle.py, rule 5).
"""

import msgspec

from releasd.errors import ReleasdError, Transient
from releasd.model import Evidence, Plan
from releasd.steps.context import Context


def observe(ctx: Context) -> Evidence | None:
    """Return None: a receiver cannot be asked, so the key makes a repetition harmless."""


def apply(ctx: Context) -> Evidence:
    """Deliver to every webhook; one that fails does not keep the others from hearing."""
    body = release_json(ctx)
    failed = [problem for name in ctx.plan.webhooks if (problem := _deliver(ctx, name, body))]
    if failed:
        raise Transient("not everyone was told: " + "; ".join(failed))
    return {"told": list(ctx.plan.webhooks)}


def release_json(ctx: Context) -> bytes:
    """Return the release as JSON, schema 1 (docs/webhooks.md)."""
    plan: Plan = ctx.plan
    return msgspec.json.encode(
        {
            "schema": 1,
            "event": "release.published",
            "project": plan.project,
            "distribution": plan.distribution,
            "version": plan.version,
            "pep440": plan.pep440,
            "tag": plan.tag,
            "commit": ctx.release_commit,
            "bump": plan.bump,
            "notes": plan.notes,
            "indexes": plan.indexes,
            "files": [{"filename": a.filename, "sha256": a.sha256, "size": a.size} for a in ctx.journal.artifacts()],
        }
    )


def _deliver(ctx: Context, name: str, body: bytes) -> str | None:
    ctx.journal.fence()
    try:
        ctx.notifier.announce(name, body, key=f"{ctx.plan.project}-{ctx.plan.version}-{name}")
        ctx.fault("announce.delivered")
    except ReleasdError as error:
        ctx.say("announce", f"{name}: {error.message}")
        return f"{name} ({error.message})"
    return None
