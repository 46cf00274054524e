"""What a preset brings to the notes: its templates, and what it makes of each commit.

The shapes are those of conventional-changelog-angular 8.3.1 and conventional-changelog-conventionalcommits 9.3.1; the
templates say, in handlebars, exactly what theirs say.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

SHORT = 7

# Time linear in the subject: what follows an `@` is at most 39 times two characters.
MENTION = re.compile(r"`[^`]*`|\B@([a-z0-9](?:-?[a-z0-9/]){0,38})", re.ASCII)

CommitValues = dict[str, Any]
Context = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A preset's part of the writer's options.

    Attributes:
        templates: `mainTemplate`, `headerPartial`, `commitPartial`, `footerPartial`.
        transform: what to change in a commit's values, or None to leave the commit out.
        sections: the titles of groups in their order; None: in the order of their titles.
    """

    templates: Mapping[str, str]
    transform: Callable[[CommitValues, Context], CommitValues | None]
    sections: tuple[str, ...] | None


def mention(link: Callable[[str], str]) -> Callable[[re.Match[str]], str]:
    """Return what replaces a match of `MENTION`: a link for a user, nothing new for a path or for code."""

    def replace(found: re.Match[str]) -> str:
        user = found[1]
        if not user:
            return found[0]
        return f"@{user}" if "/" in user else f"[@{user}]({link(user)})"

    return replace


def short_hash(commit: CommitValues) -> Any:
    """Return the abbreviated name of a commit; a line `-hash-` can make a name of any letters."""
    name = commit.get("hash")
    if not isinstance(name, str):
        return commit.get("shortHash")
    return name[:SHORT] if name.isascii() else name.encode("utf-16-le")[: 2 * SHORT].decode("utf-16-le", "replace")


def as_breaking(commit: CommitValues) -> list[dict[str, Any]]:
    """Return the notes of a commit, each as a breaking change."""
    return [{**note, "title": "BREAKING CHANGES"} for note in commit["notes"]]


def in_text(value: Any) -> str:
    """Return what a template literal of JavaScript makes of a text that may be missing."""
    return "undefined" if value is None else str(value)
