"""release-please: release-please-config.json and .release-please-manifest.json, for one package or several.

The package `.`, where it is the only one, is the repository; several become `[packages.NAME]`, with what all of them
say alike at the top of the file.
"""

import re
from collections.abc import Iterable, Mapping
from posixpath import join
from typing import Any

from releasd.core.importers import words
from releasd.core.importers.please_package import MANIFESTS, component, manifest, translate
from releasd.core.importers.translation import Imported, Translation, problem

TOOL = "release-please"
CONFIG = "release-please-config.json"
MANIFEST = ".release-please-manifest.json"

_ROOT = "."
_WHOLE = ("packages", "plugins", "$schema", "separate-pull-requests", "always-update", "always-link-local")
_INHERITED = ("initial_version", "major_on_zero", "changelog")  # what a package takes over from the top of the file
_WORKSPACES = ("node-workspace", "cargo-workspace")
_DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "dev-dependencies", "build-dependencies")

Files = Mapping[str, str]
Table = dict[str, Any]


def read(files: Files) -> Imported | None:
    """Return the translated configuration, or None where there is none. Raises `ConfigError` for a malformed file."""
    if CONFIG not in files:
        return None
    table = words.table_in(CONFIG, files[CONFIG])
    told = Translation(table if isinstance(table, dict) else {})
    told.same("$schema", "not needed")
    if MANIFEST in files:
        told.translated.append((MANIFEST, "not needed: tags say what was released"))
    told.leave_each(dict.fromkeys(("separate-pull-requests", "always-update"), "releasd makes no pull requests"))
    told.leave_each({"always-link-local": "what is in one workspace is linked by its own tools"})
    options = _options(told.table)
    made = {path: translate(own, _folder(path), files) for path, own in options.items()}
    if list(made) == [_ROOT]:
        _take(told, made[_ROOT], "")
        told.leave_each({"plugins": "they are programs"})
    else:
        names = _names({path: component(own, _folder(path), files) for path, own in options.items()})
        _tables(told, made, names)
        _plugins(told, {path: names[path] for path in made if names[path] in told.values.get("packages", {})}, files)
    return told.result(TOOL, CONFIG)


def manifests(files: Files) -> frozenset[str]:
    """Return the files that may name a package of the configuration in `files`, or say what it depends on."""
    if CONFIG not in files:
        return frozenset()
    table = words.table_in(CONFIG, files[CONFIG])
    options = _options(table if isinstance(table, dict) else {})
    return frozenset(join(_folder(path), name) for path in options for name in MANIFESTS)


def _options(table: Mapping[str, Any]) -> dict[str, Table]:
    """Return each package's options, by its path: its own, else the file's."""
    packages = table.get("packages")
    known = packages if isinstance(packages, dict) and packages else {_ROOT: {}}
    common = {key: value for key, value in table.items() if key not in _WHOLE}
    return {path: {**common, **(own if isinstance(own, dict) else {})} for path, own in known.items()}


def _folder(path: str) -> str:
    return "" if path == _ROOT else path.strip("/")


def _take(told: Translation, package: Translation, prefix: str) -> None:
    told.values.update(package.values)
    told.translated += [(f"{prefix}{key}", became) for key, became in package.translated]
    told.left += [f"{prefix}{each}" for each in package.left]


def _names(components: Mapping[str, str]) -> dict[str, str]:
    """Return a name for each path, made of the component or else of the folder, each once."""
    found: dict[str, str] = {}
    for path, before in components.items():
        of_folder = _word(path.rpartition("/")[2]) or "root"
        tried = (_word(before), of_folder, _word(path), *(f"{of_folder}-{number}" for number in range(len(components))))
        found[path] = next(name for name in tried if name and name not in found.values())
    return found


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:60]


def _tables(told: Translation, made: Mapping[str, Translation], names: Mapping[str, str]) -> None:
    """Add a table for each package; what all of them say is said once, at the top."""
    values = _alike(each.values.items() for each in made.values())
    top = {key: value for key, value in values if key in _INHERITED}
    told.values.update(top)
    translated = _alike(each.translated for each in made.values())
    left = _alike(each.left for each in made.values())
    told.translated += translated
    told.left += left
    for path, each in made.items():
        own = f"packages.{path}."
        told.translated += [
            (f"{own}{key}", became) for key, became in each.translated if (key, became) not in translated
        ]
        told.left += [f"{own}{line}" for line in each.left if line not in left]
        table: Table = {"path": path if path == _ROOT else path.strip("/")}
        table |= {"paths": ["**"]} if path == _ROOT else {}  # to release-please every commit is the root package's
        _add(told, path, names[path], table | {key: value for key, value in each.values.items() if key not in top})


def _alike(lists: Iterable[Iterable[Any]]) -> list[Any]:
    """Return what is in every one of the lists, in the first one's order."""
    first, *others = map(list, lists)
    return [each for each in first if all(each in other for other in others)]


def _add(told: Translation, path: str, name: str, table: Table) -> None:
    """Add a package's table; without its tag format, where that is in another's way."""
    wrong = _refused(told, name, table)
    if wrong and _refused(told, name, {**table, "tag_format": f"{name}-v{{version}}"}) is None:
        told.left.append(f"packages.{path}.tag_format: {wrong}; now it is {name}-v{{version}}")
        table = {**table, "tag_format": f"{name}-v{{version}}"}
    elif wrong:
        told.left.append(f"packages.{path}: {wrong}")
        return
    told.values["packages"] = {**told.values.get("packages", {}), name: table}
    told.translated.append((f"packages.{path}", f"[packages.{name}]"))


def _refused(told: Translation, name: str, table: Table) -> str | None:
    return problem("packages", {**told.values.get("packages", {}), name: table})


def _plugins(told: Translation, names: Mapping[str, str], files: Files) -> None:
    """Translate what joins packages to each other: one version for several, and what depends on what."""
    listed = told.get("plugins")
    for entry in listed if isinstance(listed, list) else []:
        plugin = entry if isinstance(entry, dict) else {"type": entry}
        kind = plugin.get("type")
        if kind == "linked-versions" and isinstance(plugin.get("components"), list):
            _linked(told, plugin, names)
        elif kind in _WORKSPACES:
            _depending(told, names, files)
            if kind == "node-workspace":
                told.left.append("plugins.node-workspace: what one package.json requires of another is not edited")
        else:
            told.left.append(f"plugins.{kind}: it is a program")


def _linked(told: Translation, plugin: Mapping[str, Any], names: Mapping[str, str]) -> None:
    group = _word(str(plugin.get("groupName") or "")) or "linked"
    for before in plugin["components"]:
        name = _word(str(before))
        if name in names.values():
            _set(told, name, "plugins.linked-versions", {"group": group})
        else:
            told.left.append(f"plugins.linked-versions: there is no package {name}")


def _depending(told: Translation, names: Mapping[str, str], files: Files) -> None:
    """Add what each package depends on, by the names in the manifests."""
    called: dict[str, str] = {}
    for path, name in names.items():
        for file, keys in (("package.json", ("name",)), ("Cargo.toml", ("package", "name"))):
            own = manifest(files, join(_folder(path), file), *keys)
            called |= {own: name} if isinstance(own, str) else {}
    for path, name in names.items():
        needs = {called[each] for each in _needed(path, files) if each in called} - {name}
        if needs:
            _set(told, name, "plugins.workspace", {"depends": sorted(needs)})


def _needed(path: str, files: Files) -> Iterable[str]:
    """Yield the names of what a package's manifests require."""
    for file in ("package.json", "Cargo.toml"):
        for section in _DEPENDENCIES:
            found = manifest(files, join(_folder(path), file), section)
            for key, value in (found if isinstance(found, dict) else {}).items():
                named = value.get("package") if isinstance(value, dict) else None
                yield named if isinstance(named, str) else key


def _set(told: Translation, name: str, key: str, more: Table) -> None:
    """Add to a package's table, unless releasd refuses that."""
    table = {**told.values["packages"][name], **more}
    wrong = _refused(told, name, table)
    became = f"[packages.{name}] {', '.join(f'{each} = {value}' for each, value in more.items())}"
    if wrong:
        told.left.append(f"{key}: {became}: {wrong}")
    else:
        told.values["packages"] = {**told.values["packages"], name: table}
        told.translated.append((key, became))
