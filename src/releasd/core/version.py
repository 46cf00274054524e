"""Versions: which release came last, which comes next, and how its tag and its Python spelling look.

From semantic-release (versioning-facts.md §2.1): the last release is the highest by SemVer, not by date, among the
reachable tags; a breaking change goes to the next major, from 0.x too. Unlike it, a tag has to match the format from
end to end, and the first version is configurable.
"""

import heapq
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import NamedTuple

from releasd.core.analysis import judge
from releasd.core.channel import check_range, next_on_line
from releasd.core.rules import SHORT, Verdicts
from releasd.core.semver import SemVer, parse_semver
from releasd.errors import ConfigError
from releasd.model import Bump, Decision, Facts, LastRelease, ProjectConfig, ReleaseLine, Tag, Verdict

_PLAIN = re.compile(r"(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})")  # surely strict, and quick
_PLACE = "{version}"
_BAD_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|^[./-]|\.lock(?:/|$)|[./]$")


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


class VersionTag(NamedTuple):
    """A tag that is a release, and its version."""

    tag: Tag
    version: SemVer


def versions_in(tags: Iterable[Tag], tag_format: str) -> tuple[VersionTag, ...]:
    """Return those of `tags` that are releases, pre-releases included, each with its version.

    Tags that are not exactly `tag_format` around a strict version are none (`v1.2`, `v01.2.3`, `v1.2.3rc1`). Raises
    `ConfigError` when the format is not usable.
    """
    before, _, after = tag_name(tag_format, _PLACE).partition(_PLACE)
    found = ((tag, _version_in(tag.name, before, after)) for tag in tags)
    return tuple(VersionTag(tag, version) for tag, version in found if version is not None)


def last_release(tags: Iterable[Tag], tag_format: str) -> LastRelease | None:
    """Return the highest stable release among `tags` (those reachable from the planned commit), or None."""
    stable = [each for each in versions_in(tags, tag_format) if not each.version.pre]
    best = max(stable, key=lambda each: _preference(each.version), default=None)
    if best is None:
        return None
    return LastRelease(tag=best.tag.name, version=str(best.version._replace(build="")), commit=best.tag.commit)


def highest(names: Iterable[str], tag_format: str, *, count: int) -> tuple[str, ...]:
    """Return the tag names that `last_release` would take first, best first, `count` of them at the most."""
    before, _, after = tag_name(tag_format, _PLACE).partition(_PLACE)
    start, end, plain = len(before), len(after), _PLAIN.fullmatch
    keyed: list[tuple[tuple[object, ...], str]] = []
    for name in names:
        if not (name.startswith(before) and name.endswith(after)):
            continue
        if numbers := plain(name, start, len(name) - end):  # nearly all of 100,000
            keyed.append(((*map(int, numbers.groups()), True, (), True), name))
        elif (version := _version_in(name, before, after)) and not version.pre:
            keyed.append((_preference(version), name))
    return tuple(name for _, name in heapq.nlargest(count, keyed, key=itemgetter(0)))


def _preference(version: SemVer) -> tuple[object, ...]:
    return (*version.precedence, not version.build)


def _version_in(name: str, before: str, after: str) -> SemVer | None:
    if not (name.startswith(before) and name.endswith(after)):
        return None
    return parse_semver(name[len(before) : len(name) - len(after)])


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

    `forced` is an operator's wish and replaces the analysis; `Bump.NONE` there means no release.

    Raises:
        ConfigError: the tag format is not usable, or the version has no spelling in Python.
        Permanent: the branch may not release the version that comes next.
    """
    return decision_of(facts, config, forced, judged(facts, config))


def judged(facts: Facts, config: ProjectConfig) -> Sequence[Verdict]:
    """Return what each commit asks for; one that concerns the package through what it depends on, at most a patch."""
    return capped(judge(facts.commits, config), facts.indirect)


def capped(verdicts: Sequence[Verdict], indirect: Collection[str]) -> Sequence[Verdict]:
    """Return `verdicts`, where those of the commits in `indirect` are patches at most."""
    if not indirect:
        return verdicts

    def change(verdict: Verdict) -> Verdict:
        return _indirect(verdict) if verdict.commit in indirect else verdict

    return verdicts.changed(change) if isinstance(verdicts, Verdicts) else tuple(map(change, verdicts))


def _indirect(verdict: Verdict) -> Verdict:
    if verdict.bump is Bump.NONE:
        return replace(verdict, release_as=None)
    why = f"{verdict.why}; but it only touches what this package depends on: patch"
    return replace(verdict, bump=Bump.PATCH, breaking=False, release_as=None, why=why)


def decision_of(facts: Facts, config: ProjectConfig, forced: Bump | None, verdicts: Sequence[Verdict]) -> Decision:
    """Decide from verdicts that are already there. Raises as `decide` does."""
    highest, asked = _outstanding(verdicts)
    bump = forced if forced is not None else highest.bump if highest else Bump.NONE
    since = facts.last.tag if facts.last else None
    if forced is None and asked is not None:
        return _as_asked(asked, facts, config, verdicts)
    if bump is Bump.NONE:
        if forced is None and _lags(facts) and facts.group:
            reason = f"patch: the packages that share its version are at {facts.group}"
            return _decided(facts, config, _Outcome(Bump.PATCH, facts.group, reason), verdicts)
        reason = _why_none(verdicts, since, forced)
        return Decision(bump=bump, version=None, pep440=None, tag=None, reason=reason, verdicts=verdicts)
    if forced is None and bump is Bump.MAJOR and not config.major_on_zero and _is_zero(facts.last):
        bump = Bump.MINOR
    last = facts.group or (facts.last.version if facts.last else None)
    version = next_on_line(facts.line, last, bump, config.first_version)
    reason = _why(bump, highest, verdicts, since) if highest and not forced else f"{bump}, asked for by the operator"
    return _decided(facts, config, _Outcome(bump, version, reason), verdicts)


def _outstanding(verdicts: Iterable[Verdict]) -> tuple[Verdict | None, Verdict | None]:
    """Return the newest of the verdicts with the highest bump, and the newest that asks for a version."""
    highest: Verdict | None = None
    asked: Verdict | None = None
    for verdict in verdicts:
        if highest is None or (verdict.bump is not highest.bump and verdict.bump.rank > highest.bump.rank):
            highest = verdict
        if asked is None and verdict.release_as is not None:
            asked = verdict
    return highest, asked


def _lags(facts: Facts) -> bool:
    """Return whether a package is behind the others of its group."""
    return facts.group is not None and (facts.last is None or facts.last.version != facts.group)


class _Outcome(NamedTuple):
    bump: Bump
    version: str
    reason: str


def _decided(facts: Facts, config: ProjectConfig, outcome: _Outcome, verdicts: Sequence[Verdict]) -> Decision:
    check_range(facts.line, facts.branch, outcome.version, outcome.bump)
    return Decision(
        bump=outcome.bump,
        version=outcome.version,
        pep440=to_pep440(outcome.version),
        tag=tag_name(config.tag_format, outcome.version),
        reason=outcome.reason,
        verdicts=verdicts,
    )


def _as_asked(asked: Verdict, facts: Facts, config: ProjectConfig, verdicts: Sequence[Verdict]) -> Decision:
    """Decide for the version that a commit's footer `Release-As` asks for.

    Raises `ConfigError` where it is too low, or none of those that the branch releases.
    """
    version = asked.release_as or ""
    wanted, last = parse_semver(version), parse_semver(facts.last.version) if facts.last else None
    if wanted is None or (last is not None and wanted.precedence <= last.precedence):
        raise _refused(asked, f"which is not above {last}", f"VERSION above {last}")
    if not _is_of(facts.line, wanted):
        # A pre-release on a release branch would be asked for again after its own tag: no stable release follows it.
        form = f"X.Y.Z-{facts.line.prerelease}.N" if facts.line.prerelease else "X.Y.Z"
        raise _refused(asked, f"but {facts.branch or 'this commit'} releases only {form}", form)
    moved = next((at for at in range(3) if last is None or wanted[at] != last[at]), 2)
    reason = f"{version}: {one_line(asked.subject, 100)} ({asked.commit[:SHORT]}) asks for it (Release-As)"
    bump = (Bump.MAJOR, Bump.MINOR, Bump.PATCH)[moved]
    return _decided(facts, config, _Outcome(bump, version, reason), verdicts)


def _is_of(line: ReleaseLine, version: SemVer) -> bool:
    """Return whether a version is one of those that a line releases: stable ones, or its own pre-releases."""
    if line.prerelease is None:
        return not version.pre
    return ".".join(version.pre[:-1]) == line.prerelease and version.pre[-1].isdigit()


def _refused(asked: Verdict, why: str, form: str) -> ConfigError:
    commit = asked.commit[:SHORT]
    return ConfigError(
        f"{commit} asks for version {asked.release_as} (Release-As), {why}",
        advice=f"push a commit with a footer Release-As: {form}, or revert {commit}",
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
