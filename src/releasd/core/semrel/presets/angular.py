"""The angular preset's notes: conventional-changelog-angular 8.3.1 (`src/writer.js`, `src/templates.js`)."""

import re
from collections.abc import Mapping
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

_TITLES: Mapping[str, str] = {
    "feat": "Features",
    "fix": "Bug Fixes",
    "perf": "Performance Improvements",
    "revert": "Reverts",
}
_TITLES_OF_BREAKING: Mapping[str, str] = {
    "docs": "Documentation",
    "style": "Styles",
    "refactor": "Code Refactoring",
    "test": "Tests",
    "build": "Build System",
    "ci": "Continuous Integration",
}
_ISSUE = re.compile(r"#([0-9]+)")

_MAIN = """\
{{> header}}

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
_PAGE = (
    "{{#if @root.repository}}{{#if @root.host}}{{@root.host}}/{{/if}}{{#if @root.owner}}{{@root.owner}}/{{/if}}"
    "{{@root.repository}}{{else}}{{@root.repoUrl}}{{/if}}"
)
_HEADER = f"""\
{{{{#if isPatch}}}}##{{{{else}}}}#{{{{/if}}}} {{{{#if @root.linkCompare~}}}}
  [{{{{version}}}}]({_PAGE}/compare/{{{{previousTag}}}}...{{{{currentTag}}}})
{{{{~else~}}}}
  {{{{version}}}}
{{{{~/if}}}}
{{{{~#if title}}}} "{{{{title}}}}"
{{{{~/if}}}}
{{{{~#if date}}}} ({{{{date}}}})
{{{{/if}}}}
"""
_REFERENCE_PAGE = (
    "{{#if @root.repository}}{{#if @root.host}}{{@root.host}}/{{/if}}"
    "{{#if this.repository}}{{#if this.owner}}{{this.owner}}/{{/if}}{{this.repository}}"
    "{{else}}{{#if @root.owner}}{{@root.owner}}/{{/if}}{{@root.repository}}{{/if}}"
    "{{else}}{{@root.repoUrl}}{{/if}}"
)
_NAMED = "{{#if this.owner}}{{this.owner}}/{{/if}}{{this.repository}}#{{this.issue}}"
_COMMIT = (
    "*{{#if scope}} **{{scope}}:**{{/if}} {{#if subject}}{{subject}}{{else}}{{header}}{{/if}} "
    f"{{{{#if @root.linkReferences}}}}([{{{{shortHash}}}}]({_PAGE}/{{{{@root.commit}}}}/{{{{hash}}}}))"
    "{{else}}{{shortHash}}{{/if}}"
    "{{#if references}}, closes{{#each references}} "
    f"{{{{#if @root.linkReferences}}}}[{_NAMED}]({_REFERENCE_PAGE}/{{{{@root.issue}}}}/{{{{this.issue}}}})"
    f"{{{{else}}}}{_NAMED}{{{{/if}}}}{{{{/each}}}}{{{{/if}}}}\n"
)
_FOOTER = """\
{{#if noteGroups}}
{{#each noteGroups}}

### {{title}}

{{#each notes}}
* {{#if commit.scope}}**{{commit.scope}}:** {{/if}}{{text}}
{{/each}}
{{/each}}

{{/if}}
"""


def preset() -> Preset:
    """Return the angular preset; its `presetConfig` changes nothing in the notes but which commits they leave out."""
    templates = {"mainTemplate": _MAIN, "headerPartial": _HEADER, "commitPartial": _COMMIT, "footerPartial": _FOOTER}
    return Preset(templates=templates, transform=_transform, sections=None)


def _transform(commit: CommitValues, context: Context) -> CommitValues | None:
    notes = as_breaking(commit)
    kind = commit.get("type")
    title = _TITLES.get(kind) if isinstance(kind, str) else None
    if title is None and truthy(commit.get("revert")):
        title = _TITLES["revert"]
    if title is None:
        if not notes:
            return None
        title = _TITLES_OF_BREAKING.get(kind, kind) if isinstance(kind, str) else None
    issues: set[str] = set()
    subject = commit.get("subject")
    if isinstance(subject, str):
        subject = _linked(subject, context, issues)
    return {
        "notes": notes,
        "type": title,
        "scope": "" if commit.get("scope") == "*" else commit.get("scope"),
        "shortHash": short_hash(commit),
        "subject": subject,
        "references": [each for each in commit["references"] if each["issue"] not in issues],
    }


def _linked(subject: str, context: Context, issues: set[str]) -> str:
    """Return the subject with its issues and users as links; the issues' numbers are added to `issues`."""
    page, host = _page(context), context.get("host")
    if page and "#" in subject:
        issues.update(_ISSUE.findall(subject))
        subject = _ISSUE.sub(lambda found: f"[{found[0]}]({page}/issues/{found[1]})", subject)
    if host and "@" in subject:
        subject = MENTION.sub(mention(lambda user: f"{host}/{user}"), subject)
    return subject


def _page(context: Context) -> Any:
    repository = context.get("repository")
    if not repository:
        return context.get("repoUrl")
    return f"{in_text(context.get('host'))}/{in_text(context.get('owner'))}/{repository}"
