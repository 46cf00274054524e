"""commitizen: `[tool.commitizen]` in pyproject.toml, or the files `.cz.toml`, `.cz.json`, `.cz.yaml`."""

import re
from collections.abc import Mapping
from posixpath import basename
from typing import Any

from releasd.core.importers import words
from releasd.core.importers.translation import Imported, Translation

TOOL = "commitizen"
PLACES = (
    *((path, ("tool", "commitizen")) for path in ("pyproject.toml", ".cz.toml", "cz.toml")),
    *((path, ("commitizen",)) for path in (".cz.json", "cz.json", ".cz.yaml", "cz.yaml")),
)

_TAG_VERSION = re.compile(r"\$\{?version\}?|\$\{?major\}?\.\$\{?minor\}?\.\$\{?patch\}?(?:\$\{?prerelease\}?)?")
_PROVIDERS = {"cargo": "Cargo.toml", "npm": "package.json"}
_OWN = ("pep621", "poetry", "uv")  # releasd finds pyproject.toml and its lock by itself
_MESSAGE = {"current_version": "last_version", "new_version": "version"}
_LEFT = {
    "gpg_sign": "the tag is made by the daemon, without a key",
    "legacy_tag_formats": "tags of another format are left out",
    "ignored_tag_formats": "tags of another format are left out",
    "pre_bump_hooks": "write a check as [[gates]]; nothing else is run",
    "post_bump_hooks": "a webhook of the operator's configuration can do it",
    "customize": "add release_rules for the types of your own",
    "extras": "it belongs to commitizen's templates",
    "template": "notes look as releasd's",
    "change_type_map": "notes look as releasd's",
    "changelog_start_rev": "the changelog is kept on top of what is there",
}


def read(files: Mapping[str, str]) -> Imported | None:
    """Return the translated configuration, or None where there is none. Raises `ConfigError` for a malformed file."""
    for path, keys in PLACES:
        table = words.table_in(path, files[path], *keys) if path in files else None
        if isinstance(table, dict):
            return _translated(table, path, f"{path}: {'.'.join(keys)}")
    return None


def _translated(table: Mapping[str, Any], path: str, source: str) -> Imported:
    told = Translation(table)
    told.start("tag_format", "{version}")
    told.move("tag_format", "tag_format", _tag_format)
    told.move("major_version_zero", "major_on_zero", lambda value: not value if isinstance(value, bool) else None)
    told.move("bump_message", "commit_message", _message)
    told.move("changelog_file", "changelog")
    if told.get("update_changelog_on_bump") is False:
        told.put("update_changelog_on_bump", "changelog", "")
    told.same("update_changelog_on_bump", "the changelog is written with each release")
    _rules(told)
    _provider(told, path)
    listed = told.get("version_files")
    for entry in listed if isinstance(listed, list) else []:
        _version_file(told, str(entry))
    told.same("annotated_tag", "tags are annotated")
    told.same("changelog_incremental", "the changelog is kept on top of what is there")
    told.same("version_scheme", "each file has its own spelling: Python's, or SemVer")
    told.leave_each(_LEFT)
    told.finish()
    return told.result(TOOL, source)


def _tag_format(value: Any) -> Any:
    return _TAG_VERSION.sub("{version}", value) if isinstance(value, str) else None


def _message(value: Any) -> Any:
    """Return the message with releasd's names; another name of commitizen's makes it None."""
    if not isinstance(value, str) or "{" in value:
        return None
    for name, ours in _MESSAGE.items():
        value = value.replace(f"${name}", f"{{{ours}}}")
    return None if "$" in value else value


def _rules(told: Translation) -> None:
    name = told.get("name")
    if name not in (None, "cz_conventional_commits"):
        told.leave("name", f"{name}: its rules are a program; add release_rules for the types of your own")
        return
    told.add("name", "release_rules", {"type": "refactor", "release": "patch"})


def _provider(told: Translation, path: str) -> None:
    provider = told.get("version_provider")
    if isinstance(provider, str) and provider in _PROVIDERS:
        told.add("version_provider", "version_files", _PROVIDERS[provider])
    elif provider in _OWN:
        told.same("version_provider", "pyproject.toml and its lock are found without being named")
    elif provider not in (None, "commitizen"):
        told.leave("version_provider", f"{provider}: name the file that holds the version in version_files")
    if told.has("version"):
        told.leave("version", f"tags say what was released; take it out of {path}")


def _version_file(told: Translation, entry: str) -> None:
    """Add one entry: `file`, or `file:expression` for the lines on which the version stands."""
    path, _, expression = entry.partition(":")
    name = expression.strip("^").split(" ")[0].split("=")[0].strip("\"'")
    if any(mark in path for mark in "*?["):
        told.leave("version_files", f"{entry}: name each file")
    elif (basename(path) in words.KNOWN_FILES and name in ("", "version")) or (
        path.endswith(".py") and name in ("", "__version__")
    ):
        told.add("version_files", "version_files", path)
    elif expression:
        told.add("version_files", "version_files", f"{path}:(?:{expression}).*?{{version}}")
    else:
        told.leave("version_files", f"{entry}: mark the line, as in # x-releasd-version, or add a pattern")
