"""Which merge brought which commits into a range, as far as the range's own parents tell."""

from collections.abc import Iterable, Mapping
from itertools import islice

from releasd.model import Commit


def brought_by(commits: Iterable[Commit]) -> Mapping[str, str | None]:
    """Return, for every commit of a range whose newest is first, the merge that brought it; None on the main line.

    The main line is that of first parents. A commit that came by several merges came by the oldest, and by the
    innermost where a branch was merged into another one. A merge comes before all that it brought, in the order of the
    mapping. Linear in the number of commits.
    """
    known = {commit.id: commit.parents for commit in commits}
    owner: dict[str, str | None] = {}
    waiting: list[tuple[str, str | None]] = [(newest, None) for newest in islice(known, 1)]
    while waiting:
        at, merge = waiting.pop()
        while at in known and at not in owner:
            owner[at] = merge
            parents = known[at]
            waiting.extend((parent, at) for parent in reversed(parents[1:]))
            if not parents:
                break
            at = parents[0]
    return owner


def brought(owner: Mapping[str, str | None]) -> Mapping[str, tuple[str, ...]]:
    """Return, for every merge, what it brought itself; what that brought in turn stands under its own merges."""
    members: dict[str, list[str]] = {}
    for commit, merge in owner.items():
        if merge is not None:
            members.setdefault(merge, []).append(commit)
    return {merge: tuple(each) for merge, each in members.items()}
