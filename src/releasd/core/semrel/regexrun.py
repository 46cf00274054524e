"""Runs a JavaScript expression by backtracking that never goes the same way twice.

The order in which ways are tried is JavaScript's, so that what matches, and with which groups, is what JavaScript
finds. A way (place in the expression, place in the text) that failed once fails always, because back references are
refused; so no way is tried twice, and the time is bounded by the product of the two lengths. Above `STEPS` it stops.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from releasd.core.semrel.regexsyntax import (
    Anchor,
    Chars,
    Either,
    Expression,
    Group,
    Look,
    Node,
    Ranges,
    Refused,
    Repeat,
    Sequence,
)

STEPS = 1_000_000  # some seconds, and some hundred megabytes at most
_LONGEST_PROGRAM = 20_000
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")

Groups = tuple[int | None, ...]  # start and end of each group, flat
Marks = tuple[int | None, ...]  # where the round of each loop began whose body can match nothing


class TooLong(Exception):
    """The match was given up."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Take one unit, ahead or behind."""

    ranges: Ranges
    behind: bool


@dataclass(frozen=True, slots=True)
class At:
    """Go on only at such a place."""

    kind: str


@dataclass(frozen=True, slots=True)
class Split:
    """Try `first`, then `second`."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on elsewhere."""

    to: int


@dataclass(frozen=True, slots=True)
class Save:
    """Remember the place in a slot of a group."""

    slot: int


@dataclass(frozen=True, slots=True)
class Forget:
    """A round of a loop begins: its groups took no part so far."""

    groups: range


@dataclass(frozen=True, slots=True)
class Mark:
    """Remember where a round of a loop begins."""

    loop: int


@dataclass(frozen=True, slots=True)
class Moved:
    """Go on only if the round of the loop took something."""

    loop: int


@dataclass(frozen=True, slots=True)
class Peek:
    """Go on after the part that follows only if it leads to its `End` from here, or does not."""

    negative: bool
    after: int


@dataclass(frozen=True, slots=True)
class End:
    """A match, of the whole or of a part looked at."""


Instruction = Unit | At | Split | Jump | Save | Forget | Mark | Moved | Peek | End


@dataclass(frozen=True, slots=True)
class Program:
    """An expression as a list of instructions."""

    code: tuple[Instruction, ...]
    groups: int
    loops: int


def compile_program(expression: Expression) -> Program:
    """Compile an expression. Raises `Refused` for one that is too long once its counts are written out."""
    writer = _Writer()
    writer.node(expression.root, behind=False)
    writer.code.append(End())
    return Program(tuple(writer.code), expression.groups, writer.loops)


def search(program: Program, text: str) -> Groups | None:
    """Return start and end of the first match, and of each group, or None. Raises `TooLong`."""
    run = _Run(program, text)
    for start in range(len(text) + 1):
        found = run.way(0, start, (None,) * (2 * program.groups), (None,) * program.loops)
        if found:
            return (start, found[0], *found[1])
    return None


@dataclass(slots=True)
class _Writer:
    """Writes the instructions of one expression."""

    code: list[Instruction] = field(default_factory=list)
    loops: int = 0

    def node(self, node: Node, *, behind: bool) -> None:
        if len(self.code) > _LONGEST_PROGRAM:
            raise Refused("is too long once its counts are written out", unbounded=True)
        match node:
            case Chars(ranges):
                self.code.append(Unit(ranges, behind))
            case Anchor(kind):
                self.code.append(At(kind))
            case Sequence(items):
                for item in reversed(items) if behind else items:
                    self.node(item, behind=behind)
            case Either(options):
                self.either(options, behind=behind)
            case Group(number, body):
                first, last = 2 * (number - 1), 2 * number - 1
                self.code.append(Save(last if behind else first))
                self.node(body, behind=behind)
                self.code.append(Save(first if behind else last))
            case Repeat():
                self.repeat(node, behind=behind)
            case Look(body, looks_behind, negative):
                self.wrapped(lambda after: Peek(negative, after), lambda: self.part(body, behind=looks_behind))

    def part(self, body: Node, *, behind: bool) -> None:
        self.node(body, behind=behind)
        self.code.append(End())

    def wrapped(self, make: Callable[[int], Instruction], body: Callable[[], None]) -> None:
        """Write `body` after an instruction that has to know where it ends."""
        place = len(self.code)
        self.code.append(End())
        body()
        self.code[place] = make(len(self.code))

    def either(self, options: tuple[Node, ...], *, behind: bool) -> None:
        ends: list[int] = []
        for option in options[:-1]:
            place = len(self.code)
            self.code.append(End())
            self.node(option, behind=behind)
            ends.append(len(self.code))
            self.code.append(End())
            self.code[place] = Split(place + 1, len(self.code))
        self.node(options[-1], behind=behind)
        for end in ends:
            self.code[end] = Jump(len(self.code))

    def repeat(self, node: Repeat, *, behind: bool) -> None:
        for _ in range(node.least):
            self.round(node, behind=behind)
        if node.most is None:
            place = len(self.code)
            self.wrapped(lambda after: _split(node, place + 1, after), lambda: self.loop(node, place, behind=behind))
            return
        places = []
        for _ in range(node.most - node.least):
            places.append(len(self.code))
            self.code.append(End())
            self.round(node, behind=behind, must_move=True)
        for place in places:
            self.code[place] = _split(node, place + 1, len(self.code))

    def loop(self, node: Repeat, start: int, *, behind: bool) -> None:
        self.round(node, behind=behind, must_move=True)
        self.code.append(Jump(start))

    def round(self, node: Repeat, *, behind: bool, must_move: bool = False) -> None:
        check = must_move and can_be_empty(node.body)
        loop, self.loops = self.loops, self.loops + check
        if check:
            self.code.append(Mark(loop))
        if node.groups:
            self.code.append(Forget(node.groups))
        self.node(node.body, behind=behind)
        if check:
            self.code.append(Moved(loop))


def _split(node: Repeat, body: int, after: int) -> Split:
    return Split(after, body) if node.lazy else Split(body, after)


def can_be_empty(node: Node) -> bool:
    """Return whether a part can match without taking anything."""
    match node:
        case Chars():
            return False
        case Sequence(items):
            return all(map(can_be_empty, items))
        case Either(options):
            return any(map(can_be_empty, options))
        case Group(_, body):
            return can_be_empty(body)
        case Repeat():
            return node.least == 0 or can_be_empty(node.body)
        case _:
            return True


Way = tuple[int, int, Groups, Marks]


@dataclass(slots=True)
class _Run:
    """One search; `seen` are the ways that failed, or are under way, from any start."""

    program: Program
    text: str
    steps: int = 0
    seen: set[int | tuple[int, Marks]] = field(default_factory=set)

    def way(self, code: int, at: int, groups: Groups, marks: Marks) -> tuple[int, Groups] | None:
        """Follow the ways from one place in the order of preference; return where the first that succeeds ends."""
        stack: list[Way] = [(code, at, groups, marks)]
        while stack:
            place, at, groups, marks = stack.pop()
            key = (place * (len(self.text) + 1) + at, marks) if marks else place * (len(self.text) + 1) + at
            if key in self.seen:
                continue
            self.seen.add(key)
            self.steps += 1
            if self.steps > STEPS:
                raise TooLong
            instruction = self.program.code[place]
            if isinstance(instruction, End):
                return at, groups
            stack.extend(self.step(instruction, (place + 1, at, groups, marks)))
        return None

    def step(self, instruction: Instruction, way: Way) -> tuple[Way, ...]:  # noqa: C901, PLR0911 - one answer a case
        """Return the ways that lead on, the preferred one last."""
        following, at, groups, marks = way
        match instruction:
            case Unit(ranges, behind):
                place = at - behind
                if not (0 <= place < len(self.text)) or not _within(self.text[place], ranges):
                    return ()
                return ((following, place if behind else at + 1, groups, marks),)
            case At(kind):
                return (way,) if self.is_at(kind, at) else ()
            case Split(first, second):
                return (second, at, groups, marks), (first, at, groups, marks)
            case Jump(to):
                return ((to, at, groups, marks),)
            case Save(slot):
                return ((following, at, _replaced(groups, slot, at), marks),)
            case Forget(numbers):
                low, high = 2 * (numbers.start - 1), 2 * (numbers.stop - 1)
                return ((following, at, (*groups[:low], *(None,) * (high - low), *groups[high:]), marks),)
            case Mark(loop):
                return ((following, at, groups, _replaced(marks, loop, at)),)
            case Moved(loop):
                return ((following, at, groups, _replaced(marks, loop, None)),) if marks[loop] != at else ()
            case Peek(negative, after):
                return self.peek(following, way, negative=negative, after=after)
            case _:
                return ()

    def peek(self, part: int, way: Way, *, negative: bool, after: int) -> tuple[Way, ...]:
        _, at, groups, marks = way
        looking = _Run(self.program, self.text, self.steps)
        found = looking.way(part, at, groups, marks)
        self.steps = looking.steps
        if (found is None) is not negative:
            return ()
        return ((after, at, found[1] if found else groups, marks),)

    def is_at(self, kind: str, at: int) -> bool:
        if kind == "^":
            return at == 0
        if kind == "$":
            return at == len(self.text)
        edge = (self.text[at - 1 : at] in _WORD) != (self.text[at : at + 1] in _WORD)
        return edge is (kind == "b")


def _within(unit: str, ranges: Ranges) -> bool:
    return any(first <= unit <= last for first, last in ranges)


def _replaced(values: tuple[int | None, ...], place: int, value: int | None) -> tuple[int | None, ...]:
    return (*values[:place], value, *values[place + 1 :])
