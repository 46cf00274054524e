"""A forge's release page: looked at first, then completed, and turned public last.

Same tag and same notes is ours, whoever began it; a file of the same name with other bytes, or other notes, is a
`Conflict` for a person. What somebody else attached is left alone.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from releasd.core import announcing
from releasd.errors import Conflict, Transient
from releasd.model import Announcement, Evidence
from releasd.ports import Forge, ForgeRelease, WantedRelease
from releasd.steps.context import Context

Attachment = tuple[str, Path]  # a name and where the file is
LONGEST_NOTES = 100_000  # characters; GitHub takes 125,000 at most


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    sha256: str
    size: int


def complete(ctx: Context, forge: Forge, news: Announcement, attachments: Iterable[Attachment] = ()) -> Evidence:
    """Bring the release page about, with the sealed files and `attachments`, and return where it is.

    Raises `Conflict` where the page is not ours, `Transient` where the forge does not show yet what it took, and what
    the forge raises.
    """
    wanted, files = _wanted(news), _files(ctx, attachments)
    found = forge.find(wanted)
    if found is None:
        ctx.journal.fence()
        found = forge.create(wanted)
        ctx.fault("announce.drafted")
    for name in _lacking(forge, wanted, found, files):
        ctx.journal.fence()
        forge.upload(wanted, found, name, files[name].path)
        ctx.fault("announce.uploaded")
    found = _complete(forge, wanted, files)
    if found.is_draft:
        ctx.journal.fence()
        forge.publish(wanted, found)
        ctx.fault("announce.published")
        found = _complete(forge, wanted, files)
        if found.is_draft:
            raise Transient(f"{forge.name} took {wanted.tag} but does not show it yet", advice="It is looked at again.")
    return {"url": found.url, "release": found.id, "files": {name: file.sha256 for name, file in files.items()}}


def _wanted(news: Announcement) -> WantedRelease:
    return WantedRelease(
        tag=news.tag,
        commit=news.commit,
        title=announcing.title(news),
        notes=news.notes.strip()[:LONGEST_NOTES],
        is_prerelease=announcing.is_prerelease(news.pep440),
        package=news.distribution,
        version=news.version,
    )


def _files(ctx: Context, attachments: Iterable[Attachment]) -> Mapping[str, _File]:
    sealed = {a.filename: _File(ctx.artifacts.path(a), a.sha256, a.size) for a in ctx.journal.artifacts()}
    return {**{name: _measured(path) for name, path in attachments}, **sealed}


def _measured(path: Path) -> _File:
    with path.open("rb") as file:
        return _File(path, hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def _complete(forge: Forge, wanted: WantedRelease, files: Mapping[str, _File]) -> ForgeRelease:
    """Return the release as it is by now, with every file."""
    found = forge.find(wanted)
    lacking = list(files) if found is None else _lacking(forge, wanted, found, files)
    if found is None or lacking:
        raise Transient(
            f"{forge.name} does not show {', '.join(lacking) or wanted.tag} yet",
            advice="It is looked at again by itself.",
        )
    return found


def _lacking(forge: Forge, wanted: WantedRelease, found: ForgeRelease, files: Mapping[str, _File]) -> list[str]:
    """Return the files that the release has not. Raises `Conflict` where it is not ours."""
    if found.notes is not None and _plain(found.notes) != _plain(wanted.notes):
        raise Conflict(
            f"{forge.name} has a release for {wanted.tag} with other notes than ours",
            advice=f"Delete that release on the forge, not its tag, or leave it: the files are published. {found.url}",
        )
    if found.commit is not None and found.commit != wanted.commit:
        raise Conflict(
            f"{forge.name} has a release for {wanted.tag} at {found.commit[:12]}, ours is {wanted.commit[:12]}",
            advice="Find out who moved the tag on the forge.",
        )
    there = {file.name: file for file in found.files}
    for name in files.keys() & there.keys():
        if there[name].size not in {None, files[name].size} or there[name].sha256 not in {None, files[name].sha256}:
            raise Conflict(
                f"{forge.name} has {name} in its release for {wanted.tag} with other bytes than those built here",
                advice="Find out who attached it; then delete that file there, and `releasd retry JOB`.",
            )
    return [name for name in files if name not in there]


def _plain(notes: str) -> str:
    return "\n".join(line.rstrip() for line in notes.strip().splitlines())
