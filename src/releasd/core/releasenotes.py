"""The one place where a project's notes and the form of its changelog are chosen.

`plan`, `notes`, `replay` and the daemon all ask here, so that what is shown is what the release commit holds.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

from releasd.core.notes import render_notes
from releasd.core.pages import Pages, pages
from releasd.errors import ConfigError
from releasd.model import ChangelogForm, Commit, Decision, LastRelease, ProjectConfig

KEEP, TEMPLATE = "keep-a-changelog", "template"


def render(
    decision: Decision,
    config: ProjectConfig,
    *,
    last: LastRelease | None,
    remote_url: str | None,
    date: dt.date,
    commits: Sequence[Commit],
    files: Mapping[str, str],
) -> str:
    """Return the notes of the decided release in the project's own form, or "" where there is none.

    `remote_url` is the repository's address, which a `repository_url` of the project's replaces; `date` is the day in
    UTC; `files` holds the text of the template, where there is one. Raises `ConfigError` for what cannot be honoured.
    """
    if decision.version is None or decision.tag is None:
        return ""
    style = config.notes_style
    if _is_npm(config):
        from releasd.core.semrel.notes import NextRelease  # noqa: PLC0415 - only for those who ask for it
        from releasd.core.semrel.notes import render as as_npm  # noqa: PLC0415

        to = NextRelease(version=decision.version, tag=decision.tag)
        url = config.repository_url or (remote_url if _pages(config, remote_url) else None)
        return as_npm(commits, options=config.notes, last=last, next=to, repository_url=url, date=date)
    where = _pages(config, remote_url)
    if style.format not in (KEEP, TEMPLATE):
        return render_notes(decision, last=last, pages=where, date=date, commits=commits, style=style)
    from releasd.core.formats import keep_a_changelog, release_of  # noqa: PLC0415 - as above

    release = release_of(decision, last=last, pages=where, date=date, commits=commits, style=style)
    if release is None or style.format == KEEP:
        return keep_a_changelog(release, style=style) if release else ""
    from releasd.core.notestemplate import render_template  # noqa: PLC0415 - Jinja costs more than the rest

    return render_template(_template(config, files), release)


def changelog_form(config: ProjectConfig, *, remote_url: str | None, tag: str | None) -> ChangelogForm:
    """Return how the notes go into the changelog; `tag` is that of the release."""
    if _is_npm(config):
        return ChangelogForm(kind="semantic-release", title=config.changelog_title)
    if config.notes_style.format != KEEP:
        return ChangelogForm(title=config.changelog_title)
    where = _pages(config, remote_url)
    unreleased = where.compare(tag, "HEAD") if where and tag else None
    return ChangelogForm(kind=KEEP, title=config.changelog_title, unreleased_url=unreleased)


def _is_npm(config: ProjectConfig) -> bool:
    return config.analysis == "semantic-release" and config.notes_style.format == "default"


def _pages(config: ProjectConfig, remote_url: str | None) -> Pages | None:
    style = config.notes_style
    return pages(config.repository_url or remote_url or "", forge=style.forge, urls=style.urls)


def _template(config: ProjectConfig, files: Mapping[str, str]) -> str:
    path = config.notes_style.template or ""
    if path not in files:
        raise ConfigError(
            f"{config.source} has mistakes",
            problems=(f"{config.source}: notes.template: {path} is not in the repository",),
            advice=f"git add {path}, or edit notes.template",
        )
    return files[path]
