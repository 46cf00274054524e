"""A repository's own configuration: found, read and checked, with every mistake reported at once (DESIGN.md §5.3).

`.releasd.toml`, else `[tool.releasd]` in pyproject.toml, else semantic-release's own files (core/semrelconfig), else
the defaults. It says *what* to build, never where it may go. The tables `builds` and `gates` have the same form in the
operator's configuration, which uses `read_builds` and `read_gates` from here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from releasd.core import toml
from releasd.core.files import GIVEN, SEMANTIC_RELEASE_FILES
from releasd.core.rules import MATCHABLE
from releasd.core.version import check_tag_format, parse_semver
from releasd.errors import ConfigError
from releasd.model import (
    BuildSpec,
    Bump,
    Gate,
    ProjectConfig,
    ReleaseBranch,
    ReleaseRule,
    SemanticReleaseOptions,
)

FILE = ".releasd.toml"
IN_PYPROJECT = "[tool.releasd] in pyproject.toml"
ANALYSES = ("conventional-commits", "semantic-release")
PRESETS = ("angular", "conventionalcommits")
PLACEHOLDERS = ("version", "tag", "commit", "bump", "channel", "branch", "notes", "last_version", "last_tag")

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")  # PEP 508
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VARIABLE = re.compile(r"(?!RELEASD_)[A-Za-z_][A-Za-z0-9_]*")
_DURATION = re.compile(r"(?P<number>\d{1,7})(?P<unit>[smh])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_MISSING = object()
_PLACE = "{version}"
_PLACES = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
_NAMED = re.compile(r"\{([a-z_]+)\}")

T = TypeVar("T")


@dataclass(slots=True)
class Reader:
    """One table being read. Takes keys out one by one and collects what is wrong; lives for one call.

    `where` is what stands before a key in a problem: `file: ` and the table's name.
    """

    values: dict[str, Any]
    where: str
    problems: list[str]
    known: set[str] = field(default_factory=set)

    def take(self, key: str, read: Callable[[Any], T | None], default: T, allowed: str) -> T:
        """Return the value of `key` as `read` understands it, or `default`; None from `read` is a mistake."""
        self.known.add(key)
        value = self.values.get(key, _MISSING)
        if value is _MISSING:
            return default
        result = read(value)
        if result is None:
            self.problems.append(f"{self.where}{key}: {allowed}")
            return default
        return result

    def need(self, key: str, read: Callable[[Any], T | None], default: T, allowed: str) -> T:
        """Like `take`, for a key that has to be there; `default` stands in so that reading can go on."""
        if key not in self.values:
            self.problems.append(f"{self.where}{key}: is missing; {allowed}")
        return self.take(key, read, default, allowed)

    def tables(self, key: str) -> list["Reader"]:
        """Return a reader for each table of an array of tables."""
        self.known.add(key)
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self.problems.append(f"{self.where}{key}: tables, each under its own [[{key}]]")
            return []
        return [Reader(each, f"{self.where}{key}[{at}].", self.problems) for at, each in enumerate(value)]

    def finish(self) -> None:
        """Report the keys that nobody asked for."""
        for key in sorted(self.values.keys() - self.known):
            self.problems.append(f"{self.where}{key}: is not known; {', '.join(sorted(self.known))} are")


def load(files: Mapping[str, str]) -> ProjectConfig:
    """Return the configuration in `files`, the texts of a commit's files by path, and of one given by hand (`GIVEN`).

    Raises `ConfigError` whose `problems` lists every mistake as `file: key: what is allowed`, and for a configuration
    of semantic-release that cannot be read without running it.
    """
    document = toml.read("pyproject.toml", files["pyproject.toml"]) if "pyproject.toml" in files else {}
    name = distribution_name(document)
    if GIVEN[".toml"] in files:
        given = GIVEN[".toml"]
        return read_project(toml.read(given, files[given]), f"{given}: ", source=given, name=name)
    if any(path in files for path in GIVEN.values()):
        return _semantic_release(files, name)
    in_pyproject = toml.table(document, "tool").get("releasd")
    if FILE in files:
        ignored = (f"{IN_PYPROJECT} is not read, because there is a {FILE}",) if in_pyproject is not None else ()
        return read_project(toml.read(FILE, files[FILE]), f"{FILE}: ", source=FILE, name=name, warnings=ignored)
    if in_pyproject is not None:
        return read_project(in_pyproject, "pyproject.toml: tool.releasd.", source=IN_PYPROJECT, name=name)
    if "package.json" in files or any(path in files for path in SEMANTIC_RELEASE_FILES):
        return _semantic_release(files, name)
    return ProjectConfig(name=name)


def _semantic_release(files: Mapping[str, str], name: str | None) -> ProjectConfig:
    from releasd.core import semrelproject  # noqa: PLC0415 - only for those who have one, for the speed of `plan`

    return semrelproject.load(files, name)


def distribution_name(document: Mapping[str, Any]) -> str | None:
    """Return the name that a pyproject.toml gives the distribution, as written; None where it gives no valid one."""
    for keys in (("project",), ("tool", "poetry")):
        name = toml.table(document, *keys).get("name")
        if isinstance(name, str) and _NAME.fullmatch(name):  # it becomes an argument of an installer
            return name
    return None


def read_project(
    values: Any, where: str, *, source: str, name: str | None = None, warnings: tuple[str, ...] = ()
) -> ProjectConfig:
    """Return the configuration in one table. Raises `ConfigError` with every mistake in it."""
    reader = Reader(values if isinstance(values, dict) else {}, where, [])
    reader.problems += [] if isinstance(values, dict) else [f"{where.rstrip('.')}: a table"]
    defaults = ProjectConfig()
    tag_format = reader.take("tag_format", text, defaults.tag_format, "a text")
    wrong = check_tag_format(tag_format)
    reader.problems += [f"{where}tag_format: {wrong}"] if wrong else []
    rules = tuple(_rule(each) for each in reader.tables("release_rules"))
    config = ProjectConfig(
        source=source,
        name=reader.take("name", _matching(_NAME), name, "the distribution's name, in letters, digits, . _ -"),
        tag_format=tag_format,
        initial_version=reader.take("initial_version", _version, defaults.initial_version, "a version like 0.1.0"),
        changelog=reader.take(
            "changelog", _changelog, defaults.changelog, 'a path inside the repository, or "" for none'
        ),
        changelog_title=reader.take("changelog_title", text, None, "a text"),
        commit_message=reader.take("commit_message", _message, None, f"a text; it may name {_PLACES}"),
        release_rules=rules,
        version_files=reader.take(
            "version_files",
            _all(version_file),
            (),
            f'a list of paths inside the repository, or "path:pattern" with {_PLACE}',
        ),
        builds=read_builds(reader),
        gates=read_gates(reader),
        analysis=reader.take("analysis", _one_of(ANALYSES), defaults.analysis, " or ".join(ANALYSES)),
        semantic_release=SemanticReleaseOptions(
            preset=reader.take("preset", _one_of(PRESETS), PRESETS[0], " or ".join(PRESETS)),
            release_rules=tuple(_as_written(rule) for rule in rules) or None,
        ),
        branches=_branches(reader),
        major_on_zero=reader.take("major_on_zero", _flag, default=True, allowed="true or false"),
        repository_url=reader.take("repository_url", text, None, "a URL"),
        warnings=warnings,
    )
    reader.finish()
    if "preset" in reader.values and config.analysis != "semantic-release":
        reader.problems.append(f'{where}preset: only with analysis = "semantic-release"')
    if reader.problems:
        raise ConfigError(f"{source} has mistakes", problems=tuple(reader.problems), advice=f"edit {source}")
    return config


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
        name=reader.need("name", _matching(_WORD), "", "a short name, in letters, digits, . _ -"),
        run=reader.need("run", text, "", "a shell script that leaves its files in $RELEASD_OUT"),
        labels=reader.take("labels", _all(text), (), "a list of a host's labels"),
        tools=reader.take("tools", _all(text), (), "a list of programs that the host has to have"),
        artifacts=reader.take("artifacts", _all(_pattern), defaults.artifacts, "a list of patterns like *.whl"),
        env=reader.take("env", _environment, {}, "a table of texts, no name starting with RELEASD_"),
        timeout=reader.take("timeout", duration, defaults.timeout, 'a time like "30m", "90s", "2h", or seconds'),
        idle_timeout=reader.take(
            "idle_timeout", duration, defaults.idle_timeout, 'a time like "30m", "90s", "2h", or seconds'
        ),
    )
    reader.finish()
    return build


def _gate(reader: Reader) -> Gate:
    gate = Gate(
        name=reader.need("name", _matching(_WORD), "", "a short name, in letters, digits, . _ -"),
        run=reader.need("run", text, "", "a shell script"),
        labels=reader.take("labels", _all(text), (), "a list of a host's labels"),
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
        breaking=reader.take("breaking", _flag, default=False, allowed="true or false"),
        revert=reader.take("revert", _flag, default=False, allowed="true or false"),
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
        channel=reader.take("channel", _text_or_flag, None, "a text, or false for the default channel"),
        range=reader.take("range", text, None, 'a text, as in "1.x"'),
        prerelease=reader.take("prerelease", _text_or_flag, None, "a text, or true for the branch's name"),
    )
    reader.finish()
    return branch


def text(value: Any) -> str | None:
    """Return a text that is not empty, or None."""
    return value if isinstance(value, str) and value.strip() and "\0" not in value else None


def path(value: Any) -> str | None:
    """Return a path that stays inside the repository, or None."""
    safe = text(value)
    if safe is None or safe.startswith(("/", "-")) or "\\" in safe or not safe.isprintable():
        return None
    return None if any(part in ("", ".", "..", ".git") for part in safe.split("/")) else safe


def version_file(value: Any) -> str | None:
    """Return a path that stays inside the repository, with or without `:pattern`, or None."""
    if not isinstance(value, str):
        return None
    file, colon, pattern = value.partition(":")
    usable = not colon or (pattern.count(_PLACE) == 1 and "\n" not in pattern and "\0" not in pattern)
    return value if usable and path(file) else None


def duration(value: Any) -> float | None:
    """Return the seconds of "30m", "90s", "2h" or a positive number, else None."""
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        value = int(match["number"]) * _SECONDS[match["unit"]]
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")
    return float(value) if usable else None


def _changelog(value: Any) -> str | None:
    return "" if value == "" else path(value)


def _pattern(value: Any) -> str | None:
    plain = path(value)
    return None if plain is None or "/" in plain else plain


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], str | None]:
    return lambda value: value if isinstance(value, str) and pattern.fullmatch(value) else None


def _all(read: Callable[[Any], str | None]) -> Callable[[Any], tuple[str, ...] | None]:
    def read_all(value: Any) -> tuple[str, ...] | None:
        items = [read(each) for each in value] if isinstance(value, list) else [None]
        good = tuple(each for each in items if each is not None)
        return good if len(good) == len(items) else None

    return read_all


def _environment(value: Any) -> Mapping[str, str] | None:
    if not isinstance(value, dict):
        return None
    good = all(_VARIABLE.fullmatch(key) and isinstance(each, str) and "\0" not in each for key, each in value.items())
    return value if good else None


def _bump(value: Any) -> Bump | None:
    if value is False:
        return Bump.NONE
    return Bump(value) if isinstance(value, str) and value in tuple(Bump) else None


def _one_of(words: Sequence[str]) -> Callable[[Any], str | None]:
    return lambda value: value if isinstance(value, str) and value in words else None


def _message(value: Any) -> str | None:
    """Return the message of a release commit whose placeholders are all known, or None."""
    written = text(value)
    return written if written and set(_NAMED.findall(written)) <= set(PLACEHOLDERS) else None


def _text_or_flag(value: Any) -> str | bool | None:
    return value if isinstance(value, bool) else text(value)


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _version(value: Any) -> str | None:
    return value if isinstance(value, str) and parse_semver(value) else None
