"""Other tools' configurations, translated for `releasd init --import`: what became what, and what could not.

Nothing here decides about a release: the result is a `.releasd.toml` that a person reads, and `replay` proves.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from posixpath import join
from typing import Any

from releasd.core.importers import commitizen, git_cliff, python_semantic_release, release_please
from releasd.core.importers.translation import Imported, shown

__all__ = ["TOOLS", "Imported", "find", "further", "paths", "to_toml", "without"]

TOOLS: Mapping[str, Callable[[Mapping[str, str]], Imported | None]] = {
    module.TOOL: module.read for module in (python_semantic_release, commitizen, git_cliff, release_please)
}


def paths() -> frozenset[str]:
    """Return the files that a configuration of one of the tools may stand in."""
    places = (*python_semantic_release.PLACES, *commitizen.PLACES, *git_cliff.PLACES)
    return frozenset({*(path for path, _ in places), release_please.CONFIG, release_please.MANIFEST})


def further(files: Mapping[str, str]) -> frozenset[str]:
    """Return what else is to be read, where it is there, once `files` are those of `paths`.

    Raises `ConfigError` for a malformed file.
    """
    return release_please.manifests(files)


def find(files: Mapping[str, str]) -> tuple[Imported, ...]:
    """Return the translated configuration of every tool that has one. Raises `ConfigError` for a malformed file."""
    return tuple(found for read in TOOLS.values() if (found := read(files)) is not None)


def to_toml(imported: Imported) -> str:
    """Return the text of the `.releasd.toml`, which names in comments what could not be translated."""
    import tomlkit  # noqa: PLC0415 - only `init --import` writes TOML

    lines = [f"# Translated by `releasd init --import` from {imported.tool} ({imported.source}).", ""]
    if imported.left:
        lines[1:] = ["# Not translated:", *(f"#   {_comment(each)}" for each in imported.left), ""]
    return "\n".join(lines) + "\n" + tomlkit.dumps(dict(imported.values))


def _comment(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def without(imported: Imported, unusable: Mapping[str, str]) -> Imported:
    """Leave the version files that releasd cannot use: `unusable` says why, by the entry as the repository has it."""
    tables = imported.values.get("packages", {})
    values = _without({**imported.values}, "", unusable)
    if tables:
        values["packages"] = {name: _without({**table}, table["path"], unusable) for name, table in tables.items()}
    roots = ("", *(table["path"] for table in tables.values()))
    gone = {f"version_files: {shown(each)}" for each in _relative(unusable, roots)}
    return replace(
        imported,
        values=values,
        translated=tuple(each for each in imported.translated if each[1] not in gone),
        left=(*imported.left, *(f"version_files: {why}" for why in unusable.values())),
    )


def _without(table: dict[str, Any], root: str, unusable: Mapping[str, str]) -> dict[str, Any]:
    kept = [each for each in table.pop("version_files", []) if _full(root, each) not in unusable]
    return {**table, "version_files": kept} if kept else table


def _relative(entries: Mapping[str, str], roots: tuple[str, ...]) -> frozenset[str]:
    starts = [_full(root, "") for root in roots]
    return frozenset(entry.removeprefix(start) for entry in entries for start in starts if entry.startswith(start))


def _full(root: str, entry: str) -> str:
    return entry if root in ("", ".") else join(root, entry)
