"""`verify`: each destination serves exactly what was built (steps/proof.py)."""

from releasd.model import Evidence
from releasd.steps import proof
from releasd.steps.context import Context


def observe(ctx: Context) -> Evidence | None:
    """Return None: verifying is looking."""


def apply(ctx: Context) -> Evidence:
    """Look at each destination until it serves what was built, for at most the project's `verify_timeout`."""
    return {"indexes": {name: proof.ensure(ctx, ctx.indexes[name]) for name in ctx.plan.indexes}}
