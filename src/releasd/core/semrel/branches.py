"""Release, maintenance and pre-release branches, and which versions each may release.

Source: semantic-release 24.2.9 `branches/expand.js`, `branches/normalize.js`, `definitions/branches.js`, `utils.js`,
its accidents included: `0.x` has the range `>=1.0.0 <1.0.0`, in which nothing can be released.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from releasd.core.semrel import micromatch
from releasd.core.semver import SemVer, parse_semver
from releasd.errors import ConfigError
from releasd.model import ReleaseBranch, ReleaseLine

FIRST_RELEASE = SemVer(1, 0, 0)
DEFAULT_BRANCHES = (
    ReleaseBranch(name="+([0-9])?(.{+([0-9]),x}).x"),
    ReleaseBranch(name="master"),
    ReleaseBranch(name="main"),
    ReleaseBranch(name="next"),
    ReleaseBranch(name="next-major"),
    ReleaseBranch(name="beta", prerelease=True),
    ReleaseBranch(name="alpha", prerelease=True),
)
_MAINTENANCE = re.compile(r"(?P<major>0|[1-9][0-9]*)(?:\.(?P<minor>0|[1-9][0-9]*|[xX]))?\.[xX]")
_KINDS = ("maintenance", "release", "prerelease")
_NAME = "${name}"
_MOST_RELEASE_BRANCHES = 3
_ADVICE = "correct the branches of semantic-release's configuration"


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch that exists, and what may be released from it.

    Attributes:
        name: its name in git.
        kind: "release", "maintenance" or "prerelease".
        channel: the distribution channel, None for the default one.
        prerelease: the identifier of a pre-release branch.
        least: the lowest version that may be released; None on a pre-release branch.
        below: the version that has to stay above; None without a limit.
    """

    name: str
    kind: str
    channel: str | None = None
    prerelease: str | None = None
    least: SemVer | None = None
    below: SemVer | None = None

    @property
    def range(self) -> str | None:
        """Return the range as npm writes it, None on a pre-release branch."""
        if self.least is None:
            return None
        return f">={self.least}{f' <{self.below}' if self.below else ''}"

    def line(self, versions: Sequence[SemVer]) -> ReleaseLine:
        """Return what may be released, given the versions of all tags that are reachable from the branch."""
        highest = max(versions, key=lambda each: each.precedence, default=None)
        return ReleaseLine(
            kind=self.kind,
            channel=self.channel,
            prerelease=self.prerelease,
            least=str(self.least) if self.least else None,
            below=str(self.below) if self.below else None,
            highest=str(highest) if highest else None,
        )


def expand(configured: Sequence[ReleaseBranch], existing: Sequence[str]) -> tuple[ReleaseBranch, ...]:
    """Return an entry for each branch that exists and is configured; globs are replaced by what they match.

    Raises `ConfigError` for a glob or a template that cannot be honoured.
    """
    left = list(existing)
    found: list[ReleaseBranch] = []
    for entry in configured:
        for name in [each for each in left if micromatch.matches(entry.name, each)]:
            left.remove(name)
            found.append(_named(entry, name))
    return tuple(found)


def ranges(branches: Sequence[ReleaseBranch], versions: Mapping[str, Sequence[SemVer]]) -> tuple[Branch, ...]:
    """Return what may be released from each branch; `versions` are those of the tags reachable from each.

    `branches` come from `expand`. Raises `ConfigError` where semantic-release refuses them.
    """
    kinds = {branch.name: kind_of(branch) for branch in branches}
    problems = [problem for branch in branches if (problem := _problem(branch, kinds[branch.name]))]
    of_kind = {kind: [branch for branch in branches if kinds[branch.name] == kind] for kind in _KINDS}
    problems += _problems(of_kind)
    _refuse(problems)
    release = _release(of_kind["release"], versions)
    maintenance = _maintenance(of_kind["maintenance"], of_kind["release"][0].name, versions)
    lines = {(branch.least, branch.below) for branch in maintenance}
    _refuse(["branches: two maintenance branches may release the same range"] if len(lines) < len(maintenance) else [])
    return (*maintenance, *release, *map(_prerelease, of_kind["prerelease"]))


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise ConfigError("semantic-release refuses these branches", problems=tuple(problems), advice=_ADVICE)


def kind_of(branch: ReleaseBranch) -> str:
    """Return whether a branch is "maintenance", "prerelease" or "release"."""
    if branch.range is not None or _MAINTENANCE.fullmatch(branch.name):
        return "maintenance"
    return "release" if branch.prerelease in (None, False) else "prerelease"


def _named(entry: ReleaseBranch, name: str) -> ReleaseBranch:
    def filled(value: str | bool | None) -> str | bool | None:  # noqa: FBT001 - what the configuration may hold
        text = value.replace(_NAME, name) if isinstance(value, str) else value
        if isinstance(value, str) and any(mark in value.replace(_NAME, "") for mark in ("${", "<%")):
            raise ConfigError(f"the template {value} in branches cannot be honoured", advice=f"only {_NAME} can")
        return text

    own = filled(entry.range)
    return replace(
        entry,
        name=name,
        channel=filled(entry.channel),
        range=own if isinstance(own, str) else None,
        prerelease=filled(entry.prerelease),
    )


def _problem(branch: ReleaseBranch, kind: str) -> str | None:
    if kind == "maintenance" and branch.range is not None and not _MAINTENANCE.fullmatch(branch.range):
        return f"branches: {branch.name}: range {branch.range} is not like 1.x or 1.2.x"
    if kind == "maintenance" and branch.prerelease not in (None, False):
        return f"branches: {branch.name}: is either for maintenance or for pre-releases"
    if kind == "prerelease" and parse_semver(f"1.0.0-{_identifier(branch)}.1") is None:
        return f"branches: {branch.name}: prerelease {_identifier(branch)!r} is no pre-release identifier"
    return None


def _problems(of_kind: Mapping[str, Sequence[ReleaseBranch]]) -> list[str]:
    found: list[str] = []
    if not 0 < len(of_kind["release"]) <= _MOST_RELEASE_BRANCHES:
        found.append(f"branches: {len(of_kind['release'])} release branches exist; one to three are allowed")
    identifiers = [_identifier(branch) for branch in of_kind["prerelease"]]
    if len(set(identifiers)) < len(identifiers):
        found.append("branches: two pre-release branches have the same identifier")
    return found


def _identifier(branch: ReleaseBranch) -> str:
    return branch.name if branch.prerelease is True else str(branch.prerelease or "")


def _range_text(branch: ReleaseBranch) -> str:
    return branch.range or branch.name


def _line(text: str) -> tuple[int, int | None]:
    """Return major and minor of a range like 1.2.x; minor None for 1.x and 1.x.x."""
    found = _MAINTENANCE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no maintenance range")
    minor = found["minor"]
    return int(found["major"]), None if minor is None or minor in "xX" else int(minor)


def upper(text: str) -> SemVer:
    """Return the version that a maintenance range stays below."""
    major, minor = _line(text)
    return SemVer(major + 1, 0, 0) if minor is None else SemVer(major, minor + 1, 0)


def _lower(text: str) -> SemVer:
    major, minor = _line(text)
    # semver shortens ">=0.0.0 <1.0.0-0" to "<1.0.0-0", and semantic-release takes the first number that it finds.
    return SemVer(major, minor or 0, 0) if major or minor else upper(text)


def _release(branches: Sequence[ReleaseBranch], versions: Mapping[str, Sequence[SemVer]]) -> list[Branch]:
    found: list[Branch] = []
    last = _latest(versions[branches[0].name]) or FIRST_RELEASE
    for place, branch in enumerate(branches):
        own = _latest(versions[branch.name])
        last = own if own and own.precedence > last.precedence else last
        later = branches[place + 1 : place + 2]
        below = _first(versions[later[0].name], _all(branches[: place + 1], versions)) if later else None
        channel = _channel(branch, branch.name if place else None)
        found.append(Branch(branch.name, "release", channel, least=last, below=below))
    return found


def _maintenance(
    branches: Sequence[ReleaseBranch], main: str, versions: Mapping[str, Sequence[SemVer]]
) -> list[Branch]:
    ordered = sorted(branches, key=lambda branch: _range_text(branch).encode("utf-16-be"))
    base = _first(versions[main], _all(ordered, versions)) or _latest(versions[main]) or FIRST_RELEASE
    found: list[Branch] = []
    for place, branch in enumerate(ordered):
        text = _range_text(branch)
        before = _range_text(ordered[place - 1]) if place else None
        follows_minor = _line(text)[1] is None and before is not None and _line(before)[1] is not None
        least = upper(before) if before is not None and follows_minor else _lower(text)
        own = _latest(versions[branch.name]) or FIRST_RELEASE
        least = own if own.precedence > least.precedence else least
        below = base if base.precedence < upper(text).precedence else upper(text)
        found.append(Branch(branch.name, "maintenance", _channel(branch, branch.name), least=least, below=below))
    return found


def _prerelease(branch: ReleaseBranch) -> Branch:
    return Branch(branch.name, "prerelease", _channel(branch, branch.name), prerelease=_identifier(branch))


def _channel(branch: ReleaseBranch, default: str | None) -> str | None:
    channel = default if branch.channel is None else branch.channel
    return channel if isinstance(channel, str) and channel else None


def _all(branches: Sequence[ReleaseBranch], versions: Mapping[str, Sequence[SemVer]]) -> list[SemVer]:
    return [version for branch in branches for version in versions[branch.name]]


def _latest(versions: Sequence[SemVer]) -> SemVer | None:
    return _highest(each for each in versions if not each.pre)


def _first(versions: Sequence[SemVer], lower: Sequence[SemVer]) -> SemVer | None:
    """Return the first version after all of `lower`; without any, the first that is no pre-release."""
    highest = _highest(lower)
    later = [each for each in versions if (each.precedence > highest.precedence if highest else not each.pre)]
    first = min(later, key=lambda each: each.precedence, default=None)
    return first._replace(build="") if first else None


def _highest(versions: Iterable[SemVer]) -> SemVer | None:
    highest = max(versions, key=lambda each: each.precedence, default=None)
    return highest._replace(build="") if highest else None
