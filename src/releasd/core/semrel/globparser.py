"""Turns a glob into the JavaScript expression that picomatch 2.3.2 makes of it (lib/parse.js, default options, POSIX).

A faithful copy, token by token, accidents included: releases hang on what a rule's glob matches, and no shorter
description of what picomatch accepts is true.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from releasd.core.semrel import globparts as parts
from releasd.core.semrel.globstate import Group, State, Token
from releasd.core.semrel.regexsyntax import Refused

_MODIFIER = re.compile(r"[!=<:]")
_BEHIND = re.compile(r"<([!=]|\w+>)", re.ASCII)
_ALL_CLOSE = re.compile(r"\)+\Z")
_ONE_EXTENSION = re.compile(r"\.[^\\/.]+\Z")
_BACKSLASHES = re.compile(r"\\+")
_LIFE = 3  # a run of more backslashes than two collapses


@dataclass(slots=True)
class Expression:
    """What a glob means: a JavaScript expression, and whether a text has to match it or must not."""

    source: str
    negated: bool


def expression(glob: str) -> Expression:
    """Return what a glob means (picomatch.makeRe). Raises `Refused` where picomatch fails."""
    source = parts.known(glob) if glob[0] in ".*" else None
    if source is not None:
        return Expression(source, negated=False)
    short = parts.without_prefix(parts.REPLACEMENTS.get(glob, glob))
    source = parts.at_once(short)
    if source is not None:
        return Expression(source, negated=False)
    parser = _Parser(short)
    return Expression(parser.run(), parser.negated)


@dataclass(slots=True)
class _Parser(State):
    """The token loop; lives for one glob."""

    def run(self) -> str:
        while not self.at_end():
            if self.index >= len(self.text):
                raise Refused("makes picomatch run for ever", unbounded=True)
            value: str | None = self.advance()
            if value == "\0":
                continue
            if value == "\\":
                value = self.backslash()
            if value is not None:
                self.value(value)
        for kind, mark in (("brackets", "["), ("parens", "("), ("braces", "{")):
            while getattr(self, kind) > 0:
                self.output = parts.escape_last(self.output, mark)
                self.decrement(kind)
        if self.prev.type in ("star", "bracket"):
            self.push(Token("maybe_slash", "", f"{parts.SLASH}?"))
        return "".join(token.written for token in self.tokens) if self.rebuild else self.output

    def backslash(self) -> str | None:
        """Take an escape; return it where a set is open, whose business it then is."""
        following = self.peek()
        if following and following in "/.;":
            return None
        value = "\\"
        if not following:
            self.push(Token("text", "\\\\"))
            return None
        found = _BACKSLASHES.match(self.rest())
        if found and len(found[0]) >= _LIFE:
            self.index += len(found[0])
            value += "\\" if len(found[0]) % 2 else ""
        value += self.advance()
        if self.brackets:
            return value
        self.push(Token("text", value))
        return None

    def value(self, value: str) -> None:
        prev = self.prev
        if self.brackets > 0 and (value != "]" or prev.value in ("[", "[^")):
            self.in_set(value)
        elif self.quoted and value != '"':
            value = parts.escaped(value)
            prev.value += value
            self.output += value
        elif value in _HANDLERS:
            _HANDLERS[value](self, value)
        else:
            self.plain(value)

    def in_set(self, value: str) -> None:
        prev = self.prev
        if value == ":" and "[" in prev.value[1:]:
            prev.posix = True
            at = prev.value.rindex("[")
            known = parts.POSIX.get(prev.value[at + 2 :]) if ":" in prev.value[1:] else None
            if known:
                prev.value = prev.value[:at] + known
                self.rebuild = True
                self.advance()
                if not self.bos.output and self.tokens[1:2] == [prev]:
                    self.bos.output = parts.ONE_CHAR
                return
        if (
            (value == "[" and self.peek() != ":")
            or (value == "-" and self.peek() == "]")
            or (value == "]" and prev.value in ("[", "[^"))
        ):
            value = f"\\{value}"
        prev.value += value
        self.output += value

    def quote(self, _: str) -> None:
        self.quoted = not self.quoted

    def open_paren(self, value: str) -> None:
        self.increment("parens")
        self.push(Token("paren", value))

    def close_paren(self, value: str) -> None:
        if self.groups and self.parens == self.groups[-1].parens + 1:
            self.close_group(self.groups.pop())
            return
        self.push(Token("paren", value, ")" if self.parens else r"\)"))
        self.decrement("parens")

    def open_set(self, value: str) -> None:
        if "]" in self.rest():
            self.increment("brackets")
        else:
            value = f"\\{value}"
        self.push(Token("bracket", value))

    def close_set(self, value: str) -> None:
        prev = self.prev
        if (prev.type == "bracket" and len(prev.value) == 1) or self.brackets == 0:
            self.push(Token("text", value, f"\\{value}"))
            return
        self.decrement("brackets")
        inner = prev.value[1:]
        if not prev.posix and inner[:1] == "^" and "/" not in inner:
            value = f"/{value}"
        prev.value += value
        self.output += value
        if parts.SPECIAL.search(inner):
            return
        self.cut(len(prev.value))
        prev.value = f"(?:{parts.escaped(prev.value)}|{prev.value})"
        self.output += prev.value

    def open_brace(self, value: str) -> None:
        self.increment("braces")
        brace = Token("brace", value, "(", output_index=len(self.output), tokens_index=len(self.tokens))
        self.open_braces.append(brace)
        self.push(brace)

    def close_brace(self, value: str) -> None:
        if not self.open_braces:
            self.push(Token("text", value, value))
            return
        brace, output = self.open_braces[-1], ")"
        if brace.dots:
            output = parts.range_set(self.take_range())
            self.rebuild = True
        elif not brace.comma:
            later = self.tokens[brace.tokens_index :]
            brace.value = brace.output = r"\{"
            value = output = r"\}"
            self.output = self.output[: brace.output_index] + "".join(each.output or each.value for each in later)
        self.push(Token("brace", value, output))
        self.decrement("braces")
        self.open_braces.pop()

    def take_range(self) -> list[str]:
        taken: list[str] = []
        while self.tokens:
            token = self.tokens.pop()
            if token.type == "brace":
                break
            if token.type != "dots":
                taken.insert(0, token.value)
        return taken

    def pipe(self, value: str) -> None:
        self.push(Token("text", value))

    def comma(self, value: str) -> None:
        output = value
        if self.open_braces and self.stack[-1:] == ["braces"]:
            self.open_braces[-1].comma = True
            output = "|"
        self.push(Token("comma", value, output))

    def slash(self, value: str) -> None:
        if self.prev.type == "dot" and self.index == self.start + 1:
            self.start = self.index + 1
            self.output = ""
            self.tokens.pop()
            self.prev = self.bos
            return
        self.push(Token("slash", value, parts.SLASH))

    def dot(self, value: str) -> None:
        prev = self.prev
        if self.braces > 0 and prev.type == "dot":
            prev.output = parts.DOT if prev.value == "." else prev.output
            prev.type = "dots"
            prev.output = (prev.output or "") + value
            prev.value += value
            self.open_braces[-1].dots = True
            return
        loose = self.braces + self.parens == 0 and prev.type not in ("bos", "slash")
        self.push(Token("text" if loose else "dot", value, parts.DOT))

    def question(self, value: str) -> None:
        prev = self.prev
        if prev.value != "(" and self.peek() == "(" and self.peek(2) != "?":
            self.open_group("qmark", value)
            return
        if prev.type == "paren":
            following = self.peek()
            odd = prev.value == "(" and not _MODIFIER.match(following)
            strange = following == "<" and not _BEHIND.search(self.rest())
            self.push(Token("text", value, r"\?" if odd or strange else value))
            return
        self.push(Token("qmark", value, parts.QMARK_NO_DOT if prev.type in ("slash", "bos") else parts.QMARK))

    def bang(self, value: str) -> None:
        if self.peek() == "(" and (self.peek(2) != "?" or not _MODIFIER.match(self.peek(3))):
            self.open_group("negate", value)
        elif self.index == 0:
            self.negate()
        else:
            self.plain(value)

    def negate(self) -> None:
        count = 1
        while self.peek() == "!" and (self.peek(2) != "(" or self.peek(3) == "?"):
            self.advance()
            self.start += 1
            count += 1
        if count % 2:
            self.negated = True
            self.start += 1

    def plus(self, value: str) -> None:
        prev = self.prev
        if self.peek() == "(" and self.peek(2) != "?":
            self.open_group("plus", value)
        elif prev.value == "(":
            self.push(Token("plus", value, parts.PLUS))
        elif prev.type in ("bracket", "paren", "brace") or self.parens > 0:
            self.push(Token("plus", value))
        else:
            self.push(Token("plus", parts.PLUS))

    def at_sign(self, value: str) -> None:
        if self.peek() == "(" and self.peek(2) != "?":
            self.push(Token("at", value, "", extglob=True))
        else:
            self.push(Token("text", value))

    def plain(self, value: str) -> None:
        if value in ("$", "^"):
            value = f"\\{value}"
        found = parts.PLAIN.match(self.rest())
        if found:
            value += found[0]
            self.index += len(found[0])
        self.push(Token("text", value))

    def open_group(self, kind: str, value: str) -> None:
        group = Group(value, self.parens, self.output, self.index, len(self.tokens))
        self.increment("parens")
        self.push(Token(kind, value, "" if self.output else parts.ONE_CHAR))
        self.push(Token("paren", self.advance(), parts.OPENINGS[value], extglob=True))
        self.groups.append(group)

    def close_group(self, group: Group) -> None:
        if group.kind in "+*":
            risky, safe = parts.defused(self.text[group.start + 2 : self.index])
            if risky:
                self.defuse(group, safe)
                return
        output = self.negation(group) if group.kind == "!" else parts.CLOSINGS[group.kind]
        self.push(Token("paren", ")", output, extglob=True))
        self.decrement("parens")

    def defuse(self, group: Group, safe: str | None) -> None:
        literal = self.text[group.start : self.index + 1]
        opening = self.tokens[group.tokens_index]
        opening.type, opening.value = "text", literal
        opening.output = (("" if group.output else parts.ONE_CHAR) + safe) if safe else parts.escaped(literal)
        for token in self.tokens[group.tokens_index + 1 :]:
            token.value = token.output = ""
        self.output = group.output + opening.output
        self.rebuild = True
        self.push(Token("paren", ")", "", extglob=True))
        self.decrement("parens")

    def negation(self, group: Group) -> str:
        star = parts.GLOBSTAR if len(group.inner) > 1 and "/" in group.inner else parts.STAR
        rest = self.rest()
        if "*" in group.inner and _ONE_EXTENSION.match(rest):
            return f"){_Parser(parts.without_prefix(parts.REPLACEMENTS.get(rest, rest))).run()}){star})"
        if star != parts.STAR or self.at_end() or _ALL_CLOSE.match(rest):
            return f")$)){star}"
        return parts.CLOSINGS["!"]

    def star(self, value: str) -> None:
        prev = self.prev
        if prev.type == "globstar" or prev.star:
            prev.type, prev.star, prev.output = "star", True, parts.STAR
            prev.value += value
            self.rebuild = True
            return
        rest = self.rest()
        if rest[:1] == "(" and rest[1:2] not in ("", "?"):
            self.open_group("star", value)
        elif prev.type == "star":
            self.second_star(value, prev, rest)
        else:
            self.first_star(value, prev)

    def first_star(self, value: str, prev: Token) -> None:
        if self.index == self.start or prev.type in ("slash", "dot"):
            guard = parts.NO_DOT_SLASH if prev.type == "dot" else parts.NO_DOT
            guard += "" if self.peek() == "*" else parts.ONE_CHAR
            self.output += guard
            prev.output = ("undefined" if prev.output is None else prev.output) + guard
        self.push(Token("star", value, parts.STAR))

    def second_star(self, value: str, prev: Token, rest: str) -> None:
        prior = prev.prev or self.bos
        before = prior.prev
        starts = prior.type in ("slash", "bos")
        in_brace = self.braces > 0 and prior.type in ("comma", "brace")
        in_group = bool(self.groups) and prior.type in ("pipe", "paren")
        if not starts and prior.type != "paren" and not in_brace and not in_group:
            self.push(Token("star", value, ""))
            return
        while rest[:3] == "/**" and self.text[self.index + 4 : self.index + 5] in ("", "/"):
            rest = rest[3:]
            self.index += 3
        after_star = before is not None and before.type in ("star", "globstar")
        self.globstar(value, prev, prior, rest, whole=prior.type == "slash" and not after_star and self.at_end())

    def globstar(self, value: str, prev: Token, prior: Token, rest: str, *, whole: bool) -> None:
        inside = prior.type == "slash" and prior.prev is not None and prior.prev.type != "bos"
        prev.value += value
        if prior.type == "bos" and self.at_end():
            self.output = prev.output = parts.GLOBSTAR
        elif inside and (whole or rest[:1] == "/"):
            self.cut(len((prior.output or "") + (prev.output or "")))
            prior.output = f"(?:{prior.output}"
            end = "|$" if rest[1:2] else ""
            between = f"{parts.GLOBSTAR}{parts.SLASH}|{parts.SLASH}{end})"
            prev.output = f"{parts.GLOBSTAR}|$)" if whole else between
            self.output += prior.output + prev.output
        elif prior.type == "bos" and rest[:1] == "/":
            self.output = prev.output = f"(?:^|{parts.SLASH}|{parts.GLOBSTAR}{parts.SLASH})"
        else:
            self.cut(len(prev.output or ""))
            prev.output = parts.GLOBSTAR
            self.output += prev.output
            rest = ""
        prev.type = "globstar"
        if rest[:1] == "/":
            self.advance()
            self.push(Token("slash", "/", ""))


_HANDLERS: dict[str, Callable[[_Parser, str], None]] = {
    '"': _Parser.quote,
    "(": _Parser.open_paren,
    ")": _Parser.close_paren,
    "[": _Parser.open_set,
    "]": _Parser.close_set,
    "{": _Parser.open_brace,
    "}": _Parser.close_brace,
    "|": _Parser.pipe,
    ",": _Parser.comma,
    "/": _Parser.slash,
    ".": _Parser.dot,
    "?": _Parser.question,
    "!": _Parser.bang,
    "+": _Parser.plus,
    "@": _Parser.at_sign,
    "*": _Parser.star,
}
