"""A repository's own configuration: found, read and checked, with every mistake reported at once (DESIGN.md §5.3).

`.releasd.toml`, else `[tool.releasd]` in pyproject.toml, else semantic-release's own files (core/semrelconfig), else
the defaults. It says *what* to build, never where it may go. The tables `builds` and `gates` have the same form in the
operator's configuration, which uses `read_builds` and `read_gates` from here.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from releasd.core import crates, packages, toml
from releasd.core.containers import read_container
from releasd.core.files import GIVEN, SEMANTIC_RELEASE_FILES
from releasd.core.platform import TARGETS
from releasd.core.reading import (
    Reader,
    duration,
    environment,
    every,
    flag,
    matching,
    one_of,
    path,
    text,
    text_or_flag,
    version_file,
)
from releasd.core.rules import MATCHABLE
from releasd.core.semver import parse_semver
from releasd.core.version import check_tag_format
from releasd.errors import ConfigError
from releasd.model import (
    BuildSpec,
    Bump,
    Gate,
    NotesOptions,
    NotesStyle,
    ProjectConfig,
    ReleaseBranch,
    ReleaseRule,
    SemanticReleaseOptions,
)

FILE = ".releasd.toml"
IN_PYPROJECT = "[tool.releasd] in pyproject.toml"
CACHES = ("none", "deps", "full")
ANALYSES = ("conventional-commits", "semantic-release")
PRESETS = ("angular", "conventionalcommits")
PLACEHOLDERS = ("version", "tag", "commit", "bump", "channel", "branch", "notes", "last_version", "last_tag")

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")  # PEP 508
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PLACE = "{version}"
_PLACES = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
_NAMED = re.compile(r"\{([a-z_]+)\}")

# Refused; refused only if they have a part in deciding the version; or never refused.
UnknownPlugins = Literal["refuse", "refuse-deciding", "ignore"]


def load(files: Mapping[str, str], *, unknown_plugins: UnknownPlugins = "refuse-deciding") -> ProjectConfig:
    """Return the configuration in `files`, the texts of a commit's files by path, and of one given by hand (`GIVEN`).

    `unknown_plugins` is what becomes of plug-ins of semantic-release's that releasd does not know.
    Raises `ConfigError` whose `problems` lists every mistake as `file: key: what is allowed`, and for a configuration
    of semantic-release that cannot be read without running it.
    """
    document = toml.read("pyproject.toml", files["pyproject.toml"]) if "pyproject.toml" in files else {}
    name = distribution_name(document)
    if GIVEN[".toml"] in files:
        given = GIVEN[".toml"]
        return read_project(toml.read(given, files[given]), f"{given}: ", source=given, name=name, files=files)
    if any(path in files for path in GIVEN.values()):
        return _semantic_release(files, name, unknown_plugins)
    in_pyproject = toml.table(document, "tool").get("releasd")
    if FILE in files:
        ignored = (f"{IN_PYPROJECT} is not read, because there is a {FILE}",) if in_pyproject is not None else ()
        told = toml.read(FILE, files[FILE])
        return read_project(told, f"{FILE}: ", source=FILE, name=name, warnings=ignored, files=files)
    if in_pyproject is not None:
        return read_project(in_pyproject, "pyproject.toml: tool.releasd.", source=IN_PYPROJECT, name=name, files=files)
    if "package.json" in files or any(path in files for path in SEMANTIC_RELEASE_FILES):
        return _semantic_release(files, name, unknown_plugins)
    return ProjectConfig(name=name)


def _semantic_release(files: Mapping[str, str], name: str | None, unknown_plugins: UnknownPlugins) -> ProjectConfig:
    from releasd.core import semrelproject  # noqa: PLC0415 - only for those who have one, for the speed of `plan`

    return semrelproject.load(files, name, unknown_plugins)


def distribution_name(document: Mapping[str, Any]) -> str | None:
    """Return the name that a pyproject.toml gives the distribution, as written; None where it gives no valid one."""
    for keys in (("project",), ("tool", "poetry")):
        name = toml.table(document, *keys).get("name")
        if isinstance(name, str) and _NAME.fullmatch(name):  # it becomes an argument of an installer
            return name
    return None


def read_project(
    values: Any,
    where: str,
    *,
    source: str,
    name: str | None = None,
    warnings: tuple[str, ...] = (),
    files: Mapping[str, str] | None = None,
) -> ProjectConfig:
    """Return the configuration in one table; `files` tell the names of its packages' distributions.

    Raises `ConfigError` with every mistake in it.
    """
    reader = Reader(values if isinstance(values, dict) else {}, where, [])
    reader.problems += [] if isinstance(values, dict) else [f"{where.rstrip('.')}: a table"]
    config = _read(reader, source=source, name=name, warnings=warnings)
    shared: tuple[str, ...] = reader.take("shared", every(_glob), (), 'a list of globs like "common/**"')
    tables: dict[str, dict[str, Any]] = reader.take(
        "packages", _tables, {}, "tables, each under its own [packages.NAME]"
    )
    reader.finish()
    if not reader.problems:
        entries = [_package(reader, each, own, files or {}) for each, own in tables.items()]
        reader.problems += [f"{where}packages.{problem}" for problem in packages.problems(entries)]
        if not reader.problems:
            config = replace(config, packages=packages.arranged(entries, shared, config.gates))
    if reader.problems:
        raise ConfigError(f"{source} has mistakes", problems=tuple(reader.problems), advice=f"edit {source}")
    return config


def _package(base: Reader, name: str, own: dict[str, Any], files: Mapping[str, str]) -> packages.Entry:
    where = f"{base.where}packages.{name}."
    told = Reader({key: own[key] for key in packages.OWN_KEYS if key in own}, where, base.problems)
    if not _WORD.fullmatch(name):
        base.problems.append(f"{where.rstrip('.')}: a short name, in letters, digits, . _ -")
    root = told.need("path", _folder, "", 'the package\'s folder in the repository, or "."')
    manifest = "/".join(filter(None, (root, "pyproject.toml")))
    document = toml.read(manifest, files[manifest]) if manifest in files else {}
    reader = Reader(packages.merged(base.values, name, own), where, base.problems)
    entry = packages.Entry(
        name=name,
        root=root,
        paths=told.take("paths", every(_glob), (), 'a list of globs like "core/**"'),
        depends=told.take("depends", every(text), (), "a list of packages"),
        group=told.take("group", text, "", "a name"),
        config=_read(
            reader, source=f"[packages.{name}] in {base.where.rstrip(': .')}", name=distribution_name(document)
        ),
    )
    reader.finish()
    return entry


def _read(reader: Reader, *, source: str, name: str | None, warnings: tuple[str, ...] = ()) -> ProjectConfig:
    """Return what the keys of a project, or of one of its packages, say."""
    where, defaults = reader.where, ProjectConfig()
    tag_format = reader.take("tag_format", text, defaults.tag_format, "a text")
    wrong = check_tag_format(tag_format)
    reader.problems += [f"{where}tag_format: {wrong}"] if wrong else []
    rules = tuple(_rule(each) for each in reader.tables("release_rules"))
    analysis = reader.take("analysis", one_of(ANALYSES), defaults.analysis, " or ".join(ANALYSES))
    preset = reader.take("preset", one_of(PRESETS), PRESETS[0], " or ".join(PRESETS))
    config = ProjectConfig(
        source=source,
        name=reader.take("name", matching(_NAME), name, "the distribution's name, in letters, digits, . _ -"),
        tag_format=tag_format,
        initial_version=reader.take("initial_version", _stable, None, "a version like 0.1.0, of three numbers"),
        changelog=reader.take(
            "changelog", _changelog, defaults.changelog, 'a path inside the repository, or "" for none'
        ),
        changelog_title=reader.take("changelog_title", text, None, "a text"),
        commit_message=reader.take("commit_message", _message, None, f"a text; it may name {_PLACES}"),
        release_rules=rules,
        version_files=reader.take(
            "version_files",
            every(version_file),
            (),
            f'a list of paths inside the repository, or "path:pattern" with {_PLACE}',
        ),
        builds=read_builds(reader),
        gates=read_gates(reader),
        container=read_container(reader, network="default"),
        analysis=analysis,
        notes=NotesOptions(preset=preset),
        notes_style=_notes_style(reader, analysis),
        semantic_release=SemanticReleaseOptions(
            preset=preset,
            release_rules=tuple(_as_written(rule) for rule in rules) or None,
        ),
        branches=_branches(reader),
        major_on_zero=reader.take("major_on_zero", flag, default=True, allowed="true or false"),
        repository_url=reader.take("repository_url", text, None, "a URL"),
        targets=reader.take("targets", every(_target), (), f"a list of {', '.join(TARGETS)}"),
        smoke=reader.take("smoke", text, None, "a shell script"),
        sdist_generated=reader.take("sdist_generated", every(path), (), "a list of patterns like src/demo/_version.py"),
        crates=reader.take("crates", _crates, (), "true, or a list of the names of crates"),
        warnings=warnings,
    )
    if "preset" in reader.values and config.analysis != "semantic-release":
        reader.problems.append(f'{where}preset: only with analysis = "semantic-release"')
    return config


def _notes_style(reader: Reader, analysis: str) -> NotesStyle:
    reader.known.add("notes")
    if "notes" not in reader.values:
        return NotesStyle()
    from releasd.core import notesconfig  # noqa: PLC0415 - only for those who have one, for the speed of `plan`

    return notesconfig.read_notes(reader, analysis)


def read_builds(reader: Reader) -> tuple[BuildSpec, ...]:
    """Return the tables `[[builds]]`; what is wrong in them is added to the reader's problems."""
    builds = tuple(_build(each) for each in reader.tables("builds"))
    _unique(reader, "builds", [build.name for build in builds])
    return builds


def read_gates(reader: Reader) -> tuple[Gate, ...]:
    """Return the tables `[[gates]]`; what is wrong in them is added to the reader's problems."""
    gates = tuple(_gate(each) for each in reader.tables("gates"))
    _unique(reader, "gates", [gate.name for gate in gates])
    return gates


def _unique(reader: Reader, key: str, names: list[str]) -> None:
    twice = sorted({name for name in names if name and names.count(name) > 1})
    reader.problems += [f"{reader.where}{key}: {name} is there twice; each name once" for name in twice]


def _build(reader: Reader) -> BuildSpec:
    defaults = BuildSpec(name="", run="")
    build = BuildSpec(
        name=reader.need("name", matching(_WORD), "", "a short name, in letters, digits, . _ -"),
        run=reader.need("run", text, "", "a shell script that leaves its files in $RELEASD_OUT"),
        labels=reader.take("labels", every(text), (), "a list of a host's labels"),
        tools=reader.take("tools", every(text), (), "a list of programs that the host has to have"),
        artifacts=reader.take("artifacts", every(_pattern), defaults.artifacts, "a list of patterns like *.whl"),
        env=reader.take("env", environment, {}, "a table of texts, no name starting with RELEASD_"),
        timeout=reader.take("timeout", duration, defaults.timeout, 'a time like "30m", "90s", "2h", or seconds'),
        cache=reader.take("cache", one_of(CACHES), defaults.cache, '"none", "deps" or "full"'),
        container=read_container(reader, network="none"),
        idle_timeout=reader.take(
            "idle_timeout", duration, defaults.idle_timeout, 'a time like "30m", "90s", "2h", or seconds'
        ),
    )
    reader.finish()
    return build


def _gate(reader: Reader) -> Gate:
    gate = Gate(
        name=reader.need("name", matching(_WORD), "", "a short name, in letters, digits, . _ -"),
        run=reader.need("run", text, "", "a shell script"),
        labels=reader.take("labels", every(text), (), "a list of a host's labels"),
        timeout=reader.take("timeout", duration, Gate(name="", run="").timeout, 'a time like "30m", or seconds'),
    )
    reader.finish()
    return gate


def _rule(reader: Reader) -> ReleaseRule:
    match = {key: reader.take(key, text, "", "a pattern") for key in MATCHABLE if key in reader.values}
    reader.known.update(MATCHABLE)
    rule = ReleaseRule(
        release=reader.need("release", _bump, Bump.NONE, '"major", "minor", "patch", "none" or false'),
        match=match,
        breaking=reader.take("breaking", flag, default=False, allowed="true or false"),
        revert=reader.take("revert", flag, default=False, allowed="true or false"),
    )
    reader.finish()
    return rule


def _as_written(rule: ReleaseRule) -> Mapping[str, Any]:
    """Return a rule as semantic-release's configuration spells it."""
    flags = {flag: True for flag in ("breaking", "revert") if getattr(rule, flag)}
    return {**rule.match, **flags, "release": False if rule.release is Bump.NONE else str(rule.release)}


def _branches(reader: Reader) -> tuple[ReleaseBranch, ...]:
    """Return `branches`: names, or tables with `name`."""
    reader.known.add("branches")
    listed = reader.values.get("branches", [])
    where = f"{reader.where}branches"
    if not isinstance(listed, list):
        reader.problems.append(f"{where}: a list of names, or of tables with name")
        return ()
    tables = [{"name": each} if isinstance(each, str) else each for each in listed]
    if not all(isinstance(each, dict) for each in tables):
        reader.problems.append(f"{where}: a list of names, or of tables with name")
        return ()
    return tuple(_branch(Reader(each, f"{where}[{at}].", reader.problems)) for at, each in enumerate(tables))


def _branch(reader: Reader) -> ReleaseBranch:
    branch = ReleaseBranch(
        name=reader.need("name", text, "", "a branch's name, or a pattern"),
        channel=reader.take("channel", text_or_flag, None, "a text, or false for the default channel"),
        range=reader.take("range", text, None, 'a text, as in "1.x"'),
        prerelease=reader.take("prerelease", text_or_flag, None, "a text, or true for the branch's name"),
    )
    reader.finish()
    return branch


def _target(value: Any) -> str | None:
    return value if isinstance(value, str) and value in TARGETS else None


def _changelog(value: Any) -> str | None:
    return "" if value == "" else path(value)


def _pattern(value: Any) -> str | None:
    plain = path(value)
    return None if plain is None or "/" in plain else plain


def _bump(value: Any) -> Bump | None:
    if value is False:
        return Bump.NONE
    return Bump(value) if isinstance(value, str) and value in tuple(Bump) else None


def _crates(value: Any) -> tuple[str, ...] | None:
    all_of_them = (crates.ALL,) if value is True else ()
    return all_of_them if isinstance(value, bool) else every(matching(crates.NAME))(value)


def _message(value: Any) -> str | None:
    """Return the message of a release commit whose placeholders are all known, or None."""
    written = text(value)
    return written if written and set(_NAMED.findall(written)) <= set(PLACEHOLDERS) else None


def _folder(value: Any) -> str | None:
    return "" if value == "." else path(value)


def _glob(value: Any) -> str | None:
    """Return a glob that stays inside the repository, or None; git's own magic begins with a colon."""
    return None if isinstance(value, str) and value.startswith((":", "!")) else path(value)


def _tables(value: Any) -> dict[str, dict[str, Any]] | None:
    good = isinstance(value, dict) and all(isinstance(each, dict) for each in value.values())
    return value if good else None


def _stable(value: Any) -> str | None:
    version = parse_semver(value) if isinstance(value, str) else None
    return value if version and not version.pre and not version.build else None
