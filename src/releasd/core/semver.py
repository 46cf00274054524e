"""Semantic Versions: reading, ordering, and the next one after a bump."""

import re
from typing import NamedTuple

from releasd.model import Bump

# https://semver.org, the suggested expression, made possessive where it repeats.
_ID = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
SEMVER = (
    r"(?P<major>0|[1-9][0-9]*+)\.(?P<minor>0|[1-9][0-9]*+)\.(?P<patch>0|[1-9][0-9]*+)"
    rf"(?:-(?P<pre>{_ID}(?:\.{_ID})*))?(?:\+(?P<build>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*+))?"
)
_SEMVER = re.compile(SEMVER)
_LONGEST = 256  # node-semver's limits, so that both tools refuse the same tags
_LARGEST = 2**53 - 1


class SemVer(NamedTuple):
    """A strict Semantic Version; `pre` are its pre-release identifiers, `build` its build metadata."""

    major: int
    minor: int
    patch: int
    pre: tuple[str, ...] = ()
    build: str = ""

    def __str__(self) -> str:
        pre = f"-{'.'.join(self.pre)}" if self.pre else ""
        return f"{self.major}.{self.minor}.{self.patch}{pre}{f'+{self.build}' if self.build else ''}"

    @property
    def precedence(self) -> tuple[object, ...]:
        """Return a key that sorts as SemVer 11 says: pre-releases first, numbers before words, build ignored."""
        ids = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre)
        return (self.major, self.minor, self.patch, not self.pre, ids)


def parse_semver(text: str) -> SemVer | None:
    """Return the version that `text` spells strictly, or None: no `v`, no leading zeros, all three numbers."""
    match = _SEMVER.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    major, minor, patch = int(match["major"]), int(match["minor"]), int(match["patch"])
    if max(major, minor, patch) > _LARGEST:
        return None
    return SemVer(major, minor, patch, tuple(match["pre"].split(".")) if match["pre"] else (), match["build"] or "")


def next_version(last: str | None, bump: Bump, initial_version: str) -> str:
    """Return the version after `last` as node-semver's `inc` does: 0.1.0 and a breaking change give 1.0.0.

    From a pre-release the version that it leads up to, where that suffices. Without a last release the initial one.
    Raises `ValueError` for `Bump.NONE` and for a `last` that is no strict version: both are defects of the caller.
    """
    if bump is Bump.NONE:
        raise ValueError("no bump has no next version")
    if last is None:
        return initial_version
    version = parse_semver(last)
    if version is None:
        raise ValueError(f"{last!r} is not a version")
    major, minor, patch, pre = version[:4]
    if bump is Bump.MAJOR:
        return f"{major if pre and not minor and not patch else major + 1}.0.0"
    if bump is Bump.MINOR:
        return f"{major}.{minor if pre and not patch else minor + 1}.0"
    return f"{major}.{minor}.{patch if pre else patch + 1}"
