"""What a commit is released as: the project's `releaseRules`, else the default rules, exactly as npm decides.

Source: commit-analyzer 13.0.1 `analyze-commit.js`, `compare-release-types.js`, lodash's `isMatchWith`
(versioning-facts.md §2.4). Rules may name any field of the commit, nested ones too; a text in a rule is a glob.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from releasd.core.semrel import micromatch
from releasd.core.semrel.jstext import truthy

Rule = Mapping[str, Any]

RELEASE_TYPES = ("major", "premajor", "minor", "preminor", "patch", "prepatch", "prerelease")
DEFAULT_RULES: tuple[Rule, ...] = (
    {"breaking": True, "release": "major"},
    {"revert": True, "release": "patch"},
    {"type": "feat", "release": "minor"},
    {"type": "fix", "release": "patch"},
    {"type": "perf", "release": "patch"},
    {"emoji": ":racehorse:", "release": "patch"},
    {"emoji": ":bug:", "release": "patch"},
    {"emoji": ":penguin:", "release": "patch"},
    {"emoji": ":apple:", "release": "patch"},
    {"emoji": ":checkered_flag:", "release": "patch"},
    {"tag": "BUGFIX", "release": "patch"},
    {"tag": "FEATURE", "release": "minor"},
    {"tag": "SECURITY", "release": "patch"},
    {"tag": "Breaking", "release": "major"},
    {"tag": "Fix", "release": "patch"},
    {"tag": "Update", "release": "minor"},
    {"tag": "New", "release": "minor"},
    {"component": "perf", "release": "patch"},
    {"component": "deps", "release": "patch"},
    {"type": "FEAT", "release": "minor"},
    {"type": "FIX", "release": "patch"},
)
_CONDITIONS = frozenset({"breaking", "revert", "release"})
_UNREAD = frozenset({"commit", "tree", "committer", "committerDate", "gitTags"})  # git says these; nobody matches them
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a commit is released as (None: not at all), and the rule that decided; None where no rule matches."""

    release: str | None
    rule: Rule | None
    custom: bool


class Prepared(NamedTuple):
    """A rule, ready to be asked of many commits."""

    rule: Rule
    breaking: bool
    revert: bool
    wanted: tuple[tuple[str, Any], ...]


def prepare(rules: Iterable[Rule]) -> tuple[Prepared, ...]:
    """Return the rules, ready to be asked."""
    return tuple(
        Prepared(
            rule,
            truthy(rule.get("breaking")),
            truthy(rule.get("revert")),
            tuple((key, value) for key, value in rule.items() if key not in _CONDITIONS),
        )
        for rule in rules
    )


_DEFAULTS = prepare(DEFAULT_RULES)


def release_of(fields: Mapping[str, Any], rules: Sequence[Prepared]) -> Answer:
    """Return what npm's analyzer says of one commit, by the project's own rules (empty: none) and the default ones.

    Raises `ConfigError` for a glob that is refused or takes too long.
    """
    winner = deciding_rule(fields, rules)
    custom = winner is not None
    if winner is None:
        winner = deciding_rule(fields, _DEFAULTS)
    return Answer((winner["release"] or None) if winner else None, winner, custom)


def deciding_rule(fields: Mapping[str, Any], rules: Iterable[Prepared]) -> Rule | None:
    """Return the rule that decides, or None where none matches.

    A later rule decides where nothing is released so far, or where it releases more; `false` and `null` count as more
    than everything but major, so that one after `patch` or `minor` wins, and any rule after them wins again.
    """
    winner: Rule | None = None
    for rule in rules:
        if not matches(rule, fields):
            continue
        release = rule.rule["release"]
        if winner is None or is_higher(winner["release"], release):
            winner = rule.rule
            if release == RELEASE_TYPES[0]:
                break
    return winner


def is_higher(current: Any, release: Any) -> bool:
    """Return whether `release` replaces `current` (compare-release-types.js)."""
    return not current or _index(release) < _index(current)


def matches(rule: Prepared, fields: Mapping[str, Any]) -> bool:
    """Return whether a rule matches a commit."""
    if rule.breaking and not fields.get("notes"):
        return False
    if rule.revert and not truthy(fields.get("revert")):
        return False
    for key, wanted in rule.wanted:  # noqa: SIM110 - a generator here takes half of the whole analysis' time
        if key not in fields or not _field(fields[key], wanted):
            return False
    return True


def problems(rules: Any) -> Iterator[str]:
    """Yield every reason why `releaseRules` cannot be honoured."""
    if not isinstance(rules, list | tuple):
        yield "releaseRules: a list of rules; a module's name would need JavaScript"
        return
    for place, rule in enumerate(rules):
        where = f"releaseRules[{place}]"
        if not isinstance(rule, Mapping) or "release" not in rule:
            yield f'{where}: an object with "release"'
            continue
        release = rule["release"]
        if release is not None and release is not False and release not in RELEASE_TYPES:
            yield f"{where}.release: {', '.join(RELEASE_TYPES)}, false or null"
        for key in sorted(_UNREAD.intersection(rule)):
            yield f"{where}.{key}: is not read here; rules may name the message's fields, hash and author"
        for glob in _globs([value for key, value in rule.items() if key not in _CONDITIONS]):
            problem = micromatch.problem(glob)
            yield from (f"{where}: {problem}",) if problem else ()


def _globs(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _globs(each)


def _index(release: Any) -> int:
    return RELEASE_TYPES.index(release) if release in RELEASE_TYPES else -1


def _field(value: Any, wanted: Any) -> bool:
    """Return whether a commit's value has all that a rule wants of it (lodash: baseIsEqual, partial, unordered)."""
    if value is _ABSENT:
        return False
    if isinstance(value, str) and isinstance(wanted, str):
        return micromatch.matches(wanted, value)
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and all(_field(value.get(key, _ABSENT), each) for key, each in wanted.items())
    if isinstance(wanted, list | tuple):
        return isinstance(value, list | tuple) and _items(value, wanted)
    return value is wanted or (type(value) is type(wanted) and bool(value == wanted))


def _items(values: Sequence[Any], wanted: Sequence[Any]) -> bool:
    """Return whether each item that is wanted is there: texts in the same place, anything else in any place, once."""
    if len(values) < len(wanted):
        return False
    used: set[int] = set()
    for place, each in enumerate(wanted):
        if isinstance(each, str) and isinstance(values[place], str):
            if not micromatch.matches(each, values[place]):
                return False
            continue
        found = next((at for at, value in enumerate(values) if at not in used and _same(value, each)), None)
        if found is None:
            return False
        used.add(found)
    return True


def _same(value: Any, wanted: Any) -> bool:
    """Return whether an item is the one wanted; texts in themselves are compared as they are."""
    if isinstance(value, str) or isinstance(wanted, str):
        return isinstance(value, str) and value == wanted
    return _field(value, wanted)
