"""Several packages in one repository: `[packages.NAME]`, each with versions, tags and a changelog of its own.

A package's table takes the same keys as the repository's own, which stand for it where it has none; paths in it are
relative to the package's folder, and so is the folder that its builds and gates start in. `name` and `crates` it has
for itself alone. Besides there are

* `path`: the package's folder, "." for the repository's own
* `paths`: globs, relative to the repository, of what belongs to it; a folder's own content by default
* `depends`: the packages that it depends on: what asks for a release there is a patch here
* `group`: a name; the packages of one group share one version
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from releasd.core.version import tag_name, versions_in
from releasd.model import BuildSpec, Gate, Package, ProjectConfig, Tag

_TRIED = ("1.2.3", "1.2.3-beta.1")
INCLUDED = ":(top,glob)"  # what a pathspec begins with; `top`: it is meant from the root, wherever git is started
EXCLUDED = ":(top,exclude,glob)"  # … and one that takes files out
OWN_KEYS = ("path", "paths", "depends", "group")
_SHARED_ONLY = ("packages", "shared", "name", "gates", "crates")  # what a package does not take over


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One `[packages.NAME]` table, read."""

    name: str
    root: str
    paths: tuple[str, ...]
    depends: tuple[str, ...]
    group: str
    config: ProjectConfig


def merged(base: Mapping[str, Any], name: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that count for a package: its own, else the repository's, else a package's defaults."""
    inherited = {key: value for key, value in base.items() if key not in (*_SHARED_ONLY, "tag_format", "version_files")}
    return {"tag_format": f"{name}-v{{version}}", **inherited, **{k: v for k, v in own.items() if k not in OWN_KEYS}}


def problems(entries: Sequence[Entry]) -> list[str]:
    """Return what is wrong with how packages stand to each other, each as `key: what`."""
    names = {entry.name for entry in entries}
    found = [
        f"{entry.name}.depends: there is no package {other}"
        for entry in entries
        for other in entry.depends
        if other not in names
    ]
    for key, values in (("path", [e.root for e in entries]), ("tag_format", [e.config.tag_format for e in entries])):
        twice = sorted({value for value in values if values.count(value) > 1})
        found += [f"{key}: {value or '.'} is there twice; each package needs its own" for value in twice]
    found += [
        f"{one.name}.tag_format: tags of {other.name} ({other.config.tag_format}) would count as its own"
        for one in entries
        for other in entries
        if one is not other and _takes(one.config.tag_format, other.config.tag_format)
    ]
    try:
        TopologicalSorter({entry.name: entry.depends for entry in entries}).prepare()
    except CycleError as cycle:
        found.append(f"depends: {' -> '.join(cycle.args[1])} go round in a circle")
    return found


def _takes(one: str, other: str) -> bool:
    """Return whether a tag of one format may be a release by another; the same format is a mistake of its own."""
    tags = [Tag(name=tag_name(other, each), commit="") for each in _TRIED] if one != other else []
    return bool(versions_in(tags, one))


def arranged(entries: Sequence[Entry], shared: Sequence[str], gates: Sequence[Gate]) -> tuple[ProjectConfig, ...]:
    """Return the configuration of each package, a package after those that it depends on.

    `shared` are globs of what belongs to every package, `gates` the repository's own, which every package has to pass.
    `entries` have no `problems`.
    """
    by_name = {entry.name: entry for entry in sorted(entries, key=lambda entry: entry.name)}
    order = TopologicalSorter({name: by_name[name].depends for name in by_name}).static_order()
    common = (pathspecs(shared),) if shared else ()
    return tuple(_placed(by_name[name], by_name, common, gates) for name in order)


def _placed(
    entry: Entry, all_: Mapping[str, Entry], common: tuple[tuple[str, ...], ...], gates: Sequence[Gate]
) -> ProjectConfig:
    depends = _reached(entry, all_)
    group = [each for each in all_.values() if each is entry or (entry.group and each.group == entry.group)]
    package = Package(
        name=entry.name,
        root=entry.root,
        areas=(*(_area(each, all_.values()) for each in group), *common),
        depends=depends,
        indirect=tuple(_area(all_[name], all_.values()) for name in depends),
        group=tuple(other.config.tag_format for other in group if other is not entry),
    )
    config = _in_folder(entry.config, package)
    own = {gate.name for gate in config.gates}
    return replace(config, gates=(*(gate for gate in gates if gate.name not in own), *config.gates))


def _area(entry: Entry, others: Iterable[Entry]) -> tuple[str, ...]:
    """Return what belongs to a package as pathspecs: its paths, else its folder without other packages' in it."""
    if entry.paths:
        return pathspecs(entry.paths)
    start = f"{entry.root}/" if entry.root else ""
    inner = (other.root for other in others if other is not entry and other.root.startswith(start))
    return pathspecs((f"{_literal(start)}**",), (f"{_literal(root)}/**" for root in inner))


def _literal(folder: str) -> str:
    """Return a folder's name as a glob that means nothing but it."""
    return re.sub(r"([\\*?\[\]])", r"\\\1", folder)


def _reached(entry: Entry, all_: Mapping[str, Entry]) -> tuple[str, ...]:
    """Return the packages that `entry` depends on, directly or through others, by name."""
    todo, found = list(entry.depends), set[str]()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += all_[name].depends
    return tuple(sorted(found))


def _in_folder(config: ProjectConfig, package: Package) -> ProjectConfig:
    """Return a package's configuration with its paths as the repository has them."""
    below = f"{package.root}/" if package.root else ""
    return replace(
        config,
        changelog=f"{below}{config.changelog}" if config.changelog else "",
        version_files=tuple(f"{below}{entry}" for entry in config.version_files),
        notes_style=replace(config.notes_style, template=_below(below, config.notes_style.template)),
        builds=tuple(build_in(build, package.root) for build in config.builds),
        gates=tuple(_gate_in(gate, package.root) for gate in config.gates),
        package=package,
    )


def _below(folder: str, path: str | None) -> str | None:
    return f"{folder}{path}" if path else path


def build_in(build: BuildSpec, folder: str) -> BuildSpec:
    """Return a build whose script starts in a folder of the sources."""
    return replace(build, run=f"cd {shlex.quote(folder)}\n{build.run}") if folder else build


def _gate_in(gate: Gate, folder: str) -> Gate:
    return replace(gate, run=f"cd {shlex.quote(folder)}\n{gate.run}") if folder else gate


def pathspecs(paths: Iterable[str], apart: Iterable[str] = ()) -> tuple[str, ...]:
    """Return globs as git's pathspecs, which no name in a repository can change the meaning of."""
    return (*(f"{INCLUDED}{path}" for path in paths), *(f"{EXCLUDED}{path}" for path in apart))
