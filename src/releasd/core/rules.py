"""Which bump a commit asks for: the project's own rules, then semantic-release's defaults.

From semantic-release (versioning-facts.md §2.3, §2.4): which rule matches, which of several matching rules wins within
a commit, that the defaults are asked only where no custom rule matched, the default rules themselves, reverts that
cancel the commit they take back, and `[skip release]`. Its default rules for emoji, tags and components belong to other
presets' grammars and come with those.

On purpose unlike semantic-release (docs/versioning.md): no breaking change is lost. A custom rule that merely names the
type (`docs: patch`) does not make a breaking change a patch; only a rule that says `breaking = true` decides about
breaking changes. Reverts are understood in every form (core/cancel.py), squash and merge commits are looked into
(core/squash.py), and a merge's title counts only where it asks for more than what it merges.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from releasd.core import cancel, glob
from releasd.core.conventional import KNOWN_TYPES, ParsedCommit, parse
from releasd.core.merges import brought, brought_by
from releasd.core.semver import parse_semver
from releasd.core.walks import Walk, beyond, kept_of
from releasd.model import Bump, Commit, Part, ReleaseRule, Verdict

MATCHABLE = ("type", "scope", "subject", "header")  # the fields that a rule may name
SHORT = cancel.SHORT

_THOUGH = ", though it has a breaking change"
_RELEASE_COMMIT = re.compile(r"chore\(release\): \S{0,40}\d{1,16}\.\d{1,16}\.\d{1,16}\S{0,200}(?: \[skip ci\])?")
_QUOTED = 60  # characters of a text in a sentence
_WORD = re.compile(r"\w[\w-]*+")
_DEFAULTS: Mapping[str, tuple[Bump, str]] = {
    "feat": (Bump.MINOR, "feat adds a feature: minor"),
    "fix": (Bump.PATCH, "fix repairs a defect: patch"),
    "perf": (Bump.PATCH, "perf makes something faster: patch"),
}
# semantic-release's order: lower wins, and `false` has the index -1 of something not found, so it beats all but major.
_PRECEDENCE: Mapping[Bump, int] = {Bump.NONE: -1, Bump.MAJOR: 0, Bump.MINOR: 1, Bump.PATCH: 2}

Change = Callable[[Verdict], Verdict]
Judged = tuple[Commit, ParsedCommit, Verdict]


class Verdicts(Walk[Verdict]):
    """The verdicts of a range, newest commit first, and what they are about.

    `dropped` are the places of the commits that cancel each other; `change` is made to every verdict.
    """

    def __init__(self, walk: Walk[Judged], dropped: Collection[int], change: Change | None = None) -> None:
        super().__init__(
            [change(verdict) if change else verdict for _, _, verdict in walk.kept],
            lambda: (change(verdict) if change else verdict for _, _, verdict in walk.further()),
            length=len(walk),
        )
        self._walk = walk
        self._change = change
        self.dropped = dropped

    def judged(self) -> Iterator[Judged]:
        """Yield each commit with its message, taken apart, and its verdict."""
        change = self._change
        return (
            ((commit, parsed, change(verdict)) for commit, parsed, verdict in self._walk)
            if change
            else iter(self._walk)
        )

    def changed(self, change: Change) -> "Verdicts":
        """Return the verdicts as `change` makes them."""
        return Verdicts(self._walk, self.dropped, change)


@dataclass(slots=True)
class _Range:
    """A range and how it is read; what is found out by going through it once, by place.

    Attributes:
        whole: the commits that cancel, with why.
        parts: of the messages that hold others, those that cancel, with why.
        told: the merges whose title does not count, with why.
        titled: the merges by git or a forge.
    """

    commits: Sequence[Commit]
    rules: Sequence[ReleaseRule]
    types: Collection[str]
    whole: Mapping[int, str] = field(default_factory=dict)
    parts: Mapping[int, Mapping[int, str]] = field(default_factory=dict)
    told: Mapping[int, str] = field(default_factory=dict)
    titled: list[int] = field(default_factory=list)

    def final(self, place: int, judged: Judged) -> Judged:
        """Return a judged commit as the others of the range leave it."""
        commit, parsed, verdict = judged
        if place in self.parts and place not in self.whole:
            verdict = _verdict(commit, parsed, self.rules, None, self.parts[place])
        why = self.whole.get(place) or self.told.get(place)
        return commit, parsed, _dropped(verdict, why) if why else verdict

    def further(self) -> Iterator[Judged]:
        """Judge the commits that are not kept."""
        for place, commit in enumerate(beyond(self.commits), len(kept_of(self.commits))):
            parsed = parse(commit.message, self.types)
            yield self.final(place, (commit, parsed, _verdict(commit, parsed, self.rules, _left_out(parsed))))


def verdicts(commits: Sequence[Commit], rules: Sequence[ReleaseRule]) -> Verdicts:
    """Return what each commit asks for, in the order given (newest first).

    Of the commits that `commits` does not keep no verdict is kept either: each is made when it is asked for.
    """
    found = _Range(commits, rules, known_types(rules))
    kept, count, cancelled = _read(found)
    found.whole, found.parts = cancelled.whole, _parts_of(cancelled)
    for place in found.whole.keys() | found.parts.keys():
        if place < len(kept):
            kept[place] = found.final(place, kept[place])
    walk = Walk(kept, found.further, length=count)
    found.told = dict(_told_by_others(found.titled, walk))
    for place in found.told:
        if place < len(kept):
            kept[place] = found.final(place, kept[place])
    return Verdicts(walk, found.whole.keys())


def _read(found: _Range) -> tuple[list[Judged], int, cancel.Cancelled]:
    """Go through a range once: judge the commits that are kept, count all, and find out what cancels."""
    commits, rules, types = found.commits, found.rules, found.types
    kept: list[Judged] = []
    keep, cancelling, place = len(kept_of(commits)), cancel.Cancelling(), -1
    for place, commit in enumerate(commits):
        parsed = parse(commit.message, types)
        out = _left_out(parsed)
        if place < keep:
            kept.append((commit, parsed, _verdict(commit, parsed, rules, out)))
        cancelling.add(place, commit, None if out else parsed)
        if parsed.merge and len(commit.parents) > 1 and not out:
            found.titled.append(place)
    return kept, place + 1, cancelling.cancelled(commits)


def release_as(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the newest commit that asks for a version (`Release-As`), of verdicts that are newest first, or None."""
    return next((verdict for verdict in verdicts if verdict.release_as is not None), None)


def known_types(rules: Sequence[ReleaseRule]) -> Collection[str]:
    """Return the types that count within a squash commit's message: the usual ones and those that rules name."""
    named = [rule.match.get("type") for rule in rules]
    return KNOWN_TYPES.union(word.lower() for text in named if text for word in _WORD.findall(text))


def bump_of(parsed: ParsedCommit, rules: Sequence[ReleaseRule]) -> tuple[Bump, str]:
    """Return what a commit asks for, and why in one sentence, with what was probably meant and does not count."""
    bump, why = _bump_of(parsed, rules)
    is_less = parsed.near_miss is not None and bump is not Bump.MAJOR
    return bump, f"{why} ({parsed.near_miss})" if is_less else why


def _bump_of(parsed: ParsedCommit, rules: Sequence[ReleaseRule]) -> tuple[Bump, str]:
    matching = [rule for rule in rules if _matches(rule, parsed)]
    if parsed.breaking and not any(rule.breaking for rule in matching):
        return Bump.MAJOR, "it has a breaking change: major"
    if not matching:
        return _by_default(parsed)
    winner = _winner(matching)
    return winner.release, f"custom rule {_described(winner)}: {_outcome(winner.release)}"


def _left_out(parsed: ParsedCommit) -> str | None:
    if _RELEASE_COMMIT.fullmatch(parsed.header):
        return "the commit of a release itself: no release"
    return _skipped(parsed) if parsed.skip else None


def _skipped(unit: ParsedCommit) -> str:
    breaking = any(each.breaking for each in (unit, *unit.parts))
    return f"it says [skip release]: no release{_THOUGH if breaking else ''}"


def _parts_of(dropped: cancel.Cancelled) -> Mapping[int, Mapping[int, str]]:
    found: dict[int, dict[int, str]] = {}
    for unit, why in dropped.units.items():
        found.setdefault(unit.place, {})[unit.part] = why
    return found


def _dropped(verdict: Verdict, why: str) -> Verdict:
    return replace(verdict, bump=Bump.NONE, why=why, parts=(), release_as=None)


def _told_by_others(titled: Sequence[int], judged: Iterable[Judged]) -> Iterator[tuple[int, str]]:
    """Yield the merges whose title does not count, with why: the commits that they bring ask for as much.

    `titled` are the places of the merges by git or a forge.
    """
    if not titled:
        return
    known: dict[str, Commit] = {}
    ranks = bytearray()
    for commit, _, verdict in judged:
        known[commit.id] = Commit(id=commit.id, message="", parents=commit.parents)
        ranks.append(verdict.bump.rank)
    names, owner = tuple(known), brought_by(known.values())
    places = dict(zip(names, range(len(names)), strict=True))
    best: dict[str, int] = {}
    for one in reversed(tuple(owner)):
        rank = max(best.get(one, 0), ranks[places[one]])
        if (merge := owner[one]) is not None:
            best[merge] = max(best.get(merge, 0), rank)
    branches = brought(owner)
    for place in titled:
        name, rank = names[place], ranks[place]
        if rank and best.get(name, 0) >= rank:
            yield place, "a merge whose commits are in this release and count themselves: no release"
        elif rank and name not in branches and rank != Bump.MAJOR.rank:
            yield place, "a merge of what is released already: no release"


def _verdict(
    commit: Commit,
    parsed: ParsedCommit,
    rules: Sequence[ReleaseRule],
    out: str | None,
    gone: Mapping[int, str] = MappingProxyType({}),
) -> Verdict:
    """Return what a commit asks for; `out`: why it is left out; `gone`: its units that do not count, with why."""
    if parsed.parts and not out:
        return _verdict_of_many(commit, parsed, rules, gone)
    bump, why = (Bump.NONE, out) if out else bump_of(parsed, rules)
    asked, said = (None, "") if out or not parsed.footers else _asked_version((parsed,))
    return Verdict(
        commit=commit.id,
        type=parsed.type,
        scope=parsed.scope,
        subject=parsed.subject,
        breaking=parsed.breaking,
        bump=bump,
        why=why + said,
        release_as=asked,
        skips_breaking=out is not None and out.endswith(_THOUGH),
    )


def _verdict_of_many(
    commit: Commit, parsed: ParsedCommit, rules: Sequence[ReleaseRule], gone: Mapping[int, str]
) -> Verdict:
    """Return the verdict of a commit that holds others: the highest of what its units ask for."""
    units = [
        (unit, *((Bump.NONE, _skipped(unit)) if unit.skip else bump_of(unit, rules)))
        for part, unit in enumerate((parsed, *parsed.parts))
        if part not in gone
    ]
    if not units:
        return _dropped(_verdict(commit, parsed._replace(parts=()), rules, None), next(iter(gone.values())))
    unit, bump, why = max(units, key=lambda each: each[1].rank)
    shown = unit if bump is not Bump.NONE and parsed.type is None else parsed
    asked, said = _asked_version([each[0] for each in units if not each[0].skip])
    where = "" if unit is parsed else f"within it, {_quoted(unit.header)}: "
    return Verdict(
        commit=commit.id,
        type=shown.type,
        scope=shown.scope,
        subject=shown.subject,
        breaking=any(each[0].breaking for each in units),
        bump=bump,
        why=f"{where}{why}{_missed(unit, units, bump)}{said}",
        parts=_once(_part(each, asks) for each, asks, _ in units),
        release_as=asked,
        skips_breaking=any(each[0].skip and each[0].breaking for each in units),
    )


def _missed(chosen: ParsedCommit, units: Iterable[tuple[ParsedCommit, Bump, str]], bump: Bump) -> str:
    """Return what keeps a unit from counting that is not the chosen one; empty where it would change nothing."""
    hints = (
        (unit, why if unit.skip else unit.near_miss)
        for unit, _, why in units
        if unit is not chosen and bump is not Bump.MAJOR
    )
    return next((f" (within it, {_quoted(unit.header)}: {hint})" for unit, hint in hints if hint), "")


def _once(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return the parts, those that say the same as one, with all that they close and break."""
    found: dict[tuple[str | None, str | None, str, bool], list[Part]] = {}
    for part in parts:
        found.setdefault((part.type, part.scope, part.subject, part.revert), []).append(part)
    return tuple(same[0] if len(same) == 1 else _joined(same) for same in found.values())


def _joined(same: Sequence[Part]) -> Part:
    return replace(
        same[0],
        bump=max((part.bump for part in same), key=lambda bump: bump.rank),
        breaking_notes=tuple(dict.fromkeys(note for part in same for note in part.breaking_notes)),
        references=tuple(dict.fromkeys(issue for part in same for issue in part.references)),
    )


def _part(unit: ParsedCommit, bump: Bump) -> Part:
    """Return what the notes need of a commit, or of one within another's message."""
    return Part(
        type=unit.type,
        scope=unit.scope,
        subject=unit.subject,
        bump=bump,
        breaking_notes=unit.breaking_notes,
        references=unit.references,
        revert=unit.revert is not None,
    )


def _asked_version(units: Sequence[ParsedCommit]) -> tuple[str | None, str]:
    """Return the version that the last footer `Release-As` asks for, and the end of a sentence about it."""
    values = [value for unit in units for token, value in unit.footers if token.lower() == "release-as"]
    if not values:
        return None, ""
    wanted = values[-1].partition("\n")[0].strip()
    version = parse_semver(wanted)
    if version is None or version.build:
        return None, f" (Release-As: {_quoted(wanted)} is no version such as 2.0.0, and does not count)"
    return wanted, f", and its footer Release-As asks for version {wanted}"


def _quoted(text: str) -> str:
    """Return a text of a commit for use in a sentence: short, on one line."""
    clean = "".join(char if char.isprintable() else " " for char in text[:_QUOTED])
    return f'"{clean}"' if len(text) <= _QUOTED else f'"{clean}…"'


def _by_default(parsed: ParsedCommit) -> tuple[Bump, str]:
    if parsed.type is not None and parsed.type in _DEFAULTS:
        return _DEFAULTS[parsed.type]
    if parsed.revert is not None and (parsed.type is None or parsed.revert.hashes or parsed.revert.requests):
        what = parsed.revert.hash[:SHORT] or _quoted(parsed.revert.header)
        return Bump.PATCH, f"it takes back {what}, which was released: patch"
    if parsed.type is None:
        return Bump.NONE, "not a conventional commit: no release"
    return Bump.NONE, f"{parsed.type} asks for no release"


def _matches(rule: ReleaseRule, parsed: ParsedCommit) -> bool:
    if (rule.breaking and not parsed.breaking) or (rule.revert and parsed.revert is None):
        return False
    return all(_field_matches(name, wanted, parsed) for name, wanted in rule.match.items())


def _field_matches(name: str, wanted: str | None, parsed: ParsedCommit) -> bool:
    value: str | None = getattr(parsed, name) if name in MATCHABLE else None
    if value is None or wanted is None:
        return value is wanted
    return glob.matches(wanted.lower() if name == "type" else wanted, value)


def _winner(matching: Sequence[ReleaseRule]) -> ReleaseRule:
    """Return the rule that decides: semantic-release's walk, in which a later `false` beats patch and minor."""
    winner = matching[0]
    for rule in matching[1:]:
        if winner.release is Bump.MAJOR:
            break
        if winner.release is Bump.NONE or _PRECEDENCE[rule.release] < _PRECEDENCE[winner.release]:
            winner = rule
    return winner


def _described(rule: ReleaseRule) -> str:
    parts = [f"{name}={'(none)' if wanted is None else wanted}" for name, wanted in rule.match.items()]
    parts += [flag for flag in ("breaking", "revert") if getattr(rule, flag)]
    return " ".join(parts) or "for every commit"


def _outcome(bump: Bump) -> str:
    return "no release" if bump is Bump.NONE else str(bump)
