"""Reads one commit message by the Conventional Commits 1.0.0 specification, and nothing looser.

Where semantic-release's presets differ from the specification (versioning-facts.md §2.2), the specification is
followed here, because those differences lose or invent major releases; the presets' exact reading is a second
analysis that comes to stand beside this one:

* `!` before the colon is a breaking change (specification 13; the angular preset loses the whole commit).
* `BREAKING CHANGE: ` and `BREAKING-CHANGE: ` at the start of a line, in upper case (12, 15, 16), also after a `---`
  line, also in the middle of a body; wrapped prose, lower case and bullets are only hinted at (`near_miss`).
* Types are not case sensitive (15): `Feat` is `feat`.
* A colon and a space end the prefix (1): `feat:x` is no feature, and `near_miss` says so.

A merge commit is parsed like any other. Every expression is linear in the length of the message: possessive or
anchored, never nested over the same characters.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = re.compile(
    r"(?P<type>\w[\w-]*+)"
    r"(?:\((?P<scope>(?:[^()]++|\([^()]*+\))*+)\))?"  # one level of nesting: feat(a(b)): c
    r"(?P<bang>!)?: +(?P<subject>\S.*)"
)
_BREAKING = re.compile(r"(?P<token>BREAKING[ -]CHANGE):(?:[ \t]+(?P<value>.*))?")
_FOOTER = re.compile(r"(?P<token>[A-Za-z][A-Za-z0-9-]*+)(?:: | (?=#))(?P<value>.*)")
_DIVIDER = re.compile(r"-{3,}[ \t]*+")
_REVERT_HEADER = re.compile(r"(?:revert(?:\([^()]*+\))?!?:|revert|reapply)[ \t]+(?P<rest>\S.*)", re.IGNORECASE)
_REVERT_HASH = re.compile(r"\bThis reverts commit ([0-9a-f]{7,64})\b", re.IGNORECASE)
_ISSUE = r"(?:[\w.-]{1,100}/[\w.-]{1,100})?#\d{1,20}"
_CLOSES = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?[ \t]{1,4}"
    rf"(?P<issues>{_ISSUE}(?:,[ \t]{{0,4}}{_ISSUE})*)",
    re.IGNORECASE,
)
_LIKE_TYPE = re.compile(
    r"(?P<type>feat|feature|fix|bugfix|hotfix|perf)[ \t]*+(?:\([^()]*+\))?[ \t]*+!?[ \t]*+:", re.IGNORECASE
)
_LIKE_BREAKING = re.compile(r"^[ \t|*>#-]*+breaking[ -]changes?\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Revert:
    """What a revert takes back: the header quoted in it, and the name of the commit, full or short, in lower case."""

    header: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedCommit:
    """A message, taken apart.

    Attributes:
        header: the first line.
        type: in lower case; None where the header is not conventional.
        scope: as written; None where there is none or it is empty.
        subject: what follows the prefix; the whole header where there is no prefix.
        breaking_notes: one text for each breaking change, possibly of several lines; never empty when `breaking`.
        footers: (token, value) in order; a value may span lines.
        revert: for a commit that says "This reverts commit …".
        references: issues that a closing verb names, as `#1` or `owner/repo#1`.
        near_miss: what was probably meant and does not count, for people; None where nothing was.
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


def parse(message: str) -> ParsedCommit:
    """Take `message` apart. Never raises, whatever the text; takes time linear in its length."""
    header, _, body = message.replace("\r\n", "\n").strip().partition("\n")
    header = header.rstrip()
    match = _HEADER.fullmatch(header)
    kind, scope, subject = (
        (match["type"].lower(), match["scope"] or None, match["subject"]) if match else (None, None, header)
    )
    footers = _footers(body)
    notes = tuple(value or subject for token, value in footers if _is_breaking(token))
    if match and match["bang"] and not notes:
        notes = (subject,)
    return ParsedCommit(
        header=header,
        type=kind,
        scope=scope,
        subject=subject,
        breaking=bool(notes),
        breaking_notes=notes,
        footers=footers,
        revert=_revert(header, body),
        references=_references(header, body),
        near_miss=_near_miss(header, body, conventional=match is not None, breaking=bool(notes)),
    )


def _is_breaking(token: str) -> bool:
    return token in ("BREAKING CHANGE", "BREAKING-CHANGE")


def _footers(body: str) -> tuple[tuple[str, str], ...]:
    """Return the footers: specification 8 to 10 and 16, and `BREAKING CHANGE: ` at the start of any line."""
    if ":" not in body and " #" not in body:
        return ()
    return tuple((token, "\n".join(lines).strip()) for token, lines in _open_footers(body))


def _open_footers(body: str) -> Iterator[tuple[str, list[str]]]:
    token, lines, may_start = "", [""], True
    for line in body.split("\n"):
        start = _BREAKING.fullmatch(line) or (_FOOTER.fullmatch(line) if may_start else None)
        divider = _DIVIDER.fullmatch(line) is not None
        if start or divider:
            if token:
                yield token, lines
            token, lines = (start["token"], [start["value"] or ""]) if start else ("", [])
        else:
            lines.append(line)
        may_start = bool(token) or divider or not line.strip()
    if token:
        yield token, lines


def _revert(header: str, body: str) -> Revert | None:
    match = _REVERT_HEADER.fullmatch(header)
    name = _REVERT_HASH.search(body) if match else None
    if match is None or name is None:
        return None
    quoted = match["rest"]
    if quoted.startswith('"') and quoted.rfind('"') > 0:
        quoted = quoted[1 : quoted.rfind('"')]
    return Revert(quoted, name[1].lower())


def _references(header: str, body: str) -> tuple[str, ...]:
    if "#" not in header and "#" not in body:
        return ()
    found = (match["issues"] for text in (header, body) for match in _CLOSES.finditer(text))
    return tuple(dict.fromkeys(issue.strip() for issues in found for issue in issues.split(",")))


def _near_miss(header: str, body: str, *, conventional: bool, breaking: bool) -> str | None:
    if not conventional and (like := _LIKE_TYPE.match(header)):
        return f"it looks like {like['type'].lower()}, but is not written `type(scope): subject`"
    if not breaking and (_LIKE_BREAKING.search(header) or _LIKE_BREAKING.search(body)):
        return "it speaks of a breaking change, but only a line below that starts with `BREAKING CHANGE: ` counts"
    return None
