"""What a revert says that it takes back, in every form that git and the forges write.

git: `Revert "x"` with "This reverts commit <hash>.", of a merge with ", reversing changes made to <hash>.", and
since 2.43 `Reapply "x"` for the revert of a revert. GitHub: `Revert "x (#12)" (#13)`, with "Reverts owner/name#12" or
nothing below. GitLab: "This reverts merge request !12" or "This reverts commit <hash>". The specification's example:
`revert: x` with a footer `Refs: 676104e, a215868`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_HEADER = re.compile(r"(?P<word>revert(?:\([^()]*+\))?!?:|revert|reapply)[ \t]+(?P<rest>\S.*)", re.IGNORECASE)
_NAMED = (
    r"This reverts commits?[ \n](?P<names>(?:(?:[ \t,]|and\b|\n(?!\n))*+[0-9a-f]{7,64}\b)++)"
    r"(?:,\s{1,4}reversing\s{1,4}changes\s{1,4}made\s{1,4}to\s{1,4}(?P<mainline>[0-9a-f]{7,64})\b)?"
)
_HASH = re.compile(rf"\b{_NAMED}", re.IGNORECASE)
_LINE = re.compile(rf"^{_NAMED}\.?[ \t]*+$", re.IGNORECASE | re.MULTILINE)
_FULL = (40, 64)  # characters of a whole name
_REQUEST = re.compile(r"\b(?:Reverts [\w.-]{1,100}/[\w.-]{1,100}#|This reverts merge request \S{0,200}?!)(\d{1,18})\b")
_REFERRED = re.compile(r"\b[0-9a-f]{7,64}\b", re.IGNORECASE)
_NUMBER = re.compile(r"\((?:#|!|pull request #)(?P<number>\d{1,18})\)$")
_MERGED = re.compile(
    r"Merge pull request #(?P<number>\d{1,18})\b|^See merge request \S{0,300}?!(?P<other>\d{1,18})$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Revert:
    """What a revert takes back.

    Attributes:
        header: the header quoted in it.
        hash: the name of the commit, full or short, in lower case; empty where none is named.
        others: further names, where it takes back several commits.
        requests: the numbers of the pull or merge requests that it takes back.
        mainline: of the revert of a merge, the commit that it goes back to.
        again: it takes back a revert, as `Reapply "…"`, and `header` is what that took back.
    """

    header: str
    hash: str
    others: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    mainline: str = ""
    again: bool = False

    @property
    def hashes(self) -> tuple[str, ...]:
        """Return all names of commits."""
        return (self.hash, *self.others) if self.hash else ()

    @property
    def target(self) -> str:
        """Return the header of the commit that it takes back."""
        return f'Revert "{self.header}"' if self.again else self.header


def revert_of(header: str, body: str, footers: Iterable[tuple[str, str]]) -> Revert | None:
    """Return what a message takes back, None where it is no revert."""
    match = _HEADER.fullmatch(header)
    if match is None:
        return None
    rest, typed = match["rest"], match["word"].endswith(":")
    end = rest.rfind('"') if rest.startswith('"') else 0
    named = list(_HASH.finditer(body))
    referred = (word for token, value in footers if typed and token.lower() == "refs" for word in _hashes(value))
    hashes = tuple(dict.fromkeys([*_names(named), *referred]))
    if not hashes and not typed and end <= 0:
        return None  # prose
    quoted = rest[1:end] if end > 0 else rest
    return Revert(
        header=quoted,
        hash=hashes[0] if hashes else "",
        others=hashes[1:],
        requests=tuple(dict.fromkeys(_REQUEST.findall(body))),
        mainline=_mainline(named),
        again=match["word"].lower() == "reapply",
    )


def undone_by(body: str) -> Revert | None:
    """Return what a commit takes back whose header speaks of no revert, as `chore: undo x`; None where it does not.

    Git's own line alone says it, with whole names: prose about a part of a revert does not.
    """
    named = list(_LINE.finditer(body))
    hashes = tuple(dict.fromkeys(_names(named)))
    if not hashes or any(len(name) not in _FULL for name in hashes):
        return None
    return Revert(header="", hash=hashes[0], others=hashes[1:], mainline=_mainline(named))


def bare(header: str) -> str:
    """Return a header without the number of a request that a forge put at its end: `feat: x (#12)` is `feat: x`."""
    return header[: found.start()].rstrip() if header.endswith(")") and (found := _NUMBER.search(header)) else header


def requests_in(message: str) -> Iterator[str]:
    """Yield the numbers of the requests that a message says it merges."""
    header = message.partition("\n")[0].rstrip()
    if found := _NUMBER.search(header):
        yield found["number"]
    for merged in _MERGED.finditer(message):
        yield merged["number"] or merged["other"]


def _hashes(value: str) -> Iterator[str]:
    return (word.lower() for word in _REFERRED.findall(value.partition("\n")[0]))


def _names(named: Iterable[re.Match[str]]) -> Iterator[str]:
    return (word.lower() for each in named for word in _REFERRED.findall(each["names"]))


def _mainline(named: Iterable[re.Match[str]]) -> str:
    return next((each["mainline"].lower() for each in named if each["mainline"]), "")
