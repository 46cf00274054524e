"""Decides for any repository, with no daemon and no configuration, and touches nothing."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from releasd.adapters.git.read import Reading
from releasd.core.files import GIVEN
from releasd.core.notes import web_url_of
from releasd.core.plan import to_json
from releasd.core.version import decide
from releasd.engine.facts import Ahead, gather
from releasd.errors import GitError, UsageError
from releasd.model import Decision, Facts, ProjectConfig

if TYPE_CHECKING:
    from releasd.app.whereabouts import Where
    from releasd.core.preview import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to decide about. `date` is the day in the notes, in UTC.

    `config` and `analysis` are used instead of the repository's own.
    """

    repo: Path
    ref: str
    date: dt.date
    config: Path | None = None
    repository_url: str | None = None
    analysis: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A plan for people: the document of `plan --json`, what it would change, and which builds would run where."""

    document: dict[str, Any]
    changes: "tuple[Change, ...]"
    builds: "tuple[Where, ...]"
    warnings: tuple[str, ...]


def plan(asked: Asked) -> dict[str, Any]:
    """Return `plan --json`'s document (DESIGN.md §5.2).

    Raises:
        GitError: no repository, no commit of that name, or a history that is cut off.
        ConfigError: the project's configuration is wrong.
    """
    facts, config, decision = _decided(asked)
    return to_json(facts, config, decision, date=asked.date)


def preview(asked: Asked, environ: Mapping[str, str]) -> Preview:
    """Return the plan with its consequences. Raises as `plan` does."""
    facts, config, decision = _decided(asked)
    document = to_json(facts, config, decision, date=asked.date)
    if decision.version is None:
        return Preview(document=document, changes=(), builds=(), warnings=())
    from releasd.app.whereabouts import builds  # noqa: PLC0415 - not for `plan --json`
    from releasd.core.preview import changes  # noqa: PLC0415

    where, warnings = builds(facts, config, repo=asked.repo, environ=environ)
    changed = changes(facts, config, decision, document["notes"])
    return Preview(document=document, changes=changed, builds=where, warnings=warnings)


def _decided(asked: Asked) -> tuple[Facts, ProjectConfig, Decision]:
    git = Reading(asked.repo)
    commit = git.resolve(asked.ref)
    if commit is None:
        raise _no_commit(git, asked)
    urls = Ahead(git.remote_urls)
    branch = _branch(git, asked.ref)
    own = own_config(asked.config) if asked.config else {}
    facts, config = gather(git, commit, repository=str(asked.repo.absolute()), branch=branch, instead=own)
    config = replace(config, analysis=asked.analysis) if asked.analysis else config
    url = asked.repository_url or next(iter(urls.result()), "")
    facts = replace(facts, web_url=web_url_of(url))
    return facts, config, decide(facts, config, None)


def own_config(file: Path) -> dict[str, str]:
    """Return the texts that a project configuration given by hand stands for, by path."""
    path = GIVEN.get(file.suffix)
    if path is None:
        raise UsageError(
            f"{file}: it has to end in {', '.join(GIVEN)}",
            advice="write it as .releasd.toml is written, or as semantic-release's .releaserc.json or .yaml",
        )
    try:
        return {path: file.read_text()}
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", advice="name a file that can be read") from error


def _branch(git: Reading, ref: str) -> str | None:
    return git.branch() if ref == "HEAD" else ref.removeprefix("refs/heads/")


def _no_commit(git: Reading, asked: Asked) -> GitError:
    git.git_folder()  # says so when this is no repository at all
    if asked.ref == "HEAD":
        return GitError(f"{asked.repo.absolute()} has no commits yet", advice="git commit first")
    return GitError(f"{asked.repo.absolute()} has no commit called {asked.ref}", advice="git branch -a; git tag")
