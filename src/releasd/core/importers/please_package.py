"""One package of release-please's: what its options are to releasd, in a file's own keys or in a package's table.

Paths are relative to the package's folder in both.
"""

from collections.abc import Mapping
from posixpath import basename, join
from typing import Any

from releasd.core import toml
from releasd.core.importers import words
from releasd.core.importers.translation import Translation
from releasd.core.semrelconfig import jsontext

Files = Mapping[str, str]

# Which file of a package names it, and where, by its release-type.
_NAMES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "node": ("package.json", ("name",)),
    "expo": ("package.json", ("name",)),
    "rust": ("Cargo.toml", ("package", "name")),
    "python": ("pyproject.toml", ("project", "name")),
}
MANIFESTS = ("package.json", "Cargo.toml", "pyproject.toml")
_FILES = {"node": "package.json", "rust": "Cargo.toml", "simple": "version.txt:{version}"}
_LEFT = {
    "bump-patch-for-minor-pre-major": "a feature is a minor release at 0.x too",
    "release-as": "write `Release-As: 1.2.3` as the footer of a commit",
    "bootstrap-sha": "tags say what was released",
    "last-release-sha": "tags say what was released",
    "changelog-sections": "notes look as releasd's",
    "changelog-type": "notes look as releasd's",
    "prerelease": "pre-releases come from their own branches; see branches",
    "prerelease-type": "pre-releases come from their own branches; see branches",
    "exclude-paths": "name what belongs to the package in its paths",
}
_REQUESTS = "releasd makes no pull requests: a push releases"


def translate(options: Mapping[str, Any], folder: str, files: Files) -> Translation:
    """Return the translation of a package in `folder` ("" is the root); `files` are texts of the repository.

    Raises `ConfigError` for a malformed manifest.
    """
    told = Translation(options)
    told.start("initial_version", "1.0.0")
    told.move("initial-version", "initial_version")
    told.move("bump-minor-pre-major", "major_on_zero", lambda value: not value if isinstance(value, bool) else None)
    told.start("changelog", "CHANGELOG.md")
    told.move("changelog-path", "changelog", lambda value: str(value).removeprefix("/") if not folder else value)
    if told.get("skip-changelog"):
        told.put("skip-changelog", "changelog", "")
    _tag(told, component(options, folder, files))
    _version_files(told, folder, files)
    if told.get("versioning") not in (None, "default"):
        told.leave("versioning", f"{told.get('versioning')}: the version is decided from the commits")
    told.same("include-v-in-release-name", "not needed")
    told.leave_each(_LEFT)
    for key in [key for key in told.table if "pull-request" in key or key.endswith("label") or key == "draft"]:
        told.leave(key, _REQUESTS)
    told.finish()
    return told


def component(options: Mapping[str, Any], folder: str, files: Files) -> str:
    """Return what release-please puts before a package's versions; "" where neither option nor manifest says it."""
    told = _text(options.get("component"))
    if told:
        return told
    kind = _text(options.get("release-type"))
    path, keys = _NAMES.get(kind, ("", ()))
    name = _text(options.get("package-name")) or (_text(manifest(files, join(folder, path), *keys)) if path else "")
    scope, _, rest = name.partition("/")
    return rest if kind in ("node", "expo") and scope.startswith("@") and rest else name


def manifest(files: Files, path: str, *keys: str) -> Any:
    """Return the value at `keys` in a manifest; None where it has none. Raises `ConfigError` for a malformed one."""
    if path not in files:
        return None
    value: Any = toml.read(path, files[path]) if path.endswith(".toml") else jsontext.read(path, files[path])[0]
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _tag(told: Translation, before: str) -> None:
    """Set the tag format: `v1.2.3`, with the component before it unless that is switched off."""
    for key in ("component", "package-name"):
        told.get(key)
    letter = "" if told.get("include-v-in-tag") is False else "v"
    plain = told.get("include-component-in-tag") is False
    separator = told.get("tag-separator") or "-"
    start = "" if plain or not before else f"{before}{separator}"
    told.put("include-component-in-tag", "tag_format", f"{start}{letter}{{version}}")
    if not plain and not before:
        told.left.append(
            "include-component-in-tag: a component that release-please finds by itself is not in tag_format"
        )


def _version_files(told: Translation, folder: str, files: Files) -> None:
    kind = told.get("release-type")
    if isinstance(kind, str) and kind in _FILES:
        told.add("release-type", "version_files", _FILES[kind])
    elif kind == "python":
        if join(folder, "pyproject.toml") in files:
            told.add("release-type", "version_files", "pyproject.toml")
        told.leave("release-type", "python: name setup.py, and each __init__.py with the version, in version_files")
    elif kind is not None:
        told.leave("release-type", f"{kind}: name the files that hold the version in version_files")
    extra = told.get("extra-files")
    for entry in extra if isinstance(extra, list) else []:
        _extra(told, folder, entry)


def _extra(told: Translation, folder: str, entry: Any) -> None:
    """Add a file that a marker comment is in, or that is known by its name."""
    generic = {"type": "generic", "path": entry} if isinstance(entry, str) else entry
    path = generic.get("path") if isinstance(generic, dict) else None
    if not isinstance(path, str):
        told.leave("extra-files", f"{entry}: has no path")
        return
    if path.startswith("/") and folder:
        told.leave("extra-files", f"{path}: is outside of {folder}, and a package's version_files are in its folder")
        return
    own = basename(path) in words.KNOWN_FILES and str(generic.get("jsonpath", "$.version")).endswith("version")
    if (generic.get("type") == "generic" or own) and not generic.get("glob"):
        told.add("extra-files", "version_files", path.removeprefix("/"))
    else:
        told.leave("extra-files", f"{path}: add it to version_files with a pattern")
