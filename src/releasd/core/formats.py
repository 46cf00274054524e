"""A release as plain values, and notes in the form of Keep a Changelog 1.1.0 (https://keepachangelog.com).

The commits and which of them are shown are those of the native notes (`core.notes`). Text from commits cannot break the
structure: each is one line without control characters, and what markdown or HTML would act on is escaped.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from releasd.core.contents import LISTED, contents
from releasd.core.conventional import ParsedCommit
from releasd.core.notetypes import in_order, is_shown, title_of
from releasd.core.pages import Pages
from releasd.core.rules import SHORT
from releasd.model import Commit, Decision, LastRelease, NotesStyle

_SHOWN = frozenset({"feat", "fix", "perf", "revert", "security", "deprecate", "remove"})
_SECTIONS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
_SECTION_OF: Mapping[str | None, str] = {
    "feat": "Added",
    "fix": "Fixed",
    "deprecate": "Deprecated",
    "remove": "Removed",
    "revert": "Removed",
    "security": "Security",
}
_CO_AUTHOR = re.compile(r"^co-authored-by:[ \t]*(?P<person>[^\r\n]{1,300})$", re.IGNORECASE | re.MULTILINE)
_PERSON = re.compile(r"\s*(?P<name>[^<>]*?)\s*(?:<\s*(?P<mail>[^<>]*?)\s*>.*)?")
# Within a line: signs of emphasis, links, code and HTML; an underscore within a word is none.
_ACTIVE = re.compile(r"([\\`*\[\]<>|]|(?<![^\W_])_|_(?![^\W_]))")
_LEADING = re.compile(
    r"(?:#{1,6}|[+-]|\d{1,9}(?=[.)]))(?=\s|[.)]|$)|[=~]{3,}|-{3,}"
)  # at its start: of headings, lists, rules
_CODE = re.compile(r"`[^`]+`")
_REORDERING = frozenset({"Cf", "Cc", "Zl", "Zp", "Co", "Cn", "Cs"})
_RELEASE = "chore(release): "  # releasd's own commits
_LONGEST_LINE = 1_000  # characters that people read of a line; a message may have millions
_USUAL = NotesStyle()
_JOINERS = "\u200c\u200d"  # within words of some scripts and within emoji


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One commit of a release, for people: every text is one line, and none is escaped.

    Attributes:
        type: in lower case, None where the header is not conventional; `revert` for a revert.
        shown: whether the notes name it.
        section: the title that the project's `types` give it, else "".
        breaking: the texts of its breaking changes.
        issues: those that it closes, each with its page or None.
        url: its page, or None.
    """

    id: str
    short: str
    type: str | None
    scope: str | None
    subject: str
    shown: bool
    section: str
    breaking: tuple[str, ...]
    issues: tuple[tuple[str, str | None], ...]
    url: str | None
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release, for a format to write: its commits newest first, without those that cancel each other.

    Of more than `LISTED` commits `entries` has the newest; `more` is how many older ones the notes would name.
    """

    version: str
    tag: str
    previous_tag: str | None
    date: dt.date
    url: str | None
    compare_url: str | None
    entries: tuple[Entry, ...]
    contributors: tuple[str, ...]
    more: int = 0


def release_of(
    decision: Decision,
    *,
    last: LastRelease | None,
    pages: Pages | None,
    date: dt.date,
    commits: Sequence[Commit],
    style: NotesStyle = _USUAL,
) -> Release | None:
    """Return the decided release, None where there is none; `date` is its day in UTC."""
    if decision.version is None or decision.tag is None:
        return None
    found = (_entry(*each, pages, style) for each in contents(commits, decision.verdicts))
    return Release(
        version=decision.version,
        tag=decision.tag,
        previous_tag=last.tag if last else None,
        date=date,
        url=pages.base if pages else None,
        compare_url=pages.compare(last.tag, decision.tag) if pages and last else None,
        entries=tuple(islice(found, LISTED)),
        contributors=contributors(commits),
        more=sum(each.shown for each in found),
    )


def contributors(commits: Iterable[Commit]) -> tuple[str, ...]:
    """Return who wrote the commits, `Co-authored-by` included: each person once, by address, in the order of names."""
    names: dict[str, str] = {}
    for commit in commits:
        if commit.message.startswith(_RELEASE):
            continue
        for person in (commit.author, *(found["person"] for found in _CO_AUTHOR.finditer(commit.message))):
            found = _PERSON.fullmatch(one_line(person))
            name = found["name"] if found else ""
            if name:
                names.setdefault(((found and found["mail"]) or name).casefold(), name)
    return tuple(sorted(dict.fromkeys(names.values()), key=lambda name: (name.casefold(), name)))


def keep_a_changelog(release: Release, *, style: NotesStyle = _USUAL) -> str:
    """Return the section of a release in a changelog of the form that Keep a Changelog gives it.

    Where its link leads stands at the end, as in the link list of such a changelog (`core.changelog` puts it there).
    """
    blocks = [f"## [{release.version}] - {release.date.isoformat()}"]
    by: dict[str, list[str]] = {}
    for entry in release.entries:
        if entry.shown:
            by.setdefault(entry.section or _section(entry), []).extend(_bullets(entry))
    for title in in_order(by, style.types, _SECTIONS):
        blocks += [f"### {title}", "\n".join(by[title])]
    if release.more:
        blocks.append(f"… and {release.more} older changes")
    if style.contributors and release.contributors:
        blocks += ["### Contributors", "\n".join(f"- {escaped(name)}" for name in release.contributors)]
    if release.compare_url:
        blocks.append(f"[{release.version}]: {release.compare_url}")
    return "\n\n".join(blocks) + "\n"


def one_line(text: str) -> str:
    """Return a text as one line without characters that move, hide or end text, not longer than people read."""
    text = text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 1]}…"
    if text.isascii() and text.isprintable():
        return text.strip()
    return " ".join("".join(_visible(text)).split())


def escaped(text: str) -> str:
    """Return a line with what markdown and HTML act on escaped; `code` stays code."""
    lead = _LEADING.match(text)
    parts, at = [], 0
    if lead:
        at = lead.end()
        parts = [lead[0], "\\"] if lead[0].isdigit() else ["\\", lead[0]]
    for code in _CODE.finditer(text, at):
        parts += [_ACTIVE.sub(r"\\\1", text[at : code.start()]), code[0]]
        at = code.end()
    return "".join((*parts, _ACTIVE.sub(r"\\\1", text[at:])))


def _visible(text: str) -> Iterator[str]:
    for char in text:
        hidden = unicodedata.category(char) in _REORDERING and char not in _JOINERS
        yield (" " if char in "\t\n\v\f\r\x85\u2028\u2029" else "") if hidden else char


def _entry(commit: Commit, parsed: ParsedCommit, asked: bool, pages: Pages | None, style: NotesStyle) -> Entry:  # noqa: FBT001 - inner
    kind = "revert" if parsed.revert else parsed.type
    author = _PERSON.fullmatch(one_line(commit.author))
    return Entry(
        id=commit.id,
        short=commit.id[:SHORT],
        type=kind,
        scope=one_line(parsed.scope) if parsed.scope and parsed.scope != "*" else None,
        subject=one_line(parsed.subject),
        shown=is_shown(style.types, kind, parsed.scope, breaking=parsed.breaking, asked=asked, usual=_SHOWN),
        section=title_of(style.types, kind, parsed.scope, ""),
        breaking=tuple(map(one_line, parsed.breaking_notes)),
        issues=tuple((issue, pages.issue(issue) if pages else None) for issue in parsed.references),
        url=pages.commit(commit.id) if pages else None,
        author=author["name"] if author else "",
    )


def _section(entry: Entry) -> str:
    security = entry.scope is not None and entry.scope.casefold() == "security"
    return "Security" if security else _SECTION_OF.get(entry.type, "Changed")


def _bullets(entry: Entry) -> Iterator[str]:
    scope = f"**{escaped(entry.scope)}:** " if entry.scope else ""
    commit = f"[{entry.short}]({entry.url})" if entry.url else entry.short
    closed = ", ".join(f"[{issue}]({page})" if page else issue for issue, page in entry.issues)
    yield f"- {scope}{escaped(entry.subject)} ({commit}{f', closes {closed}' if closed else ''})"
    for text in entry.breaking:
        yield f"  - **Breaking:** {escaped(text)}"
