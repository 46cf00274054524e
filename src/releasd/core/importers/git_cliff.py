"""git-cliff: cliff.toml, or its table in pyproject.toml or Cargo.toml. It decides versions; its notes are templates."""

import re
from collections.abc import Mapping
from typing import Any

from releasd.core.importers import words
from releasd.core.importers.translation import Imported, Translation

TOOL = "git-cliff"
PLACES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("cliff.toml", ()),
    (".cliff.toml", ()),
    (".config/cliff.toml", ()),
    ("pyproject.toml", ("tool", "git-cliff")),
    ("Cargo.toml", ("package", "metadata", "git-cliff")),
    ("Cargo.toml", ("workspace", "metadata", "git-cliff")),
)

_TAG = re.compile(r"\^?(?P<before>[A-Za-z0-9@/_-]*?)(?:\[0-9\]|\\d|\(|\.\*|$).*")
_PARSER = re.compile(r"\^(?P<type>\w+)(?:\\\((?P<scope>[\w-]+)\\?\)?)?")
_HONOURED = {
    "conventional_commits": "commits are read by Conventional Commits",
    "filter_unconventional": "a commit of no type releases nothing",
    "filter_commits": "every commit is judged",
    "protect_breaking_commits": "no breaking change is lost",
    "topo_order": "the range is the history since the last release",
    "topo_order_commits": "the range is the history since the last release",
    "use_branch_tags": "tags count where they are reachable from the branch",
    "sort_commits": "the order decides nothing",
}


def read(files: Mapping[str, str]) -> Imported | None:
    """Return the translated configuration, or None where there is none. Raises `ConfigError` for a malformed file."""
    for path, keys in PLACES:
        table = words.table_in(path, files[path], *keys) if path in files else None
        if isinstance(table, dict):
            return _translated(table, f"{path}: {'.'.join(keys)}" if keys else path)
    return None


def _translated(table: Mapping[str, Any], source: str) -> Imported:
    told = Translation(table)
    told.start("initial_version", "0.1.0")
    git = told.inner("git")
    git.move("tag_pattern", "tag_format", _tag_format)
    bump = told.inner("bump")
    bump.move("initial_tag", "initial_version", lambda value: re.sub(r"^[^0-9]*", "", str(value)))
    bump.move("breaking_always_bump_major", "major_on_zero")
    if bump.get("features_always_bump_minor") is False:
        bump.leave("features_always_bump_minor", "a feature is a minor release at 0.x too")
    _rules(told, git, bump)
    for key, why in _HONOURED.items():
        git.same(key, why)
    bump.same("features_always_bump_minor", "a feature is a minor release")
    for key in sorted(told.inner("changelog").table):
        told.left.append(f"changelog.{key}: notes look as releasd's")
    git.finish()
    bump.finish()
    told.finish()
    return told.result(TOOL, source)


def _tag_format(value: Any) -> Any:
    match = _TAG.fullmatch(value) if isinstance(value, str) else None
    return f"{match['before']}{{version}}" if match else None


def _rules(told: Translation, git: Translation, bump: Translation) -> None:
    """Add git-cliff's rule that any conventional commit is a patch, what is raised above it, and what is skipped."""
    told.add("bump", "release_rules", {"type": "feat", "release": "minor"})
    told.add("bump", "release_rules", {"type": "*", "release": "patch"})
    for key, release in (("custom_minor_increment_regex", "minor"), ("custom_major_increment_regex", "major")):
        names = words.plain_words(bump.get(key)) if bump.has(key) else ()
        if names is None:
            bump.leave(key, f"{bump.get(key)}: add release_rules, type by type")
        for rule in words.rules(dict.fromkeys(names or (), release)):
            told.add(f"bump.{key}", "release_rules", rule)
    parsers = git.get("commit_parsers")
    for at, parser in enumerate(parsers if isinstance(parsers, list) else []):
        if isinstance(parser, dict) and parser.get("skip"):
            _skipped(told, at, parser)
    if parsers:
        told.left.append("git.commit_parsers: group: notes are grouped as releasd's")


def _skipped(told: Translation, at: int, parser: Mapping[str, Any]) -> None:
    match = _PARSER.fullmatch(str(parser.get("message", "")))
    if match is None or set(parser) - {"message", "skip"}:
        told.left.append(f"git.commit_parsers[{at}]: {parser}: add a release_rules entry with release = false")
        return
    scope = {"scope": match["scope"]} if match["scope"] else {}
    told.add(f"git.commit_parsers[{at}]", "release_rules", {"type": match["type"], **scope, "release": False})
