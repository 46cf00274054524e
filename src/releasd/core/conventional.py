"""Reads one commit message by the Conventional Commits 1.0.0 specification, and nothing looser.

Where semantic-release's presets differ from the specification (versioning-facts.md §2.2), the specification is
followed here, because those differences lose or invent major releases; the presets' exact reading is a second
analysis that comes to stand beside this one:

* `!` before the colon is a breaking change (specification 13; the angular preset loses the whole commit).
* `BREAKING CHANGE: ` and `BREAKING-CHANGE: ` at the start of a line, in upper case (12, 15, 16), also after a `---`
  line, also in the middle of a body; wrapped prose, lower case and bullets are only hinted at (`near_miss`).
* Types are not case sensitive (15): `Feat` is `feat`.
* A colon and a space end the prefix (1): `feat:x` is no feature, and `near_miss` says so.

The commits that a squash or merge commit holds are its `parts` (core/squash.py). Every expression is linear in the
length of the message: possessive or anchored, never nested over the same characters.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from releasd.core.reverts import Revert, bare, revert_of, undone_by

KNOWN_TYPES = frozenset(
    {"feat", "fix", "perf", "docs", "style", "refactor", "test", "build", "ci", "chore", "revert"}
)  # those that count within another commit's message; a project's rules add theirs

_HEADER = re.compile(
    r"(?P<type>\w[\w-]*+)"
    r"(?:\((?P<scope>(?:[^()]++|\([^()]*+\))*+)\))?"  # one level of nesting: feat(a(b)): c
    r"(?P<bang>!)?: +(?P<subject>\S.*)"
)
_BREAKING = re.compile(r"(?P<token>BREAKING[ -]CHANGE):(?:[ \t]+(?P<value>.*))?")
_FOOTER = re.compile(r"(?P<token>[A-Za-z][A-Za-z0-9-]*+)(?:: | (?=#))(?P<value>.*)")
# What ends a footer though it is none itself: a rule, and the lines that GitLab and `git cherry-pick -x` add.
_DIVIDER = re.compile(r"(?:-{3,}|See merge request \S++|\(cherry picked from commit [0-9a-f]++\))[ \t]*+")
# A line that may be one of these three.
_MARK = re.compile(
    r"^(?:[A-Za-z][A-Za-z0-9-]*+(?:: | #)|BREAKING[ -]CHANGE:|---|See merge request |\(cherry picked from )",
    re.MULTILINE,
)
_ISSUE = r"(?:[\w.-]{1,100}/[\w.-]{1,100})?#\d{1,20}"
_CLOSES = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?[ \t]{1,4}"
    rf"(?P<issues>{_ISSUE}(?:,[ \t]{{0,4}}{_ISSUE})*)",
    re.IGNORECASE,
)
_LIKE_TYPE = re.compile(
    r"(?:(?::[\w+-]++:|[^\w\s]++)\s*+)?"  # an emoji, or a bracket
    r"(?P<type>feat|feature|fix|bugfix|hotfix|perf)(?:"
    r"[ \t]*+[!\uff01]?[ \t]*+(?:[(\uff08][^()\uff08\uff09]*+[)\uff09])?"  # \uff..: wide ones
    r"[ \t]*+[!\uff01]?[ \t]*+[:\uff1a]"
    r"|\([^()]*+\)!?[ \t]"  # no colon
    r"|\]!?:?[ \t])",
    re.IGNORECASE,
)
_LIKE_BREAKING = re.compile(r"^[ \t|*>#-]*+breaking(?:[ _-]?changes?\b|!?[:\uff1a])", re.IGNORECASE | re.MULTILINE)

_SKIP = re.compile(r"\[skip\s+release\]|\[release\s+skip\]", re.IGNORECASE)
_SKIP_LINE = re.compile(r"^(?:\[skip[ \t]+release\]|\[release[ \t]+skip\])[ \t]*+$", re.IGNORECASE | re.MULTILINE)
# Something within the body that may be another commit's header, or a mark of such.
_MAYBE_INNER = re.compile(
    r"^(?:(?:\* +[A-Za-z]|[a-z])[\w-]*+(?:\([^\n]*\))?!?: |(?:\* +)?Re(?:vert|apply) \""
    r"|[ \t]*+BEGIN_|Squashed commit of )",
    re.MULTILINE,
)
_MAYBE_MANY = ("Merge", "Squashed commit of ")  # how headers begin that git and the forges write above others


class ParsedCommit(NamedTuple):
    """A message, taken apart. A tuple, for one is made of every commit of a history.

    Attributes:
        header: the first line.
        type: in lower case; None where the header is not conventional.
        scope: as written; None where there is none or it is empty.
        subject: what follows the prefix; the whole header where there is no prefix.
        breaking_notes: one text for each breaking change, possibly of several lines; never empty when `breaking`.
        footers: (token, value) in order; a value may span lines.
        revert: what it takes back, for a commit whose header says so.
        undoes: what any other commit takes back, by its body.
        references: issues that a closing verb names, as `#1` or `owner/repo#1`.
        near_miss: what was probably meant and does not count, for people; None where nothing was.
        parts: the commits within a squash or merge commit, in the order written; they have no parts themselves.
        merge: whether git or a forge wrote the header of a merge.
        skip: whether it says [skip release]; of one with parts, whether it does so for all of them.
    """

    header: str
    type: str | None
    scope: str | None
    subject: str
    breaking: bool = False
    breaking_notes: tuple[str, ...] = ()
    footers: tuple[tuple[str, str], ...] = ()
    revert: Revert | None = None
    references: tuple[str, ...] = ()
    near_miss: str | None = None
    parts: tuple["ParsedCommit", ...] = ()
    merge: bool = False
    skip: bool = False
    undoes: Revert | None = None


def parse(message: str, types: Collection[str] = KNOWN_TYPES) -> ParsedCommit:
    """Take `message` apart. Never raises, whatever the text; takes time linear in its length.

    `types` are those that count for commits within the message.
    """
    header, _, body = _plain(message).partition("\n")
    header = header.rstrip()
    if header.startswith(_MAYBE_MANY) or (body and _MAYBE_INNER.search(body)):
        return _with_parts(header, body, types)
    return _single(header, body)


def _plain(message: str) -> str:
    """Return a message with git's line ends, without blanks and a byte order mark around it."""
    return message.replace("\r\n", "\n").strip().lstrip("\ufeff").lstrip()


def _with_parts(header: str, body: str, types: Collection[str]) -> ParsedCommit:
    from releasd.core import squash  # noqa: PLC0415 - few messages hold others, for the speed of `plan`

    instead = squash.overridden(body)
    if instead is not None:
        header, _, body = instead.partition("\n")
        header = header.rstrip()
    found = squash.split(header, body, types, dense=instead is not None)
    own, parts = _single(header, found.own), []
    for text in found.inner:
        first, _, rest = _plain(text).partition("\n")
        part = _single(first.rstrip(), rest)
        if _same(own, part):
            own = _absorbed(own, part)
        else:
            parts.append(part)
    skip = own.skip or bool(found.inner and _SKIP_LINE.search(body) and _SKIP_LINE.search(found.inner[-1]))
    return own._replace(parts=tuple(_still_there(own, parts, body)), merge=squash.is_merge(header), skip=skip)


def _still_there(own: ParsedCommit, parts: Sequence[ParsedCommit], body: str) -> Iterator[ParsedCommit]:
    """Yield the parts without those that take back what the body names too, and what is no part itself, as `* wip`."""
    if not any(part.revert for part in parts):
        yield from parts
        return
    known = {own.header, bare(own.header), *(part.header for part in parts)}
    named = {line.removeprefix("* ").strip() for line in body.split("\n")}
    for part in parts:
        if part.revert is None or part.breaking or part.revert.target in known or part.revert.target not in named:
            yield part


def _same(own: ParsedCommit, part: ParsedCommit) -> bool:
    """Return whether a part is what the title says already, but for the number that a forge adds to it."""
    return (own.type, own.scope, bare(own.subject)) == (part.type, part.scope, bare(part.subject))


def _absorbed(own: ParsedCommit, part: ParsedCommit) -> ParsedCommit:
    notes = tuple(dict.fromkeys((*own.breaking_notes, *part.breaking_notes)))
    return own._replace(
        breaking=bool(notes),
        breaking_notes=notes,
        footers=(*own.footers, *part.footers),
        references=tuple(dict.fromkeys((*own.references, *part.references))),
        revert=part.revert if part.revert and not (own.revert and own.revert.hash) else own.revert,
        skip=own.skip or part.skip,
        undoes=own.undoes or part.undoes,
    )


def _single(header: str, body: str) -> ParsedCommit:
    """Take a message apart that holds no other."""
    match = _HEADER.fullmatch(header)
    kind, scope, subject = (
        (match["type"].lower(), match["scope"] or None, match["subject"]) if match else (None, None, header)
    )
    footers = _footers(body)
    notes = tuple([value or subject for token, value in footers if _is_breaking(token)]) if footers else ()
    if match and match["bang"] and not notes:
        notes = (subject,)
    revert = revert_of(header, body, footers)
    return ParsedCommit(
        header=header,
        type=kind,
        scope=scope,
        subject=subject,
        breaking=bool(notes),
        breaking_notes=notes,
        footers=footers,
        revert=revert,
        references=_references(header, body),
        near_miss=_near_miss(header, body, conventional=match is not None, breaking=bool(notes)),
        skip=any("[" in text and _SKIP.search(text) is not None for text in (header, body)),
        undoes=undone_by(body) if revert is None and body else None,
    )


def _is_breaking(token: str) -> bool:
    return token in ("BREAKING CHANGE", "BREAKING-CHANGE")


def _footers(body: str) -> tuple[tuple[str, str], ...]:
    """Return the footers: specification 8 to 10 and 16, and `BREAKING CHANGE: ` at the start of any line."""
    first = _MARK.search(body)
    if first is None:
        return ()
    start = first.start()
    before = body[body.rfind("\n", 0, start - 1) + 1 : start] if start else ""
    return tuple((token, "\n".join(lines).strip()) for token, lines in _open_footers(body[start:], before))


def _open_footers(body: str, before: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the footers with their lines; `before` is the line above `body`."""
    token, lines, may_start = "", [""], not before.strip()
    for line in body.split("\n"):
        start = _BREAKING.fullmatch(line) or (_FOOTER.fullmatch(line) if may_start else None)
        divider = start is None and _DIVIDER.fullmatch(line) is not None
        if start or divider:
            if token:
                yield token, lines
            token, lines = (start["token"], [start["value"] or ""]) if start else ("", [])
        else:
            lines.append(line)
        may_start = bool(token) or divider or not line.strip()
    if token:
        yield token, lines


def _has(text: str, *words: str) -> bool:
    """Return whether a text may have one of the words in any case: quicker than an expression, and never wrongly no."""
    lower = text.lower()
    for word in words:
        if word in lower:
            return True
    return not text.isascii()


def _references(header: str, body: str) -> tuple[str, ...]:
    texts = [text for text in (header, body) if "#" in text and _has(text, "close", "fix", "resolve")]
    if not texts:
        return ()
    found = (match["issues"] for text in texts for match in _CLOSES.finditer(text))
    return tuple(dict.fromkeys(issue.strip() for issues in found for issue in issues.split(",")))


def _near_miss(header: str, body: str, *, conventional: bool, breaking: bool) -> str | None:
    if not conventional and (like := _LIKE_TYPE.match(header)):
        bang = "!" * ("!" in like[0] or "\uff01" in like[0])
        return f"it looks like {like['type'].lower()}, but is not written `type(scope){bang}: subject`"
    if not breaking and (_speaks_of_breaking(header) or _speaks_of_breaking(body)):
        return "it speaks of a breaking change, but only a line below that starts with `BREAKING CHANGE: ` counts"
    return None


def _speaks_of_breaking(text: str) -> bool:
    return _has(text, "breaking") and _LIKE_BREAKING.search(text) is not None
