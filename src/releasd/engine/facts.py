"""Reads from git everything that a decision may depend on, and decides. Changes nothing."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from posixpath import dirname, join, normpath
from threading import Thread
from typing import TYPE_CHECKING, Generic, TypeVar

from releasd.core import files as version_files
from releasd.core import lines, project, version
from releasd.core.containers import ImagePolicy
from releasd.core.lines import Standing
from releasd.core.plan import Policy, plan
from releasd.core.semver import parse_semver
from releasd.engine import ranges
from releasd.engine.ranges import LEAST, Together
from releasd.errors import ConfigError, GitError, ReleasdError, UsageError
from releasd.model import Bump, Facts, NoRelease, Package, Plan, Project, ProjectConfig, Tag

if TYPE_CHECKING:
    from releasd.ports import History, Hosts

_ASKED = (1, 32)  # how many tags are asked about before all are: nearly always the highest is reachable

T = TypeVar("T")


class Ahead(Generic[T]):
    """A call that goes on in a thread of its own while git is asked for something else."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, name="facts", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._call()
        except Exception as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error

    def result(self) -> T:
        """Wait for the call; return what it returned, or raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value


class Around:
    """What the clone knows besides one commit, for all of its packages: each thing is asked of git once, if at all."""

    def __init__(self, git: "History") -> None:
        self._git = git
        self._tags: dict[str, tuple[Tag, ...]] = {}

    @cached_property
    def branches(self) -> Mapping[str, str]:
        """The branches known here and their tips."""
        return self._git.branches()

    @cached_property
    def trunk(self) -> str | None:
        """The remote's main branch, where it is known here."""
        return self._git.trunk()

    @cached_property
    def takes_no_tags(self) -> bool:
        """Whether this clone was told to fetch no tags."""
        return self._git.takes_no_tags()

    def tags(self, commit: str) -> tuple[Tag, ...]:
        """Return all tags reachable from a commit. Raises `GitError` where history is cut off."""
        if commit not in self._tags:
            self._tags[commit] = self._git.tags_merged(commit)
        return self._tags[commit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What was read of one commit, for all of the repository's packages: its files, its tags, its configuration."""

    commit: str
    repository: str
    branch: str | None
    trunk: str | None  # the main branch, where it is known
    files: Mapping[str, str]
    unwritable: Mapping[str, str]  # why some of the files cannot be edited
    tags: tuple[Tag, ...]  # of each package at least the highest stable release that is reachable
    config: ProjectConfig
    around: Around


def snapshot(
    git: "History",
    commit: str,
    *,
    repository: str,
    branch: str | None,
    trunk: str | None = None,
    instead: Mapping[str, str] | None = None,
    unknown_plugins: project.UnknownPlugins = "refuse-deciding",
) -> Snapshot:
    """Read a commit; `instead` are texts that stand for those of the same path there.

    `unknown_plugins` is as for `core.project.load`.

    Raises:
        GitError: history is cut off, so that no range can be trusted.
        ConfigError: the repository's configuration is wrong; every mistake is named.
    """
    names = Ahead(git.tag_names)  # git waits on the disk twice at once
    texts, unwritable = _texts(git, commit, instead or {}, unknown_plugins)
    config = project.load(texts, unknown_plugins=unknown_plugins)
    tags = _tags(git, commit, config, names.result())
    return Snapshot(
        commit=commit,
        repository=repository,
        branch=branch,
        trunk=trunk,
        files=texts,
        unwritable=unwritable,
        tags=tags,
        config=config,
        around=Around(git),
    )


def _tags(git: "History", commit: str, config: ProjectConfig, names: Sequence[str]) -> tuple[Tag, ...]:
    """Return of each package's tags at least the highest release that `commit` contains.

    Git walks as far as the oldest tag that it is asked about, and for all of them over the whole history.
    """
    formats = {each.tag_format for each in (config, *config.packages)}
    for count in _ASKED:
        best = [version.highest(names, tag_format, count=count) for tag_format in formats]
        found = git.tags_merged(commit, tuple(dict.fromkeys(name for some in best for name in some)))
        reachable = {tag.name for tag in found}
        if all(len(some) < count or not reachable.isdisjoint(some) for some in best):
            return found
    return git.tags_merged(commit)


def together(git: "History", seen: Snapshot, configs: Sequence[ProjectConfig]) -> Together | None:
    """Return what reads history once for these packages; None where they are few."""
    if len(configs) < LEAST:
        return None
    asked: list[tuple[Package, str | None]] = []
    for config in configs:
        with suppress(ReleasdError):  # `gather` says so, of this package alone
            where = _standing(seen, config)
            if config.package:
                asked.append((config.package, _since(where, _group(seen, config, where))))
    return Together(git, seen.commit, asked)


def gather(git: "History", seen: Snapshot, config: ProjectConfig, walk: Together | None = None) -> Facts:
    """Return the facts about the repository, or about the one of its packages that `config` is of.

    `walk` is what `together` returned, where several packages are asked about. Raises `ConfigError` where the branches
    or the tag format that it names cannot be used.
    """
    where = _standing(seen, config)
    group = _group(seen, config, where)
    since = _since(where, group)
    if since is None:
        _check_tags(seen)
    commits, indirect = ranges.commits(git, seen.commit, since, config.package, walk)
    return Facts(
        repository=seen.repository,
        ref=seen.commit,
        branch=seen.branch,
        last=where.last,
        commits=commits,
        files=seen.files,
        unwritable=seen.unwritable,
        remote_url=seen.repository,
        line=group.line if group else where.line,
        indirect=indirect,
        group=group.last.version if group and group.last else None,
    )


def _since(where: Standing, group: Standing | None) -> str | None:
    """Return the commit of the release that the next one follows."""
    base = group.last if group else where.last
    return base.commit if base else None


def _standing(seen: Snapshot, config: ProjectConfig) -> Standing:
    if lines.is_plain(config, seen.branch):
        return lines.plain(seen.tags, config.tag_format)
    around = seen.around
    own = around.tags(seen.commit)
    if seen.branch is None:
        return lines.detached(config, own)
    trunk, tips = seen.trunk or around.trunk, around.branches
    wanted = lines.needed(config, seen.branch, tuple(tips), trunk)
    tags = {name: around.tags(tips[name]) for name in wanted if name in tips and name != seen.branch}
    return lines.standing(config, seen.branch, tuple(tips), tags | {seen.branch: own}, trunk)


def _group(seen: Snapshot, config: ProjectConfig, own: Standing) -> Standing | None:
    """Return where the packages that share one version stand: at the highest release of all; None without a group."""
    if config.package is None or not config.package.group:
        return None
    others = [_standing(seen, replace(config, tag_format=each)) for each in config.package.group]
    best = max((own, *others), key=lambda each: _precedence(each.last.version if each.last else None))
    highest = max((each.line.highest for each in (own, *others)), key=_precedence)
    return Standing(line=replace(best.line, highest=highest), last=best.last)


def _precedence(text: str | None) -> tuple[object, ...]:
    found = parse_semver(text) if text else None
    return found.precedence if found else ()


def _check_tags(seen: Snapshot) -> None:
    """Raise `GitError` where no release is known and this clone was told to take no tags."""
    if seen.around.takes_no_tags:
        raise GitError(
            f"{seen.repository}: this clone takes no tags, so the last release cannot be known",
            advice="git config --unset remote.origin.tagOpt; git fetch --tags",
        )


def _texts(
    git: "History", commit: str, instead: Mapping[str, str], unknown_plugins: project.UnknownPlugins
) -> tuple[dict[str, str], dict[str, str]]:
    """Read what the configuration names; the configuration itself is read first, for it may name more.

    Also returned is which of the files cannot be edited, and why.
    """
    files = git.files(commit)
    paths = tuple(files)
    texts, unwritable = _read(git, commit, files, version_files.wanted_paths(paths, ProjectConfig()))
    texts |= instead
    config = project.load(texts, unknown_plugins=unknown_plugins)
    _check_folders(paths, config)
    more = [path for path in version_files.wanted_paths(paths, config) if path not in texts]
    further, odd = _read(git, commit, files, more)
    return texts | further, unwritable | odd


def _read(
    git: "History", commit: str, files: Mapping[str, bool], paths: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return texts, of a symbolic link its target's, and why some of the files cannot be edited."""
    found = dict(git.read(commit, paths))
    links = {
        path: normpath(join(dirname(path), found[path].decode(errors="surrogateescape")))
        for path in found
        if files.get(path)
    }
    wanted = tuple(target for target in links.values() if files.get(target) is False)
    targets = git.read(commit, wanted) if wanted else {}
    found |= {path: targets[target] for path, target in links.items() if target in targets}
    unwritable = {path: f"is a symbolic link to {target}" for path, target in links.items()}
    for path, content in found.items():
        try:
            content.decode()
        except UnicodeDecodeError as error:
            unwritable.setdefault(path, f"is not UTF-8 (byte {error.start})")
    return {path: content.decode(errors="replace") for path, content in found.items()}, unwritable


def _check_folders(paths: Sequence[str], config: ProjectConfig) -> None:
    """Raise `ConfigError` for packages that have no file: a misspelled folder would never be released."""
    roots = [each.package for each in config.packages if each.package and each.package.root]
    empty = [each for each in roots if not any(path.startswith(f"{each.root}/") for path in paths)]
    if empty:
        told = tuple(f"packages.{each.name}.path: there is no file below {each.root}" for each in empty)
        raise ConfigError(f"{config.source} has mistakes", problems=told, advice=f"edit {config.source}")


def policy_of(registered: Project, bump: Bump | None, hosts: "Hosts") -> Policy:
    """Return the operator's side of a decision."""
    allowed = registered.hosts
    return Policy(
        project=registered.name,
        indexes=registered.indexes,
        webhooks=registered.webhooks,
        builds=registered.builds,
        gates=registered.gates,
        forced_bump=bump,
        allow_repository_builds=registered.allow_repository_builds,
        lost_breaking=registered.lost_breaking,
        smoke=registered.smoke,
        hosts=tuple(host.spec.labels for host in hosts.able(()) if not allowed or host.spec.name in allowed),
        container=registered.container,
        images=ImagePolicy(require_digest=registered.require_digest, allowed=registered.allowed_images),
    )


def decide(
    git: "History",
    seen: Snapshot,
    registered: Project,
    hosts: "Hosts",
    *,
    package: str,
    bump: Bump | None,
    now: datetime,
    walk: Together | None = None,
) -> Plan | NoRelease:
    """Plan the release of a registered project, or of one of its packages; "" is the repository as a whole.

    `walk` is as for `gather`.
    """
    known = [each.package.name for each in seen.config.packages if each.package]
    if package and package not in known:
        return NoRelease(reason=f"no release: there is no package {package} any more")
    config = config_of(seen.config, package)
    return plan(gather(git, seen, config, walk), config, policy_of(registered, bump, hosts), now)


def plugins_policy(registered: Project) -> project.UnknownPlugins:
    """Return what becomes of semantic-release's plug-ins that releasd does not know."""
    return "ignore" if registered.unknown_plugins == "ignore" else "refuse"


def look(git: "History", commit: str, registered: Project) -> Snapshot:
    """Read a commit of a registered project. Raises as `snapshot` does."""
    return snapshot(
        git,
        commit,
        repository=registered.remote_url or registered.repository,
        branch=registered.branch,
        trunk=registered.trunk or registered.branch,
        unknown_plugins=plugins_policy(registered),
    )


def config_of(config: ProjectConfig, package: str) -> ProjectConfig:
    """Return the configuration of a package, "" being the repository. Raises `UsageError` where there is none."""
    if not package:
        return config
    for each in config.packages:
        if each.package and each.package.name == package:
            return each
    names = ", ".join(each.package.name for each in config.packages if each.package) or "none"
    raise UsageError(f"there is no package {package} in {config.source}", advice=f"packages: {names}")
