"""Puts the notes of a release into a changelog that people also edit by hand.

What stands above the first version's heading (a title, an introduction, an "Unreleased" section) stays above; what
stands below is never touched; notes of a version that is there already are not added again. `put_on_top` is the other
way, semantic-release's: the notes go above everything but a title.
"""

import re

from releasd.core.semrel.jstext import trim
from releasd.core.semver import SEMVER

TITLE = "# Changelog"

_VERSION = re.compile(rf"^#{{1,3}}[ \t]+\[?v?(?P<version>{SEMVER})(?![0-9A-Za-z.+-])", re.MULTILINE)
_SECTION = re.compile(r"^##[ \t]", re.MULTILINE)
_TITLE = re.compile(r"\ufeff?#[ \t]")


def prepend(existing: str | None, notes: str) -> str:
    """Return the changelog with `notes` as its newest entry; line ends are those of `existing`.

    `notes` starts with its heading, as `core.notes` writes it. A changelog that is missing or empty gets a title.
    """
    if existing is None or not existing.strip("\ufeff \t\r\n"):
        return f"{TITLE}\n\n{notes.strip()}\n"
    if _has(existing, notes):
        return existing
    newline = "\r\n" if "\r\n" in existing else "\n"
    entry = notes.strip().replace("\r\n", "\n").replace("\n", newline)
    place = _place(existing)
    above, below = existing[:place], existing[place:]
    if above.strip("\ufeff"):
        above = above.rstrip() + newline * 2
    return above + entry + newline + (newline + below if below else "")


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
