"""One commit message, taken apart as conventional-commits-parser 6.4.0 takes it apart, its oddities included.

versioning-facts.md §2.2 lists them: a line like `---` swallows the rest of the message, `breaking change` in wrapped
prose is a breaking change, a line with a reference ends a note. Where npm's parser breaks (a message that ends in
`---` right after a breaking change; `-notes-` as a line), this one reads on and says so in `Parsed.broken`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from releasd.core.semrel.grammar import Grammar, compile_grammar
from releasd.core.semrel.jsregex import Match
from releasd.core.semrel.jstext import S, trim
from releasd.core.semrel.options import Options
from releasd.core.semrel.references import Reference, references

_LINES = re.compile(r"\r?\n")
_GPG = re.compile(f"[{S}]*gpg:")
_MENTION = re.compile(r"@([\w-]+)", re.ASCII)
_SCISSORS = "------------------------ >8 ------------------------"
_TITLE = "BREAKING CHANGE"
_THIRD = 3  # the group that npm takes a breaking header's text from, whatever the expression
_LISTS = frozenset({"notes", "references"})


class Note(NamedTuple):
    """A breaking change (or another of `noteKeywords`): the keyword as written, and its text."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A message, taken apart.

    Attributes:
        values: every field as npm's parser names it: `header`, `body`, `footer`, `merge`, `revert`, `notes`,
            `mentions`, `references`, those of `headerCorrespondence`, and those that lines like `-name-` made.
        broken: why npm's parser ends in an error on this message; None where it does not.
    """

    values: Mapping[str, Any]
    broken: str | None = None

    def text(self, name: str) -> str | None:
        """Return the field `name` where it is a text, else None."""
        value = self.values.get(name)
        return value if isinstance(value, str) else None

    @property
    def header(self) -> str | None:
        """Return the first line."""
        return self.text("header")

    @property
    def type(self) -> str | None:
        """Return the type, None where the header does not match or has none."""
        return self.text("type")

    @property
    def scope(self) -> str | None:
        """Return the scope."""
        return self.text("scope")

    @property
    def subject(self) -> str | None:
        """Return the subject."""
        return self.text("subject")

    @property
    def body(self) -> str | None:
        """Return what stands between header and footer."""
        return self.text("body")

    @property
    def footer(self) -> str | None:
        """Return everything from the first note or reference on."""
        return self.text("footer")

    @property
    def merge(self) -> str | None:
        """Return the line that `mergePattern` matched."""
        return self.text("merge")

    @property
    def notes(self) -> Sequence[Note]:
        """Return the notes, in order."""
        notes: Sequence[Note] = self.values["notes"]
        return notes

    @property
    def references(self) -> Sequence[Reference]:
        """Return the references to issues, in order, each once."""
        found: Sequence[Reference] = self.values["references"]
        return found

    @property
    def mentions(self) -> Sequence[str]:
        """Return the names after an `@`, in order, repeated ones repeated."""
        found = self.values["mentions"]
        return found if isinstance(found, tuple) else ()

    @property
    def revert(self) -> Mapping[str, str | None] | str | None:
        """Return what is taken back (`header`, `hash`); None: nothing is; a text where a `-revert-` line made it."""
        found: Mapping[str, str | None] | str | None = self.values["revert"]
        return found


def parse(message: str, options: Options) -> Parsed:
    """Take one message apart. Raises `ConfigError` for options that cannot be honoured, `ValueError` for a blank text.

    For many messages, `parser(options)` compiles the options once.
    """
    return parser(options)(message)


def parser(options: Options, base: Mapping[str, Any] | None = None) -> Callable[[str], Parsed]:
    """Return the function that takes messages apart; raises `ConfigError` for options that cannot be honoured.

    `base` are options that stand under the preset's, as release-notes-generator has them by forge
    (`referenceActions`, `issuePrefixes`). The function raises `ValueError` for a message of white space alone.
    """
    grammar = compile_grammar(options, base or {})
    return lambda message: _Reading(message, grammar).result()


class _Reading:
    """The walk over one message's lines; lives for one call."""

    __slots__ = ("at", "broken", "commit", "grammar", "lines", "message", "notes", "references")

    def __init__(self, message: str, grammar: Grammar) -> None:
        if not trim(message):
            raise ValueError("a message of white space alone cannot be taken apart")
        self.message, self.grammar = message, grammar
        self.lines, self.at = _lines(message, grammar.comment), 0
        self.notes: list[list[str]] = []
        self.references: list[Reference] = []
        self.broken: str | None = None
        self.commit: dict[str, Any] = dict.fromkeys(("merge", "revert", "header", "body", "footer"))
        self.commit |= {"notes": (), "mentions": (), "references": ()}

    def result(self) -> Parsed:
        self._header(merged=self._merge())
        if self.commit["header"]:
            self.references = references(self.commit["header"], self.grammar)
        self._rest()
        self._breaking_header()
        self._mentions()
        if self.grammar.revert and (found := self.grammar.revert(self.message)):
            self.commit["revert"] = _assigned({}, found, self.grammar.revert_fields)
        self._clean()
        return Parsed(self.commit, self.broken)

    def _merge(self) -> bool:
        grammar = self.grammar
        line = self.lines[0] if self.lines else None
        found = grammar.merge(line) if grammar.merge and line else None
        if found:
            self.at = 1
            self.commit["merge"] = found.text or None
            _assigned(self.commit, found, grammar.merge_fields)
        return found is not None

    def _header(self, *, merged: bool) -> None:
        while merged and self.at < len(self.lines) and not trim(self.lines[self.at]):
            self.at += 1
        header = self.commit["header"]
        if header is None:
            header = self.lines[self.at] if self.at < len(self.lines) else None
            self.at += 1
        if not header:
            return
        grammar = self.grammar
        found = grammar.breaking_header(header) if grammar.breaking_header else None
        if not found and grammar.header:
            found = grammar.header(header)
        self.commit["header"] = header
        if found:
            _assigned(self.commit, found, grammar.header_fields)

    def _rest(self) -> None:
        if self.at < len(self.lines) and self._is_plain():
            return
        is_body = True
        while self.at < len(self.lines):
            self._fields()
            if self._note():
                is_body = False
            is_body = self._line(is_body=is_body)

    def _is_plain(self) -> bool:
        """Take everything that is left as body, where it is nothing else: most messages."""
        remarkable = self.grammar.remarkable
        text = "\n".join(self.lines[self.at :])
        if remarkable is None or self.commit["body"] or remarkable.search(text):
            return False
        self.commit["body"] = text.lstrip("\n")
        return True

    def _line(self, *, is_body: bool) -> bool:
        """Take one line of body or footer; return whether the body goes on."""
        if self.at >= len(self.lines):
            return is_body
        line = self.lines[self.at]
        self.at += 1
        found = references(line, self.grammar)
        is_body = is_body and not found
        self.references += found
        self._append("body" if is_body else "footer", line)
        return is_body

    def _fields(self) -> bool:
        """Take field lines and all that they swallow; return whether anything was swallowed."""
        field: str | None = None
        swallowed = False
        pattern = self.grammar.field
        while pattern and self.at < len(self.lines):
            line = self.lines[self.at]
            found = pattern(line)
            if not found and not field:
                break
            if found:
                field = (found.groups[0] if found.groups else None) or None
            elif field:
                swallowed = True
                self._swallow(field, line)
            self.at += 1
        return swallowed

    def _swallow(self, field: str, line: str) -> None:
        if field in _LISTS:
            self.broken = f"a line -{field}- makes npm's parser fail"
        elif field == "mentions":
            before = self.commit["mentions"]
            self.commit["mentions"] = f"{before if isinstance(before, str) else ''}\n{line}"
        elif field != "__proto__":
            self._append(field, line)

    def _note(self) -> bool:
        """Take a note, and further ones that follow it; return whether there was one."""
        if not self._open_note():
            return False
        while self.at < len(self.lines):
            if self._fields():
                break
            if self.at >= len(self.lines):
                self.broken = "npm's parser fails on a line of dashes that ends a message right after a note"
                break
            if self._open_note():
                continue
            line = self.lines[self.at]
            self.at += 1
            found = references(line, self.grammar)
            self.references += found
            self._append("footer", line)
            if found:
                break
            self.notes[-1].append(line)
        return True

    def _open_note(self) -> bool:
        pattern = self.grammar.note
        if pattern is None or self.at >= len(self.lines):
            return False
        line = self.lines[self.at]
        found = pattern.match(line)
        if not found:
            return False
        self.notes.append([found[1], found[2]])
        self._append("footer", line)
        self.at += 1
        return True

    def _append(self, field: str, line: str) -> None:
        # Lists of lines, joined at the end: a note of a million lines takes linear time.
        before = self.commit.get(field)
        if isinstance(before, list):
            if before != [""]:
                before.append(line)
            else:
                before[0] = line
        else:
            self.commit[field] = [before, line] if before else [line]

    def _breaking_header(self) -> None:
        grammar, header = self.grammar, _joined(self.commit["header"])
        if not grammar.breaking_header or self.notes or not header:
            return
        found = grammar.breaking_header(header)
        if found is None:
            return
        text = found.groups[_THIRD - 1] if len(found.groups) >= _THIRD else None
        if text is None:
            self.broken = "npm's parser fails where breakingHeaderPattern has no third group that takes part"
        self.notes.append([_TITLE, text or ""])

    def _mentions(self) -> None:
        found = tuple(_MENTION.findall(self.message))
        if not isinstance(self.commit["mentions"], str):
            self.commit["mentions"] = found
        elif found:
            self.broken = "a line -mentions- makes npm's parser fail"

    def _clean(self) -> None:
        commit = self.commit
        for field, value in commit.items():
            commit[field] = _joined(value)
        for field in ("body", "footer"):
            commit[field] = commit[field].strip("\r\n") if commit[field] else commit[field]
        commit["notes"] = tuple(Note(title, _text_of(lines)) for title, *lines in self.notes)
        unique: dict[str, Reference] = {}
        for each in self.references:
            unique.setdefault(f"{'null' if each.action is None else each.action} {each.raw}".lower(), each)
        commit["references"] = tuple(unique.values())


def _joined(value: Any) -> Any:
    return "\n".join(value) if isinstance(value, list) else value


def _text_of(lines: Sequence[str]) -> str:
    """Join a note's lines as npm appends them: lines before the first that is not empty leave nothing."""
    return "\n".join(lines).strip("\r\n")


def _assigned(target: dict[str, Any], found: Match, fields: Sequence[str]) -> dict[str, Any]:
    """Give each field the group of its place, or of its name where the expression names groups."""
    for place, field in enumerate(fields):
        if found.named is not None:
            value = found.named.get(field)
        else:
            value = found.groups[place] if place < len(found.groups) else None
        target[field] = value or None
    return target


def _lines(message: str, comment: str) -> list[str]:
    lines = _LINES.split(message.strip("\r\n"))
    if comment:
        scissors = f"{comment} {_SCISSORS}"
        lines = lines[: lines.index(scissors)] if scissors in lines else lines
        lines = [line for line in lines if not line.startswith(comment)]
    if "gpg:" in message:
        lines = [line for line in lines if not _GPG.match(line)]
    return lines
