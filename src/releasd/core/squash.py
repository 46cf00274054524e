"""Finds the commits that a squash or merge commit's message holds (docs/versioning.md, "Commits within a commit").

Sources: GitHub's and GitLab's `* feat: a` lists, the messages that `git rebase` and GitLab put one after the other,
`git merge --squash`, the title below a merge's first line, release-please's BEGIN_NESTED_COMMIT and its
BEGIN_COMMIT_OVERRIDE (its `commit.ts`). Only known types count, and nothing that is quoted: code between fences, lines
that start with `>` or blanks, `<details>`, and the lists of changes that GitHub generates. Everything is linear.
"""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

_ITEM = re.compile(
    r"(?P<bullet>\* +)?(?:(?P<type>[A-Za-z][\w-]*+)(?:\((?:[^()]++|\([^()]*+\))*+\))?!?: +\S"
    r"|(?P<revert>Re(?:vert|apply) \".*\"(?:\s?\([#!]\d{1,18}\))?$))"
)
_GENERATED = re.compile(r" by @\S+ in https?://\S+$")
_DIVIDER = re.compile(r"-{3,}[ \t]*+")
_MERGE = re.compile(
    r"Merge (?:pull request|branch(?:es)?|remote-tracking branch(?:es)?|tag|commit)\b|Merged in \S|Merged PR \d+: "
)
_AZURE = re.compile(r"Merged PR \d+: +(?P<title>\S.*)")
SQUASHED = "Squashed commit of the following:"  # git's own header, and what stands below a title of one's own
_SQUASHED_ONE = re.compile(r"commit [0-9a-f]{40}(?:[0-9a-f]{24})?")
_SQUASHED_HEAD = re.compile(r"(?:Author|Merge|Date): ")
_NESTED, _NESTED_END = "BEGIN_NESTED_COMMIT", "END_NESTED_COMMIT"
_OVERRIDE, _OVERRIDE_END = "BEGIN_COMMIT_OVERRIDE", "END_COMMIT_OVERRIDE"


class Split(NamedTuple):
    """What of a body is the commit's own, and the messages of the commits within, in the order written."""

    own: str
    inner: tuple[str, ...]


def is_merge(header: str) -> bool:
    """Return whether git or a forge wrote this first line of a merge."""
    return header.startswith("Merge") and _MERGE.match(header) is not None


def overridden(body: str) -> str | None:
    """Return the text that release-please's override puts in the message's place, or None."""
    lines = body.split("\n")
    marks = [line.strip() for line in lines]
    if _OVERRIDE not in marks:
        return None
    start = marks.index(_OVERRIDE) + 1
    end = marks.index(_OVERRIDE_END, start) if _OVERRIDE_END in marks[start:] else len(lines)
    return "\n".join(lines[start:end]).strip() or None


def split(header: str, body: str, types: Collection[str], *, dense: bool = False) -> Split:
    """Take the commits within out of a body. `dense`: a new one needs no blank line above it."""
    lines = [SQUASHED] * (header == SQUASHED) + body.split("\n")
    inner: list[str] = []
    if SQUASHED in lines:
        at = lines.index(SQUASHED)
        listed, further = _squashed(lines[at + 1 :])
        inner, lines = listed[::-1], [*lines[:at], "", *further]  # git lists them newest first
    own, items = _items(lines, types, title=is_merge(header), dense=dense)
    azure = _AZURE.fullmatch(header)
    titles = (azure["title"],) if azure and _starts(azure["title"], types) else ()
    return Split("\n".join(own), (*titles, *("\n".join(item) for item in items), *inner))


def _items(
    lines: Sequence[str], types: Collection[str], *, title: bool, dense: bool
) -> tuple[list[str], list[list[str]]]:
    own: list[str] = []
    items: list[list[str]] = []
    current, nested, blank, quoted = own, False, dense, _quoted(lines)
    ended = max((at for at, line in enumerate(lines) if line.strip() == _NESTED_END), default=-1)
    for at, line in enumerate(lines):
        mark = line.strip()
        if mark == _NESTED_END or (mark == _NESTED and at < ended):
            nested, current = mark == _NESTED, own
            if nested:
                items.append(current := [])
        elif not nested and at not in quoted and (text := _starts(line, types, loose=title, alone=blank or title)):
            items.append(current := [text])
        elif _DIVIDER.fullmatch(line) and not nested:
            own.append(line)
            current = own
        else:
            current.append(line.removeprefix("  ") if current is not own else line)
        blank = dense or not mark
        title = title and blank
    return own, [item for item in items if any(line.strip() for line in item)]


def _starts(line: str, types: Collection[str], *, loose: bool = True, alone: bool = True) -> str | None:
    """Return the header of the commit that starts with this line, or None.

    `alone`: it starts a paragraph. `loose`: a type may be in any case, as in a list; elsewhere `Fix: …` is a footer.
    """
    found = _ITEM.match(line)
    if found is None or not (alone or found["bullet"]) or _GENERATED.search(line):
        return None
    kind = found["type"]
    if kind is not None and (kind.lower() if loose or found["bullet"] else kind) not in types:
        return None
    return line[len(found["bullet"] or "") :].rstrip()


def _quoted(lines: Sequence[str]) -> Collection[int]:
    """Return the numbers of the lines between code fences and within `<details>`; what never ends quotes none."""
    found: set[int] = set()
    for opening, closing in (("```", "```"), ("~~~", "~~~"), ("<details", "</details")):
        start: int | None = None
        for at, line in enumerate(lines):
            text = line.lstrip()
            if start is None and at not in found and text.startswith(opening):
                start = at
            elif start is not None and text.startswith(closing):
                found.update(range(start, at + 1))
                start = None
    return found


def _squashed(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the messages that `git merge --squash` lists as `git log` does, and the lines that are no part of it."""
    messages: list[list[str]] = []
    further: list[str] = []
    for line in lines:
        if _SQUASHED_ONE.fullmatch(line):
            messages.append([])
        elif messages and (line.startswith("    ") or not line.strip()):
            messages[-1].append(line[4:])
        elif not _SQUASHED_HEAD.match(line):
            further += ["", line] if not further else [line]
    return [text for each in messages if (text := "\n".join(each).strip())], further
