"""Decides for any repository, with no daemon and no configuration, and touches nothing."""

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from releasd.adapters.git import GitRepo
from releasd.core.notes import web_url_of
from releasd.core.plan import to_json
from releasd.core.version import decide
from releasd.engine.facts import gather
from releasd.errors import GitError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to decide about. `date` is the day in the notes, in UTC; `config` is used instead of the repository's."""

    repo: Path
    ref: str
    date: dt.date
    config: Path | None = None
    repository_url: str | None = None


def plan(asked: Asked) -> dict[str, Any]:
    """Return `plan --json`'s document (DESIGN.md §5.2).

    Raises:
        GitError: no repository, no commit of that name, or a history that is cut off.
        ConfigError: the project's configuration is wrong.
    """
    git = GitRepo(asked.repo)
    commit = git.resolve(asked.ref)
    if commit is None:
        raise _no_commit(git, asked)
    branch = _branch(git, asked.ref)
    own = own_config(asked.config) if asked.config else {}
    facts, config = gather(git, commit, repository=str(asked.repo.absolute()), branch=branch, instead=own)
    url = asked.repository_url or next(iter(git.remote_urls()), "")
    facts = replace(facts, web_url=web_url_of(url))
    return to_json(facts, config, decide(facts, config, None), date=asked.date)


def own_config(file: Path) -> dict[str, str]:
    """Return the texts that a project configuration given by hand stands for, by path."""
    if file.suffix != ".toml":
        raise UsageError(f"{file}: only releasd's own TOML form is read", advice="write it as .releasd.toml is written")
    try:
        return {".releasd.toml": file.read_text()}
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", advice="name a file that can be read") from error


def _branch(git: GitRepo, ref: str) -> str | None:
    return git.branch() if ref == "HEAD" else ref.removeprefix("refs/heads/")


def _no_commit(git: GitRepo, asked: Asked) -> GitError:
    git.git_folder()  # says so when this is no repository at all
    if asked.ref == "HEAD":
        return GitError(f"{asked.repo.absolute()} has no commits yet", advice="git commit first")
    return GitError(f"{asked.repo.absolute()} has no commit called {asked.ref}", advice="git branch -a; git tag")
