"""Writes a JavaScript expression for Python's `re`, which is faster, where both agree and no text is dangerous."""

import re
from dataclasses import dataclass

from releasd.core.semrel.regexrun import can_be_empty
from releasd.core.semrel.regexsyntax import (
    Anchor,
    Chars,
    Either,
    Expression,
    Group,
    Look,
    Node,
    Ranges,
    Repeat,
    Sequence,
)

STEPS = 10_000_000  # that a match may take at worst: Python's engine takes some tens of millions in a second
_ANCHORS = {"^": r"\A", "$": r"\Z", "b": r"\b", "B": r"(?!\b)"}  # Python's own \B differs on an empty text
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Native:
    """An expression for `re`, and its tree, from which the steps at worst are counted."""

    pattern: re.Pattern[str]
    root: Node

    def is_safe(self, length: int) -> bool:
        """Return whether every text of this length is surely searched soon."""
        return _ways(self.root, length) * (length + 1) * (1 if _anchored(self.root) else length + 1) <= STEPS


def native(expression: Expression) -> Native | None:
    """Return the expression for `re`, or None where Python could answer otherwise than JavaScript, or slowly."""
    if not _agrees(expression.root) or _ways(expression.root, 1) == _NEVER:
        return None
    return Native(re.compile(_source(expression.root), re.ASCII), expression.root)


def _agrees(node: Node) -> bool:
    """Return whether Python means the same: JavaScript forgets a loop's groups each round and refuses empty rounds."""
    match node:
        case Repeat():
            return not node.groups and not can_be_empty(node.body) and _agrees(node.body)
        case Sequence(items) | Either(items):
            return all(map(_agrees, items))
        case Group(_, body):
            return _agrees(body)
        case Look(body, behind, _):
            return not behind and _agrees(body)
        case _:
            return True


def _ways(node: Node, length: int) -> float:
    """Return how many ways through a text of this length there are at the very most."""
    match node:
        case Sequence(items):
            total = 1.0
            for item in items:
                total *= _ways(item, length)
            return total
        case Either(options):
            return sum(_ways(option, length) for option in options)
        case Group(_, body):
            return _ways(body, length)
        case Look(body, _, _):
            return 1 + _ways(body, length)
        case Repeat(body, least, most):
            return _repeated_ways(_ways(body, length), least, most, length)
        case _:
            return 1


def _repeated_ways(body: float, least: int, most: int | None, length: int) -> float:
    if body == 1:
        return 1 + (length if most is None else min(length, most - least))
    if most == 1:
        return 1 + body
    return _NEVER


def _anchored(node: Node) -> bool:
    match node:
        case Sequence(items):
            return bool(items) and _anchored(items[0])
        case Either(options):
            return all(map(_anchored, options))
        case Group(_, body):
            return _anchored(body)
        case _:
            return node == Anchor("^")


def _source(node: Node) -> str:  # noqa: PLR0911 - one answer a case
    match node:
        case Chars(ranges):
            return _set(ranges)
        case Anchor(kind):
            return _ANCHORS[kind]
        case Sequence(items):
            return "".join(map(_source, items))
        case Either(options):
            return f"(?:{'|'.join(map(_source, options))})"
        case Group(_, body):
            return f"({_source(body)})"
        case Look(body, _, negative):
            return f"(?{'!' if negative else '='}{_source(body)})"
        case Repeat(body, least, most, lazy):
            count = f"{{{least},{'' if most is None else most}}}"
            return f"(?:{_source(body)}){count}{'?' if lazy else ''}"


def _set(ranges: Ranges) -> str:
    if not ranges:
        return r"(?!)"
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return re.escape(ranges[0][0])
    return f"[{''.join(f'{_code(first)}-{_code(last)}' for first, last in ranges)}]"


def _code(unit: str) -> str:
    return f"\\u{ord(unit):04x}"
