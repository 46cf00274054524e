"""What each commit of a range asks for, as semantic-release's analyzer says, and the breaking changes that it loses."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from releasd.core import rules as specification
from releasd.core.semrel.filter import Reverts, skips_release
from releasd.core.semrel.gitlog import subject_of
from releasd.core.semrel.jstext import trim, truthy
from releasd.core.semrel.options import Options, check
from releasd.core.semrel.parser import Parsed, parser
from releasd.core.semrel.rules import RELEASE_TYPES, Answer, Prepared, Rule, is_higher, prepare, release_of
from releasd.core.walks import Walk, beyond, kept_of
from releasd.errors import ConfigError
from releasd.model import Bump, Commit, Verdict

_SHORT = specification.SHORT
_BUMPS: Mapping[str | None, Bump] = {"major": Bump.MAJOR, "minor": Bump.MINOR, "patch": Bump.PATCH}
_REFUSED = frozenset(RELEASE_TYPES) - _BUMPS.keys()
_MAYBE_BREAKING = re.compile(r"BREAKING[ -]CHANGE:|!:")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A commit with what its message says; `parsed` None for an empty message; `out`: why it is left out."""

    commit: Commit
    parsed: Parsed | None
    answer: Answer | None
    out: str | None


def judge(commits: Sequence[Commit], options: Options) -> Sequence[Verdict]:
    """Return a verdict for every commit, in the order given (newest first).

    Of the commits that `commits` does not keep no verdict is kept either: each is made when it is asked for.

    Raises `ConfigError` for options that cannot be honoured, and where a rule makes the whole range a `premajor`,
    `preminor`, `prepatch` or `prerelease`, which semantic-release's core refuses too.
    """
    judged = _judged(commits, options)
    asked = {rule.get("release") for rule in options.release_rules or ()}
    outcome = None if asked.isdisjoint(_REFUSED) else _outcome(judged)
    if outcome is not None and outcome not in _BUMPS:
        raise ConfigError(
            f"releaseRules make these commits a {outcome}, which semantic-release refuses",
            advice="let every rule release major, minor, patch or nothing; pre-releases come from a branch",
        )
    return judged.mapped(_verdict) if isinstance(judged, Walk) else tuple(map(_verdict, judged))


def release_type(commits: Sequence[Commit], options: Options) -> str | None:
    """Return what the analyzer answers for a range: one of `RELEASE_TYPES`, or None. Raises like `judge`."""
    return _outcome(_judged(commits, options))


def lost_breaking(commits: Sequence[Commit], options: Options) -> tuple[Verdict, ...]:
    """Return the verdicts of the commits whose breaking change nobody is told of by the version.

    These have a breaking change by the Conventional Commits specification, which neither another commit of the range
    takes back nor `[skip release]` hides, and the rules give them less than a major release. None are lost where the
    range is a major release anyway. `why` says how each is lost. Raises like `judge`.
    """
    if not any(_MAYBE_BREAKING.search(commit.message) for commit in commits):
        return ()
    verdicts = judge(commits, options)
    if any(verdict.bump is Bump.MAJOR for verdict in verdicts):
        return ()
    strict = specification.verdicts(commits, ())
    return tuple(
        replace(verdict, breaking=True, why=f"its breaking change is lost: {verdict.why}")
        for verdict, wanted in zip(verdicts, strict, strict=True)
        if wanted.bump is Bump.MAJOR
    )


def fields_of(commit: Commit, parsed: Parsed) -> dict[str, Any]:
    """Return a commit's fields by npm's names, for rules and filters: git's, overlaid with the message's."""
    name, _, email = commit.author.rpartition(" <")
    author = {"name": name, "email": email.removesuffix(">")} if name else {"name": commit.author, "email": ""}
    fields = {"message": commit.message, "hash": commit.id, "author": author, **parsed.values}
    if "subject" not in fields:  # the header does not match, and git's own shows through
        fields["subject"] = subject_of(commit.message)
    fields.pop("rawMsg", None)  # a line -rawMsg- makes it, and npm takes it out again
    return fields


@dataclass(slots=True)
class _Range:
    """A range and how it is read; `gone` are the places of the commits that cancel each other."""

    commits: Sequence[Commit]
    read: Callable[[str], Parsed]
    rules: Sequence[Prepared]
    gone: Collection[int] = ()

    def parsed(self, commit: Commit) -> Parsed | None:
        return self.read(commit.message) if trim(commit.message) else None

    def judged(self, place: int, commit: Commit, message: Parsed | None) -> _Judged:
        asked = message is not None and not skips_release(commit.message)
        counts = message is not None and asked and place not in self.gone
        answer = release_of(fields_of(commit, message), self.rules) if message and counts else None
        return _Judged(commit, message, answer, _left_out(message, reverted=asked))

    def further(self) -> Iterator[_Judged]:
        """Judge the commits that are not kept."""
        for place, commit in enumerate(beyond(self.commits), len(kept_of(self.commits))):
            yield self.judged(place, commit, self.parsed(commit))


def _judged(commits: Sequence[Commit], options: Options) -> Sequence[_Judged]:
    """Judge a range; of the commits that `commits` does not keep nothing is kept but what reverts name."""
    check(options)
    found = _Range(commits, parser(options), prepare(options.release_rules or ()))
    kept: list[tuple[Commit, Parsed | None]] = []
    keep, reverts, place = len(kept_of(commits)), Reverts(), -1
    for place, commit in enumerate(commits):
        message = found.parsed(commit)
        if place < keep:
            kept.append((commit, message))
        if message is not None and not skips_release(commit.message) and (reverts or truthy(message.revert)):
            reverts.take(place, fields_of(commit, message))
    found.gone = reverts.gone
    judged = [found.judged(place, *each) for place, each in enumerate(kept)]
    return Walk(judged, found.further, length=place + 1) if place >= keep else judged


def _left_out(message: Parsed | None, *, reverted: bool) -> str:
    if message is None:
        return "its message is empty: no release"
    if not reverted:
        return "it says [skip release]: no release"
    if truthy(message.revert):
        return "it takes back a commit of the same release: no release"
    return "another commit of the same release takes it back: no release"


def _outcome(judged: Sequence[_Judged]) -> str | None:
    outcome: str | None = None
    for each in judged:
        release = each.answer.release if each.answer else None
        if release and is_higher(outcome, release):
            outcome = release
        if outcome == RELEASE_TYPES[0]:
            break
    return outcome


def _verdict(judged: _Judged) -> Verdict:
    parsed, answer = judged.parsed, judged.answer
    header = parsed.header if parsed else None
    return Verdict(
        commit=judged.commit.id,
        type=parsed.type if parsed else None,
        scope=parsed.scope if parsed else None,
        subject=(parsed.subject if parsed else None) or header or "",
        breaking=bool(parsed and parsed.notes),
        bump=_BUMPS.get(answer.release, Bump.NONE) if answer else Bump.NONE,
        why=_why(parsed, answer) if parsed and answer else judged.out or "",
    )


def _why(parsed: Parsed, answer: Answer) -> str:
    odd = f" ({parsed.broken})" if parsed.broken else ""
    outcome = answer.release or "no release"
    if answer.rule is None:
        what = (
            f"{parsed.type} asks for no release"
            if parsed.type
            else "its header is not of the preset's form: no release"
        )
        return what + odd
    kind = "custom rule" if answer.custom else "default rule"
    return f"{kind} {_described(answer.rule)}: {outcome}{odd}"


def _described(rule: Rule) -> str:
    return " ".join(_parts(rule)) or "for every commit"


def _parts(rule: Rule) -> Iterator[str]:
    for key, value in rule.items():
        if key == "release":
            continue
        if key in ("breaking", "revert"):
            yield from (key,) if value else ()
        else:
            yield f"{key}={'(none)' if value is None else value}"
