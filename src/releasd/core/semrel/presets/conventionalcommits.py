"""The conventionalcommits preset's notes: conventional-changelog-conventionalcommits 9.3.1.

Source: `src/writer.js`, `src/templates.js`, `src/constants.js`, `src/utils.js` there. What `presetConfig` gives for
URLs is a template within the preset's own templates, as there.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from releasd.core.semrel.jstext import truthy
from releasd.core.semrel.presets import (
    MENTION,
    CommitValues,
    Context,
    Preset,
    as_breaking,
    in_text,
    mention,
    short_hash,
)
from releasd.errors import ConfigError

_TYPES: Sequence[Mapping[str, Any]] = (
    {"type": "feat", "section": "Features"},
    {"type": "feature", "section": "Features"},
    {"type": "fix", "section": "Bug Fixes"},
    {"type": "perf", "section": "Performance Improvements"},
    {"type": "revert", "section": "Reverts"},
    {"type": "docs", "section": "Documentation", "hidden": True},
    {"type": "style", "section": "Styles", "hidden": True},
    {"type": "chore", "section": "Miscellaneous Chores", "hidden": True},
    {"type": "refactor", "section": "Code Refactoring", "hidden": True},
    {"type": "test", "section": "Tests", "hidden": True},
    {"type": "build", "section": "Build System", "hidden": True},
    {"type": "ci", "section": "Continuous Integration", "hidden": True},
)
_DEFAULTS: Mapping[str, Any] = {
    "types": _TYPES,
    "issueUrlFormat": "{{host}}/{{owner}}/{{repository}}/issues/{{id}}",
    "commitUrlFormat": "{{host}}/{{owner}}/{{repository}}/commit/{{hash}}",
    "compareUrlFormat": "{{host}}/{{owner}}/{{repository}}/compare/{{previousTag}}...{{currentTag}}",
    "userUrlFormat": "{{host}}/{{user}}",
    "issuePrefixes": ("#",),
}
_RELEASE_AS = re.compile(r"release-as:\s*\w*@?([0-9]+\.[0-9]+\.[0-9a-z]+(-[0-9a-z.]+)?)\s*", re.IGNORECASE | re.ASCII)
_LITERAL = re.compile(r"[\w#@!~:;,=&%\"'<> /-]*+", re.ASCII)  # what means itself in an expression

_PLACES: Mapping[str, str] = {
    "host": "{{~@root.host}}",
    "owner": "{{#if this.owner}}{{~this.owner}}{{else}}{{~@root.owner}}{{/if}}",
    "repository": "{{#if this.repository}}{{~this.repository}}{{else}}{{~@root.repository}}{{/if}}",
}
_MAIN = """\
{{> header}}
{{#if noteGroups}}
{{#each noteGroups}}

### ⚠ {{title}}

{{#each notes}}
* {{#if commit.scope}}**{{commit.scope}}:** {{/if}}{{text}}
{{/each}}
{{/each}}
{{/if}}
{{#each commitGroups}}

{{#if title}}
### {{title}}

{{/if}}
{{#each commits}}
{{> commit root=@root}}
{{/each}}
{{/each}}
{{> footer}}
"""
_HEADER = """\
## {{#if @root.linkCompare~}}
  [{{version}}]({{compareUrlFormat}})
{{~else}}
  {{~version}}
{{~/if}}
{{~#if title}} "{{title}}"
{{~/if}}
{{~#if date}} ({{date}})
{{/if}}
"""
_NAMED = "{{#if this.owner}}{{this.owner}}/{{/if}}{{this.repository}}{{this.prefix}}{{this.issue}}"
_COMMIT = (
    "*{{#if scope}} **{{scope}}:**{{/if}} {{#if subject}}{{subject}}{{else}}{{header}}{{/if}}"
    "{{#if hash}} {{#if @root.linkReferences}}([{{shortHash}}]({{commitUrlFormat}})){{else}}{{shortHash}}{{/if}}{{/if}}"
    "{{#if references}}, closes{{#each references}} "
    f"{{{{#if @root.linkReferences}}}}[{_NAMED}]({{{{issueUrlFormat}}}}){{{{else}}}}{_NAMED}{{{{/if}}}}"
    "{{/each}}{{/if}}\n"
)


def preset(config: Mapping[str, Any]) -> Preset:
    """Return the preset as `presetConfig` has it. Raises `ConfigError` for what cannot be honoured in it."""
    merged = {**_DEFAULTS, **config}
    links = {
        "compareUrlFormat": expand(merged["compareUrlFormat"], _PLACES),
        "commitUrlFormat": expand(merged["commitUrlFormat"], _PLACES),
        "issueUrlFormat": expand(
            merged["issueUrlFormat"], {**_PLACES, "id": "{{this.issue}}", "prefix": "{{this.prefix}}"}
        ),
    }
    templates = {
        "mainTemplate": _MAIN,
        "headerPartial": expand(_HEADER, {"compareUrlFormat": links["compareUrlFormat"]}),
        "commitPartial": expand(_COMMIT, {key: links[key] for key in ("commitUrlFormat", "issueUrlFormat")}),
        "footerPartial": "",
    }
    sections = tuple(entry["section"] for entry in merged["types"] if entry.get("section"))
    return Preset(templates=templates, transform=_transformer(merged), sections=sections)


def expand(template: str, values: Mapping[str, Any]) -> str:
    """Return the template with each `{{key}}` replaced, one key after the other, as JavaScript's `replace` does it.

    A `$&` and its like in a value mean what they mean there; a missing value is the word `undefined`.
    """
    for key, value in values.items():
        mark = f"{{{{{key}}}}}"
        if mark in template:
            template = _replaced(template, mark, in_text(value))
    return template


def _replaced(template: str, mark: str, value: str) -> str:
    if "$" not in value:
        return template.replace(mark, value)
    parts, at = [], 0
    while (found := template.find(mark, at)) >= 0:
        before, after = template[:found], template[found + len(mark) :]
        meanings = {"$$": "$", "$&": mark, "$`": before, "$'": after}
        parts += [template[at:found], re.sub(r"\$[$&`']", lambda sign, known=meanings: known[sign[0]], value)]  # type: ignore[misc]
        at = found + len(mark)
    return "".join((*parts, template[at:]))


def _transformer(config: Mapping[str, Any]) -> Callable[[CommitValues, Context], CommitValues | None]:
    issue = _issue_pattern(config["issuePrefixes"] or ())
    types: Sequence[Mapping[str, Any]] = config["types"]

    def transform(commit: CommitValues, context: Context) -> CommitValues | None:
        entry = _entry(types, commit)
        notes = as_breaking(commit)
        discard = not notes and not any(_RELEASE_AS.search(commit.get(part) or "") for part in ("footer", "body"))
        if (discard and (entry is None or entry.get("hidden"))) or not _in_scope(config, commit):
            return None
        issues: set[str] = set()
        subject = commit.get("subject")
        if isinstance(subject, str):
            subject = _linked(subject, config, issue, context, issues)
        return {
            "notes": notes,
            "type": commit.get("type") if entry is None else entry.get("section"),
            "scope": "" if commit.get("scope") == "*" or config.get("scope") else commit.get("scope"),
            "shortHash": short_hash(commit),
            "subject": subject,
            "references": [each for each in commit["references"] if each["prefix"] + each["issue"] not in issues],
        }

    return transform


def _issue_pattern(prefixes: Sequence[str]) -> re.Pattern[str]:
    odd = [prefix for prefix in prefixes if not _LITERAL.fullmatch(prefix)]
    if odd:
        raise ConfigError(
            f"the issue prefix {odd[0]!r} cannot be honoured: npm's preset reads it as an expression",
            advice="use letters, digits and # @ ! ~ : - in presetConfig.issuePrefixes",
        )
    return re.compile(f"({'|'.join(prefixes)})([a-z0-9]+)")


def _entry(types: Sequence[Mapping[str, Any]], commit: CommitValues) -> Mapping[str, Any] | None:
    kind = ("revert" if truthy(commit.get("revert")) else commit.get("type") or "").lower()
    for entry in types:
        if entry.get("type") == kind and not (entry.get("scope") and entry["scope"] != commit.get("scope")):
            return entry
    return None


def _in_scope(config: Mapping[str, Any], commit: CommitValues) -> bool:
    wanted = config.get("scope")
    if not wanted:
        return True
    scope = commit.get("scope")
    wanted = wanted if isinstance(wanted, list | tuple) else (wanted,)
    included = scope is not None and any(each in wanted for each in scope.split(","))
    return included or (not config.get("scopeOnly") and not scope)


def _linked(subject: str, config: Mapping[str, Any], issue: re.Pattern[str], context: Context, issues: set[str]) -> str:
    """Return the subject with its issues and users as links; prefix and number of each issue go to `issues`."""
    place = {name: context.get(name) for name in ("host", "owner", "repository")}

    def issue_link(found: re.Match[str]) -> str:
        issues.add(found[0])
        url = expand(config["issueUrlFormat"], {**place, "id": found[2], "prefix": found[1]})
        return f"[{found[0]}]({url})"

    subject = issue.sub(issue_link, subject)
    if "@" in subject:
        subject = MENTION.sub(mention(lambda user: expand(config["userUrlFormat"], {**place, "user": user})), subject)
    return subject
