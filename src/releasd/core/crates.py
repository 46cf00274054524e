"""The crates of a release: which of a repository's there are, in which order they go up, and what builds them.

The repository asks with `crates` in its configuration. Chosen are members of the Cargo workspace that have the version
released; each goes up after those that it depends on, for a registry takes none whose dependencies it does not know.
A dev-dependency counts where it has a version, because Cargo then names it in what is published; without one Cargo
leaves it out, which is the way out of a circle of crates that test each other.
"""

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from posixpath import join, normpath
from typing import Any

from releasd.core import cargo, toml
from releasd.errors import ConfigError
from releasd.model import BuildSpec

ALL = "*"  # in `crates` of a configuration: every crate that may be published
ENDING = ".crate"
BUILD = "crates"  # the name of the build that makes them
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
SEVERAL_SINCE = "1.90"  # the first cargo that packages crates which need each other before a registry has them

_FILE = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_-]{0,63}?)-(?P<version>\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?)\.crate")
# The sources are an export, and cargo decides by git what belongs to a crate: in a repository of their own, all of it.
# Without one it leaves out files whose names begin with a dot, and takes all for untracked in a repository further up,
# such as a home folder under git. There is no commit in it, so "dirty" is its usual state.
_SCRIPT = """set -e
export CARGO_TARGET_DIR="$TMPDIR/crates"
git init --quiet --template=
git add --all --force .
cargo package {options} || {{
  echo "releasd: cargo could not package the crates; this is $(cargo --version){hint}" >&2
  exit 1
}}
cp "$CARGO_TARGET_DIR"/package/*.crate "$RELEASD_OUT"/
"""


@dataclass(frozen=True, slots=True)
class Dependency:
    """What one crate needs of another crate of its workspace. `registry` is None for Cargo's default."""

    name: str
    kind: str
    has_version: bool
    registry: str | None


@dataclass(frozen=True, slots=True)
class Crate:
    """A crate that is published. `registries` are the only ones that its manifest allows; empty: any."""

    name: str
    needs: tuple[Dependency, ...]
    registries: tuple[str, ...]


def split_filename(filename: str) -> tuple[str, str] | None:
    """Return name and version of a `.crate` file by its own name; None where it is none. No crate's name has a dot."""
    match = _FILE.fullmatch(filename)
    return (match["name"], match["version"]) if match else None


def index_path(name: str) -> str:
    """Return where a sparse index has a crate's lines (the Cargo book, "Index Format")."""
    return f"{prefix(name.lower())}/{name.lower()}"


def prefix(name: str) -> str:
    """Return the folder of a crate in an index, in the letters of its name."""
    by_length = {1: "1", 2: "2", 3: f"3/{name[:1]}"}
    return by_length.get(len(name), f"{name[:2]}/{name[2:4]}")


def in_order(needs: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the names, each after those that it needs, else by name. Raises `ConfigError` for a circle."""
    sorter = TopologicalSorter({name: set(others) & needs.keys() - {name} for name, others in needs.items()})
    try:
        sorter.prepare()
    except CycleError as cycle:
        raise ConfigError(
            f"no order to publish these crates in: {' -> '.join(cycle.args[1])} go round in a circle",
            advice="leave version out of the dev-dependency among them: cargo does not publish it then",
        ) from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return tuple(order)


def chosen(files: Mapping[str, str], wanted: Collection[str]) -> tuple[Crate, ...]:
    """Return the crates that are published, each after those that it needs.

    Args:
        files: texts of the repository's files, by path.
        wanted: names, or `ALL`.

    Raises `ConfigError` with everything that stands in the way.
    """
    root = cargo.root_of(files)
    if root not in files:
        raise ConfigError("crates are asked for, and there is no Cargo.toml", advice="remove crates from .releasd.toml")
    workspace = cargo.read_workspace(files, root)
    own = {name: folder for folder in workspace.own for name in (workspace.name(folder),) if name}
    allowed = {name: _registries(workspace, folder) for name, folder in own.items()}
    names = [name for name in own if allowed[name] is not None] if ALL in wanted else list(wanted)
    problems = [wrong for name in names if (wrong := _unfit(name, workspace, allowed))]
    fit = {name: tuple(_needs(workspace, own[name])) for name in names if name in own}
    problems += [wrong for name, needs in fit.items() for need in needs if (wrong := _gap(name, need, fit, allowed))]
    if problems or not names:
        raise ConfigError(
            "these crates cannot be published",
            problems=tuple(problems) or ("no crate of the workspace has the version released and may be published",),
            advice="edit Cargo.toml, or crates in .releasd.toml",
        )
    order = in_order({name: (need.name for need in needs if _counts(need)) for name, needs in fit.items()})
    return tuple(Crate(name=name, needs=fit[name], registries=allowed[name] or ()) for name in order)


def build(files: Mapping[str, str], wanted: Collection[str]) -> BuildSpec:
    """Return the build that makes the `.crate` files. Raises `ConfigError` as `chosen` does.

    Nothing is compiled: `check` has no need of it, and a build that compiles is the project's own gate.
    """
    crates = chosen(files, wanted)
    registry = _registry(crates)
    lock = join(normpath(join(cargo.root_of(files), "..")), "Cargo.lock")
    options = ["--no-verify", "--allow-dirty"]
    options += ["--locked"] if normpath(lock) in files else []
    options += ["--registry", registry] if registry else []
    options += ["--manifest-path", root] if (root := cargo.root_of(files)) != "Cargo.toml" else []
    options += [word for crate in crates for word in ("-p", crate.name)]
    hint = f", and several crates at once need {SEVERAL_SINCE}" if len(crates) > 1 else ""
    return BuildSpec(
        name=BUILD,
        run=_SCRIPT.format(options=shlex.join(options), hint=hint),
        tools=("cargo", "git"),
        artifacts=(f"*{ENDING}",),
    )


def _registry(crates: Iterable[Crate]) -> str | None:
    """Return the name of the one registry that these crates are for; None: Cargo's default.

    Cargo has to be told: it looks there for what the crates need of each other.
    """
    named = {crate.registries[0] for crate in crates if len(crate.registries) == 1}
    named |= {need.registry for crate in crates for need in crate.needs if need.registry}
    if len(named) > 1:
        raise ConfigError(
            f"the crates are for several registries: {', '.join(sorted(named))}",
            advice="let publish and registry in Cargo.toml name one",
        )
    return named.pop() if named else None


def _registries(workspace: cargo.Workspace, folder: str) -> tuple[str, ...] | None:
    """Return what `publish` says: the registries allowed, () for any, None for no publishing."""
    value = workspace.inherited(folder, "publish")
    if value is False or value == []:
        return None
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _unfit(name: str, workspace: cargo.Workspace, allowed: Mapping[str, tuple[str, ...] | None]) -> str | None:
    if name not in allowed:
        is_other = any(workspace.name(folder) == name for folder in workspace.crates)
        why = "has a version of its own, which is not released" if is_other else "is no crate of this workspace"
        return f"{name}: {why}"
    return f"{name}: its Cargo.toml says publish = false" if allowed[name] is None else None


def _needs(workspace: cargo.Workspace, folder: str) -> Iterator[Dependency]:
    """Yield what a crate needs of other members of its workspace."""
    folders = {normpath(each or "."): workspace.name(each) for each in workspace.crates}
    for kind, spec, base in workspace.dependencies(folder):
        target = folders.get(normpath(join(base, str(spec["path"]))))
        if target:
            registry = spec.get("registry")
            yield Dependency(target, kind, isinstance(spec.get("version"), str), str(registry) if registry else None)


def _gap(
    name: str, need: Dependency, fit: Collection[str], allowed: Mapping[str, tuple[str, ...] | None]
) -> str | None:
    """Return why a crate cannot be published for what it needs, None where it can."""
    if not _counts(need):
        return None
    if not need.has_version:
        return f'{name}: its dependency {need.name} has a path and no version; add version = "…"'
    if need.name in fit or need.name not in allowed:  # the others are released on their own
        return None
    return f"{name}: it needs {need.name}, which is not published with it"


def _counts(need: Dependency) -> bool:
    """Return whether the published manifest names it."""
    return need.kind != "dev-dependencies" or need.has_version


def published_needs(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the crates that a published (normalised) manifest depends on."""
    for _, _, name, spec in dependency_tables(manifest):
        yield str(spec.get("package", name))


def dependency_tables(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str | None, str, dict[str, Any]]]:
    """Yield each dependency of a manifest: its kind, its target (None: all), its key, and what it says as a table."""
    places: list[tuple[str | None, Mapping[str, Any]]] = [(None, manifest)]
    places += [(name, each) for name, each in toml.table(manifest, "target").items() if isinstance(each, dict)]
    for target, tables in places:
        for kind in cargo.DEPENDENCIES:
            for name, spec in toml.table(tables, kind).items():
                yield kind, target, name, spec if isinstance(spec, dict) else {"version": spec}
