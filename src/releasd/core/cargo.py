"""The versions in a Cargo workspace: one release, one version, and what depends on it by path kept in step.

The version released is that of the crate which maturin builds, else of the root package, else of the workspace; the
release's own crates are all members with that version. A member with another version of its own, such as an `xtask` at
0.0.0, is versioned by someone else and stays. Members are found as Cargo finds them: `members` globs without `exclude`,
and path dependencies of members inside the tree.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import dirname, join, normpath
from typing import Any

from releasd.core import lockfiles, toml
from releasd.errors import ConfigError
from releasd.model import FileEdit

DEPENDENCIES = ("dependencies", "dev-dependencies", "build-dependencies")
_VERSION_TABLES: tuple[tuple[str, ...], ...] = (("workspace", "package"), ("package",))
_FULL = 3  # numbers in a complete version
_REQUIREMENT = re.compile(r"(?P<operator>[=^~]?\s*)(?P<version>\d+(?:\.\d+){0,2}(?:-[0-9A-Za-z.-]+)?)")

Crates = Mapping[str, dict[str, Any]]  # the folder of each crate → its manifest, "" for the root


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace as it stands in a commit: its root's folder, its crates, and which have the release's version."""

    base: str
    crates: Crates
    own: tuple[str, ...]

    def name(self, folder: str) -> str | None:
        """Return the name of the crate in a folder; None where there is none, as in a root without one."""
        name = toml.table(self.crates[folder], "package").get("name")
        return name if isinstance(name, str) else None

    def inherited(self, folder: str, key: str) -> Any:
        """Return what a crate's `[package]` says under `key`, itself or through its workspace."""
        value = toml.table(self.crates[folder], "package").get(key)
        return toml.table(self._root, "workspace", "package").get(key) if isinstance(value, dict) else value

    def dependencies(self, folder: str) -> Iterator[tuple[str, dict[str, Any], str]]:
        """Yield each dependency of a crate that has a path: its table's name, what it says, where the path begins."""
        shared = toml.table(self._root, "workspace", "dependencies")
        for keys, name, written in _tables(self.crates[folder], DEPENDENCIES):
            is_shared = written.get("workspace") is True
            spec = {**toml.table(shared, name), **written} if is_shared else written
            if isinstance(spec.get("path"), str):
                yield keys[-1], spec, self.base if is_shared else folder

    @property
    def _root(self) -> dict[str, Any]:
        return self.crates[self.base]


def read_workspace(files: Mapping[str, str], root: str) -> Workspace:
    """Return the workspace that the manifest `root` is part of. Raises `ConfigError` for malformed manifests."""
    base = _workspace_of(files, dirname(root))
    crates = _crates(files, base)
    lead = dirname(root) if base != dirname(root) else dirname(_manifest_of_maturin(files))
    old = _own_version(crates, base, lead)
    own = () if old is None else tuple(sorted(_names(crates, base, old)))
    folders = (folder for folder in sorted(crates) if toml.table(crates[folder], "package").get("name") in own)
    return Workspace(base, crates, tuple(folders))


def root_of(files: Mapping[str, str]) -> str:
    """Return the path of the root manifest: `Cargo.toml`, else the one that a maturin project names."""
    return "Cargo.toml" if "Cargo.toml" in files else _manifest_of_maturin(files)


def _manifest_of_maturin(files: Mapping[str, str]) -> str:
    if "pyproject.toml" not in files:
        return "Cargo.toml"
    maturin = toml.table(toml.read("pyproject.toml", files["pyproject.toml"]), "tool", "maturin")
    return normpath(str(maturin.get("manifest-path", "Cargo.toml")))


def edits(files: Mapping[str, str], root: str, version: str) -> list[FileEdit]:
    """Return the edits to every manifest of the workspace at `root` and to its Cargo.lock.

    None where the root names no version and the crates differ in theirs. Raises `ConfigError` for malformed manifests.
    """
    base = _workspace_of(files, dirname(root))
    crates = _crates(files, base)
    if base != dirname(root):
        return _member_edits(files, base, crates, dirname(root), version)
    old = _own_version(crates, base, dirname(_manifest_of_maturin(files)))
    if old is None:
        return []
    own = sorted(_names(crates, base, old))
    return _edits(files, base, crates, ("cargo", own, old, version))


def _member_edits(files: Mapping[str, str], base: str, crates: Crates, folder: str, version: str) -> list[FileEdit]:
    """Return the edits that one member of a workspace asks for, which has a version of its own; else none."""
    package = toml.table(crates[folder], "package")
    name, old = package.get("name"), package.get("version")
    if isinstance(old, dict):
        raise ConfigError(
            f"{join(folder, 'Cargo.toml')} inherits the workspace's version, which other crates have too",
            advice="give it a version of its own, or release the workspace as one package",
        )
    if not isinstance(name, str) or not isinstance(old, str):
        return []
    return _edits(files, base, crates, ("cargo-member", [name], old, version))


def _edits(
    files: Mapping[str, str], base: str, crates: Crates, what: tuple[str, list[str], str, str]
) -> list[FileEdit]:
    editor, own, old, version = what
    kind = f"{editor}:{','.join(own)}"
    found = [
        FileEdit(path=join(folder, "Cargo.toml"), kind=kind, old=old, new=version)
        for folder, manifest in sorted(crates.items())
        if any(_changes(manifest, frozenset(own), (old, version), is_member=editor == "cargo-member"))
    ]
    lock = join(base, "Cargo.lock")
    if lock in files:
        found += lockfiles.cargo_edits(lock, files[lock], own, old, version)
    return found


def apply_edit(edit: FileEdit, text: str, crates: Sequence[str]) -> str:
    """Return the manifest `text` with the versions of `crates` moved. Raises `ConfigError` where nothing fits."""
    is_member = edit.kind.startswith("cargo-member:")
    wanted = dict(_changes(toml.read(edit.path, text), frozenset(crates), (edit.old, edit.new), is_member=is_member))
    if not wanted:
        raise ConfigError(f"{edit.path} holds no version {edit.old} to change", advice="plan the release again")
    return toml.replace_strings(edit.path, text, wanted)


def _workspace_of(files: Mapping[str, str], folder: str) -> str:
    """Return the folder of the workspace that has the crate in `folder` as a member, else `folder` itself."""
    if not folder or "workspace" in toml.read(join(folder, "Cargo.toml"), files[join(folder, "Cargo.toml")]):
        return folder
    above = folder
    while above:
        above = dirname(above)
        manifest = join(above, "Cargo.toml")
        if manifest in files and folder in _crates(files, above):
            return above
    return folder


def _crates(files: Mapping[str, str], base: str) -> dict[str, dict[str, Any]]:
    """Return the root and its members, by folder."""
    manifests = {dirname(path): path for path in files if path == join(dirname(path), "Cargo.toml")}
    root = toml.read(manifests[base], files[manifests[base]])
    found = {base: root}
    workspace = root.get("workspace")
    if not isinstance(workspace, dict):
        return found
    waiting = [folder for folder in manifests if _listed(folder, base, workspace.get("members"))]
    waiting += _paths(root, base)
    while waiting:
        folder = waiting.pop()
        if folder in found or folder not in manifests or _excluded(folder, base, workspace.get("exclude")):
            continue
        found[folder] = toml.read(manifests[folder], files[manifests[folder]])
        waiting += _paths(found[folder], folder)
    return found


def _listed(folder: str, base: str, patterns: Any) -> bool:
    """Return whether one of the globs of the workspace names the folder; a glob's `*` is one level, as in Cargo."""
    for pattern in patterns if isinstance(patterns, list) else ():
        full = normpath(join(base, str(pattern)))
        if fnmatchcase(folder, full) and ("**" in full or folder.count("/") == full.count("/")):
            return True
    return False


def _excluded(folder: str, base: str, paths: Any) -> bool:
    """Return whether the folder lies in one that the workspace excludes; these are paths, not globs."""
    wanted = [normpath(join(base, str(path))) for path in paths] if isinstance(paths, list) else []
    return any(f"{folder}/".startswith(f"{path}/") for path in wanted)


def _paths(manifest: Mapping[str, Any], folder: str) -> list[str]:
    return [normpath(join(folder, str(dep["path"]))) for _, _, dep in _path_dependencies(manifest)]


def _own_version(crates: Crates, base: str, lead: str) -> str | None:
    """Return the version that is released: the leading crate's, else the workspace's, else the one all crates share."""
    inherited = toml.table(crates[base], "workspace", "package").get("version")
    for folder in (lead, base):
        version = _version(crates.get(folder, {}), inherited)
        if isinstance(version, str):
            return version
    if isinstance(inherited, str):
        return inherited
    versions = {_version(crate, None) for folder, crate in crates.items() if folder != base} - {None}
    return versions.pop() if len(versions) == 1 else None


def _names(crates: Crates, base: str, old: str) -> Iterator[str]:
    inherited = toml.table(crates[base], "workspace", "package").get("version")
    for manifest in crates.values():
        name = toml.table(manifest, "package").get("name")
        if isinstance(name, str) and _version(manifest, inherited) == old:
            yield name


def _version(manifest: Mapping[str, Any], inherited: Any) -> Any:
    version = toml.table(manifest, "package").get("version")
    return inherited if isinstance(version, dict) else version


def _changes(
    manifest: Mapping[str, Any], own: frozenset[str], versions: tuple[str, str], *, is_member: bool
) -> Iterator[tuple[toml.Path, tuple[str, str]]]:
    """Yield the values of one manifest that move: (path, (old, new)). A member's version is not the workspace's."""
    old, new = versions
    for keys in _VERSION_TABLES[1:] if is_member else _VERSION_TABLES:
        if toml.table(manifest, *keys).get("version") == old and _is_ours(manifest, keys, own):
            yield (*keys, "version"), (old, new)
    for keys, name, dependency in _path_dependencies(manifest):
        requirement = dependency.get("version")
        if dependency.get("package", name) in own and isinstance(requirement, str):
            moved = _moved(requirement, old, new)
            if moved != requirement:
                yield (*keys, name, "version"), (requirement, moved)


def _is_ours(manifest: Mapping[str, Any], keys: tuple[str, ...], own: frozenset[str]) -> bool:
    return keys[0] == "workspace" or toml.table(manifest, "package").get("name") in own


def _path_dependencies(manifest: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, dict[str, Any]]]:
    for keys, name, dependency in _tables(manifest, DEPENDENCIES, ("workspace", "dependencies")):
        if isinstance(dependency.get("path"), str):
            yield keys, name, dependency


def _tables(
    manifest: Mapping[str, Any], kinds: Sequence[str], *more: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, dict[str, Any]]]:
    """Yield the dependencies that are written as tables: where the table is, under which name, what it says."""
    places: list[tuple[str, ...]] = [*((kind,) for kind in kinds), *more]
    places += [("target", name, kind) for name in toml.table(manifest, "target") for kind in kinds]
    for keys in places:
        for name, dependency in toml.table(manifest, *keys).items():
            if isinstance(dependency, dict):
                yield keys, name, dependency


def _moved(requirement: str, old: str, new: str) -> str:
    """Return a requirement moved from `old` to `new` as precisely as it was written; ranges stay as they are."""
    match = _REQUIREMENT.fullmatch(requirement)
    if match is None or not f"{old}.".startswith(f"{match['version']}."):
        return requirement
    written = match["version"].partition("-")[0].split(".")
    short = new.partition("-")[0].split(".")[: len(written)]
    return match["operator"] + (new if len(written) == _FULL or "-" in new else ".".join(short))
