"""Judges every past release of any repository, with no daemon and no configuration, and touches nothing.

However many tags and commits there are: a handful of git processes, and never more of the messages in memory than those
of one release.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from releasd.adapters import sshalias
from releasd.adapters.git import GitRepo
from releasd.app.inspect import given_url, own_config
from releasd.app.worktree import uncommitted
from releasd.core import project
from releasd.core.ancestry import History, in_log_order
from releasd.core.files import SEMANTIC_RELEASE_FILES
from releasd.core.releasenotes import render
from releasd.core.replay import Pair, PastRelease, Replayed, pairs, releases_in, replayed, without_release_commit
from releasd.core.replaywhy import step
from releasd.core.semver import parse_semver
from releasd.engine.facts import config_of
from releasd.errors import ConfigError, UsageError
from releasd.model import Commit, Decision, LastRelease, ProjectConfig

SCHEMA = 1  # of `replay --json`; a key's meaning never changes within a number (DESIGN.md §5.2)
CONFIG_FILES = (project.FILE, "pyproject.toml", "package.json", *SEMANTIC_RELEASE_FILES)
# Without these such a file says nothing about releases, and it changes with every second release.
_MARKS = {"pyproject.toml": b"releasd", "package.json": b'"release"'}
FROM_HISTORY = "each release's own tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to replay, and by which rules.

    Attributes:
        config: a project configuration used instead of the repository's; with `from_history`, where a tag has none.
        from_history: judge each release by the configuration as it stood at its own tag.
        analysis: used instead of the configuration's.
        repository_url: where the repository is on the web, for links; None: its first remote.
        date: the day in the notes; None: each tag's own day in UTC.
        notes: whether to render them.
        package: the one of several that is meant; None: the repository as a whole.
    """

    repo: Path
    config: Path | None = None
    from_history: bool = False
    analysis: str | None = None
    repository_url: str | None = None
    date: dt.date | None = None
    notes: bool = False
    package: str | None = None


def replay(asked: Asked) -> dict[str, Any]:
    """Return `replay --json`'s document (DESIGN.md §5.2).

    Raises:
        GitError: no repository, or a history that is cut off.
        ConfigError: the project's configuration is wrong.
    """
    git = GitRepo(asked.repo)
    git.git_folder()  # says so when this is no repository at all
    config = _config(git, asked)
    tags = list(git.dated_tags())
    found = releases_in(tags, config.tag_format)
    history = History(git.walk(dict.fromkeys(past.commit for past in found)), (past.commit for past in found))
    judged, warnings = _judged(git, asked, config, pairs(history, found), history)
    agreed = sum(each["agree"] for each in judged)
    return {
        "schema": SCHEMA,
        "repo": str(asked.repo.absolute()),
        "config": FROM_HISTORY if asked.from_history else config.source,
        "analysis": config.analysis,
        "tag_format": config.tag_format,
        "releases": judged,
        "agreed": agreed,
        "disagreed": len(judged) - agreed,
        "tags_left_out": len(tags) - len(found),
        "package": asked.package,
        "warnings": [*config.warnings, *_several(config), *warnings, *_unmatched(tags, found, config)],
    }


def _judged(
    git: GitRepo, asked: Asked, config: ProjectConfig, asked_pairs: Sequence[Pair], history: History
) -> tuple[list[dict[str, Any]], list[str]]:
    warnings: dict[str, None] = {}
    names = (history.name(number) for pair in asked_pairs for number in in_log_order(history, pair.commits))
    direct, indirect = _concerning(git, config, [pair.to.commit for pair in asked_pairs])
    commits = git.commits(names)
    configs = _configs(git, asked, config, asked_pairs, warnings) if asked.from_history else None
    remote = sshalias.resolve(next(iter(git.remote_urls()), "")) if asked.notes else ""
    made = []
    for pair in asked_pairs:
        own = next(configs) if configs else config
        range_ = tuple(islice(commits, len(pair.commits)))
        if config.package:
            range_ = tuple(commit for commit in range_ if commit.id in direct or commit.id in indirect)
        result = replayed(pair, range_, own, indirect)
        notes = {"notes": _notes(git, result, range_, asked, remote=remote, config=own)} if asked.notes else {}
        made.append({**_as_json(result), **({"config": own.source} if configs else {}), **notes})
    return made, list(warnings)


def _as_json(result: Replayed) -> dict[str, Any]:
    return {
        "from_tag": result.base.tag if result.base else None,
        "to_tag": result.to.tag,
        "commits": result.commits,
        "predicted": result.predicted,
        "actual": result.actual,
        "agree": result.agree,
        "bump": str(result.bump),
        "step": step(result.base and result.base.version, result.to.version),
        "channel": result.to.channel,
        "date": _day(result.to).isoformat(),
        "why": result.why,
        "deciding": [
            {"commit": each.commit, "type": each.type, "scope": each.scope, "subject": each.subject}
            | {"breaking": each.breaking, "bump": str(each.bump), "why": each.why}
            for each in result.deciding
        ],
    }


def _notes(
    git: GitRepo, result: Replayed, commits: Sequence[Commit], asked: Asked, *, remote: str, config: ProjectConfig
) -> str:
    """Return the notes of the release as it was, so that they can stand beside its changelog."""
    base, template = result.base, config.notes_style.template
    decision = Decision(
        bump=result.bump, version=result.actual, pep440=None, tag=result.to.tag, reason="", verdicts=result.judged
    )
    return render(
        decision,
        config,
        last=LastRelease(tag=base.tag, version=str(base.version), commit=base.commit) if base else None,
        remote_url=remote,
        date=asked.date or _day(result.to),
        commits=without_release_commit(result.to, commits),
        files=_template(git, result.to.commit, template) if template else {},
    )


def _template(git: GitRepo, commit: str, path: str) -> dict[str, str]:
    """Return a template as it was at a commit, or as it is now where there was none."""
    for name in (commit, "HEAD"):
        found = git.read(name, (path,)) if git.resolve(name) else {}
        if found:
            return _decoded(found.items())
    return {}


def _day(past: PastRelease) -> dt.date:
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=min(past.at, 253_402_300_799))).date()


def _config(git: GitRepo, asked: Asked) -> ProjectConfig:
    """Return the configuration given by hand, else the one at HEAD, else the defaults."""
    if asked.config:
        return _chosen(project.load(own_config(asked.config)), asked)
    head = git.resolve("HEAD")
    texts = _decoded((next(iter(git.texts([head], CONFIG_FILES)), {}) if head else {}).items())
    config = _chosen(project.load(texts), asked)
    told = () if asked.from_history else uncommitted(asked.repo, texts)
    return replace(config, warnings=(*config.warnings, *told))


def _chosen(config: ProjectConfig, asked: Asked) -> ProjectConfig:
    config = config_of(config, asked.package or "")
    config = replace(config, analysis=asked.analysis or config.analysis)
    return replace(config, repository_url=given_url(asked.repository_url, config)) if asked.notes else config


def _concerning(git: GitRepo, config: ProjectConfig, tips: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the commits that concern a package itself, and those that do so through what it depends on alone."""
    package = config.package
    if package is None:
        return frozenset(), frozenset()
    direct = frozenset[str]().union(*(git.touching_any(tips, area) for area in package.areas))
    through = frozenset[str]().union(*(git.touching_any(tips, area) for area in package.indirect))
    return direct, through - direct


def _several(config: ProjectConfig) -> list[str]:
    names = [each.package.name for each in config.packages if each.package]
    return [f"the repository has several packages: releasd replay --package {names[0]}"] if names else []


def _configs(
    git: GitRepo, asked: Asked, fallback: ProjectConfig, asked_pairs: Sequence[Pair], warnings: dict[str, None]
) -> Iterator[ProjectConfig]:
    """Yield each release's configuration as it stood at its tag; `fallback` where it had none that can be read."""
    read: dict[tuple[tuple[str, bytes], ...], ProjectConfig | None] = {}
    for pair, texts in zip(asked_pairs, git.texts([pair.to.commit for pair in asked_pairs], CONFIG_FILES), strict=True):
        key = tuple((path, content) for path, content in texts.items() if _MARKS.get(path, b"") in content)
        if key not in read:
            try:
                loaded = project.load(_decoded(key))
                is_none = loaded.source == ProjectConfig().source and asked.config
                read[key] = None if is_none else _chosen(loaded, asked)
            except (ConfigError, UsageError) as error:
                warnings[f"{pair.to.tag}: {error.message}; the rules are those of {fallback.source}"] = None
                read[key] = None
        yield read[key] or fallback


def _decoded(texts: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    return {path: content.decode(errors="replace") for path, content in texts}


def _unmatched(tags: Sequence[tuple[str, str, int]], found: Sequence[PastRelease], config: ProjectConfig) -> list[str]:
    """Say so when most tags that hold a version are of another form than the one looked for.

    Of several packages each has a form of its own, and another's is no mistake.
    """
    if config.packages or config.package:
        return []
    tag_format = config.tag_format
    others: Counter[str] = Counter()
    for name, *_ in tags:
        start = next((at for at, char in enumerate(name) if char.isdigit() and parse_semver(name[at:])), None)
        if start is not None:
            others[f"{name[:start]}{{version}}"] += 1
    common, count = next(iter(others.most_common(1)), (tag_format, 0))
    if common == tag_format or count <= len(found):
        return []
    told = f"{len(found)} tags look like {tag_format}, and {count} like {common}"
    return [f'{told}: set tag_format = "{common}" in .releasd.toml, or in a file for --config']
