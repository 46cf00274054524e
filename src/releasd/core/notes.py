"""Release notes in the shape of semantic-release's angular preset (versioning-facts.md §2.5).

From there: which types are shown and under which titles, that other types are shown only for a breaking change, the
heading (`#` for a major or minor, `##` for a patch), the compare and commit links, the closing list of breaking
changes, and that a reverted pair is left out while `[skip release]` is shown. Unlike there, a commit that a custom rule
makes part of the release is shown too, so that notes are never blank, and only closing verbs close an issue.

Text from commits cannot break the structure: a subject is one line without control characters, and further lines of
a breaking change are indented with their markdown headings escaped.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from releasd.core.conventional import ParsedCommit, parse
from releasd.core.rules import SHORT, drop_reverted
from releasd.core.semver import parse_semver
from releasd.model import Bump, Commit, Decision, LastRelease

_TITLES: Mapping[str, str] = {
    "feat": "Features",
    "fix": "Bug Fixes",
    "perf": "Performance Improvements",
    "revert": "Reverts",
    "docs": "Documentation",
    "style": "Styles",
    "refactor": "Code Refactoring",
    "test": "Tests",
    "build": "Build System",
    "ci": "Continuous Integration",
}
_SHOWN = frozenset({"feat", "fix", "perf", "revert"})
_UNTYPED = "Other Changes"
_ISSUE = re.compile(r"(?<![\w&#/`\[])#(\d{1,20})\b")
_REFERENCE = re.compile(r"(?P<repository>[^#]*)#(?P<number>\d+)")
_STRUCTURE = re.compile(r"[#=>~`|*+_-]")
_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[\w.-]+):(?P<path>[^/~\s][^\s]*)")


def render_notes(
    decision: Decision,
    *,
    last: LastRelease | None,
    web_url: str | None,
    date: dt.date,
    commits: Sequence[Commit],
) -> str:
    """Return the notes of the decided release as markdown, or "" where there is none.

    `web_url` is the repository's page, for links; `date` is the day of the release in UTC.
    """
    if decision.version is None:
        return ""
    shown = _shown(decision, commits)
    blocks = [_heading(decision, last, web_url, date)]
    for title, bullets in sorted(_sections(shown, web_url).items()):
        blocks += [f"### {title}", "\n".join(text for _, text in sorted(bullets))]
    breaking = [_bullet(parsed, _lines(note)) for _, parsed in shown for note in parsed.breaking_notes]
    if breaking:
        blocks += ["### BREAKING CHANGES", "\n".join(breaking)]
    return "\n\n".join(blocks) + "\n"


def web_url_of(remote: str) -> str | None:
    """Return the https address of the page behind a forge's remote, without credentials; None for local paths.

    For ssh remotes the port is dropped, and a host without a dot is an alias of someone's ssh configuration, which
    leads nowhere: None. An scp-like path that starts at `/` or `~` is a folder on a server, not a forge: None.
    """
    if "://" not in remote:
        match = _SCP.fullmatch(remote)
        return _page("https", match["host"], match["path"]) if match and "." in match["host"] else None
    try:
        parts = urlsplit(remote)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # a port that is no number, a broken IPv6 address
        return None
    if parts.scheme in ("http", "https"):
        literal = f"[{host}]" if ":" in host else host
        return _page(parts.scheme, f"{literal}:{port}" if port else literal, parts.path)
    known = parts.scheme in ("ssh", "git", "git+ssh", "ssh+git") and "." in host and not parts.path.startswith("/~")
    return _page("https", host, parts.path) if known else None


def _page(scheme: str, host: str, path: str) -> str | None:
    path = path.strip("/").removesuffix(".git").rstrip("/")
    return f"{scheme}://{host}/{path}" if path and host else None


def _heading(decision: Decision, last: LastRelease | None, web_url: str | None, date: dt.date) -> str:
    version = decision.version or ""
    semver = parse_semver(version)
    title = f"[{version}]({web_url}/compare/{last.tag}...{decision.tag})" if web_url and last else version
    return f"{'##' if semver and semver.patch else '#'} {title} ({date.isoformat()})"


def _shown(decision: Decision, commits: Sequence[Commit]) -> list[tuple[Commit, ParsedCommit]]:
    asked = {verdict.commit for verdict in decision.verdicts if verdict.bump is not Bump.NONE}
    parsed = [(commit, parse(commit.message)) for commit in commits]
    dropped = drop_reverted(parsed)
    return [
        (commit, message)
        for commit, message in parsed
        if commit.id not in dropped
        and (commit.id in asked or message.breaking or message.revert or message.type in _SHOWN)
    ]


def _sections(
    shown: Sequence[tuple[Commit, ParsedCommit]], web_url: str | None
) -> dict[str, list[tuple[tuple[str, str], str]]]:
    """Return the bullets by title, each with the key that sorts it: scope and subject, case aside."""
    sections: dict[str, list[tuple[tuple[str, str], str]]] = {}
    for commit, parsed in shown:
        kind = "revert" if parsed.revert else parsed.type
        title = _TITLES.get(kind, _clean(kind)) if kind else _UNTYPED
        text = f"{parsed.scope or ''}{parsed.subject}"
        bullet = _bullet(parsed, _subject(parsed, web_url)) + _links(commit, parsed, web_url)
        sections.setdefault(title, []).append(((text.casefold(), text), bullet))
    return sections


def _bullet(parsed: ParsedCommit, text: str) -> str:
    scope = _clean(parsed.scope) if parsed.scope and parsed.scope != "*" else ""
    return f"* **{scope}:** {text}" if scope else f"* {text}"


def _subject(parsed: ParsedCommit, web_url: str | None) -> str:
    text = _clean(parsed.subject)
    return _ISSUE.sub(rf"[#\1]({web_url}/issues/\1)", text) if web_url else text


def _links(commit: Commit, parsed: ParsedCommit, web_url: str | None) -> str:
    short = commit.id[:SHORT]
    link = f" ([{short}]({web_url}/commit/{commit.id}))" if web_url else f" ({short})"
    closed = " ".join(_issue(reference, web_url) for reference in parsed.references if reference not in parsed.subject)
    return f"{link}, closes {closed}" if closed else link


def _issue(reference: str, web_url: str | None) -> str:
    match = _REFERENCE.fullmatch(reference)
    if match is None or web_url is None:
        return reference
    parts = urlsplit(web_url)
    page = f"{parts.scheme}://{parts.netloc}/{match['repository']}" if match["repository"] else web_url
    return f"[{reference}]({page}/issues/{match['number']})"


def _lines(note: str) -> str:
    """Return a note of several lines as the text of one bullet."""
    return "\n".join(_continued(note))


def _continued(note: str) -> Iterator[str]:
    first, *rest = note.split("\n")
    yield _clean(first)
    for line in rest:
        text = _clean(line).strip()
        escaped = "\\" if _STRUCTURE.match(text) and not text.startswith(("* ", "- ", "```")) else ""
        yield f"  {escaped}{text}" if text else ""


def _clean(text: str) -> str:
    """Return `text` without control characters, fit for one line."""
    return "".join(char if char.isprintable() else " " for char in text).strip()
