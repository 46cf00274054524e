"""The state of picomatch 2.3.2's parser, and what its token loop does with it (lib/parse.js: tokenizing helpers)."""

from dataclasses import dataclass, field
from typing import Optional

from releasd.core.semrel import globparts as parts


@dataclass(slots=True, eq=False)
class Token:
    """A piece of the glob; `output` None means that `value` stands in the expression."""

    type: str
    value: str
    output: str | None = None
    prev: Optional["Token"] = None
    extglob: bool = False
    star: bool = False
    posix: bool = False
    comma: bool = False
    dots: bool = False
    output_index: int = 0
    tokens_index: int = 0

    @property
    def written(self) -> str:
        """Return what stands in the expression."""
        return self.value if self.output is None else self.output


@dataclass(slots=True)
class Group:
    """An open `!(`, `?(`, `+(` or `*(`."""

    kind: str
    parens: int
    output: str
    start: int
    tokens_index: int
    inner: str = ""


@dataclass(slots=True)
class State:
    """What picomatch's parser has read and written so far; lives for one glob."""

    text: str
    index: int = -1
    start: int = 0
    output: str = ""
    negated: bool = False
    rebuild: bool = False
    brackets: int = 0
    braces: int = 0
    parens: int = 0
    quoted: bool = False
    bos: Token = field(default_factory=lambda: Token("bos", "", ""))
    tokens: list[Token] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    open_braces: list[Token] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)
    prev: Token = field(init=False)

    def __post_init__(self) -> None:
        self.prev = self.bos
        self.tokens.append(self.bos)

    def peek(self, ahead: int = 1) -> str:
        """Return the character that many places ahead, empty past the end."""
        at = self.index + ahead
        return self.text[at : at + 1]

    def advance(self) -> str:
        """Take the next character, empty past the end."""
        self.index += 1
        return self.text[self.index : self.index + 1]

    def rest(self) -> str:
        """Return what is not taken yet."""
        return self.text[self.index + 1 :]

    def at_end(self) -> bool:
        """Return whether the last character is taken."""
        return self.index == len(self.text) - 1

    def push(self, token: Token) -> None:
        """Add a token and write it."""
        prev = self.prev
        if prev.type == "globstar":
            in_brace = self.braces > 0 and token.type in ("comma", "brace")
            in_group = token.extglob or (bool(self.groups) and token.type in ("pipe", "paren"))
            if token.type not in ("slash", "paren") and not in_brace and not in_group:
                self.cut(len(prev.output or ""))
                prev.type, prev.value, prev.output = "star", "*", parts.STAR
                self.output += prev.output
        if self.groups and token.type != "paren":
            self.groups[-1].inner += token.value
        if token.value or token.output:
            self.output += token.written
        if prev.type == token.type == "text":
            prev.value += token.value
            prev.output = (prev.output or "") + token.value
            return
        token.prev = prev
        self.tokens.append(token)
        self.prev = token

    def cut(self, length: int) -> None:
        """Take characters off the end of the output; JavaScript's slice(0, -0) takes all."""
        self.output = self.output[:-length] if length else ""

    def increment(self, kind: str) -> None:
        """Open a bracket of a kind: parens, braces or brackets."""
        self._count(kind, 1)
        self.stack.append(kind)

    def decrement(self, kind: str) -> None:
        """Close a bracket of a kind."""
        self._count(kind, -1)
        if self.stack:
            self.stack.pop()

    def _count(self, kind: str, by: int) -> None:
        if kind == "parens":
            self.parens += by
        elif kind == "braces":
            self.braces += by
        else:
            self.brackets += by
