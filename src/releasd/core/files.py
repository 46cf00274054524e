"""Version files: which ones there are, what has to change in them, and the change itself, byte for byte.

`detect` looks at the files of a commit and names the edits; `apply_edit` makes one. An edit changes the value it names
and nothing else: line ends, comments and layout stay. Python files get the PEP 440 spelling, Cargo's get SemVer.

The kinds of `FileEdit`, which a colon may follow with the crates or the distribution that are meant:

* `pyproject`: `project.version` (PEP 621), else `tool.poetry.version`
* `cargo:CRATE,…`: see core/cargo.py
* `cargo-lock:CRATE,…`: the entries of these crates without a `source`, and what depends on them by version
* `uv-lock:NAME`: the entry of the project itself, whose source is `editable` or `virtual`
* `python`: the one line `__version__ = "…"`
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname, join

from releasd.core import cargo, lockfiles, toml
from releasd.errors import ConfigError
from releasd.model import FileEdit, ProjectConfig

SEMANTIC_RELEASE_FILES = tuple(  # core/semrelconfig reads them; cosmiconfig 9 looks at these places
    f"{place}{ending}"
    for place, endings in (
        (".releaserc", ("", ".json", ".yaml", ".yml", ".js", ".ts", ".cjs", ".mjs")),
        (".config/releaserc", ("", ".json", ".yaml", ".yml", ".js", ".ts", ".cjs", ".mjs")),
        ("release.config", (".js", ".ts", ".cjs", ".mjs")),
    )
    for ending in endings
)
_ROOT_FILES = frozenset({".releasd.toml", "pyproject.toml", "setup.py", "package.json", *SEMANTIC_RELEASE_FILES})
_ANYWHERE = frozenset({"Cargo.toml", "Cargo.lock", "uv.lock"})
_DUNDER = re.compile(
    r"""^__version__(?:[ \t]*:[^=\n]*)?[ \t]*=[ \t]*(?P<quote>["'])(?P<value>[^"'\n]*)(?P=quote)""", re.MULTILINE
)
_NO_SHARED_VERSION = (
    "{path} has no version for the whole workspace: nothing in it is edited; "
    "add version under [workspace.package], or name other files in version_files"
)
_ALLOWED = "pyproject.toml, Cargo.toml or a Python file with __version__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The edits that a version asks for, and what is odd about the files, for people."""

    edits: tuple[FileEdit, ...]
    warnings: tuple[str, ...] = ()


def wanted_paths(all_paths: Sequence[str], config: ProjectConfig) -> tuple[str, ...]:
    """Return those of a commit's paths whose text the core needs to plan a release."""
    named = {config.changelog, *config.version_files} | _ROOT_FILES
    return tuple(path for path in all_paths if path in named or basename(path) in _ANYWHERE)


def detect(files: Mapping[str, str], config: ProjectConfig, *, version: str, pep440: str) -> Changes:
    """Return what has to change for `version`, whose Python spelling is `pep440`.

    Without `version_files` these are pyproject.toml and Cargo.toml, where present; lock files follow the files they
    belong to. Raises `ConfigError` for malformed files, and for a configured file that has no version to change.
    """
    _check_configured(files, config)
    listed = config.version_files or tuple(path for path in ("pyproject.toml", cargo.root_of(files)) if path in files)
    edits: list[FileEdit] = []
    warnings: list[str] = []
    for path in listed:
        if basename(path) == "Cargo.toml":
            found = cargo.edits(files, path, version)
            edits += found
            warnings += [] if found else [_NO_SHARED_VERSION.format(path=path)]
        elif basename(path) == "pyproject.toml":
            more, odd = _pyproject_edits(files, path, pep440, listed)
            edits += more
            warnings += odd
        else:
            edits.append(FileEdit(path=path, kind="python", old=_dunder(path, files[path])["value"], new=pep440))
    unique = {(edit.path, edit.kind): edit for edit in edits if edit.old != edit.new}
    return Changes(edits=tuple(unique.values()), warnings=tuple(warnings))


def apply_edit(edit: FileEdit, text: str) -> str:
    """Return `text` with the edit made. Raises `ConfigError` where `text` does not hold what the edit was made for."""
    kind, _, names = edit.kind.partition(":")
    return _EDITORS[kind](edit, text, tuple(names.split(",")))


def _check_configured(files: Mapping[str, str], config: ProjectConfig) -> None:
    problems = [
        f"{path}: {'is not in the repository' if path not in files else 'has to be ' + _ALLOWED}"
        for path in config.version_files
        if path not in files or not _is_known(path)
    ]
    if problems:
        raise ConfigError(
            f"version_files in {config.source} cannot be used", problems=tuple(problems), advice="edit version_files"
        )


def _is_known(path: str) -> bool:
    return basename(path) in ("pyproject.toml", "Cargo.toml") or path.endswith(".py")


def _pyproject_edits(
    files: Mapping[str, str], path: str, pep440: str, listed: Sequence[str]
) -> tuple[list[FileEdit], list[str]]:
    document = toml.read(path, files[path])
    keys = _version_keys(document)
    if keys is None:
        others = [other for other in listed if other != path]
        return [], [] if others else [_no_version(document, path)]
    old = str(toml.table(document, *keys[:-1])["version"])
    edits = [FileEdit(path=path, kind="pyproject", old=old, new=pep440)]
    lock = _lock_of(path, files)
    name = toml.table(document, "project").get("name")
    if lock and isinstance(name, str):
        edits += lockfiles.uv_edits(lock, files[lock], name, pep440)
    return edits, []


def _lock_of(path: str, files: Mapping[str, str]) -> str | None:
    """Return the uv.lock beside a pyproject.toml, or of the workspace above it."""
    folder = dirname(path)
    while (lock := join(folder, "uv.lock")) not in files:
        if not folder:
            return None
        folder = dirname(folder)
    return lock


def _version_keys(document: Mapping[str, object]) -> tuple[str, ...] | None:
    for keys in (("project",), ("tool", "poetry")):
        if isinstance(toml.table(document, *keys).get("version"), str):
            return (*keys, "version")
    return None


def _no_version(document: Mapping[str, object], path: str) -> str:
    dynamic = toml.table(document, "project").get("dynamic")
    if isinstance(dynamic, list) and "version" in dynamic:
        return (
            f"{path} takes its version from elsewhere (dynamic): nothing is edited, and a build from the exported "
            'sources cannot ask git; name the file that holds it: version_files = ["src/NAME/__init__.py"]'
        )
    return f"{path} has no version to edit: add version to [project]"


def _edit_pyproject(edit: FileEdit, text: str, _names: Sequence[str]) -> str:
    keys = _version_keys(toml.read(edit.path, text))
    if keys is None:
        raise ConfigError(f"{edit.path} has no version to edit", advice=f"add version to [project] in {edit.path}")
    return toml.replace_strings(edit.path, text, {keys: (edit.old, edit.new)})


def _edit_python(edit: FileEdit, text: str, _names: Sequence[str]) -> str:
    match = _dunder(edit.path, text)
    if match["value"] != edit.old:
        raise ConfigError(f"{edit.path}: __version__ is {match['value']!r}, not {edit.old!r}", advice="plan again")
    return f"{text[: match.start('value')]}{edit.new}{text[match.end('value') :]}"


def _dunder(path: str, text: str) -> re.Match[str]:
    found = list(_DUNDER.finditer(text))
    if len(found) != 1:
        raise ConfigError(
            f'{path} needs one line `__version__ = "…"`, and has {len(found)}',
            advice=f"edit {path}, or take it out of version_files",
        )
    return found[0]


_EDITORS: Mapping[str, Callable[[FileEdit, str, Sequence[str]], str]] = {
    "pyproject": _edit_pyproject,
    "cargo": cargo.apply_edit,
    "cargo-lock": lockfiles.apply_cargo,
    "uv-lock": lockfiles.apply_uv,
    "python": _edit_python,
}
