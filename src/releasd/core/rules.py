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
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from releasd.core import cancel, glob
from releasd.core.conventional import KNOWN_TYPES, ParsedCommit, parse
from releasd.core.merges import brought, brought_by
from releasd.core.semver import parse_semver
from releasd.model import Bump, Commit, Part, ReleaseRule, Verdict

MATCHABLE = ("type", "scope", "subject", "header")  # the fields that a rule may name
SHORT = cancel.SHORT

_SKIP = re.compile(r"\[skip\s+release\]|\[release\s+skip\]", re.IGNORECASE)
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

_PLAIN = ParsedCommit(header="", type=None, scope=None, subject="")

Judged = tuple[Commit, ParsedCommit, Verdict]


def judge(commits: Sequence[Commit], rules: Sequence[ReleaseRule]) -> tuple[Judged, ...]:
    """Return every commit with its parsed message and verdict, in the order given (newest first)."""
    types = known_types(rules)
    parsed = [parse(commit.message, types) for commit in commits]
    return tuple(zip(commits, parsed, verdicts(commits, rules), strict=True))


def verdicts(commits: Sequence[Commit], rules: Sequence[ReleaseRule]) -> tuple[Verdict, ...]:
    """Return `judge`'s verdicts alone; of a whole history only reverts' and squash commits' messages stay in memory."""
    types = known_types(rules)
    made: list[Verdict] = []
    pairs: list[cancel.Pair] = []
    for commit in commits:
        message = parse(commit.message, types)
        out = _left_out(commit, message)
        made.append(_verdict(commit, message, rules, out))
        pairs.append((commit, None if out else message if message.revert or message.parts else _PLAIN))
    dropped = cancel.cancelled(pairs)
    for place, why in dropped.whole.items():
        made[place] = _dropped(made[place], why)
    for place, gone in _parts_of(dropped).items():
        commit, parsed = pairs[place]
        if parsed is not None and place not in dropped.whole:
            made[place] = _verdict(commit, parsed, rules, None, gone)
    for place, why in _told_by_others(pairs, made):
        made[place] = _dropped(made[place], why)
    return tuple(made)


def release_as(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the newest commit that asks for a version (`Release-As`), of verdicts that are newest first, or None."""
    return next((verdict for verdict in verdicts if verdict.release_as is not None), None)


def known_types(rules: Sequence[ReleaseRule]) -> Collection[str]:
    """Return the types that count within a squash commit's message: the usual ones and those that rules name."""
    named = [rule.match.get("type") for rule in rules]
    return KNOWN_TYPES.union(word.lower() for text in named if text for word in _WORD.findall(text))


def bump_of(parsed: ParsedCommit, rules: Sequence[ReleaseRule]) -> tuple[Bump, str]:
    """Return what a commit asks for, and why in one sentence."""
    matching = [rule for rule in rules if _matches(rule, parsed)]
    if parsed.breaking and not any(rule.breaking for rule in matching):
        return Bump.MAJOR, "it has a breaking change: major"
    if not matching:
        return _by_default(parsed)
    winner = _winner(matching)
    return winner.release, f"custom rule {_described(winner)}: {_outcome(winner.release)}"


def drop_reverted(commits: Sequence[tuple[Commit, ParsedCommit]]) -> Mapping[str, str]:
    """Return the commits that cancel each other within the range, each with why it counts for nothing.

    `commits` is newest first. What counts for no release neither takes back nor is taken back.
    """
    pairs = [(commit, None if _left_out(commit, parsed) else parsed) for commit, parsed in commits]
    return {commits[place][0].id: why for place, why in cancel.cancelled(pairs).whole.items()}


def _left_out(commit: Commit, parsed: ParsedCommit) -> str | None:
    if _RELEASE_COMMIT.fullmatch(parsed.header):
        return "the commit of a release itself: no release"
    if "[" in commit.message and _SKIP.search(commit.message):
        return "it says [skip release]: no release"
    return None


def _parts_of(dropped: cancel.Cancelled) -> Mapping[int, Mapping[int, str]]:
    found: dict[int, dict[int, str]] = {}
    for unit, why in dropped.units.items():
        found.setdefault(unit.place, {})[unit.part] = why
    return found


def _dropped(verdict: Verdict, why: str) -> Verdict:
    return replace(verdict, bump=Bump.NONE, why=why, parts=(), release_as=None)


def _told_by_others(pairs: Sequence[cancel.Pair], made: Sequence[Verdict]) -> Iterator[tuple[int, str]]:
    """Yield the merges whose title does not count, with why: the commits that they bring ask for as much."""
    titled = [
        place
        for place, (commit, parsed) in enumerate(pairs)
        if parsed and parsed.merge and len(commit.parents) > 1 and made[place].bump is not Bump.NONE
    ]
    if not titled:
        return
    owner = brought_by([commit for commit, _ in pairs])
    places = {commit.id: place for place, (commit, _) in enumerate(pairs)}
    best: dict[str, int] = {}
    for commit in reversed(tuple(owner)):
        rank = max(best.get(commit, 0), made[places[commit]].bump.rank)
        if (merge := owner[commit]) is not None:
            best[merge] = max(best.get(merge, 0), rank)
    branches = brought(owner)
    for place in titled:
        name, bump = pairs[place][0].id, made[place].bump
        if best.get(name, 0) >= bump.rank:
            yield place, "a merge whose commits are in this release and count themselves: no release"
        elif name not in branches and bump is not Bump.MAJOR:
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
    )


def _verdict_of_many(
    commit: Commit, parsed: ParsedCommit, rules: Sequence[ReleaseRule], gone: Mapping[int, str]
) -> Verdict:
    """Return the verdict of a commit that holds others: the highest of what its units ask for."""
    units = [(unit, *bump_of(unit, rules)) for part, unit in enumerate((parsed, *parsed.parts)) if part not in gone]
    if not units:
        return _dropped(_verdict(commit, replace(parsed, parts=()), rules, None), next(iter(gone.values())))
    unit, bump, why = max(units, key=lambda each: each[1].rank)
    shown = unit if bump is not Bump.NONE and parsed.type is None else parsed
    asked, said = _asked_version([each[0] for each in units])
    where = "" if unit is parsed else f"within it, {_quoted(unit.header)}: "
    return Verdict(
        commit=commit.id,
        type=shown.type,
        scope=shown.scope,
        subject=shown.subject,
        breaking=any(each[0].breaking for each in units),
        bump=bump,
        why=f"{where}{why}{said}",
        parts=_once(_part(each, asks) for each, asks, _ in units),
        release_as=asked,
    )


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
    hint = f" ({parsed.near_miss})" if parsed.near_miss else ""
    if parsed.type is None:
        return Bump.NONE, f"not a conventional commit: no release{hint}"
    return Bump.NONE, f"{parsed.type} asks for no release{hint}"


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
