"""Plug-ins that are not semantic-release's own: what is known about them, and what becomes of the rest.

A plug-in that has a part in deciding the version is always refused, unless the operator's policy says to ignore it: a
wrong version cannot be taken back. One that publishes, announces or edits files is named and left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from releasd.core.semrelconfig import commands
from releasd.core.semrelconfig.pipeline import PARTS, Call
from releasd.core.semrelconfig.taking import Findings
from releasd.core.semrelconfig.template import IN_COMMANDS, parse
from releasd.core.semrelconfig.values import Policy

DECIDING = frozenset(
    {
        "semantic-release-gitmoji",
        "semantic-release-monorepo",
        "semantic-release-unsquash",
        "semantic-release-commit-filter",
        "semantic-release-conventional-commits",
        "semantic-release-jira-releases",
        "semantic-release-scope-filter",
        "semantic-release-rules",
        "@insurgent/commit-analyzer",
    }
)
# What they do for a Python or Rust project, releasd does without being told.
_DONE = frozenset(
    {
        "semantic-release-pypi",
        "semantic-release-python",
        "@covage/semantic-release-poetry-plugin",
        "@artessan-devs/sr-uv-plugin",
        "@semantic-release-cargo/semantic-release-cargo",
        "semantic-release-cargo",
        "semantic-release-rust",
    }
)
_ANNOUNCING = frozenset(
    {
        "semantic-release-slack-bot",
        "semantic-release-discord",
        "semantic-release-discord-notifier",
        "semantic-release-telegram",
        "semantic-release-teams",
        "semantic-release-webhook",
        "@saithodev/semantic-release-gitea",
        "@saithodev/semantic-release-sharepoint",
        "@semantic-release/apm",
    }
)
_REPLACING = frozenset({"semantic-release-replace-plugin", "@google/semantic-release-replace-plugin"})


def others(named: tuple[Call, ...], policy: Policy, findings: Findings) -> tuple[str, ...]:
    """Judge every plug-in that is not semantic-release's own; return the version files that they edit."""
    files: list[str] = []
    for call in named:
        if call.name in PARTS:
            continue
        if call.name in _REPLACING:
            files += _replaced(call, findings)
        elif call.name in _DONE:
            findings.warn(f"{call.name} is not run: releasd edits the version, builds and publishes by itself")
        elif call.name in _ANNOUNCING:
            findings.warn(f"{call.name} is not run: a webhook of the operator's configuration can do it")
        else:
            _unknown(call.name, policy, findings)
    return tuple(files)


def _unknown(name: str, policy: Policy, findings: Findings) -> None:
    plain = "".join(char if char.isprintable() else " " for char in name[:100])
    if policy == "refuse" or (name in DECIDING and policy != "ignore"):
        why = "it has a part in deciding the version, which cannot be run here" if name in DECIDING else "it is unknown"
        findings.wrong(f"plugins: {plain}: {why}; take it out, or write .releasd.toml")
    else:
        part = "; it decides about the version: what is planned here may differ" if name in DECIDING else ""
        findings.warn(f"plugins: {plain} is not known, and not run{part}")


def _replaced(call: Call, findings: Findings) -> Iterator[str]:
    """Yield the version files of the replace plug-in, whose `to` is a text with the version in it."""
    replacements = call.options.get("replacements")
    for at, each in enumerate(replacements if isinstance(replacements, list) else []):
        found = tuple(_replacement(each)) if isinstance(each, dict) else ()
        if found:
            yield from found
        else:
            findings.warn(f"{call.name}: replacements[{at}] is not run: name what it edits in version_files")
    findings.taken.add("replacements")


def _replacement(each: Mapping[str, Any]) -> Iterator[str]:
    paths = each.get("files")
    written = each.get("to")
    pattern = each.get("from")
    if not isinstance(paths, list) or not isinstance(written, str) or not isinstance(pattern, str):
        return
    try:
        template = parse(written, IN_COMMANDS)
    except ValueError:
        return
    for path in paths:
        entry = commands.replacement(path, pattern, template) if isinstance(path, str) else None
        if entry is not None:
            yield entry
