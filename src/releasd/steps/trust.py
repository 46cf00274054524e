"""Whom a release is trusted to: who signed the commit that is released, and whether we can sign what comes of it.

The planned commit alone is looked at. Its signature covers its whole history, since a commit names its parents by hash:
whoever signs the tip vouches for all that it stands on, as whoever signs a tag does.
"""

from pathlib import Path

from releasd.model import Evidence
from releasd.steps.context import Context


def check(ctx: Context) -> Evidence:
    """Raise `Permanent` unless the planned commit is signed as the operator asks, and the operator's key can sign."""
    allowed, revoked = ctx.project.allowed_signers, ctx.project.revoked_signers
    if allowed:
        ctx.git.check_signature(ctx.plan.commit, allowed=Path(allowed), revoked=Path(revoked) if revoked else None)
    if ctx.signer:
        ctx.signer.prove()
    return {"signed": bool(allowed)}
