"""Which bump a commit asks for: the project's own rules, then semantic-release's defaults.

From semantic-release (versioning-facts.md §2.3, §2.4): which rule matches, which of several matching rules wins within
a commit, that the defaults are asked only where no custom rule matched, the default rules themselves, reverts that
cancel the commit they take back, and `[skip release]`. Its default rules for emoji, tags and components belong to other
presets' grammars and come with those.

From DESIGN.md, on purpose unlike semantic-release: no breaking change is lost. A custom rule that merely names the
type (`docs: patch`) does not make a breaking change a patch; only a rule that says `breaking = true` decides about
breaking changes. A revert may give the short name of the commit. The analysis that follows semantic-release exactly,
bugs included, comes to stand beside this one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from releasd.core import glob
from releasd.core.conventional import ParsedCommit, parse
from releasd.model import Bump, Commit, ReleaseRule, Verdict

MATCHABLE = ("type", "scope", "subject", "header")  # the fields that a rule may name
SHORT = 7  # characters of a commit's name, as git and semantic-release show it

_SKIP = re.compile(r"\[skip\s+release\]|\[release\s+skip\]", re.IGNORECASE)
_RELEASE_COMMIT = re.compile(r"chore\(release\): \S{0,40}\d{1,16}\.\d{1,16}\.\d{1,16}\S{0,200}(?: \[skip ci\])?")
_DEFAULTS: Mapping[str, tuple[Bump, str]] = {
    "feat": (Bump.MINOR, "feat adds a feature: minor"),
    "fix": (Bump.PATCH, "fix repairs a defect: patch"),
    "perf": (Bump.PATCH, "perf makes something faster: patch"),
}
# semantic-release's order: lower wins, and `false` has the index -1 of something not found, so it beats all but major.
_PRECEDENCE: Mapping[Bump, int] = {Bump.NONE: -1, Bump.MAJOR: 0, Bump.MINOR: 1, Bump.PATCH: 2}

_NO_REVERT = ParsedCommit(header="", type=None, scope=None, subject="")

Judged = tuple[Commit, ParsedCommit, Verdict]


def judge(commits: Sequence[Commit], rules: Sequence[ReleaseRule]) -> tuple[Judged, ...]:
    """Return every commit with its parsed message and verdict, in the order given (newest first)."""
    parsed = [(commit, parse(commit.message)) for commit in commits]
    dropped = drop_reverted([pair for pair in parsed if _left_out(pair[0], pair[1]) is None])
    return tuple((commit, message, _verdict(commit, message, rules, dropped)) for commit, message in parsed)


def verdicts(commits: Sequence[Commit], rules: Sequence[ReleaseRule]) -> tuple[Verdict, ...]:
    """Return `judge`'s verdicts alone; of a whole history no parsed message but the reverts' is kept in memory."""
    made: list[Verdict] = []
    counted: list[tuple[Commit, ParsedCommit]] = []
    for commit in commits:
        message = parse(commit.message)
        made.append(_verdict(commit, message, rules, {}))
        if _left_out(commit, message) is None:
            counted.append((commit, message if message.revert else _NO_REVERT))
    dropped = drop_reverted(counted)
    return tuple(
        replace(verdict, bump=Bump.NONE, why=dropped[verdict.commit]) if verdict.commit in dropped else verdict
        for verdict in made
    )


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

    `commits` is newest first, so that the revert of a revert brings the first commit back. A revert names what it
    takes back by its full or shortened object name; git's `Reapply "…"` is the revert of a revert.
    """
    dropped: dict[str, str] = {}
    held: dict[str, list[tuple[str, str]]] = {}  # first characters → (name taken back, the revert's own name)
    for commit, parsed in commits:
        waiting = held.get(commit.id[:SHORT], [])
        revert = next((pair for pair in waiting if commit.id.startswith(pair[0])), None)
        if revert is not None:
            waiting.remove(revert)
            dropped[commit.id] = f"reverted by {revert[1][:SHORT]}"
            dropped[revert[1]] = f"takes back {commit.id[:SHORT]} of the same release"
        elif parsed.revert is not None:
            held.setdefault(parsed.revert.hash[:SHORT], []).append((parsed.revert.hash, commit.id))
    return dropped


def _left_out(commit: Commit, parsed: ParsedCommit) -> str | None:
    if _RELEASE_COMMIT.fullmatch(parsed.header):
        return "the commit of a release itself: no release"
    if _SKIP.search(commit.message):
        return "it says [skip release]: no release"
    return None


def _verdict(commit: Commit, parsed: ParsedCommit, rules: Sequence[ReleaseRule], dropped: Mapping[str, str]) -> Verdict:
    out = _left_out(commit, parsed) or dropped.get(commit.id)
    bump, why = (Bump.NONE, out) if out else bump_of(parsed, rules)
    return Verdict(
        commit=commit.id,
        type=parsed.type,
        scope=parsed.scope,
        subject=parsed.subject,
        breaking=parsed.breaking,
        bump=bump,
        why=why,
    )


def _by_default(parsed: ParsedCommit) -> tuple[Bump, str]:
    if parsed.type is not None and parsed.type in _DEFAULTS:
        return _DEFAULTS[parsed.type]
    if parsed.revert is not None:
        return Bump.PATCH, f"it takes back {parsed.revert.hash[:SHORT]}, which was released: patch"
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
