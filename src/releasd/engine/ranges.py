"""The commits that concern one of several packages: asked of git for it alone, or found for many of them at once."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from releasd.core.packages import EXCLUDED
from releasd.core.walks import KEPT, Walk
from releasd.model import Commit, Package

if TYPE_CHECKING:
    from array import array

    from releasd.core.touched import Touched
    from releasd.ports import History

LEAST = 4  # packages: for fewer it costs less to ask git about each, which then does not tell us every path

Asked = tuple[Package, str | None]  # … and the commit at which its range ends
Found = tuple[Sequence[Commit], frozenset[str]]


def commits(
    git: "History", commit: str, since: str | None, package: Package | None, together: "Together | None" = None
) -> Found:
    """Return the commits that concern a package, and the names of those that do so through its dependencies alone."""
    if package is None:
        return git.log(commit, since=since), frozenset()
    found = together.found(package, since) if together else None
    return found or _alone(git, commit, since, package)


def _alone(git: "History", commit: str, since: str | None, package: Package) -> Found:
    areas = (*package.areas, *package.indirect)
    if len(areas) == 1:
        return git.log(commit, since=since, paths=areas[0]), frozenset()
    touching = [git.touching(commit, since=since, paths=area) for area in areas]
    direct = frozenset[str]().union(*touching[: len(package.areas)])
    every = direct.union(*touching)
    wide = tuple(dict.fromkeys(path for area in areas for path in area if not path.startswith(EXCLUDED)))
    found = git.log(commit, since=since, paths=wide)
    return tuple(each for each in found if each.id in every), every - direct


class Together:
    """One walk over history for the packages that were asked for; nothing is read before the first of them is.

    Packages without a release have a walk of their own: theirs is over all of history, and the others' need not be.
    Of all packages' commits together not many more are kept in memory than of one range (`core/walks`): the first take
    what they need, and each has its share.
    """

    def __init__(self, git: "History", commit: str, asked: Sequence[Asked]) -> None:
        self._git = git
        self._commit = commit
        self._asked = asked
        self._left = KEPT
        self._walks: dict[bool, tuple[Touched, dict[tuple[str, ...], int]] | None] = {}

    def found(self, package: Package, since: str | None) -> Found | None:
        """Return what `commits` does; None where git has to be asked about this package alone."""
        if (package, since) not in self._asked:
            return None
        is_released = since is not None
        if is_released not in self._walks:
            self._walks[is_released] = self._walk(
                [each for each in self._asked if (each[1] is not None) is is_released]
            )
        walk = self._walks[is_released]
        return self._read(package, since, *walk) if walk else None

    def _walk(self, asked: Sequence[Asked]) -> "tuple[Touched, dict[tuple[str, ...], int]] | None":
        """Read history once; None where that is not worth it, or where an area is of a form that only git knows."""
        from releasd.core.pathspecs import areas  # noqa: PLC0415 - only for several packages, for the speed of `plan`
        from releasd.core.touched import Touched  # noqa: PLC0415

        every = (area for package, _ in asked for area in (*package.areas, *package.indirect))
        numbers = {area: number for number, area in enumerate(dict.fromkeys(every))}
        known = areas(tuple(numbers)) if len(asked) >= LEAST else None
        if known is None:
            return None
        ends = [since for _, since in asked if since]
        return Touched(self._git.changes(self._commit, since=ends), known, ends), numbers

    def _read(
        self, package: Package, since: str | None, touched: "Touched", numbers: dict[tuple[str, ...], int]
    ) -> Found | None:
        from releasd.core.touched import Unsure  # noqa: PLC0415 - as above

        own = [numbers[area] for area in package.areas]
        try:
            direct = touched.concerning(own, since)
            every = touched.concerning([*own, *(numbers[area] for area in package.indirect)], since)
        except Unsure:
            return None
        through = set(every).difference(direct) if package.indirect else set()
        keep = max(self._left, KEPT // len(self._asked), 1)
        self._left -= min(len(every), keep)
        return self._git.listed(_names(touched, every), keep=keep), frozenset(map(touched.name, through))


def _names(touched: "Touched", numbers: "array[int]") -> Sequence[str]:
    """Return the names of commits, made when they are asked for: as texts they take a hundred bytes each."""

    def names() -> Iterator[str]:
        return map(touched.name, numbers)

    return Walk((), names, length=len(numbers))
