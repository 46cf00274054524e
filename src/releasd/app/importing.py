"""`releasd init --import`: another tool's configuration becomes a `.releasd.toml`, which replay puts to the proof."""

import os
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from releasd.adapters.git import GitRepo
from releasd.app import replay
from releasd.app.worktree import work_tree
from releasd.core import files as version_files
from releasd.core import importers, project
from releasd.core.files import SEMANTIC_RELEASE_FILES
from releasd.core.importers import Imported
from releasd.errors import ConfigError, GitError, UsageError
from releasd.model import ProjectConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written, from what, and what replay says about it: one document, or one for each of several packages."""

    file: Path
    imported: Imported
    replays: tuple[dict[str, Any], ...]


def import_config(repo: Path, tool: str | None) -> Written:
    """Write `.releasd.toml` into the work tree at `repo`, from the configuration of `tool` as it is at HEAD.

    Without `tool`, from the only tool that has one.

    Raises:
        UsageError: no such configuration, or several to choose from, or no work tree.
        ConfigError: the tool's configuration is malformed, or there is a `.releasd.toml` already.
        GitError: no repository, no commit, or a history that is cut off.
    """
    git = GitRepo(repo)
    git.git_folder()  # says so when this is no repository at all
    file = _root(repo) / project.FILE
    read = _Head(git, repo)
    imported = read.usable(_chosen(read.configurations(), tool))
    text = importers.to_toml(imported)
    config = project.load({project.FILE: text})
    _write(file, text)
    names = tuple(each.package.name for each in config.packages if each.package)
    replays = (replay.replay(replay.Asked(repo=repo, config=file, package=name)) for name in names or (None,))
    return Written(file=file, imported=imported, replays=tuple(replays))


def to_json(written: Written) -> dict[str, Any]:
    """Return what `init --import --json` prints: `replay`, or where there are several packages `packages`."""
    imported, (first, *_) = written.imported, written.replays
    proof = {"packages": list(written.replays)} if first["package"] else {"replay": first}
    return {
        "file": str(written.file),
        "tool": imported.tool,
        "source": imported.source,
        "translated": [{"option": option, "became": became} for option, became in imported.translated],
        "left": list(imported.left),
        **proof,
    }


def _root(repo: Path) -> Path:
    root = work_tree(repo)
    if root is None:
        raise UsageError(
            f"{repo.absolute()} has no work tree to write to",
            advice="run it in a clone: releasd init --import --repo DIR",
        )
    return root


class _Head:
    """The files of the commit at HEAD, of which an import reads some. Raises `GitError` where there is none."""

    def __init__(self, git: GitRepo, repo: Path) -> None:
        commit = git.resolve("HEAD")
        if commit is None:
            raise GitError(f"{repo.absolute()} has no commits yet", advice="git commit first")
        self._git, self._commit, self._paths = git, commit, tuple(git.files(commit))

    def _texts(self, wanted: AbstractSet[str]) -> dict[str, str]:
        found = self._git.read(self._commit, [path for path in self._paths if path in wanted])
        return {path: content.decode(errors="replace") for path, content in found.items()}

    def configurations(self) -> dict[str, str]:
        """Return what the tools' configurations may stand in, and what these say is to be read besides."""
        first = self._texts(importers.paths() | set(SEMANTIC_RELEASE_FILES))
        return first | self._texts(importers.further(first))

    def usable(self, imported: Imported) -> Imported:
        """Leave those version files in which nothing could be edited: `plan` and the daemon would refuse them."""
        config = project.load({project.FILE: importers.to_toml(imported)})
        texts = self._texts(frozenset(version_files.wanted_paths(self._paths, config)))
        each = [(one, entry) for one in (config, *config.packages) for entry in one.version_files]
        return importers.without(imported, {entry: why for one, entry in each if (why := _wrong(one, entry, texts))})


def _wrong(config: ProjectConfig, entry: str, texts: dict[str, str]) -> str | None:
    try:
        version_files.detect(texts, replace(config, version_files=(entry,)), version="1.0.0", pep440="1.0.0")
    except ConfigError as error:
        return next(iter(error.problems), error.message)
    return None


def _chosen(files: dict[str, str], tool: str | None) -> Imported:
    found = {imported.tool: imported for imported in importers.find(files)}
    if tool is None and len(found) > 1:
        raise UsageError(
            f"there are configurations of {', '.join(found)}",
            advice=f"say which one decides about the version: releasd init --import={next(iter(found))}",
        )
    chosen = found.get(tool) if tool else next(iter(found.values()), None)
    if chosen is None:
        raise UsageError(
            f"there is no configuration of {tool or ', '.join(importers.TOOLS)} at HEAD", advice=_way_out(files)
        )
    return chosen


def _way_out(files: dict[str, str]) -> str:
    if any(path in files for path in SEMANTIC_RELEASE_FILES):
        return "semantic-release's own is read as it is: releasd plan"
    return "commit it first; with none at all, releasd plan needs no configuration"


def _write(file: Path, text: str) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise ConfigError(f"there is a {file} already", advice=f"move it away, or edit it: {file}") from None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", advice="run it where the work tree can be written to") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
