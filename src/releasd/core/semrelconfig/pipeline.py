"""From a configuration's table to the calls that semantic-release would make: `extends`, defaults, plug-ins by step.

As in its `get-config` and `plugins/index`: what `extends` names is laid under the project's own options, key by key; a
plug-in is called in every step that it has a part in, in the order of `plugins`; an option named like a step
(`prepare`, `publish`, …) replaces the calls of that step, or, as a table without `path`, adds to the options of all of
them; and every other option at the root is an option of every plug-in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from releasd.core.semrelconfig import shareable
from releasd.core.semrelconfig.documents import Document
from releasd.errors import ConfigError

ANALYZER = "@semantic-release/commit-analyzer"
NOTES = "@semantic-release/release-notes-generator"
CHANGELOG = "@semantic-release/changelog"
EXEC = "@semantic-release/exec"
GIT = "@semantic-release/git"
GITHUB = "@semantic-release/github"
GITLAB = "@semantic-release/gitlab"
NPM = "@semantic-release/npm"

STEPS = (
    "verifyConditions",
    "analyzeCommits",
    "verifyRelease",
    "generateNotes",
    "prepare",
    "publish",
    "addChannel",
    "success",
    "fail",
)
PARTS: Mapping[str, frozenset[str]] = {
    ANALYZER: frozenset({"analyzeCommits"}),
    NOTES: frozenset({"generateNotes"}),
    CHANGELOG: frozenset({"verifyConditions", "prepare"}),
    EXEC: frozenset(STEPS),
    GIT: frozenset({"verifyConditions", "prepare"}),
    GITHUB: frozenset({"verifyConditions", "publish", "addChannel", "success", "fail"}),
    GITLAB: frozenset({"verifyConditions", "publish", "success", "fail"}),
    NPM: frozenset({"verifyConditions", "prepare", "publish", "addChannel"}),
}
OWN_OPTIONS = ("extends", "branches", "repositoryUrl", "tagFormat", "plugins", "dryRun", "ci", "noCi", "debug")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One plug-in in one step: `own` are the options given to it, `options` those with the root's under them.

    `listed` is whether it stands in `plugins`, so that it is called in every step that it has a part in.
    """

    name: str
    own: Mapping[str, Any]
    options: Mapping[str, Any]
    listed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A configuration with `extends` and the defaults in place.

    `shared` are the options at the root that belong to plug-ins; `named` is every plug-in, each once, in order.
    """

    source: str
    options: Mapping[str, Any]
    shared: Mapping[str, Any]
    named: tuple[Call, ...]
    calls: Mapping[str, tuple[Call, ...]]
    warnings: tuple[str, ...]


def resolve(document: Document) -> Resolved:
    """Return what semantic-release would call. Raises `ConfigError` with every mistake in `extends` and plug-ins."""
    problems: list[str] = []
    options = {**_extended(document, problems), **{k: v for k, v in document.values.items() if k != "extends"}}
    options = {key: value for key, value in options.items() if value is not None}
    shared = {key: value for key, value in options.items() if key not in (*OWN_OPTIONS, *STEPS)}
    listed = list(_plugins(options.get("plugins", shareable.DEFAULT_PLUGINS) or (), "plugins", shared, problems))
    calls = {step: tuple(_calls(step, options.get(step), listed, shared, problems)) for step in STEPS}
    if problems:
        raise ConfigError(
            f"{document.source} cannot be honoured",
            problems=tuple(f"{document.source}: {problem}" for problem in problems),
            advice=f"edit {document.source}, or write .releasd.toml, which counts first",
        )
    everyone = {call.name: call for step in STEPS for call in reversed(calls[step])}
    return Resolved(
        source=document.source,
        options=options,
        shared=shared,
        named=tuple({call.name: call for call in (*everyone.values(), *listed)}.values()),
        calls=calls,
        warnings=document.warnings,
    )


def _extended(document: Document, problems: list[str]) -> dict[str, Any]:
    """Return what the named shareable configurations say; a later one wins, key by key."""
    names = document.values.get("extends")
    made: dict[str, Any] = {}
    known = shareable.known()
    for name in names if isinstance(names, list) else [names] if names else []:
        if not isinstance(name, str) or name not in known:
            problems.append(
                f"extends: {_shown(name)} is not known, and nothing is fetched or run to learn what it says; "
                f"copy its options here. Known: {', '.join(sorted(known))}"
            )
        else:
            made |= known[name]
    return made


def _plugins(value: Any, where: str, shared: Mapping[str, Any], problems: list[str]) -> Iterator[Call]:
    for at, entry in enumerate(value if isinstance(value, Sequence) and not isinstance(value, str) else [value]):
        parsed = _parsed(entry)
        if parsed is None:
            problems.append(f'{where}[{at}]: a name, or ["name", {{options}}]')
        else:
            yield Call(name=parsed[0], own=parsed[1], options={**shared, **parsed[1]}, listed=where == "plugins")


def _parsed(entry: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the name and the options of one plug-in, in each form that semantic-release takes; None: no such form."""
    name, options = entry, None
    if isinstance(entry, list):
        name, options = (entry[0], entry[1] if len(entry) > 1 else None) if len(entry) in (1, 2) else (None, None)
    elif isinstance(entry, dict):
        name, options = entry.get("path"), {key: value for key, value in entry.items() if key != "path"}
    good = isinstance(name, str) and name.strip() and isinstance(options, dict | None)
    return (str(name), options or {}) if good else None


def _calls(
    step: str, value: Any, listed: Sequence[Call], shared: Mapping[str, Any], problems: list[str]
) -> Iterator[Call]:
    having = [call for call in listed if step in PARTS.get(call.name, frozenset())]
    if isinstance(value, dict) and not value.get("path"):
        for call in having:
            yield Call(name=call.name, own={**call.own, **value}, options={**call.options, **value})
    elif value is not None:
        yield from _plugins(_entries(value), step, shared, problems)
    elif having:
        yield from having
    elif step == "analyzeCommits":
        yield Call(name=ANALYZER, own={}, options=shared)


def _entries(value: Any) -> list[Any]:
    """Return the entries of an option named like a step; `false` and empty entries switch off."""
    if value is False:
        return []
    return [entry for entry in value if entry] if isinstance(value, list) else [value]


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return "".join(char if char.isprintable() else " " for char in text[:100])
