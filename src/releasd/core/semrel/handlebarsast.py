"""Handlebars templates, read: text, expressions, blocks, partials, and what white space each of them removes.

Source: handlebars 4.7's `parser` and `whitespace-control.js`, whose names are kept. Read is what a template in a JSON
or YAML configuration can use: no decorators, block parameters, inline or block partials, and no helpers of one's own.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from releasd.errors import ConfigError

_TAG = re.compile(
    r"\{\{(?P<open>~)?(?:"
    r"!--(?P<comment>[\s\S]*?)--(?P<close1>~)?\}\}"
    r"|!(?P<remark>[\s\S]*?)\}\}"
    r"|\{(?P<raw>[^{}]*)\}(?P<close2>~)?\}\}"
    r"|(?P<kind>[#^/>&]|else\b)?(?P<body>(?:[^{}\"'\[]|\"[^\"]*\"|'[^']*'|\[[^\]]*\])*?)(?P<close3>~)?\}\})"
)
_WORD = re.compile(r"""\s*(?:(?P<key>[\w$-]+)=)?(?P<value>"[^"]*"|'[^']*'|[^\s="'()]+)""")
_PREVIOUS, _PREVIOUS_ROOT = re.compile(r"\r?\n\s*?\Z"), re.compile(r"(?:\A|\r?\n)\s*?\Z")
_NEXT, _NEXT_ROOT = re.compile(r"\s*?\r?\n"), re.compile(r"\s*?(?:\r?\n|\Z)")
_INDENT = re.compile(r"[ \t]+\Z")
_LEFT, _LEFT_ALL = re.compile(r"[ \t]+\Z"), re.compile(r"\s+\Z")
_RIGHT, _RIGHT_ALL = re.compile(r"[ \t]*\r?\n?"), re.compile(r"\s+")
_DEEPEST = 50
_LONGEST = 100_000


class Strip(NamedTuple):
    """Whether the white space before (`open`) and after (`close`) a tag goes."""

    open: bool = False
    close: bool = False


class Call(NamedTuple):
    """What stands in a tag: a name or path, values, and `key=value`s; texts as written."""

    name: str
    params: tuple[str, ...] = ()
    hash: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Content:
    """Text; `value` loses white space while the template is read, `original` does not."""

    value: str
    original: str
    right_stripped: bool = False
    left_stripped: bool = False


@dataclass(slots=True)
class Mustache:
    """`{{call}}`."""

    call: Call
    strip: Strip


@dataclass(slots=True)
class Comment:
    """`{{! text}}`: leaves nothing, but takes white space with it."""

    strip: Strip


@dataclass(slots=True)
class Partial:
    """`{{> call}}`; each of its lines is indented by `indent`."""

    call: Call
    strip: Strip
    indent: str = ""


@dataclass(slots=True)
class Program:
    """What stands between two tags; `chained` for that of `{{else if}}`."""

    body: list["Node"] = field(default_factory=list)
    chained: bool = False


@dataclass(slots=True)
class Block:
    """`{{#call}}program{{else}}inverse{{/call}}`; `{{^call}}` has the two changed over."""

    call: Call
    program: Program
    inverse: Program | None
    open_strip: Strip
    inverse_strip: Strip
    close_strip: Strip
    inverted: bool = False


Node = Content | Mustache | Comment | Partial | Block


class _Tag(NamedTuple):
    kind: str
    body: str
    strip: Strip


def parse(template: str) -> Program:
    """Read a template. Raises `ConfigError` where it is none, or uses what is not read here."""
    if len(template) > _LONGEST:
        raise _wrong(f"it is longer than {_LONGEST} characters")
    tokens = _Tokens(template)
    program = _program(tokens, depth=0)
    if tokens.peek is not None:
        raise _wrong(f"{{{{{tokens.peek.kind}{tokens.peek.body}}}}} closes nothing")
    _control(program, is_root=True)
    return program


def words(body: str) -> Call:
    """Read what stands in a tag."""
    names: list[str] = []
    pairs: list[tuple[str, str]] = []
    at, body = 0, body.strip()
    while at < len(body):
        found = _WORD.match(body, at)
        if found is None:
            raise _wrong(f"{{{{{body}}}}} cannot be read")
        if found["key"]:
            pairs.append((found["key"], found["value"]))
        else:
            names.append(found["value"])
        at = found.end()
    if not names or "as" in names:
        raise _wrong(f"{{{{{body}}}}} cannot be read")
    return Call(names[0], tuple(names[1:]), tuple(pairs))


def _wrong(why: str) -> ConfigError:
    return ConfigError(
        f"a template of the release notes cannot be used: {why}", advice="edit the template in writerOpts"
    )


class _Tokens:
    """The tokens of a template, with one to look ahead at: `peek` is the tag that ended the last program."""

    def __init__(self, template: str) -> None:
        self._stream = _tokens(template)
        self.peek: _Tag | None = None

    def __iter__(self) -> Iterator["Content | _Tag"]:
        return self._stream


def _tokens(template: str) -> Iterator[Content | _Tag]:
    at, text = 0, ""
    for found in _TAG.finditer(template):
        before = template[at : found.start()]
        at = found.end()
        if before.endswith("\\") and not before.endswith("\\\\"):  # an escaped tag is text
            text += before[:-1] + found[0]
            continue
        text += before.removesuffix("\\") if before.endswith("\\\\") else before
        if text:
            yield Content(text, text)
        text = ""
        yield _tag(found)
    text += template[at:]
    if "{{" in template[at:]:
        raise _wrong(f"{template[at + template[at:].index('{{') :][:40]} cannot be read")
    if text:
        yield Content(text, text)


def _tag(found: re.Match[str]) -> _Tag:
    close = found["close1"] or found["close2"] or found["close3"]
    if found["remark"] is not None:
        close = "~" if found["remark"].endswith("~") else None
    strip = Strip(bool(found["open"]), bool(close))
    if found["comment"] is not None or found["remark"] is not None:
        return _Tag("!", "", strip)
    if found["raw"] is not None:
        return _Tag("", found["raw"], strip)
    kind, body = found["kind"] or "", found["body"]
    if kind == "^" and not body.strip():
        kind = "else"
    if kind == "#" and body[:1] in (">", "*"):
        raise _wrong(f"{{{{#{body}}}}}: neither inline nor block partials can be used")
    return _Tag("" if kind == "&" else kind, body, strip)


def _program(tokens: _Tokens, depth: int) -> Program:
    """Read up to a closing or `else` tag, which is left in `tokens.peek`."""
    if depth > _DEEPEST:
        raise _wrong(f"its blocks are nested deeper than {_DEEPEST}")
    program = Program()
    tokens.peek = None
    for token in tokens:
        if isinstance(token, Content):
            program.body.append(token)
        elif token.kind in ("/", "else"):
            tokens.peek = token
            break
        else:
            program.body.append(_statement(token, tokens, depth))
            tokens.peek = None
    return program


def _statement(tag: _Tag, tokens: _Tokens, depth: int) -> Node:
    match tag.kind:
        case "!":
            return Comment(tag.strip)
        case ">":
            return Partial(words(tag.body), tag.strip)
        case "":
            return Mustache(words(tag.body), tag.strip)
        case _:
            return _block(tag, tokens, depth, words(tag.body).name)


def _block(tag: _Tag, tokens: _Tokens, depth: int, name: str) -> Block:
    program = _program(tokens, depth + 1)
    block = Block(words(tag.body), program, None, tag.strip, Strip(), Strip(), inverted=tag.kind == "^")
    middle = tokens.peek
    if middle is not None and middle.kind == "else":
        block.inverse_strip = middle.strip
        if middle.body.strip():
            chain = _block(middle._replace(kind="#"), tokens, depth + 1, name)
            block.inverse = Program([chain], chained=True)
            block.close_strip = chain.close_strip
            return block
        block.inverse = _program(tokens, depth + 1)
    end = tokens.peek
    if end is None or end.kind != "/" or end.body.strip() != name:
        raise _wrong(f"{{{{#{name}}}}} is not closed by {{{{/{name}}}}}")
    block.close_strip = end.strip
    return block


def _control(program: Program, *, is_root: bool = False) -> None:
    """Take the white space away that tags on a line of their own, and `~`, remove."""
    body = program.body
    for at, node in enumerate(body):
        if isinstance(node, Content):
            continue
        before, after = _is_previous_blank(body, at, is_root=is_root), _is_next_blank(body, at, is_root=is_root)
        strip, opens, closes = _accept(node)
        if strip.close:
            _omit_right(body, at + 1, multiple=True)
        if strip.open:
            _omit_left(body, at - 1, multiple=True)
        if isinstance(node, Comment | Partial) and before and after:
            _omit_right(body, at + 1)
            if _omit_left(body, at - 1) and isinstance(node, Partial):
                node.indent = _indent(body[at - 1])
        if isinstance(node, Block) and opens and before:
            _omit_right(node.program.body, 0)
            _omit_left(body, at - 1)
        if isinstance(node, Block) and closes and after:
            _omit_right(body, at + 1)
            inner = (node.inverse or node.program).body
            _omit_left(inner, len(inner) - 1)


def _indent(node: Node) -> str:
    found = _INDENT.search(node.original) if isinstance(node, Content) else None
    return found[0] if found else ""


def _accept(node: Mustache | Comment | Partial | Block) -> tuple[Strip, bool, bool]:
    """Return what a node strips outside, and whether its opening and its closing tag stand alone on their lines."""
    if not isinstance(node, Block):
        return node.strip, False, False
    program, inverse = node.program.body, node.inverse
    _control(node.program)
    first = last = inverse
    if inverse:
        _control(inverse)
        if inverse.chained and isinstance(chain := inverse.body[0], Block):
            first = chain.program
        while last and last.chained and isinstance(chain := last.body[-1], Block):
            last = chain.program
    opens = _is_next_blank(program, -1)
    inner = first.body if first else program
    closes = _is_previous_blank(inner, len(inner))
    if node.open_strip.close:
        _omit_right(program, 0, multiple=True)
    if first and last:
        _strip_inverse(node, first.body, last.body)
    elif node.close_strip.open:
        _omit_left(program, len(program) - 1, multiple=True)
    return Strip(node.open_strip.open, node.close_strip.close), opens, closes


def _strip_inverse(node: Block, first: list[Node], last: list[Node]) -> None:
    program = node.program.body
    if node.inverse_strip.open:
        _omit_left(program, len(program) - 1, multiple=True)
    if node.inverse_strip.close:
        _omit_right(first, 0, multiple=True)
    if node.close_strip.open:
        _omit_left(last, len(last) - 1, multiple=True)
    if _is_previous_blank(program, len(program)) and _is_next_blank(first, -1):
        _omit_left(program, len(program) - 1)
        _omit_right(first, 0)


def _is_previous_blank(body: Sequence[Node], at: int, *, is_root: bool = False) -> bool:
    if at < 1:
        return is_root
    previous = body[at - 1]
    pattern = _PREVIOUS if at > 1 or not is_root else _PREVIOUS_ROOT
    return isinstance(previous, Content) and bool(pattern.search(previous.original))


def _is_next_blank(body: Sequence[Node], at: int, *, is_root: bool = False) -> bool:
    if at + 1 >= len(body):
        return is_root
    following = body[at + 1]
    pattern = _NEXT if at + 2 < len(body) or not is_root else _NEXT_ROOT
    return isinstance(following, Content) and bool(pattern.match(following.original))


def _omit_right(body: Sequence[Node], at: int, *, multiple: bool = False) -> None:
    node = body[at] if at < len(body) else None
    if not isinstance(node, Content) or (not multiple and node.right_stripped):
        return
    before = node.value
    found = (_RIGHT_ALL if multiple else _RIGHT).match(before)
    node.value = before[found.end() :] if found else before
    node.right_stripped = node.value != before


def _omit_left(body: Sequence[Node], at: int, *, multiple: bool = False) -> bool:
    node = body[at] if at >= 0 else None
    if not isinstance(node, Content) or (not multiple and node.left_stripped):
        return False
    before = node.value
    node.value = (_LEFT_ALL if multiple else _LEFT).sub("", before)
    node.left_stripped = node.value != before
    return node.left_stripped
