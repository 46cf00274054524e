"""`tag`: release commit and annotated tag, in one atomic push.

The remote refusing an existing tag is the claim of the version; from here on there is no way back, only forward.

Where the branch stands:
* at the planned commit: it is fast-forwarded to the release commit;
* further on: the release commit is joined to the tip by a merge commit, so that the tagged commit is exactly what was
  built and is reachable from the branch;
* joined with a conflict, or rewritten: the release is planned again from the new tip.
"""

from releasd.errors import Conflict, Replan, Transient
from releasd.model import Evidence
from releasd.steps import version
from releasd.steps.context import Context

TRIES = 5  # pushes by others that may come in between, before the attempt is put off


def observe(ctx: Context) -> Evidence | None:
    """Return the tag when the remote has it at our commit. Raises `Conflict` when it is at another."""
    ref = f"refs/tags/{ctx.plan.tag}"
    found = ctx.git.remote_refs(ref, f"{ref}^{{}}")
    commit = found.get(f"{ref}^{{}}") or found.get(ref)
    if commit is None:
        return None
    if commit != ctx.release_commit:
        raise Conflict(
            f"the tag {ctx.plan.tag} is on the remote at {commit[:12]}, not at our {ctx.release_commit[:12]}",
            advice="somebody else released this version; look at both commits before deleting either",
        )
    return {"tag": ctx.plan.tag, "commit": commit}


def apply(ctx: Context) -> Evidence:
    """Push branch and tag together; look again and try again when somebody pushed in between."""
    version.ensure(ctx)
    for _ in range(TRIES):
        tip = ctx.git.fetch(ctx.plan.branch)
        target = _target(ctx, tip)
        try:
            _push(ctx, tip, target)
        except Replan as moved:
            ctx.say("tag", f"looking again: {moved.message}")
            if seen := observe(ctx):
                return seen
            continue
        return {
            "tag": ctx.plan.tag,
            "commit": ctx.release_commit,
            "tip": target,
            "merged": target != ctx.release_commit,
        }
    raise Transient(f"{ctx.plan.branch} moved {TRIES} times while the tag was being pushed")


def message(ctx: Context) -> str:
    """Return the tag's message: notes, and the head of the audit chain, so that the repository witnesses the log."""
    return f"{ctx.plan.tag}\n\n{ctx.plan.notes.strip()}\n\nReleasd-Audit: {ctx.journal.audit_head()}\n"


def _target(ctx: Context, tip: str) -> str:
    """Return what the branch shall point at."""
    release = ctx.release_commit
    if ctx.git.is_ancestor(release, tip):
        return tip
    if ctx.git.is_ancestor(tip, release):
        return release
    if not ctx.git.is_ancestor(ctx.plan.commit, tip):
        raise Replan(f"{ctx.plan.branch} was rewritten: {ctx.plan.commit[:12]} is no longer on it")
    merged = ctx.git.merge(
        tip, release, message=f"Merge release {ctx.plan.tag} into {ctx.plan.branch}", at=ctx.plan.planned_at
    )
    if merged is None:
        raise Replan(f"the release commit conflicts with what was pushed to {ctx.plan.branch} meanwhile")
    return merged


def _push(ctx: Context, tip: str, target: str) -> None:
    branch, tag = f"refs/heads/{ctx.plan.branch}", f"refs/tags/{ctx.plan.tag}"
    obj = ctx.git.write_tag(name=ctx.plan.tag, commit=ctx.release_commit, message=message(ctx), at=ctx.plan.planned_at)
    if target == ctx.release_commit:
        ctx.journal.own_push(
            target, on=ctx.plan.commit
        )  # only a plain fast-forward: a merge brings others' commits, which want planning
    ctx.fault("tag.own_push_noted")
    ctx.journal.fence()
    ctx.git.push({branch: target, tag: obj}, expect={branch: tip, tag: ""})
    ctx.fault("tag.pushed")
