"""Decides for any repository, with no daemon and no configuration, and touches nothing."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from releasd.adapters import sshalias
from releasd.adapters.git.read import Reading
from releasd.app.worktree import uncommitted
from releasd.core.files import GIVEN
from releasd.core.plan import SCHEMA, error_as_json, inside, to_json
from releasd.core.version import decide
from releasd.engine.facts import Ahead, Snapshot, config_of, gather, snapshot, together
from releasd.errors import GitError, ReleasdError, UsageError
from releasd.model import Bump, Decision, Facts, ProjectConfig

if TYPE_CHECKING:
    from releasd.app.whereabouts import Where
    from releasd.core.preview import Change
    from releasd.engine.ranges import Together


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to decide about. `date` is the day in the notes, in UTC.

    `config` and `analysis` are used instead of the repository's own; `package` is the one of several that is meant.
    """

    repo: Path
    ref: str
    date: dt.date
    config: Path | None = None
    repository_url: str | None = None
    analysis: str | None = None
    package: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A plan for people: the document of `plan --json`, what it would change, and which builds would run where."""

    document: dict[str, Any]
    changes: "tuple[Change, ...]"
    builds: "tuple[Where, ...]"
    warnings: tuple[str, ...]


def plan(asked: Asked, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return `plan --json`'s document (DESIGN.md §5.2); of several packages, that of the whole with one for each.

    `environ` says where the operator's configuration is, which may say how to build what does not say it itself.

    Raises:
        GitError: no repository, no commit of that name, or a history that is cut off.
        ConfigError: the project's configuration is wrong.
        UsageError: there is no such package.
        Permanent: the branch may not release the version that comes next.
    """
    git, seen, remote = _read(asked)
    wanted = _wanted(seen, asked)
    if not seen.config.packages or asked.package:
        return _document(_decided(git, seen, remote, wanted[0], None), wanted[0], asked, environ)
    found = []
    walk = together(git, seen, wanted)
    for config in wanted:
        try:
            found.append(_document(_decided(git, seen, remote, config, walk), config, asked, environ))
        except ReleasdError as error:
            found.append(_refused(seen, config, error))
    return _whole(seen, found)


def forward(asked: Asked) -> list[dict[str, Any]]:
    """Return what would be released next if something has to be: as `plan` decides, at least a patch.

    Of several packages each is in the list. Raises as `plan` does.
    """
    git, seen, remote = _read(asked)
    wanted = _wanted(seen, asked)
    walk = together(git, seen, wanted)
    return [_next(git, seen, remote, config, walk) for config in wanted]


def _next(git: Reading, seen: Snapshot, remote: str, config: ProjectConfig, walk: "Together | None") -> dict[str, Any]:
    facts, decision = _decided(git, seen, remote, config, walk)
    reason, commits = decision.reason, len(decision.verdicts)
    if decision.version is None:
        decision = decide(facts, config, Bump.PATCH)
    return {
        "package": config.package.name if config.package else None,
        "distribution": config.name,
        "version": decision.version,
        "tag": decision.tag,
        "bump": str(decision.bump),
        "commits": commits,
        "reason": reason,
    }


def _refused(seen: Snapshot, config: ProjectConfig, error: ReleasdError) -> dict[str, Any]:
    """Return the document of a package that cannot be decided about; the others are none the worse."""
    return {
        "schema": SCHEMA,
        "repo": seen.repository,
        "ref": seen.commit,
        "branch": seen.branch,
        "channel": None,
        "package": config.package.name if config.package else None,
        "last": None,
        "bump": str(Bump.NONE),
        "next": None,
        "reason": error.message,
        "error": error_as_json(error),
        "commits": [],
        "files": [],
        "notes": "",
        "warnings": [],
    }


def previews(asked: Asked, environ: Mapping[str, str]) -> Iterator[Preview]:
    """Yield the plan of the repository, or of each of its packages, with its consequences. Raises as `plan` does."""
    from releasd.app.whereabouts import builds  # noqa: PLC0415 - not for `plan --json`
    from releasd.core.preview import changes  # noqa: PLC0415

    git, seen, remote = _read(asked)
    wanted = _wanted(seen, asked)
    walk = together(git, seen, wanted)
    for config in wanted:
        try:
            facts, decision = _decided(git, seen, remote, config, walk)
        except ReleasdError as error:
            if asked.package or not seen.config.packages:
                raise
            yield Preview(document=_refused(seen, config, error), changes=(), builds=(), warnings=())
            continue
        document = to_json(facts, config, decision, date=asked.date)
        if document["next"] is None:
            yield Preview(document=document, changes=(), builds=(), warnings=())
            continue
        where, warnings = builds(facts, config, repo=asked.repo, environ=environ)
        changed = changes(facts, config, decision, document["notes"])
        yield Preview(document=document, changes=changed, builds=where, warnings=warnings)


def _wanted(seen: Snapshot, asked: Asked) -> tuple[ProjectConfig, ...]:
    chosen = (config_of(seen.config, asked.package),) if asked.package else seen.config.packages or (seen.config,)
    if asked.ref == "HEAD" and asked.config is None:
        told = (*chosen[0].warnings, *uncommitted(asked.repo, seen.files))
        chosen = (replace(chosen[0], warnings=told), *chosen[1:])
    read = (replace(each, analysis=asked.analysis or each.analysis) for each in chosen)
    return tuple(replace(each, repository_url=given_url(asked.repository_url, each)) for each in read)


def _document(
    decided: tuple[Facts, Decision], config: ProjectConfig, asked: Asked, environ: Mapping[str, str]
) -> dict[str, Any]:
    facts, decision = decided
    document = to_json(facts, config, decision, date=asked.date)
    if document["next"] and not config.builds and "pyproject.toml" not in inside(facts.files, config):
        from releasd.app.whereabouts import builds  # noqa: PLC0415 - where there is a pyproject.toml, that says it

        document["warnings"] += builds(facts, config, repo=asked.repo, environ=environ)[1]
    return document


def _whole(seen: Snapshot, packages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the document of a repository with several packages: no version of its own, and what each of them does."""
    released = [each for each in packages if each["next"]]
    named = ", ".join(f"{each['package']} {each['next']['version']}" for each in released)
    bumps = sorted((Bump(each["bump"]) for each in packages), key=lambda bump: bump.rank)
    return {
        "schema": SCHEMA,
        "repo": seen.repository,
        "ref": seen.commit,
        "branch": seen.branch,
        "channel": packages[0]["channel"],
        "package": None,
        "last": None,
        "bump": str(bumps[-1]),
        "next": None,
        "reason": f"{len(released)} of {len(packages)} packages: {named}" if named else "no package is released",
        "commits": [],
        "files": [],
        "notes": "",
        "warnings": list(dict.fromkeys(warning for each in packages for warning in each["warnings"])),
        "packages": packages,
    }


def _read(asked: Asked) -> tuple[Reading, Snapshot, str]:
    """Return the repository, and what is read once for all packages; last, its remote's URL."""
    git = Reading(asked.repo)
    commit = git.resolve(asked.ref)
    if commit is None:
        raise _no_commit(git, asked)
    own = own_config(asked.config) if asked.config else {}
    urls = Ahead(git.remote_urls)
    branch = _branch(git, asked.ref, commit)
    seen = snapshot(git, commit, repository=str(asked.repo.absolute()), branch=branch, instead=own)
    return git, seen, sshalias.resolve(next(iter(urls.result()), ""))


def _decided(
    git: Reading, seen: Snapshot, remote: str, config: ProjectConfig, walk: "Together | None"
) -> tuple[Facts, Decision]:
    facts = replace(gather(git, seen, config, walk), remote_url=remote)
    return facts, decide(facts, config, None)


def given_url(asked: str | None, config: ProjectConfig) -> str | None:
    """Return the address for links that is given by hand, else the configuration's.

    For semantic-release's notes it is what `repositoryUrl` is to npm, an alias included.
    """
    if asked is None or config.analysis == "semantic-release":
        return asked or config.repository_url
    return sshalias.resolve(asked)


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


def _branch(git: Reading, ref: str, commit: str) -> str | None:
    """Return the branch that a ref is meant as: its own name, else the one branch whose tip is the commit."""
    if ref == "HEAD" and (current := git.branch()):
        return current
    name = ref.removeprefix("refs/heads/").removeprefix("refs/remotes/").removeprefix("origin/")
    if git.resolve(f"refs/heads/{name}") == commit:
        return name
    tips = git.branches()
    if tips.get(name) == commit:
        return name
    here = [branch for branch, tip in tips.items() if tip == commit]
    return here[0] if len(here) == 1 else None


def _no_commit(git: Reading, asked: Asked) -> GitError:
    git.git_folder()  # says so when this is no repository at all
    if asked.ref == "HEAD":
        return GitError(f"{asked.repo.absolute()} has no commits yet", advice="git commit first")
    return GitError(f"{asked.repo.absolute()} has no commit called {asked.ref}", advice="git branch -a; git tag")
