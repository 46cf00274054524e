"""Which commits releasd's own notes name and under which titles: the project's `types`, else what a format has.

`types` is read as npm's `presetConfig.types`: the first entry for a commit's type (and scope) counts, and sections come
in the order of the entries. Unlike there, a commit that is part of the release is never left out by being unlisted,
so that notes are not blank; only `hidden` does that, and nothing hides a breaking change.
"""

from collections.abc import Iterable, Sequence

from releasd.model import NotesType


def entry_for(types: Sequence[NotesType], kind: str | None, scope: str | None) -> NotesType | None:
    """Return the entry that counts for a commit, None where none is for it."""
    return next((each for each in types if each.type == kind and each.scope in (None, scope)), None)


def is_shown(
    types: Sequence[NotesType],
    kind: str | None,
    scope: str | None,
    *,
    breaking: bool,
    asked: bool,
    usual: frozenset[str],
) -> bool:
    """Return whether notes name a commit; `asked` is whether it asks for a release, `usual` what a format shows."""
    if breaking:
        return True
    entry = entry_for(types, kind, scope)
    if entry is not None:
        return not entry.hidden
    return asked or (not types and kind in usual)


def title_of(types: Sequence[NotesType], kind: str | None, scope: str | None, usual: str) -> str:
    """Return the title of a commit's section; `usual` is the format's own."""
    entry = entry_for(types, kind, scope)
    return entry.section if entry is not None and entry.section else usual


def in_order(titles: Iterable[str], types: Sequence[NotesType], usual: Sequence[str] = ()) -> list[str]:
    """Return the titles in the order of `types`, then in that of `usual`, then by name."""
    known = [*(each.section for each in types), *usual]
    return sorted(titles, key=lambda title: (known.index(title) if title in known else len(known), title))
