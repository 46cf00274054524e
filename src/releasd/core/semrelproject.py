"""A project's configuration out of semantic-release's: what a project that uses it today says to releasd."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from releasd.core import semrelconfig
from releasd.core.files import GIVEN
from releasd.core.rules import MATCHABLE
from releasd.core.semrelconfig import Policy, SemRelConfig
from releasd.core.semrelconfig.template import Template
from releasd.model import Bump, NotesOptions, ProjectConfig, ReleaseRule

_BUMPS = {"major": Bump.MAJOR, "minor": Bump.MINOR, "patch": Bump.PATCH, False: Bump.NONE, None: Bump.NONE}
_FLAGS = ("breaking", "revert")


def load(files: Mapping[str, str], name: str | None, unknown_plugins: Policy = "refuse-deciding") -> ProjectConfig:
    """Return the configuration given by hand, else in semantic-release's files, else the defaults.

    `name` is the distribution's, `unknown_plugins` the policy about plug-ins that are not known. Raises `ConfigError`,
    as `semrelconfig.read` does.
    """
    given = next((path for path in GIVEN.values() if path in files), None)
    if given is not None:
        by_hand = semrelconfig.read_document(given, files[given])
        return project_config(semrelconfig.understand(by_hand, files, unknown_plugins), name)
    document, odd = semrelconfig.find(files)
    if document is None:
        return ProjectConfig(name=name, warnings=odd)
    return project_config(semrelconfig.understand(document, files, unknown_plugins), name)


def project_config(config: SemRelConfig, name: str | None) -> ProjectConfig:
    """Return what `config` says, in releasd's words."""
    return ProjectConfig(
        source=config.source,
        name=name,
        tag_format=config.tag_format,
        changelog=config.changelog,
        changelog_title=config.changelog_title,
        commit_message=_message(config.message),
        release_rules=tuple(_rules(config.analyzer.release_rules or ())),
        version_files=config.version_files,
        gates=config.gates,
        analysis="semantic-release",
        semantic_release=config.analyzer,
        branches=config.branches,
        notes=config.notes or NotesOptions(),
        repository_url=config.repository_url,
        warnings=config.warnings,
    )


def _message(message: Template | None) -> str | None:
    """Return a commit message in the form of the key `commit_message`."""
    if message is None:
        return None
    return "".join(f"{{{piece}}}" if at % 2 else piece for at, piece in enumerate(message.pieces))


def _rules(rules: Sequence[Mapping[str, Any]]) -> Iterator[ReleaseRule]:
    """Yield the rules that the analysis by Conventional Commits can follow too, for when it is asked for."""
    for rule in rules:
        match = {key: value for key, value in rule.items() if key not in ("release", *_FLAGS)}
        plain = all(value is None or isinstance(value, str) for value in match.values())
        if plain and set(match) <= set(MATCHABLE) and rule["release"] in _BUMPS:
            flags = {flag: bool(rule.get(flag)) for flag in _FLAGS}
            yield ReleaseRule(release=_BUMPS[rule["release"]], match=match, **flags)
