"""release-please: release-please-config.json and .release-please-manifest.json, for a repository of one package."""

from collections.abc import Mapping
from posixpath import basename, join
from typing import Any

from releasd.core.importers import words
from releasd.core.importers.translation import Imported, Translation

TOOL = "release-please"
CONFIG = "release-please-config.json"
MANIFEST = ".release-please-manifest.json"

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
    "plugins": "they are programs",
}
_REQUESTS = "releasd makes no pull requests: a push releases"


def read(files: Mapping[str, str]) -> Imported | None:
    """Return the translated configuration, or None where there is none. Raises `ConfigError` for malformed JSON."""
    if CONFIG not in files:
        return None
    table = words.table_in(CONFIG, files[CONFIG])
    told = Translation(table if isinstance(table, dict) else {})
    packages = told.get("packages")
    known = packages if isinstance(packages, dict) else {".": {}}
    folder = "." if "." in known else next(iter(known), ".")
    for path in (path for path in known if path != folder):
        told.left.append(f"packages.{path}: only the package in {folder} is translated")
    told.same("$schema", "not needed")
    if MANIFEST in files:
        told.translated.append((MANIFEST, "not needed: tags say what was released"))
    own = known.get(folder)
    merged = {key: value for key, value in told.table.items() if key not in ("packages", "$schema")}
    merged |= own if isinstance(own, dict) else {}
    package = Translation(merged, told.values, told.translated, told.left)
    _package(package, "" if folder == "." else folder)
    package.finish()
    return told.result(TOOL, CONFIG)


def _package(told: Translation, folder: str) -> None:
    told.start("initial_version", "1.0.0")
    told.move("initial-version", "initial_version")
    told.move("bump-minor-pre-major", "major_on_zero", lambda value: not value if isinstance(value, bool) else None)
    told.start("changelog", join(folder, "CHANGELOG.md"))
    told.move("changelog-path", "changelog", lambda value: join(folder, str(value)))
    if told.get("skip-changelog"):
        told.put("skip-changelog", "changelog", "")
    _tag(told)
    kind = told.get("release-type")
    if isinstance(kind, str) and kind in _FILES:
        told.add("release-type", "version_files", join(folder, _FILES[kind]))
    elif kind == "python":
        told.same("release-type", "pyproject.toml and its lock are found without being named")
    elif kind is not None:
        told.leave("release-type", f"{kind}: name the files that hold the version in version_files")
    extra = told.get("extra-files")
    for entry in extra if isinstance(extra, list) else []:
        _extra(told, folder, entry)
    if told.get("versioning") not in (None, "default"):
        told.leave("versioning", f"{told.get('versioning')}: the version is decided from the commits")
    told.same("include-v-in-release-name", "not needed")
    told.leave_each(_LEFT)
    for key in [key for key in told.table if "pull-request" in key or key.endswith("label") or key == "draft"]:
        told.leave(key, _REQUESTS)


def _tag(told: Translation) -> None:
    """Set the tag format: `v1.2.3`, with the component before it unless that is switched off."""
    letter = "" if told.get("include-v-in-tag") is False else "v"
    component = told.get("component") or told.get("package-name")
    plain = told.get("include-component-in-tag") is False
    separator = told.get("tag-separator") or "-"
    before = "" if plain or not component else f"{component}{separator}"
    told.put("include-component-in-tag", "tag_format", f"{before}{letter}{{version}}")
    if not plain and not component:
        told.left.append(
            "include-component-in-tag: a component that release-please finds by itself is not in tag_format"
        )


def _extra(told: Translation, folder: str, entry: Any) -> None:
    """Add a file that a marker comment is in, or that is known by its name."""
    generic = {"type": "generic", "path": entry} if isinstance(entry, str) else entry
    path = generic.get("path") if isinstance(generic, dict) else None
    if not isinstance(path, str):
        told.leave("extra-files", f"{entry}: has no path")
        return
    full = path.removeprefix("/") if path.startswith("/") else join(folder, path)
    own = basename(path) in words.KNOWN_FILES and str(generic.get("jsonpath", "$.version")).endswith("version")
    if generic.get("type") == "generic" or own:
        told.add("extra-files", "version_files", full)
    else:
        told.leave("extra-files", f"{full}: add it to version_files with a pattern")
