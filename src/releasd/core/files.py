"""Version files: which ones there are, what has to change in them, and the change itself, byte for byte.

`detect` looks at the files of a commit and names the edits; `apply_edit` makes one. An edit changes the value it names
and nothing else: line ends, comments and layout stay. Python files get the PEP 440 spelling, Cargo's get SemVer.

The kinds of `FileEdit`, which a colon may follow with the crates or the distribution that are meant:

* `pyproject`: `project.version` (PEP 621), else `tool.poetry.version`
* `cargo:CRATE,…` and `cargo-member:CRATE`: see core/cargo.py
* `cargo-lock:CRATE,…`: the entries of these crates without a `source`, and what depends on them by version
* `uv-lock:NAME`: the entry of the project itself, whose source is `editable` or `virtual`
* `poetry-lock:NAME,FOLDER`: the entry of another project's lock for the one in that folder
* `python`: the one line `__version__ = "…"`
* `package` and `package-lock:FOLDER`: see core/jsonfiles.py
* `setup-cfg`, `pattern:REGEX`, `marker`: see core/textfiles.py
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from posixpath import basename, dirname, join

from releasd.core import cargo, jsonfiles, lockfiles, textfiles, toml
from releasd.core.semver import parse_semver
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
_ROOT_MANIFESTS = frozenset({"pyproject.toml", "Cargo.toml"})
_PACKAGE_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "package.json")
_ROOT_FILES = frozenset(
    {
        ".releasd.toml",
        *_PACKAGE_FILES,
        *SEMANTIC_RELEASE_FILES,
    }
)
IN_PACKAGE = "`release` in package.json"
# A configuration given by hand stands among a commit's files under these names, by its ending: the first is releasd's
# own, the others are semantic-release's. It counts before all that the commit has, and a commit's path is never read
# under such a name.
GIVEN = {ending: f"--config{ending}" for ending in (".toml", ".json", ".yaml", ".yml")}
_FOREIGN = frozenset(
    {*SEMANTIC_RELEASE_FILES, IN_PACKAGE, *GIVEN.values()} - {GIVEN[".toml"]}
)  # sources that are another tool's
_ANYWHERE = frozenset({"Cargo.toml", "Cargo.lock", "uv.lock", "poetry.lock"})
_DUNDER = re.compile(
    r"""^__version__(?:[ \t]*:[^=\n]*)?[ \t]*=[ \t]*(?P<quote>["'])(?P<value>[^"'\n]*)(?P=quote)""", re.MULTILINE
)
_NO_SHARED_VERSION = (
    "{path} has no version for the whole workspace: nothing in it is edited; "
    "add version under [workspace.package], or name other files in version_files"
)
_ALLOWED = (
    "pyproject.toml, Cargo.toml, package.json, setup.cfg, a Python file with __version__, a file with a marker "
    '(x-releasd-version) beside the version, or "path:pattern" with {version} in the pattern'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The edits that a version asks for, and what is odd about the files, for people."""

    edits: tuple[FileEdit, ...]
    warnings: tuple[str, ...] = ()


def wanted_paths(all_paths: Sequence[str], config: ProjectConfig) -> tuple[str, ...]:
    """Return those of a commit's paths whose text the core needs to plan a release."""
    each = (config, *config.packages)
    entries = [_split(entry)[0] for one in each for entry in one.version_files]
    roots = [one.package.root for one in config.packages if one.package]
    manifests = {join(root, name) for root in roots for name in _PACKAGE_FILES}
    named = {
        *(one.changelog for one in each),
        *(one.notes_style.template for one in each),
        *entries,
        *manifests,
    } | _ROOT_FILES
    wants_locks = any(basename(path) == jsonfiles.PACKAGE for path in (*entries, *(manifests & set(all_paths))))
    if wants_locks or _ROOT_MANIFESTS.isdisjoint(all_paths):
        named |= {path for path in all_paths if basename(path) in jsonfiles.LOCKS}
    return tuple(path for path in all_paths if path in named or basename(path) in _ANYWHERE)


def detect(files: Mapping[str, str], config: ProjectConfig, *, version: str, pep440: str) -> Changes:
    """Return what has to change for `version`, whose Python spelling is `pep440`.

    Without `version_files` these are pyproject.toml and Cargo.toml, where present, else setup.cfg or package.json; lock
    files follow the files they belong to. Raises `ConfigError` for malformed files, and for a file that releasd's own
    configuration names and that has no version to change; where another tool's names it, that is a warning.
    """
    strict = config.source not in _FOREIGN or not config.version_files
    if strict:
        _check_configured(files, config)
    asked = _Asked(files, _listed(files, config), version, pep440)
    edits: list[FileEdit] = []
    warnings: list[str] = []
    for entry in asked.listed:
        try:
            more, odd = _entry_edits(asked, entry)
        except (ConfigError, KeyError) as error:
            if strict:
                raise
            why = error.message if isinstance(error, ConfigError) else "it is not in the repository"
            more, odd = [], [f"{config.source} edits {_split(entry)[0]}, and releasd cannot: {why}"]
        edits += more
        warnings += odd
    unique = {(edit.path, edit.kind): edit for edit in edits if edit.old != edit.new}
    return Changes(edits=tuple(unique.values()), warnings=tuple(warnings))


def apply_edit(edit: FileEdit, text: str) -> str:
    """Return `text` with the edit made. Raises `ConfigError` where `text` does not hold what the edit was made for."""
    kind, _, names = edit.kind.partition(":")
    return _EDITORS[kind](edit, text, tuple(names.split(",")))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the edits are wanted for."""

    files: Mapping[str, str]
    listed: tuple[str, ...]
    version: str
    pep440: str

    def spelled(self, path: str, old: str) -> str:
        """Return the new version as a file of no special kind spells it: as Python does, or as `old` shows."""
        return self.pep440 if path.endswith((".py", ".cfg")) or parse_semver(old) is None else self.version


def _split(entry: str) -> tuple[str, str]:
    """Return the path and the pattern of an entry of `version_files`; "" where there is none."""
    path, _, pattern = entry.partition(":")
    return path, pattern


def _listed(files: Mapping[str, str], config: ProjectConfig) -> tuple[str, ...]:
    if config.version_files:
        return config.version_files
    root = config.package.root if config.package else ""
    pyproject, setup_cfg, package = (join(root, name) for name in ("pyproject.toml", "setup.cfg", jsonfiles.PACKAGE))
    rust = join(root, "Cargo.toml") if root else cargo.root_of(files)
    found = tuple(path for path in (pyproject, rust) if path in files)
    if setup_cfg in files and not _has_pyproject_version(files, pyproject):
        found += (setup_cfg,) if textfiles.setup_cfg_version(setup_cfg, files[setup_cfg]) else ()
    return found or tuple(path for path in (package,) if path in files and _has_version(path, files[path]))


def _has_pyproject_version(files: Mapping[str, str], path: str) -> bool:
    return path in files and _version_keys(toml.read(path, files[path])) is not None


def _has_version(path: str, text: str) -> bool:
    document = jsonfiles.read(path, text)
    return isinstance(document, dict) and isinstance(document.get("version"), str)


def _check_configured(files: Mapping[str, str], config: ProjectConfig) -> None:
    problems = [
        f"{path}: {'is not in the repository' if path not in files else 'has to be ' + _ALLOWED}"
        for path, pattern in map(_split, config.version_files)
        if path not in files or not (pattern or _is_known(path, files[path]))
    ]
    if problems:
        raise ConfigError(
            f"version_files in {config.source} cannot be used", problems=tuple(problems), advice="edit version_files"
        )


def _is_known(path: str, text: str) -> bool:
    return basename(path) in _KINDS or path.endswith(".py") or textfiles.has_marker(text)


Found = tuple[list[FileEdit], list[str]]


def _entry_edits(asked: _Asked, entry: str) -> Found:
    path, pattern = _split(entry)
    text = asked.files[path]
    if pattern:
        return [textfiles.pattern_edit(path, pattern, text, partial(asked.spelled, path))], []
    kind = _KINDS.get(basename(path))
    if kind is not None:
        return kind(asked, path)
    if textfiles.has_marker(text) or not path.endswith(".py"):
        return [textfiles.marker_edit(path, text, partial(asked.spelled, path))], []
    return [FileEdit(path=path, kind="python", old=_dunder(path, text)["value"], new=asked.pep440)], []


def _cargo(asked: _Asked, path: str) -> Found:
    found = cargo.edits(asked.files, path, asked.version)
    return found, [] if found else [_NO_SHARED_VERSION.format(path=path)]


def _package(asked: _Asked, path: str) -> Found:
    return jsonfiles.edits(asked.files, path, asked.version), []


def _pyproject(asked: _Asked, path: str) -> Found:
    return _pyproject_edits(asked.files, path, asked.pep440, asked.listed)


def _setup_cfg(asked: _Asked, path: str) -> Found:
    old = textfiles.setup_cfg_version(path, asked.files[path])
    if old is None or old.startswith(("attr:", "file:")):
        return [], [f"{path} has no version to edit; name the file that holds it in version_files"]
    return [FileEdit(path=path, kind="setup-cfg", old=old, new=asked.pep440)], []


_KINDS: Mapping[str, Callable[[_Asked, str], Found]] = {
    "pyproject.toml": _pyproject,
    "Cargo.toml": _cargo,
    "package.json": _package,
    "setup.cfg": _setup_cfg,
}


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
    own = name if isinstance(name, str) else toml.table(document, "tool", "poetry").get("name")
    for other in (other for other in files if basename(other) == "poetry.lock"):
        edits += lockfiles.poetry_edits(other, files[other], str(own), dirname(path), pep440)
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
    "cargo-member": cargo.apply_edit,
    "cargo-lock": lockfiles.apply_cargo,
    "uv-lock": lockfiles.apply_uv,
    "poetry-lock": lockfiles.apply_poetry,
    "python": _edit_python,
    "package": jsonfiles.apply_package,
    "package-lock": jsonfiles.apply_lock,
    "setup-cfg": textfiles.apply_setup_cfg,
    "pattern": textfiles.apply_pattern,
    "marker": textfiles.apply_marker,
}
