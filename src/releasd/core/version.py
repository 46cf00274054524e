"""Versions: which release came last, which comes next, and how its tag and its Python spelling look.

From semantic-release (versioning-facts.md §2.1): the last release is the highest by SemVer, not by date, among the
reachable tags; a breaking change goes to the next major, from 0.x too. Unlike it, a tag has to match the format from
end to end, and the first version is configurable.
"""

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

from releasd.core.analysis import judge
from releasd.core.rules import SHORT
from releasd.errors import ConfigError
from releasd.model import Bump, Decision, Facts, LastRelease, ProjectConfig, Tag, Verdict

# https://semver.org, the suggested expression, made possessive where it repeats.
_ID = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
SEMVER = (
    r"(?P<major>0|[1-9][0-9]*+)\.(?P<minor>0|[1-9][0-9]*+)\.(?P<patch>0|[1-9][0-9]*+)"
    rf"(?:-(?P<pre>{_ID}(?:\.{_ID})*))?(?:\+(?P<build>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*+))?"
)
_SEMVER = re.compile(SEMVER)
_PLAIN = re.compile(r"(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})")  # surely strict, and quick
_LONGEST = 256  # node-semver's limits, so that both tools refuse the same tags
_LARGEST = 2**53 - 1
_PLACE = "{version}"
_BAD_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|^[./-]|\.lock(?:/|$)|[./]$")


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


def check_tag_format(tag_format: str) -> str | None:
    """Return what is wrong with a tag format, or None: `{version}` once, and a name that git accepts."""
    if "${version}" in tag_format:
        return 'write {version} without the dollar sign, as in "v{version}"'
    if tag_format.count(_PLACE) != 1:
        return 'a tag name with {version} in it once, as in "v{version}"'
    if _BAD_IN_REF.search(tag_format.replace(_PLACE, "1.2.3")):
        return 'a name that git accepts for a tag, as in "v{version}"'
    return None


def tag_name(tag_format: str, version: str) -> str:
    """Return the tag for `version`. Raises `ConfigError` when the format is not usable."""
    problem = check_tag_format(tag_format)
    if problem:
        raise ConfigError(
            "the tag format is not usable", problems=(f"tag_format: {problem}",), advice='set tag_format = "v{version}"'
        )
    return tag_format.replace(_PLACE, version)


def last_release(tags: Iterable[Tag], tag_format: str, *, prereleases: bool = False) -> LastRelease | None:
    """Return the highest release among `tags` (those reachable from the planned commit), or None.

    Tags that are not exactly `tag_format` around a strict version are no releases (`v1.2`, `v01.2.3`, `v1.2.3rc1`).
    Pre-releases count only when asked for. Raises `ConfigError` when the format is not usable.
    """
    before, _, after = tag_name(tag_format, _PLACE).partition(_PLACE)
    best: tuple[tuple[object, ...], LastRelease] | None = None
    for tag in tags:
        version = _version_in(tag.name, before, after)
        if version is None or (version.pre and not prereleases):
            continue
        key = _preference(version)
        if best is None or key > best[0]:
            best = (key, LastRelease(tag=tag.name, version=str(version._replace(build="")), commit=tag.commit))
    return best[1] if best else None


def highest(names: Iterable[str], tag_format: str, *, count: int, prereleases: bool = False) -> tuple[str, ...]:
    """Return the tag names that `last_release` would take first, best first, `count` of them at the most."""
    before, _, after = tag_name(tag_format, _PLACE).partition(_PLACE)
    start, end, plain = len(before), len(after), _PLAIN.fullmatch
    keyed: list[tuple[tuple[object, ...], str]] = []
    for name in names:
        if not (name.startswith(before) and name.endswith(after)):
            continue
        if numbers := plain(name, start, len(name) - end):  # nearly all of 100,000
            keyed.append(((*map(int, numbers.groups()), True, (), True), name))
        elif (version := _version_in(name, before, after)) and (prereleases or not version.pre):
            keyed.append((_preference(version), name))
    return tuple(name for _, name in heapq.nlargest(count, keyed, key=itemgetter(0)))


def _preference(version: SemVer) -> tuple[object, ...]:
    return (*version.precedence, not version.build)


def _version_in(name: str, before: str, after: str) -> SemVer | None:
    if not (name.startswith(before) and name.endswith(after)):
        return None
    return parse_semver(name[len(before) : len(name) - len(after)])


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


def to_pep440(version: str) -> str:
    """Return the Python spelling: 1.2.0-beta.1 is 1.2.0b1.

    Raises `ConfigError` for a pre-release that PEP 440 has no word for, such as 1.2.0-next.1.
    """
    semver = parse_semver(version)
    if semver and not semver.pre and not semver.build:
        return version  # both spell it alike; `packaging` costs an import
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415 - for the speed of `releasd plan`

    try:
        python = Version(version)
    except InvalidVersion:
        python = None
    if python is None or semver is None or python.post is not None or bool(semver.pre) is not python.is_prerelease:
        raise ConfigError(
            f"{version} has no spelling as a Python version (PEP 440)",
            advice="name the pre-release alpha, beta, rc or dev, as in 1.2.0-beta.1",
        )
    return str(python)


def decide(facts: Facts, config: ProjectConfig, forced: Bump | None) -> Decision:
    """Decide the next version from the commits alone.

    `forced` is an operator's wish and replaces the analysis; `Bump.NONE` there means no release. Raises `ConfigError`
    when the tag format is not usable.
    """
    return decision_of(facts, config, forced, judge(facts.commits, config))


def decision_of(facts: Facts, config: ProjectConfig, forced: Bump | None, verdicts: tuple[Verdict, ...]) -> Decision:
    """Decide from verdicts that are already there."""
    highest = max(verdicts, key=lambda verdict: verdict.bump.rank, default=None)
    bump = forced if forced is not None else highest.bump if highest else Bump.NONE
    since = facts.last.tag if facts.last else None
    if bump is Bump.NONE:
        reason = _why_none(verdicts, since, forced)
        return Decision(bump=bump, version=None, pep440=None, tag=None, reason=reason, verdicts=verdicts)
    if forced is None and bump is Bump.MAJOR and not config.major_on_zero and _is_zero(facts.last):
        bump = Bump.MINOR
    version = next_version(facts.last.version if facts.last else None, bump, config.initial_version)
    return Decision(
        bump=bump,
        version=version,
        pep440=to_pep440(version),
        tag=tag_name(config.tag_format, version),
        reason=_why(bump, highest, verdicts, since) if highest and not forced else f"{bump}, asked for by the operator",
        verdicts=verdicts,
    )


def _is_zero(last: LastRelease | None) -> bool:
    return last is not None and last.version.startswith("0.")


def _why(bump: Bump, highest: Verdict, verdicts: Sequence[Verdict], since: str | None) -> str:
    what = f"{bump}" if since else f"first release, {bump}"
    at_zero = "" if bump is highest.bump else "; a breaking change at 0.x is minor here (major_on_zero = false)"
    return f"{what}: {_counted(len(verdicts), since)}, the highest is {_named(highest)}{at_zero}"


def _named(verdict: Verdict) -> str:
    scope = f"({verdict.scope})" if verdict.scope else ""
    prefix = f"{verdict.type}{scope}{'!' if verdict.breaking else ''}: " if verdict.type else ""
    return f"{one_line(prefix + verdict.subject, 100)} ({verdict.commit[:SHORT]})"


def _why_none(verdicts: Sequence[Verdict], since: str | None, forced: Bump | None) -> str:
    if forced is not None:
        return "no release: the operator asked for none"
    if not verdicts:
        return f"no release: nothing new since {since}" if since else "no release: there are no commits"
    types = Counter(one_line(verdict.type or "not conventional", 40) for verdict in verdicts)
    kinds = ", ".join(f"{kind} {count}" for kind, count in types.most_common(6))
    return f"no release: {_counted(len(verdicts), since)}, none asks for one ({kinds})"


def _counted(count: int, since: str | None) -> str:
    commits = "1 commit" if count == 1 else f"{count} commits"
    return f"{commits} since {since}" if since else f"{commits} and no release so far"


def one_line(text: str, longest: int) -> str:
    """Return `text` fit for one line of output: no control characters, not over `longest` characters."""
    if len(text) <= longest and text.isprintable():
        return text
    clean = "".join(char if char.isprintable() else " " for char in text[: longest + 1])
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"
