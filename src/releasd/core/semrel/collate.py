"""The order in which JavaScript's `localeCompare` puts texts: the Unicode collation algorithm with CLDR's root table.

The three levels that count there (letters, accents, case) make a key. ASCII alone, which is nearly every text, is
ordered by a table of a few lines; all else by the table of ICU 78 (Unicode 17), which `collation.bin` and
`ideographs.bin` hold and `tests/differential/make_collation.py` writes. They are part of the program, and read when the
first text asks for them. No package on the index that installs without compiling offers this order: those there are
without CLDR's table, or hide spaces and punctuation from the order.
"""

import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate
from pkgutil import get_data
from typing import NamedTuple
from unicodedata import combining, normalize

Key = tuple[str, str, str]
"""What sorts a text: the weights of its three levels, each weight one character."""

# CLDR root: space characters, punctuation, symbols, digits, letters; small before capital letters, which is a matter of
# the third level. Control characters other than those for space weigh nothing.
_ORDER = "\t\n\x0b\x0c\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz"
_FIRST = {code: _ORDER.find(chr(code).lower()) + 1 or None for code in range(128)}
_THIRD = {code: (2 if chr(code).isupper() else 1) if weight is not None else None for code, weight in _FIRST.items()}

_COMMON = "\x05"  # the weight of a letter without accent, and of a small letter
_BEYOND = 0x10F000  # first of two characters that weigh what has no entry
_CHUNK = 12
_LONGEST_RUN = 200  # of marks on one letter, so that hostile texts take linear time
_IDEOGRAPHS = (range(0x3400, 0xA000), range(0xFA0E, 0xFA2A), range(0x20000, 0x40000))


class _Table(NamedTuple):
    """The weights of characters and of sequences; the starts of those sequences with how long they can be."""

    weights: Mapping[str, Key]
    longest: Mapping[str, int]
    ideographs_at: int


def sort_keys(texts: Sequence[str]) -> Sequence[Key]:
    """Return a key for each text, to be compared with each other only; texts that are equal to ICU have equal keys."""
    if all(map(str.isascii, texts)):
        return [(text.translate(_FIRST), "", text.translate(_THIRD)) for text in texts]
    table = _table()
    return [_key(text, table) for text in texts]


def _key(text: str, table: _Table) -> Key:
    first, second, third = [], [], []
    for weights in _elements(normalize("NFD", text), table):
        first.append(weights[0])
        second.append(weights[1])
        third.append(weights[2])
    return "".join(first), "".join(second), "".join(third)


def _elements(text: str, table: _Table) -> Iterator[Key]:
    """Yield the weights of the text, of the longest sequences that the table knows."""
    at, weights, size = 0, table.weights, len(text)
    while at < size:
        char = text[at]
        end = at + 1
        if char in table.longest:
            end = min(size, at + table.longest[char])
            while end > at + 1 and text[at:end] not in weights:
                end -= 1
            char, rest, after = _over_gaps(text[at:end], text, end, table)
            if rest is not None:
                yield weights[char]
                yield from _elements(rest, table)
                at = after
                continue
        yield weights.get(char) or _beyond(char, table)
        at = end


def _over_gaps(start: str, text: str, end: int, table: _Table) -> tuple[str, str | None, int]:
    """Return the sequence with the marks after it that join it across others (UCA S2.1.1 to S2.1.3).

    And the marks that are left over, None where none joined; and where the marks end.
    """
    left: list[str] = []
    blocked, at, last = 0, end, min(len(text), end + _LONGEST_RUN)
    while at < last and (level := combining(text[at])):
        if level > blocked and start + text[at] in table.weights:
            start += text[at]
        else:
            left.append(text[at])
            blocked = level
        at += 1
    return start, "".join(left) if at - end > len(left) else None, at


def _beyond(char: str, table: _Table) -> Key:
    """Return the weights of a character without an entry: ideographs as they are ordered, others by their number."""
    code = ord(char)
    if any(code in block for block in _IDEOGRAPHS) and (rank := _ideographs().get(char)) is not None:
        return chr(table.ideographs_at + rank), _COMMON, _COMMON
    return chr(_BEYOND + (code >> _CHUNK)) + chr(code & ((1 << _CHUNK) - 1)), _COMMON, _COMMON


@cache
def _table() -> _Table:
    """Read the table: what is one character with one weight on each level, and then all else."""
    columns = _columns("collation.bin")
    at = next(columns)[0]
    single, *levels = (next(columns) for _ in range(4))
    weights: dict[str, Key] = dict(
        zip(_text(accumulate(single)), zip(*map(_text, _summed(levels)), strict=True), strict=True)
    )
    lengths, codes, counts, *levels = columns
    chars, (first, second, third) = _text(accumulate(codes)), _summed(levels)
    longest: dict[str, int] = {}
    place = begin = 0
    for length, count in zip(lengths, counts, strict=True):
        end, stop = place + length, begin + count
        name = chars[place:end]
        weights[name] = (_weights(first[begin:stop]), _weights(second[begin:stop]), _weights(third[begin:stop]))
        if length > 1:
            longest[name[0]] = max(longest.get(name[0], 0), length)
        place, begin = end, stop
    return _Table(weights, longest, at)


def _summed(levels: Sequence[Sequence[int]]) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Return the three levels, of which the first is written as differences."""
    first, second, third = levels
    return list(accumulate(first)), second, third


def _text(codes: Iterable[int]) -> str:
    return "".join(map(chr, codes))


def _weights(values: Sequence[int]) -> str:
    return "".join(chr(value) for value in values if value)


@cache
def _ideographs() -> Mapping[str, int]:
    (steps,) = _columns("ideographs.bin")
    return {chr(code): rank for rank, code in enumerate(accumulate(steps))}


def _columns(name: str) -> Iterator["array[int]"]:
    """Yield the lists of numbers in a file: each its length and its numbers, in four bytes each."""
    data = zlib.decompress(get_data(__package__, name) or b"")
    at = 0
    while at < len(data):
        size = 4 * int.from_bytes(data[at : at + 4], "little")
        column = array("i", data[at + 4 : at + 4 + size])
        yield column
        at += 4 + size
