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
            one_round = node.most == 1 or not node.groups
            return one_round and not can_be_empty(node.body) and _agrees(node.body)
        case Sequence(items) | Either(items):
            return all(map(_agrees, items))
        case Group(_, body):
            return _agrees(body)
        case Look(body, behind, _):
            return not behind and _agrees(body)
        case _:
            return True


def _ways(node: Node, length: int, after: Ranges | None = None) -> float:
    """Return how many ways through a text of this length there are at the very most.

    `after` are the units with which whatever comes next has to start, None where that is not known.
    """
    match node:
        case Sequence(items):
            total = 1.0
            for item in reversed(items):
                total *= _ways(item, length, after)
                after = _starts(item, after)
            return total
        case Either(options):
            return sum(_ways(option, length, after) for option in options)
        case Group(_, body):
            return _ways(body, length, after)
        case Look(body, _, _):
            return 1 + _ways(body, length)
        case Repeat(body):
            return _repeated_ways(node, _ways(body, length), length, after)
        case _:
            return 1


def _repeated_ways(node: Repeat, body: float, length: int, after: Ranges | None) -> float:
    if isinstance(node.body, Chars) and after is not None and _apart(node.body.ranges, after):
        return 1  # every end but the last is followed by what cannot come next
    if body == 1:
        return 1 + (length if node.most is None else min(length, node.most - node.least))
    if node.most == 1:
        return 1 + body
    return _NEVER


def _starts(node: Node, after: Ranges | None) -> Ranges | None:  # noqa: PLR0911 - one answer a case
    """Return the units with which a part, or what follows it, has to start; () where nothing may follow."""
    match node:
        case Chars(ranges):
            return ranges
        case Anchor("$"):
            return ()
        case Sequence(items):
            for item in reversed(items):
                after = _starts(item, after)
            return after
        case Group(_, body):
            return _starts(body, after)
        case Repeat(body, least, _):
            first = _starts(body, None if can_be_empty(body) else after)
            return first if least or first is None or after is None else first + after
        case Either(options):
            firsts = [_starts(option, after) for option in options]
            return None if None in firsts else tuple(each for first in firsts for each in first or ())
        case _:
            return None


def _apart(ranges: Ranges, others: Ranges) -> bool:
    return all(last < low or high < first for first, last in ranges for low, high in others)


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
