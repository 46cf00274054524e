"""The release notes that release-notes-generator 14.1.1 writes, to the byte: its `index.js`, less what reads files.

A commit has the fields that semantic-release gives it and that a template may name: hash, message, author and the
abbreviated name. One shows by itself: where a message's header does not match, its subject is what git's `%s` says.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from releasd.core.semrel import jsregex
from releasd.core.semrel.filter import drop_reverted
from releasd.core.semrel.gitlog import subject_of
from releasd.core.semrel.jstext import trim
from releasd.core.semrel.parser import Parsed, parser
from releasd.core.semrel.presets import SHORT, CommitValues, Context, Preset, angular, conventionalcommits
from releasd.core.semrel.urls import Place, place
from releasd.core.semrel.writer import write
from releasd.core.walks import Walk, beyond, kept_of
from releasd.errors import ConfigError
from releasd.model import Commit, LastRelease, NotesOptions, SemanticReleaseOptions

Transform = Callable[[CommitValues, Context], CommitValues | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRelease:
    """The release that the notes are for."""

    version: str
    tag: str


def render(
    commits: Sequence[Commit],
    *,
    options: NotesOptions,
    last: LastRelease | None,
    next: NextRelease,  # noqa: A002 - the word of the plan's JSON and of semantic-release
    repository_url: str | None,
    date: dt.date,
) -> str:
    """Return the notes for `commits`, newest first; `date` is the day in UTC.

    `repository_url` is taken as npm takes it, dead links included; None: the repository has no page, and the notes no
    links, which npm does not know. `[skip release]` hides nothing here, as in semantic-release. Raises `ConfigError`
    for what cannot be honoured.
    """
    where = place(repository_url or "")
    preset = _preset(options)
    context = _context(options, where, last, next, date)
    if repository_url is None and options.host is None:
        preset = replace(preset, transform=_unlinked(preset.transform))
        context |= {"linkCompare": False, "linkReferences": False}
    parsed = _parsed(commits, options, where)
    return write(
        drop_reverted(parsed, lambda each: each),
        context,
        preset=preset,
        writer_opts=options.writer_opts,
        unreverted=unreverted,
    )


def unreverted(commits: Sequence[CommitValues]) -> list[CommitValues]:
    """Return the commits, newest first, without reverts that match a commit and those commits.

    Source: conventional-commits-filter 5.0.0. A commit that has been transformed is compared as it was before.
    """
    return list(drop_reverted(commits, lambda each: each))


def _preset(options: NotesOptions) -> Preset:
    if options.preset == "angular":
        return angular.preset()
    if options.preset == "conventionalcommits":
        return conventionalcommits.preset(options.preset_config)
    raise ConfigError(
        f"the preset {options.preset} cannot be honoured for release notes",
        advice="use angular or conventionalcommits",
    )


def _unlinked(transform: Transform) -> Transform:
    """Return the preset's transform with subjects as they were before issues and users in them became links."""

    def unlinked(commit: CommitValues, context: Context) -> CommitValues | None:
        patch = transform(commit, context)
        return None if patch is None else {**patch, "subject": commit.get("subject")}

    return unlinked


def _context(
    options: NotesOptions, where: Place, last: LastRelease | None, release: NextRelease, date: dt.date
) -> dict[str, Any]:
    context: dict[str, Any] = {
        "version": release.version,
        "host": where.host,
        "owner": where.owner,
        "repository": where.repository,
        "previousTag": last.tag if last else None,
        "currentTag": release.tag,
        "linkCompare": bool(last),
        "issue": where.forge.issue,
        "commit": where.forge.commit,
        "date": date.isoformat(),
    }
    given = {
        "host": options.host,
        "linkCompare": options.link_compare,
        "linkReferences": options.link_references,
        "commit": options.commit,
        "issue": options.issue,
    }
    return context | {key: value for key, value in given.items() if value is not None}


def _parsed(commits: Sequence[Commit], options: NotesOptions, where: Place) -> Sequence[CommitValues]:
    """Return what there is to say of each commit; of those that `commits` does not keep, anew for each walk."""
    values = _reader(options, where)
    kept = list(values(kept_of(commits)))
    return Walk(kept, lambda: values(beyond(commits))) if isinstance(commits, Walk) else kept


def _reader(options: NotesOptions, where: Place) -> Callable[[Iterable[Commit]], Iterator[CommitValues]]:
    base = {
        "referenceActions": tuple(where.forge.reference_actions),
        "issuePrefixes": tuple(where.forge.issue_prefixes),
    }
    parsing = SemanticReleaseOptions(
        preset=options.preset, parser_opts=options.parser_opts, preset_config=options.preset_config
    )
    read = parser(parsing, base)
    ignored = options.preset_config.get("ignoreCommits")
    ignore = jsregex.matcher(ignored) if ignored else None

    def values(commits: Iterable[Commit]) -> Iterator[CommitValues]:
        for commit in commits:
            if trim(commit.message) and not (ignore and ignore(commit.message)):
                yield _values(commit, read(commit.message))

    return values


def _values(commit: Commit, parsed: Parsed) -> CommitValues:
    name, _, address = commit.author.rpartition(" <")
    values: CommitValues = {
        "hash": commit.id,
        "message": commit.message,
        "subject": subject_of(commit.message),
        "author": {"name": name, "email": address.removesuffix(">")},
        "commit": {"long": commit.id, "short": commit.id[:SHORT]},
    }
    values |= parsed.values
    values["notes"] = [note._asdict() for note in parsed.notes]
    values["references"] = [reference._asdict() for reference in parsed.references]
    return values
