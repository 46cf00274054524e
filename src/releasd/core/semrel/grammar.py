"""The expressions by which messages are read: the presets' own, and a project's `parserOpts`.

Source: conventional-commits-parser 6.4.0 `regex.js`, and the `parser.js` of both presets. The built-in expressions are
rewritten so that each takes time linear in the text; they match exactly what the originals match.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from releasd.core.semrel import jsregex
from releasd.core.semrel.jsregex import Match, Matcher
from releasd.core.semrel.jstext import DOT, LINE_ENDS, S, literal, trim
from releasd.core.semrel.options import Options, parser_options

_W = "[A-Za-z0-9_]"
_ANY = r"[\s\S]"
_LINE_END = re.compile(f"[{LINE_ENDS}]")
_HEADER = re.compile(rf"({_W}*+)(?:\((.*)\))?: (.*)\Z", re.DOTALL)
_HEADER_BANG = re.compile(rf"({_W}*+)(?:\((.*)\))?!?: (.*)\Z", re.DOTALL)
_HEADER_BREAKING = re.compile(rf"({_W}*+)(?:\((.*)\))?!: (.*)\Z", re.DOTALL)
_FIELD = re.compile(rf"-({DOT}*)-\Z")
_REVERT_START = (
    rf"(?:{literal('Revert', ignore_case=True)}|{literal('revert:', ignore_case=True)})[{S}]\"?"
    # The quoted header is as short as can be: one character, or up to where no white space and no quote is left over.
    rf"({_ANY}|{_ANY}{{2,}}?(?:(?<![{S}])|(?=\")))\"?[{S}]*+{literal('This reverts commit ', ignore_case=True)}"
)
_REVERTS = {
    "angular": re.compile(rf"{_REVERT_START}({_W}{{7,40}}+)(?!{_W})"),
    "conventionalcommits": re.compile(rf"{_REVERT_START}({_W}*+)\."),
}


class Prefixes(NamedTuple):
    """What starts an issue's number: `loose` is a prefix and an id, `strict` one that also ends as an id has to."""

    loose: re.Pattern[str]
    strict: re.Pattern[str]
    longest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """How to read messages; None for an expression that is switched off."""

    header: Matcher | None
    breaking_header: Matcher | None
    header_fields: tuple[str, ...]
    revert: Matcher | None
    revert_fields: tuple[str, ...]
    merge: Matcher | None
    merge_fields: tuple[str, ...]
    field: Matcher | None
    note: re.Pattern[str] | None
    prefixes: Prefixes | None
    action: re.Pattern[str] | None
    comment: str
    remarkable: re.Pattern[str] | None  # found in every body that is not plain text from end to end


def compile_grammar(options: Options, base: Mapping[str, Any]) -> Grammar:
    """Compile the options; `base` stands under the preset's. Raises `ConfigError` for what cannot be honoured."""
    opts = parser_options(options, base)
    keywords, prefixes = opts["noteKeywords"], opts["issuePrefixes"]
    exact = bool(opts.get("issuePrefixesCaseSensitive"))
    return Grammar(
        header=_pattern(opts, "headerPattern", _header(_HEADER if options.preset == "angular" else _HEADER_BANG)),
        breaking_header=_pattern(
            opts, "breakingHeaderPattern", None if options.preset == "angular" else _header(_HEADER_BREAKING)
        ),
        header_fields=tuple(opts["headerCorrespondence"] or ()),
        revert=_pattern(opts, "revertPattern", jsregex.builtin(_REVERTS[options.preset])),
        revert_fields=tuple(opts["revertCorrespondence"] or ()),
        merge=_pattern(opts, "mergePattern", None),
        merge_fields=tuple(opts.get("mergeCorrespondence") or ()),
        field=_pattern(opts, "fieldPattern", jsregex.builtin(_FIELD)),
        note=_note(keywords),
        prefixes=_prefixes(prefixes, ignore_case=not exact),
        action=_action(opts["referenceActions"]),
        comment=opts.get("commentChar") or "",
        remarkable=_remarkable(opts, ignore_case=not exact),
    )


def _pattern(opts: Mapping[str, Any], key: str, default: Matcher | None) -> Matcher | None:
    if key not in opts:
        return default
    return jsregex.matcher(opts[key]) if opts[key] else None


def _header(pattern: re.Pattern[str]) -> Matcher:
    def find(text: str) -> Match | None:
        found = pattern.match(text)
        # None of the three groups can cross a line's end, so that a header with one does not match at all.
        return Match(found[0], found.groups()) if found and not _LINE_END.search(text) else None

    return find


def _either(words: Iterable[str], *, ignore_case: bool) -> str:
    return "|".join(literal(word, ignore_case=ignore_case) for word in map(trim, words) if word)


def _note(keywords: Iterable[str] | None) -> re.Pattern[str] | None:
    if not keywords and not isinstance(keywords, list | tuple):
        return None
    return re.compile(rf"[{S}|*]*({_either(keywords or (), ignore_case=True)})[:{S}]+({DOT}*)")


def _prefixes(prefixes: Iterable[str] | None, *, ignore_case: bool) -> Prefixes | None:
    if not prefixes and not isinstance(prefixes, list | tuple):
        return None
    words = tuple(map(trim, prefixes or ()))
    loose = rf"({_either(words, ignore_case=ignore_case)})([\w-]++)"
    strict = rf"{loose}(?=[{S},;)\]]|\Z)"
    return Prefixes(re.compile(loose, re.ASCII), re.compile(strict, re.ASCII), max(1, *map(len, words), 1))


def _action(actions: Iterable[str] | None) -> re.Pattern[str] | None:
    if not actions and not isinstance(actions, list | tuple):
        return None
    words = _either(actions or (), ignore_case=True)
    return re.compile(rf"({words})[{S}]++({DOT}*?)(?={words}|\Z)")


def _remarkable(opts: Mapping[str, Any], *, ignore_case: bool) -> re.Pattern[str] | None:
    """Return an expression for bodies that may hold a note, a reference or a field; None where it cannot be told."""
    parts = ["^-"]
    for words, ignore in ((opts["noteKeywords"], True), (opts["issuePrefixes"], ignore_case)):
        if words or isinstance(words, list | tuple):
            parts.append(_either(words, ignore_case=ignore))
    if "fieldPattern" in opts or "" in parts:
        return None
    return re.compile("|".join(parts), re.MULTILINE)
