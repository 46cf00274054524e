"""Puts the notes of a release into a changelog that people also edit by hand.

What stands above the first version's heading (a title, an introduction, an "Unreleased" section) stays above; what
stands below is never touched; notes of a version that is there already are not added again. `put_on_top` is the other
way, semantic-release's: the notes go above everything but a title. `keep` is Keep a Changelog's: what people wrote
under "Unreleased" becomes part of the release, that heading stays on top, and the list of links at the end follows.
"""

import re
from collections.abc import Sequence

from releasd.core.semrel.jstext import trim
from releasd.core.semver import SEMVER
from releasd.model import ChangelogForm

TITLE = "# Changelog"
KEPT_TITLE = """\
# Changelog

All notable changes to this project will be documented in this file.

The format is based on [Keep a Changelog](https://keepachangelog.com/en/1.1.0/),
and this project adheres to [Semantic Versioning](https://semver.org/spec/v2.0.0.html).

## [Unreleased]
"""

_VERSION = re.compile(rf"^#{{1,3}}[ \t]+\[?v?(?P<version>{SEMVER})(?![0-9A-Za-z.+-])", re.MULTILINE)
_SECTION = re.compile(r"^##[ \t]", re.MULTILINE)
_TITLE = re.compile(r"\ufeff?#[ \t]")
_UNRELEASED = re.compile(r"^##[ \t]+\[?unreleased\b.*$", re.MULTILINE | re.IGNORECASE)
_GROUP = re.compile(r"^###[ \t]+(?P<title>.*?)[ \t]*$", re.MULTILINE)
_LINK = re.compile(r"\[(?P<label>[^\]\n]+)\]:[ \t]*\S.*")


def written(existing: str | None, notes: str, form: ChangelogForm) -> str:
    """Return the changelog with the notes of a release in it, in the project's own form."""
    if form.kind == "semantic-release":
        return put_on_top(existing, notes, title=form.title)
    if form.kind == "keep-a-changelog":
        return keep(existing, notes, title=form.title, unreleased_url=form.unreleased_url)
    return prepend(existing, notes, title=form.title)


def prepend(existing: str | None, notes: str, *, title: str | None = None) -> str:
    """Return the changelog with `notes` as its newest entry; line ends are those of `existing`.

    `notes` starts with its heading, as `core.notes` writes it. A changelog that is missing or empty gets a title.
    """
    if existing is None or _is_blank(existing):
        return f"{title or TITLE}\n\n{notes.strip()}\n"
    if not notes.strip() or _has(existing, notes):
        return existing
    newline = "\r\n" if "\r\n" in existing else "\n"
    entry = notes.strip().replace("\r\n", "\n").replace("\n", newline)
    place = _place(existing)
    above, below = existing[:place], existing[place:]
    if above.strip("\ufeff"):
        above = above.rstrip() + newline * 2
    return above + entry + newline + (newline + below if below else "")


def keep(existing: str | None, notes: str, *, title: str | None = None, unreleased_url: str | None = None) -> str:
    """Return the changelog with `notes`, as `core.formats.keep_a_changelog` writes them; line ends stay.

    `unreleased_url` is where the link of `[Unreleased]` leads from now on; None leaves it as it is.
    """
    text = KEPT_TITLE if _is_blank(existing) else existing or ""
    text = f"{title.strip()}\n\n## [Unreleased]\n" if title and _is_blank(existing) else text
    if not notes.strip() or _has(text, notes):
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    body, links = _split_links(text.replace("\r\n", "\n"))
    entry, own = _split_links(notes.strip().replace("\r\n", "\n"))
    body, entry = _released(body, entry.strip())
    heading = _UNRELEASED.search(body)
    place = max(_place(body), heading.end() if heading and not _VERSION.search(body) else 0)
    above, below = body[:place].rstrip("\n"), body[place:].strip("\n")
    parts = [part for part in (above, entry, below, "\n".join(_relinked(links, own, body, unreleased_url))) if part]
    return ("\n\n".join(parts) + "\n").replace("\n", newline)


def _is_blank(text: str | None) -> bool:
    return text is None or not text.strip("\ufeff \t\r\n")


def _split_links(text: str) -> tuple[str, list[str]]:
    """Return a text and the list of links that it ends with."""
    lines = text.rstrip().split("\n")
    start = len(lines)
    while start and (not lines[start - 1].strip() or _LINK.fullmatch(lines[start - 1])):
        start -= 1
    return "\n".join(lines[:start]), [line for line in lines[start:] if line.strip()]


def _released(body: str, entry: str) -> tuple[str, str]:
    """Return the changelog without what stands under "Unreleased", and the entry with it: there it comes first."""
    heading = _UNRELEASED.search(body)
    if heading is None:
        return body, entry
    after = _SECTION.search(body, heading.end())
    end = after.start() if after else len(body)
    by_hand = body[heading.end() : end].strip("\n")
    if not by_hand.strip():
        return body, entry
    first, _, rest = entry.partition("\n")
    merged = _merged(_groups(by_hand), _groups(rest.strip("\n")))
    rest_of_body = f"\n\n{body[end:]}" if after else "\n"
    return body[: heading.end()] + rest_of_body, "\n\n".join((first, *merged))


def _groups(text: str) -> list[tuple[str, str]]:
    """Return the parts of a section, each its heading, "" for what stands before the first, and its text."""
    found = [*_GROUP.finditer(text)]
    ends = [*(each.start() for each in found), len(text)]
    parts = [("", text[: ends[0]].strip("\n"))]
    parts += [
        (f"### {each['title']}", text[each.end() : end].strip("\n")) for each, end in zip(found, ends[1:], strict=True)
    ]
    return [(title, content) for title, content in parts if title or content.strip()]


def _merged(by_hand: Sequence[tuple[str, str]], own: Sequence[tuple[str, str]]) -> list[str]:
    """Return the parts of both, those of one title as one, in the order of the hand-written ones."""
    made: dict[str, list[str]] = {}
    for title, content in (*by_hand, *own):
        made.setdefault(title, []).append(content)
    parts = []
    for title, contents in made.items():
        filled = "\n".join(content for content in contents if content.strip())
        parts += [part for part in (title, filled) if part]
    return parts


def _relinked(links: Sequence[str], own: Sequence[str], body: str, unreleased_url: str | None) -> list[str]:
    """Return the list of links with the release's own, above those of the releases before it."""
    known = {_label(line) for line in links}
    top = [place for place, line in enumerate(links) if _label(line) == "unreleased"]
    made = [*links]
    if top and unreleased_url:
        made[top[0]] = f"[{_LINK.fullmatch(links[top[0]])['label']}]: {unreleased_url}"  # type: ignore[index]  # matched
    new = [line for line in own if _label(line) not in known]
    if not top and unreleased_url and _UNRELEASED.search(body):
        new.insert(0, f"[unreleased]: {unreleased_url}")
    versions = [place for place, line in enumerate(links) if _is_version(_label(line))]
    at = top[0] + 1 if top else versions[0] if versions else len(links)
    return [*made[:at], *new, *made[at:]]


def _label(line: str) -> str:
    found = _LINK.fullmatch(line)
    return found["label"].lower() if found else ""


def _is_version(label: str) -> bool:
    return re.fullmatch(rf"v?{SEMVER}", label) is not None


def put_on_top(existing: str | None, notes: str, *, title: str | None = None) -> str:
    """Return the changelog as @semantic-release/changelog 6.0.3 writes it: title, notes, and all that was there.

    `title` is its `changelogTitle`. White space at both ends of what was there goes, as there. Unlike there, notes of a
    version that is there already are not added again, so that a second attempt writes what the first one wrote.
    """
    current = trim(existing or "")
    if not trim(notes) or _has(current, notes) or trim(notes) in current:
        return existing or ""
    if title and current.startswith(title):
        current = trim(current.removeprefix(title))
    entry = f"{trim(notes)}\n" + (f"\n{current}\n" if current else "")
    return f"{title}\n\n{entry}" if title else entry


def _has(existing: str, notes: str) -> bool:
    heading = _VERSION.match(notes.lstrip())
    return heading is not None and any(found["version"] == heading["version"] for found in _VERSION.finditer(existing))


def _place(existing: str) -> int:
    """Return where the newest entry goes."""
    found = _VERSION.search(existing)
    if found:
        return found.start()
    if not _TITLE.match(existing):
        return 1 if existing.startswith("\ufeff") else 0
    section = _SECTION.search(existing)
    unreleased = section and existing[section.end() :].lstrip(" \t[").lower().startswith("unreleased")
    return section.start() if section and not unreleased else len(existing)
