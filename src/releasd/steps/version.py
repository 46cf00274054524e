"""`version`: the release commit, written without a work tree and kept under a private ref until `tag`.

The commit is a function of the plan alone (its date is the plan's), so a second attempt makes the same object.
"""

import re
from collections.abc import Mapping

from releasd.core.changelog import prepend, put_on_top
from releasd.core.files import apply_edit
from releasd.errors import Permanent
from releasd.model import Evidence, Plan
from releasd.steps.context import Context

_MESSAGE = "chore(release): {version} [skip ci]\n\n{notes}"
_PLACE = re.compile(r"\{([a-z_]+)\}")


def observe(ctx: Context) -> Evidence | None:
    """Return the release commit when the private ref holds one."""
    commit = ctx.git.resolve(ctx.private_ref)
    return {"commit": commit} if commit else None


def apply(ctx: Context) -> Evidence:
    """Edit version files, lock files and the changelog; commit them on top of the planned commit."""
    plan = ctx.plan
    files = _edited(plan, ctx.git.read(plan.commit, _paths(plan)))
    commit = ctx.git.write_commit(parents=(plan.commit,), files=files, message=message(plan), at=plan.planned_at)
    ctx.journal.fence()
    ctx.git.set_ref(ctx.private_ref, commit)
    ctx.fault("version.ref_set")
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
        "channel": "",
    }
    template = plan.commit_message or _MESSAGE
    return f"{_PLACE.sub(lambda place: values.get(place[1], place[0]), template).strip()}\n"


def _paths(plan: Plan) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(edit.path for edit in plan.edits), plan.changelog)))


def _edited(plan: Plan, found: Mapping[str, bytes]) -> dict[str, bytes]:
    """Apply all edits; several may be of one file."""
    texts = {path: _text(path, content) for path, content in found.items()}
    for edit in plan.edits:
        texts[edit.path] = apply_edit(edit, texts[edit.path])
    if plan.changelog:
        texts[plan.changelog] = _changelog(plan, texts.get(plan.changelog))
    return {path: text.encode() for path, text in texts.items()}


def _changelog(plan: Plan, existing: str | None) -> str:
    if plan.semantic_changelog:
        return put_on_top(existing, plan.notes, title=plan.changelog_title)
    return prepend(existing, plan.notes)


def _text(path: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Permanent(
            f"{path} is not UTF-8 (byte {error.start}), so the new version cannot be written into it",
            advice=f"git push a commit that has {path} in UTF-8",
        ) from error
