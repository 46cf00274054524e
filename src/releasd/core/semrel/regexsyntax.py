"""Reads a JavaScript regular expression into a tree (ECMA-262 2023, 22.2.1 with Annex B, no flags).

An expression works on UTF-16 code units, as JavaScript's texts do: every character here is one unit. Back references
are refused: with them no bound on the time can be kept. So is everything that JavaScript itself refuses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

Ranges = tuple[tuple[str, str], ...]  # first and last unit, both included

_LAST = "\uffff"
DIGITS: Ranges = (("0", "9"),)
WORD: Ranges = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
SPACE: Ranges = (
    ("\t", "\r"),
    (" ", " "),
    ("\xa0", "\xa0"),
    ("\u1680", "\u1680"),
    ("\u2000", "\u200a"),
    ("\u2028", "\u2029"),
    ("\u202f", "\u202f"),
    ("\u205f", "\u205f"),
    ("\u3000", "\u3000"),
    ("\ufeff", "\ufeff"),
)
_LINE_ENDS: Ranges = (("\n", "\n"), ("\r", "\r"), ("\u2028", "\u2029"))
_CONTROL = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_BRACES = re.compile(r"\{(\d+)(?:(,)(\d*))?\}", re.ASCII)
_HEX = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})")
_OCTAL = re.compile(r"[0-3][0-7]{0,2}|[4-7][0-7]?")
_DECIMAL = re.compile(r"[1-9][0-9]*")
_NAME = re.compile(r"\(\?<([A-Za-z_$][A-Za-z0-9_$]*)>")
_SKIPPED = re.compile(r"\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]?")
_COUNTED = re.compile(r"\((?!\?)|\(\?<(?![=!])")
_MOST = 1000  # repetitions that an expression may count


class Refused(ValueError):
    """The expression is no JavaScript expression, or, `unbounded`, cannot be run in bounded time; the text says why."""

    def __init__(self, why: str, *, unbounded: bool = False) -> None:
        super().__init__(why)
        self.unbounded = unbounded


@dataclass(frozen=True, slots=True)
class Chars:
    """One unit out of these."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place: `^`, `$`, `b` (a word's edge) or `B` (none)."""

    kind: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Either:
    """The first of these that leads to a match."""

    options: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Group:
    """A group that is remembered under its number, from 1."""

    number: int
    body: "Node"


@dataclass(frozen=True, slots=True)
class Repeat:
    """Between `least` and `most` times (None: no limit); `groups` are the numbers of the groups within, as a range."""

    body: "Node"
    least: int
    most: int | None
    lazy: bool
    groups: range


@dataclass(frozen=True, slots=True)
class Look:
    """Whether `body` matches here, ahead or behind, or does not."""

    body: "Node"
    behind: bool
    negative: bool


Node = Chars | Anchor | Sequence | Either | Group | Repeat | Look


@dataclass(frozen=True, slots=True)
class Expression:
    """A whole expression: its tree, how many groups it has, and the numbers of those with names."""

    root: Node
    groups: int
    names: dict[str, int]


def read(source: str) -> Expression:
    """Return the tree of an expression. Raises `Refused`."""
    reader = _Reader(source, sum(1 for _ in _COUNTED.finditer(_SKIPPED.sub("", source))))
    root = reader.either()
    if reader.at < len(source):
        raise Refused("has a ) too many")
    return Expression(root, reader.groups, reader.names)


def inverted(ranges: Ranges) -> Ranges:
    """Return every unit that is not in `ranges`."""
    return tuple(_gaps(sorted(ranges)))


def _gaps(ranges: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    start = 0
    for first, last in ranges:
        if ord(first) > start:
            yield chr(start), chr(ord(first) - 1)
        start = max(start, ord(last) + 1)
    if start <= ord(_LAST):
        yield chr(start), _LAST


_CLASSES = {
    "d": DIGITS,
    "w": WORD,
    "s": SPACE,
    "D": inverted(DIGITS),
    "W": inverted(WORD),
    "S": inverted(SPACE),
}
_DOT = Chars(inverted(_LINE_ENDS))


@dataclass(slots=True)
class _Reader:
    """Recursive descent over one source; lives for one call."""

    source: str
    total: int  # groups in the whole source
    at: int = 0
    groups: int = 0
    depth: int = 0
    names: dict[str, int] = field(default_factory=dict)

    def peek(self, text: str) -> bool:
        return self.source.startswith(text, self.at)

    def take(self, text: str) -> bool:
        found = self.peek(text)
        self.at += len(text) if found else 0
        return found

    def matched(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.source, self.at)
        self.at = found.end() if found else self.at
        return found

    def either(self) -> Node:
        self.depth += 1
        if self.depth > 50:  # noqa: PLR2004 - nobody nests deeper; Python's own stack would end at some hundreds
            raise Refused("is nested too deeply", unbounded=True)
        options = [self.sequence()]
        while self.take("|"):
            options.append(self.sequence())
        self.depth -= 1
        return options[0] if len(options) == 1 else Either(tuple(options))

    def sequence(self) -> Node:
        items: list[Node] = []
        while self.at < len(self.source) and not self.peek("|") and not self.peek(")"):
            items.append(self.term())
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def term(self) -> Node:
        before, grouped = self.groups, self.peek("(?:")
        atom = self.atom()
        bounds = self.bounds()
        if bounds is None:
            return atom
        if not grouped and (isinstance(atom, Anchor) or (isinstance(atom, Look) and atom.behind)):
            raise Refused("repeats something that cannot be repeated")
        least, most = bounds
        return Repeat(atom, least, most, self.take("?"), range(before + 1, self.groups + 1))

    def _quantified(self) -> bool:
        return self.at < len(self.source) and (
            self.source[self.at] in "*+?" or _BRACES.match(self.source, self.at) is not None
        )

    def bounds(self) -> tuple[int, int | None] | None:
        for mark, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(mark):
                return bounds
        found = self.matched(_BRACES)
        if found is None:
            return None
        least = int(found[1][:9])
        most = least if not found[2] else int(found[3][:9]) if found[3] else None
        if max(least, most or 0) > _MOST:
            raise Refused(f"counts to more than {_MOST}", unbounded=True)
        if most is not None and most < least:
            raise Refused("counts down in braces")
        return least, most

    def atom(self) -> Node:
        if self._quantified():
            raise Refused("repeats nothing")
        char = self.source[self.at]
        if char == "(":
            return self.group()
        self.at += 1
        if char in "^$":
            return Anchor(char)
        if char == ".":
            return _DOT
        if char == "[":
            return self.set()
        if char == "\\":
            return self.escape()
        return _unit(char)

    def group(self) -> Node:
        looks = {"(?=": (False, False), "(?!": (False, True), "(?<=": (True, False), "(?<!": (True, True)}
        for mark, (behind, negative) in looks.items():
            if self.take(mark):
                return Look(self.close(), behind, negative)
        if self.take("(?:"):
            return self.close()
        name = self.matched(_NAME)
        if name is None:
            self.at += 1
            if self.peek("?"):
                raise Refused("has a group of a kind that is not known")
        self.groups += 1
        number = self.groups
        if name:
            if name[1] in self.names:
                raise Refused(f"names two groups {name[1]}")
            self.names[name[1]] = number
        return Group(number, self.close())

    def close(self) -> Node:
        body = self.either()
        if not self.take(")"):
            raise Refused("lacks a )")
        return body

    def escape(self) -> Node:
        if self.at >= len(self.source):
            raise Refused("ends in a backslash")
        char = self.source[self.at]
        if char in "bB":
            self.at += 1
            return Anchor(char)
        number = _DECIMAL.match(self.source, self.at)
        named = char == "k" and "(?<" in self.source and _NAME.search(self.source)
        if named or (number and int(number[0][:9]) <= self.total):
            raise Refused("has a back reference, which cannot be run in bounded time", unbounded=True)
        ranges = self.escaped()
        return Chars(ranges)

    def escaped(self) -> Ranges:
        """Return what an escape stands for, in a class and outside; the backslash is taken already."""
        char = self.source[self.at]
        if char in _CLASSES:
            self.at += 1
            return _CLASSES[char]
        if char in _CONTROL:
            self.at += 1
            return _one(_CONTROL[char])
        if char == "c":
            return self.control(r"[A-Za-z]")
        code = self.matched(_HEX)
        if code:
            return _one(chr(int(code[1] or code[2], 16)))
        octal = self.matched(_OCTAL)
        if octal:
            return _one(chr(int(octal[0], 8)))
        self.at += 1
        return _one(char)

    def control(self, letters: str) -> Ranges:
        found = re.compile(f"c({letters})").match(self.source, self.at)
        if found is None:
            return _one("\\")  # Annex B: the backslash stands for itself, the c comes next
        self.at = found.end()
        return _one(chr(ord(found[1]) % 32))

    def set(self) -> Chars:
        negative = self.take("^")
        ranges: list[tuple[str, str]] = []
        while not self.take("]"):
            first = self.member()
            if not self.peek("-") or self.source[self.at + 1 : self.at + 2] == "]":
                ranges += first
                continue
            self.at += 1
            last = self.member()
            if len(first) == len(last) == 1 and first[0][0] == first[0][1] and last[0][0] == last[0][1]:
                if last[0][0] < first[0][0]:
                    raise Refused("has a range in [ ] that runs backwards")
                ranges.append((first[0][0], last[0][0]))
            else:
                ranges += [*first, *last, ("-", "-")]
        return Chars(inverted(tuple(ranges)) if negative else tuple(ranges))

    def member(self) -> Ranges:
        if self.at >= len(self.source):
            raise Refused("lacks a ]")
        char = self.source[self.at]
        self.at += 1
        if char != "\\":
            return _one(char)
        if self.at >= len(self.source):
            raise Refused("ends in a backslash")
        if self.take("b"):
            return _one("\b")
        return self.control("[A-Za-z0-9_]") if self.peek("c") else self.escaped()


def _one(char: str) -> Ranges:
    return ((char, char),)


def _unit(char: str) -> Chars:
    return Chars(_one(char))
