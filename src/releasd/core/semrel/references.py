"""References to issues in a line, as conventional-commits-parser 6.4.0 finds them, in time linear in the line."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from releasd.core.semrel.grammar import Grammar, Prefixes
from releasd.core.semrel.jstext import LINE_ENDS, SPACES

_URL = re.compile(r"\bhttps?://(?:www\.)?[-a-zA-Z0-9@:%_+.~#?&/=]+\b", re.ASCII)
_SENTENCE = re.compile(f"[^{LINE_ENDS}]+")
_OF_REPOSITORY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./")
_BLANK = frozenset(SPACES)


class Reference(NamedTuple):
    """One reference: `raw` is the text from the one before up to its end, `action` the word that closes issues."""

    raw: str
    action: str | None
    owner: str | None
    repository: str | None
    prefix: str
    issue: str


def references(line: str, grammar: Grammar) -> list[Reference]:
    """Return the references in a line, in order: those after action words, where there are such words."""
    prefixes = grammar.prefixes
    if prefixes is None or not prefixes.loose.search(line):
        return []
    return [
        reference
        for action, sentence in _sentences(line, grammar.action)
        if not _URL.search(sentence)
        for reference in _in_sentence(sentence, action, prefixes)
    ]


def _sentences(line: str, action: re.Pattern[str] | None) -> Iterator[tuple[str | None, str]]:
    found = [(match[1] or None, match[2]) for match in action.finditer(line)] if action else []
    return iter(found or [(None, sentence) for sentence in _SENTENCE.findall(line)])


def _in_sentence(sentence: str, action: str | None, prefixes: Prefixes) -> Iterator[Reference]:
    at = 0
    while (found := _candidate(sentence, at, prefixes)) is not None:
        start = found.start()
        while start > at and sentence[start - 1] in _OF_REPOSITORY:
            start -= 1
        repository = sentence[start : found.start()] or None
        owner = None
        if repository and "/" in repository:
            owner, _, repository = repository.partition("/")
        yield Reference(
            sentence[_raw_start(sentence, at, start) : found.end()], action, owner, repository, *found.groups()
        )
        at = found.end()


def _raw_start(sentence: str, at: int, start: int) -> int:
    """Return where the match starts: the text before a reference cannot cross a line's end, white space can."""
    while start > at and sentence[start - 1] in _BLANK:
        start -= 1
    return max([at, *(sentence.rfind(end, at, start) + 1 for end in LINE_ENDS)])


def _candidate(sentence: str, at: int, prefixes: Prefixes) -> re.Match[str] | None:
    """Return the first prefix with an id that ends where an id may end."""
    while (loose := prefixes.loose.search(sentence, at)) is not None:
        nearest = loose.start() + prefixes.longest
        for start in range(loose.start(), nearest):
            found = prefixes.strict.match(sentence, start)
            if found:
                return found
        # What starts later within this id ends where it ends, and fails like it: no need to look (nor, for a long
        # one, the time).
        at = max(nearest, loose.end() - prefixes.longest + 1)
    return None
