"""Puts the notes of a release into a changelog that people also edit by hand.

What stands above the first version's heading (a title, an introduction, an "Unreleased" section) stays above; what
stands below is never touched; notes of a version that is there already are not added again.
"""

import re

from releasd.core.version import SEMVER

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
