"""`version`: the release commit, written without a work tree and kept under a private ref until `tag`.

The commit is a function of the plan alone (its date is the plan's), so a second attempt makes the same object. Hence
what the private ref or the clone lost is written again, and what the ref holds is only adopted when it is that object.
"""

import re
from collections.abc import Mapping

from releasd.core.changelog import written
from releasd.core.files import apply_edit
from releasd.errors import Permanent, Replan
from releasd.model import Evidence, Plan
from releasd.steps.context import Context

_MESSAGE = "chore(release): {version} [skip ci]\n\n{notes}"
_MESSAGE_OF_PACKAGE = "chore(release): {tag} [skip ci]\n\n{notes}"
_PLACE = re.compile(r"\{([a-z_]+)\}")


def observe(ctx: Context) -> Evidence | None:
    """Return the release commit when the private ref holds just the one that the plan gives."""
    held = ctx.git.resolve(ctx.private_ref)
    if held is None:
        return None
    made = _write(ctx)
    return made if made["commit"] == held else None


def apply(ctx: Context) -> Evidence:
    """Edit version files, lock files and the changelog; commit them on top of the planned commit."""
    made = _write(ctx)
    ctx.journal.fence()
    ctx.git.set_ref(ctx.private_ref, made["commit"])
    ctx.fault("version.ref_set")
    return made


def ensure(ctx: Context) -> None:
    """Have the journal's release commit in the clone, kept by the private ref, whatever became of either.

    To be called by a step before it uses the commit: the ref goes with a job's failure and the job may be retried,
    and a broken clone is made again empty.

    Raises:
        Replan: the planned commit is nowhere any more: the branch was rewritten.
        Permanent: the plan no longer gives that commit, for releasd or its name in the configuration changed since.
    """
    wanted = ctx.release_commit
    if ctx.git.resolve(ctx.private_ref) == wanted:
        return
    if ctx.git.resolve(ctx.plan.commit) is None:
        ctx.git.fetch(ctx.plan.branch)
        if ctx.git.resolve(ctx.plan.commit) is None:
            raise Replan(f"{ctx.plan.branch} was rewritten: {ctx.plan.commit[:12]} is no longer on it")
    made = _write(ctx)["commit"]
    if made != wanted:
        raise Permanent(
            f"the release commit {wanted[:12]} is lost, and the plan now gives {made[:12]}",
            advice=f"plan it again: releasd retry {ctx.job.id} --from version",
        )
    ctx.journal.fence()
    ctx.git.set_ref(ctx.private_ref, wanted)


def _write(ctx: Context) -> Evidence:
    """Write the commit that the plan gives; nothing refers to it yet."""
    plan = ctx.plan
    files = _edited(plan, ctx.git.read(plan.commit, _paths(plan)))
    commit = ctx.git.write_commit(parents=(plan.commit,), files=files, message=message(plan), at=plan.planned_at)
    return {"commit": commit, "files": sorted(files)}


def message(plan: Plan) -> str:
    """Return the release commit's message: the project's own, else in the form of semantic-release's git plug-in."""
    values = {
        "version": plan.version,
        "tag": plan.tag,
        "commit": plan.commit,
        "bump": str(plan.bump),
        "branch": plan.branch,
        "notes": plan.notes.strip(),
        "last_version": plan.last.version if plan.last else "",
        "last_tag": plan.last.tag if plan.last else "",
        "channel": plan.channel or "",
    }
    template = plan.commit_message or (_MESSAGE_OF_PACKAGE if plan.package else _MESSAGE)
    return f"{_PLACE.sub(lambda place: values.get(place[1], place[0]), template).strip()}\n"


def _paths(plan: Plan) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(edit.path for edit in plan.edits), plan.changelog)))


def _edited(plan: Plan, found: Mapping[str, bytes]) -> dict[str, bytes]:
    """Apply all edits; several may be of one file."""
    texts = {path: _text(path, content) for path, content in found.items()}
    for edit in plan.edits:
        texts[edit.path] = apply_edit(edit, texts[edit.path])
    if plan.changelog:
        texts[plan.changelog] = written(texts.get(plan.changelog), plan.notes, plan.changelog_form)
    return {path: text.encode() for path, text in texts.items()}


def _text(path: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Permanent(
            f"{path} is not UTF-8 (byte {error.start}), so the new version cannot be written into it",
            advice=f"git push a commit that has {path} in UTF-8",
        ) from error
