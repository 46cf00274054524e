"""`sync`: the daemon's own clone gets the newest state of the branch. A person's working copy is never touched."""

from releasd.errors import Replan
from releasd.model import Evidence
from releasd.steps.context import Context


def observe(ctx: Context) -> Evidence | None:
    """Return None: only a fetch knows."""


def apply(ctx: Context) -> Evidence:
    """Fetch; raise `Replan` when the planned commit is no longer on the branch (somebody rewrote it)."""
    tip = ctx.git.fetch(ctx.plan.branch)
    if not ctx.git.is_ancestor(ctx.plan.commit, tip):
        raise Replan(f"{ctx.plan.branch} was rewritten: {ctx.plan.commit[:12]} is no longer on it")
    return {"tip": tip}
