"""Git's pathspecs of globs, matched here: which of many areas a path is in, asked once for all of them.

Only what is certain to mean here what it means to git (`wildmatch` with `WM_PATHNAME`); for anything else there is no
matcher, and git is to be asked. Paths are bytes, as git has them.
"""

import re
from collections.abc import Iterable, Sequence

from releasd.core.packages import EXCLUDED, INCLUDED

_STARS = 2  # in one glob: with each further one the time for a long path may grow by its length
_REMEMBERED = 50_000  # paths whose areas are kept: most commits touch the same files over and over
_SPECIAL = re.compile(rb"[*?\\]")
_STARRED = re.compile(rb"\*+")
_TOKEN = re.compile(
    rb"(?P<deep>(?:^|(?<=/))\*\*(?:/|$))|(?P<stars>\*+)|(?P<one>\?)|\\(?P<escaped>.)|(?P<plain>.)", re.DOTALL
)


class Areas:
    """Areas by their number: each a list of pathspecs, of which one has to take a path in and none may take it out."""

    def __init__(self) -> None:
        self._folders: dict[bytes, list[int]] = {}
        self._patterns: list[tuple[re.Pattern[bytes], int]] = []
        self._out: dict[int, re.Pattern[bytes]] = {}
        self._known: dict[bytes, tuple[int, ...]] = {}

    def of(self, path: bytes) -> tuple[int, ...]:
        """Return the numbers of the areas that a path is in, ascending."""
        found = self._known.get(path)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[path] = tuple(sorted(set(self._inside(path))))
        return found

    def of_all(self, paths: Iterable[bytes]) -> frozenset[int]:
        """Return the numbers of the areas that any of the paths is in."""
        return frozenset(area for path in paths for area in self.of(path))

    def _inside(self, path: bytes) -> Iterable[int]:
        taken = [area for pattern, area in self._patterns if pattern.fullmatch(path)]
        at = path.find(b"/")
        while at >= 0:
            taken += self._folders.get(path[:at], ())
            at = path.find(b"/", at + 1)
        return (area for area in taken if area not in self._out or not self._out[area].fullmatch(path))

    def add(self, number: int, area: Sequence[str]) -> bool:
        """Take an area; return whether it is one that can be matched here."""
        taken = [each.removeprefix(INCLUDED) for each in area if each.startswith(INCLUDED)]
        out = [each.removeprefix(EXCLUDED) for each in area if each.startswith(EXCLUDED)]
        if not taken or len(taken) + len(out) < len(area):
            return False
        globs = [glob.encode(errors="surrogateescape") for glob in taken]
        expressions = [_expression(glob) for glob in globs]
        left = [_expression(glob.encode(errors="surrogateescape")) for glob in out]
        if None in expressions or None in left:
            return False
        for glob, expression in zip(globs, expressions, strict=True):
            folder = glob.removesuffix(b"/**")
            if folder != glob and not _SPECIAL.search(folder):
                self._folders.setdefault(folder, []).append(number)
            else:
                self._patterns.append((re.compile(expression or b"", re.DOTALL), number))
        if left:
            self._out[number] = re.compile(b"|".join(each or b"" for each in left), re.DOTALL)
        return True


def areas(lists: Sequence[Sequence[str]]) -> Areas | None:
    """Return what tells the areas of a path, numbered as in `lists`; None where git has to be asked."""
    found = Areas()
    return found if all(found.add(number, area) for number, area in enumerate(lists)) else None


def _expression(glob: bytes) -> bytes | None:
    """Return a regular expression for what a glob matches from end to end, None where that is not certain."""
    if b"[" in glob or not {b"", b".", b".."}.isdisjoint(glob.split(b"/")):
        return None
    if not _SPECIAL.search(glob):
        return re.escape(glob) + rb"(?:/.*)?"  # a folder is all that is in it
    if len(_STARRED.findall(glob)) > _STARS:
        return None
    parts: list[bytes] = []
    for token in _TOKEN.finditer(glob):
        part = _part(token)
        if part is None:
            return None
        parts.append(part)
    return b"".join(parts)


def _part(token: re.Match[bytes]) -> bytes | None:
    if token["deep"]:
        return rb"(?:.*/)?" if token["deep"].endswith(b"/") else rb".*"
    if token["stars"]:
        return rb"[^/]*" if token["stars"] == b"*" else None  # what git makes of `a**` depends on what is before it
    if token["one"]:
        return rb"[^/]"
    text = token["escaped"] or token["plain"]
    return None if text == b"\\" and not token["escaped"] else re.escape(text)
