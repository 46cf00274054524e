"""The notes are, byte for byte, those of the real npm packages.

`RELEASD_DIFFERENTIAL` multiplies the number of cases, whose seeds stay: `RELEASD_DIFFERENTIAL=10 pytest …`.
"""

import os
from random import Random
from unicodedata import combining, normalize

import pytest

from releasd.core.semrel.collate import _table, sort_keys
from releasd.errors import ConfigError
from support import notecases
from support.npm import answers

TIMES = int(os.environ.get("RELEASD_DIFFERENTIAL", "1"))
CASES, LISTS = 500, 400
SEEDS = range(8)
# Where npm's packages end in an error, releasd writes notes; nothing else may make them fail.
KNOWN_ERRORS = (
    "TypeError: commit.references.filter is not a function",  # a line -references-
    "TypeError: commit.references.push is not a function",
    "TypeError: commit.notes.forEach is not a function",  # a line -notes-
    "TypeError: commit.notes.push is not a function",  # the same, under a header with !
    "TypeError: commit.mentions.push is not a function",  # a line -mentions-
    "TypeError: Cannot read properties of undefined (reading 'match')",  # dashes that end a message after a note
    "TypeError: (lookupProperty(...) || (depth0 && lookupProperty(...)",  # a template that calls what is not there
    "Error: The partial indented could not be found",
    "Error: Must pass iterator to #each",
)


def as_written(text: str) -> str:
    """Return a text as a file holds it: half of a character outside the BMP becomes U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@pytest.mark.parametrize("seed", SEEDS)
def test_notes_are_those_of_npm(seed: int) -> None:
    """Ranges of commits, presets, presetConfig, writerOpts and hosts: no byte differs from npm's."""
    cases = [notecases.case(Random(seed * 1_000_003 + number)) for number in range(CASES * TIMES)]
    compared = 0
    for case, theirs in zip(cases, answers("notes.mjs", [{"kind": "notes", **case} for case in cases]), strict=True):
        if "error" in theirs:
            assert theirs["error"].startswith(KNOWN_ERRORS), (case, theirs)
            continue
        try:
            ours = notecases.ours(case)
        except ConfigError as error:
            ours = f"{error}"
        assert ours == as_written(theirs["ok"]), case
        compared += 1
    assert compared > CASES * TIMES * 0.8


def text(random: Random, sequences: list[str], marks: list[str]) -> str:
    """Return a short text of letters of every kind, with what collation treats in ways of its own."""
    makers = (
        lambda: chr(random.randrange(128)),
        lambda: chr(random.randrange(128)),
        lambda: chr(random.choice((random.randrange(0xD800), random.randrange(0xE000, 0x110000)))),
        lambda: chr(random.randrange(0x20, 0x3100)),
        lambda: random.choice(sequences),
        lambda: random.choice(marks),
        lambda: chr(random.randrange(0x1F300, 0x1FB00)),
        lambda: chr(random.randrange(0x3400, 0x9FFF)),
        lambda: chr(random.randrange(0xAC00, 0xD7A4)),
        lambda: random.choice("aAbBéÉøßłŁİ\u0131\u017f·l"),
    )
    made = "".join(random.choice(makers)() for _ in range(random.choice((0, 1, 1, 2, 3, 5, 8))))
    return normalize("NFC", made) if random.random() < 0.1 else made


@pytest.mark.parametrize("seed", range(4))
def test_order_is_that_of_locale_compare(seed: int) -> None:
    """Texts of any letters come in the order of JavaScript's localeCompare, those that it finds equal being equal."""
    random = Random(seed)
    sequences = sorted(entry for entry in _table().weights if len(entry) > 1)
    marks = [chr(code) for code in range(0x20000) if combining(chr(code))]
    lists = [[text(random, sequences, marks) for _ in range(24)] for _ in range(LISTS * TIMES)]
    lists += [[letters, f"{letters}a", f"{letters}\u0301"] for texts in lists for letters in texts[:2]]
    theirs = answers("notes.mjs", [{"kind": "collate", "texts": texts} for texts in lists])
    for texts, answer in zip(lists, theirs, strict=True):
        keys = sort_keys(texts)
        signs = "".join(
            "<" if key < other else ">" if key > other else "="
            for place, key in enumerate(keys)
            for other in keys[place + 1 :]
        )
        assert signs == answer["ok"], texts
