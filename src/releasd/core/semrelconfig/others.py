"""Plug-ins that are not semantic-release's own: what is known about them, and what becomes of the rest.

A plug-in that has a part in deciding the version is always refused, unless the operator's policy says to ignore it: a
wrong version cannot be taken back. One that publishes, announces or edits files is named and left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from releasd.core.semrelconfig import commands
from releasd.core.semrelconfig.pipeline import ANALYZER, PARTS, Call, Resolved
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
_WAY_OUT = 'policy.unknown_plugins = "ignore"'
_REPLACING = frozenset({"semantic-release-replace-plugin", "@google/semantic-release-replace-plugin"})


def others(resolved: Resolved, policy: Policy, findings: Findings) -> tuple[str, ...]:
    """Judge every plug-in that is not semantic-release's own; return the version files that they edit.

    One that is not known may decide the version where it is named for that step, or where no commit-analyzer is.
    """
    files: list[str] = []
    analyzers = {call.name for call in resolved.calls["analyzeCommits"]}
    open_ = not any(call.name == ANALYZER and call.listed for call in resolved.named)
    for call in resolved.named:
        if call.name in PARTS:
            continue
        if call.name in _REPLACING:
            files += _replaced(call, findings)
        elif call.name in _DONE:
            findings.warn(f"{call.name} is not run: releasd edits the version, builds and publishes by itself")
        elif call.name in _ANNOUNCING:
            findings.warn(f"{call.name} is not run: a webhook of the operator's configuration can do it")
        else:
            deciding = call.name in DECIDING or call.name in analyzers or (open_ and call.listed)
            _unknown(call.name, policy, findings, deciding=deciding)
    return tuple(files)


def _unknown(name: str, policy: Policy, findings: Findings, *, deciding: bool) -> None:
    plain = "".join(char if char.isprintable() else " " for char in name[:100])
    if policy == "refuse" or (deciding and policy != "ignore"):
        why = "it may decide the version, and is not run" if deciding else "it is not known, and not run"
        cure = f"name {ANALYZER} instead" if deciding else "take it out"
        findings.wrong(f"plugins: {plain}: {why}; {cure}, or write .releasd.toml, or have the operator set {_WAY_OUT}")
    else:
        part = "; it may decide the version: what is planned here may differ" if deciding else ""
        told = f"; the daemon refuses it without {_WAY_OUT}" if policy == "refuse-deciding" else ""
        findings.warn(f"plugins: {plain} is not known, and not run{part}{told}")


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
