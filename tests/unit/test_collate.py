"""The order of localeCompare."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.semrel.collate import sort_keys


def in_order(*texts: str) -> list[str]:
    """Return the texts sorted."""
    keys = dict(zip(texts, sort_keys(texts), strict=True))
    return sorted(texts, key=keys.__getitem__)


@pytest.mark.parametrize(
    "texts",
    [
        ("_x", "-d", "[#1]", "* y", "`c`", "1", "a", "A", "b", "B", "é", "Z"),
        ("a b", "a-b", "ab", "aB", "AB", "abc"),
        ("a", "á", "Á", "ä", "az", "b"),
        ("😀", "z", "я", "あ", "一", "文"),
    ],
)
def test_order(texts: tuple[str, ...]) -> None:
    """Measured with Node 20: punctuation, symbols, digits, letters; accents before case; scripts, ideographs last."""
    assert in_order(*reversed(texts)) == list(texts)


def test_canonically_equal_texts_are_equal() -> None:
    """A letter with its accent is one with it, however it is written; control characters weigh nothing."""
    first, *others = sort_keys(["é", "e\u0301", "\0é"])
    assert others == [first, first]


@given(st.lists(st.text(st.characters(max_codepoint=127)), max_size=6))
def test_the_short_table_agrees_with_the_long_one(texts: list[str]) -> None:
    """ASCII alone is ordered by a table of its own, which must not be another order."""
    short, long = sort_keys(texts), sort_keys([*texts, "é"])[:-1]
    places = range(len(texts))
    assert [(short[a] < short[b], short[a] == short[b]) for a in places for b in places] == [
        (long[a] < long[b], long[a] == long[b]) for a in places for b in places
    ]
