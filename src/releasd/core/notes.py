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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from releasd.core.contents import LISTED, contents
from releasd.core.conventional import ParsedCommit
from releasd.core.notetypes import in_order, is_shown, title_of
from releasd.core.pages import Pages
from releasd.core.rules import SHORT
from releasd.core.semver import parse_semver
from releasd.model import Commit, Decision, LastRelease, NotesStyle

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
_STRUCTURE = re.compile(r"[#=>~`|*+_-]|\[[^\]]*+\]:")
_LINK = re.compile(r"\[[^\]]*+\]:")  # of a link's address, which would be one for the whole text
_TAG = re.compile(r"<(?=[A-Za-z/!?])")  # what HTML would act on
_LONGEST_LINE, _LONGEST_NOTE = 1_000, 10_000  # characters; a message may have millions
_USUAL = NotesStyle()


def render_notes(
    decision: Decision,
    *,
    last: LastRelease | None,
    pages: Pages | None,
    date: dt.date,
    commits: Sequence[Commit],
    style: NotesStyle = _USUAL,
) -> str:
    """Return the notes of the decided release as markdown, or "" where there is none.

    `pages` are the repository's, for links; `date` is the day of the release in UTC.
    """
    if decision.version is None:
        return ""
    listing = _listed(decision, commits, pages, style)
    blocks = [_heading(decision, last, pages, date)]
    for title in in_order(listing.more, style.types):
        blocks += [f"### {title}", _bullets((text for _, text in sorted(listing.sections[title])), listing.more[title])]
    if listing.breaking:
        blocks += ["### BREAKING CHANGES", _bullets(listing.breaking, listing.more_breaking)]
    if style.contributors and (people := _contributors(commits)):
        blocks += ["### Contributors", "\n".join(f"* {_clean(name)}" for name in people)]
    return "\n\n".join(blocks) + "\n"


def _contributors(commits: Sequence[Commit]) -> tuple[str, ...]:
    from releasd.core.formats import contributors  # noqa: PLC0415 - only for those who ask for it, for `plan`'s speed

    return contributors(commits)


def _heading(decision: Decision, last: LastRelease | None, pages: Pages | None, date: dt.date) -> str:
    version = decision.version or ""
    semver = parse_semver(version)
    title = f"[{version}]({pages.compare(last.tag, decision.tag or '')})" if pages and last else version
    return f"{'##' if semver and semver.patch else '#'} {title} ({date.isoformat()})"


@dataclass(slots=True)
class _Listing:
    """What notes list, newest first, by title: bullets, each with the key that sorts it: scope and subject, case aside.

    Of the commits after the first `LISTED` only their number is kept, and so with breaking changes, which have a list
    of their own.
    """

    sections: dict[str, list[tuple[tuple[str, str], str]]] = field(default_factory=dict)
    more: dict[str, int] = field(default_factory=dict)
    breaking: list[str] = field(default_factory=list)
    more_breaking: int = 0
    count: int = 0

    def add(self, commit: Commit, parsed: ParsedCommit, title: str, pages: Pages | None) -> None:
        """Take the next commit."""
        if self.count < LISTED:
            text = f"{parsed.scope or ''}{parsed.subject}"
            bullet = _bullet(parsed, _subject(parsed, pages)) + _links(commit, parsed, pages)
            self.sections.setdefault(title, []).append(((text.casefold(), text), bullet))
            self.more.setdefault(title, 0)
        else:
            self.sections.setdefault(title, [])
            self.more[title] = self.more.get(title, 0) + 1
        self.count += 1
        for note in parsed.breaking_notes:
            if len(self.breaking) < LISTED:
                self.breaking.append(_bullet(parsed, _lines(note)))
            else:
                self.more_breaking += 1


def _listed(decision: Decision, commits: Sequence[Commit], pages: Pages | None, style: NotesStyle) -> _Listing:
    listing = _Listing()
    for commit, parsed, asked in contents(commits, decision.verdicts):
        if _is_shown(parsed, style, asked=asked):
            kind = _kind(parsed)
            usual = _TITLES.get(kind, _clean(kind)) if kind else _UNTYPED
            listing.add(commit, parsed, title_of(style.types, kind, parsed.scope, usual), pages)
    return listing


def _bullets(listed: Iterable[str], more: int) -> str:
    return "\n".join((*listed, f"* … and {more} more") if more else listed)


def _is_shown(parsed: ParsedCommit, style: NotesStyle, *, asked: bool) -> bool:
    kind, breaking = _kind(parsed), parsed.breaking
    return is_shown(style.types, kind, parsed.scope, breaking=breaking, asked=asked, usual=_SHOWN)


def _kind(parsed: ParsedCommit) -> str | None:
    return "revert" if parsed.revert else parsed.type


def _bullet(parsed: ParsedCommit, text: str) -> str:
    scope = _clean(parsed.scope) if parsed.scope and parsed.scope != "*" else ""
    return f"* **{scope}:** {text}" if scope else f"* {text}"


def _subject(parsed: ParsedCommit, pages: Pages | None) -> str:
    return _ISSUE.sub(lambda found: _issue(found[0], pages), _clean(parsed.subject))


def _links(commit: Commit, parsed: ParsedCommit, pages: Pages | None) -> str:
    short = commit.id[:SHORT]
    link = f" ([{short}]({pages.commit(commit.id)}))" if pages else f" ({short})"
    closed = " ".join(_issue(reference, pages) for reference in parsed.references if reference not in parsed.subject)
    return f"{link}, closes {closed}" if closed else link


def _issue(reference: str, pages: Pages | None) -> str:
    page = pages.issue(reference) if pages else None
    return f"[{reference}]({page})" if page else reference


def _lines(note: str) -> str:
    """Return a note of several lines as the text of one bullet."""
    return "\n".join(_continued(note))


def _continued(note: str) -> Iterator[str]:
    first, *rest = note[:_LONGEST_NOTE].split("\n")
    text = _clean(first)
    yield f"\\{text}" if _LINK.match(text) else text
    for line in rest:
        text = _clean(line).strip()
        escaped = "\\" if _STRUCTURE.match(text) and not text.startswith(("* ", "- ", "```")) else ""
        yield f"  {escaped}{text}" if text else ""


def _clean(text: str) -> str:
    """Return `text` fit for one line: without control characters and HTML, and not longer than people read."""
    cut = text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 1]}…"
    plain = "".join(char if char.isprintable() else " " for char in cut).strip()
    return plain if "<" not in plain else "`".join(_untagged(plain.split("`")))


def _untagged(parts: Sequence[str]) -> Iterator[str]:
    """Yield what stands between backticks as it is, where they come in pairs, and the rest with its tags escaped."""
    for place, part in enumerate(parts):
        is_code = place % 2 == 1 and place < len(parts) - 1
        yield part if is_code else _TAG.sub(r"\\<", part)
