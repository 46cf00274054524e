"""YAML and JSON texts of a configuration: read as semantic-release's own readers do, and no text does harm."""

import json
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.semrelconfig import jsontext, yamltext
from releasd.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n", None),
        ("a: [yes, no, on, off, y, n]", {"a": ["yes", "no", "on", "off", "y", "n"]}),
        ("a: [true, False, null, ~, Null]", {"a": [True, False, None, None, None]}),
        ("a: [1, -2, 012, 0o17, 0x1f, 0b11, 1_000]", {"a": [1, -2, 12, 15, 31, 3, "1_000"]}),
        ("a: [1.5, 1e3, .5, '1', !!str 1, 1.2.3, 1:30]", {"a": [1.5, 1000.0, 0.5, "1", "1", "1.2.3", "1:30"]}),
        ("a: 2024-01-05", {"a": "2024-01-05"}),
        ("a:", {"a": None}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("base: &b {x: 1, y: 2}\na:\n  <<: *b\n  y: 3\n", {"base": {"x": 1, "y": 2}, "a": {"x": 1, "y": 3}}),
        ("base: &b {x: 1}\nc: &c {x: 2, z: 3}\na:\n  <<: [*b, *c]\n", {"a": {"x": 1, "z": 3}}),
        ('{\n\t"a": [\n\t\t1,\n\t],\n}', {"a": [1]}),
        ("1: x", {"1": "x"}),
        ('a: "${nextRelease.version} \\u00e9"', {"a": "${nextRelease.version} é"}),
        ("- - a\n  - {b: c}\n", [["a", {"b": "c"}]]),
    ],
)
def test_values_are_those_of_js_yaml(text: str, value: Any) -> None:
    """What PyYAML alone would take for a truth value, an octal number or a date is a text to semantic-release."""
    found = yamltext.read(".releaserc", text)
    assert found == value or {key: found[key] for key in value} == value


def _bomb() -> str:
    names = "abcdefghij"
    lines = [f"{names[0]}: &{names[0]} [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in pairwise(names)]
    return "\n".join(lines)


def _merge_bomb() -> str:
    tables = ["t0: &t0 {" + ", ".join(f"k{n}: 1" for n in range(100)) + "}"]
    tables += [f"t{n}: &t{n} {{<<: [{', '.join([f'*t{n - 1}'] * 9)}]}}" for n in range(1, 9)]
    return "\n".join(tables)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\na: 2", "twice"),
        ("a: &a [*a]", "stands for nothing"),
        ("a: *b", "stands for nothing"),
        ("a: 1\n---\nb: 1", "more than one document"),
        ("a: !!python/object/apply:os.system ['true']", "the tag"),
        ("a: !include x", "the tag"),
        ("a: !!binary aGk=", "the tag"),
        ("? [a, b]\n: 1", "a key is a list"),
        ("<<: 1", "not followed by tables"),
        ("a: [", "while parsing"),
        ("a:\t1\n\tb: 2", "cannot"),
        ("a: \x00", "special characters"),
        ("[" * 5000, "levels deep"),
        ("- " * 5000 + "x", "levels deep"),
        ("x" * (yamltext.LONGEST + 1), "characters"),
        (_bomb(), "values"),
        (_merge_bomb(), "values"),
    ],
)
def test_what_harms_or_cannot_be_read_is_refused(text: str, why: str) -> None:
    """Every refusal names the file and comes at once."""
    start = time.perf_counter()
    with pytest.raises(ConfigError, match=why) as caught:
        yamltext.read(".releaserc.yml", text)
    assert caught.value.problems[0].startswith(".releaserc.yml: ")
    assert "\n" not in caught.value.problems[0]
    assert time.perf_counter() - start < 5.0


def test_ten_megabytes_are_refused_at_once() -> None:
    """The size is looked at before the text."""
    start = time.perf_counter()
    for read in (yamltext.read, jsontext.read):
        with pytest.raises(ConfigError, match="characters"):
            read("x", "[1," * 3_500_000)
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("text", ["{", "[1,]", "NaN", '{"a": Infinity}', "'a'", "[" * 100_000, "\udfff"])
def test_what_is_no_json_is_refused(text: str) -> None:
    """Python's own additions to JSON are no JSON."""
    with pytest.raises(ConfigError, match="not valid JSON"):
        jsontext.read("package.json", text)


def test_a_key_twice_in_json_counts_by_its_last_value_and_is_told() -> None:
    """JavaScript takes the last one silently; the person is told."""
    assert jsontext.read("x", '\ufeff{"a": 1, "b": {"c": 1, "c": 2}, "a": 3}') == ({"a": 3, "b": {"c": 2}}, ("c", "a"))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz", max_size=4), inner, max_size=4),
    max_leaves=15,
)


@given(VALUES, st.none() | st.integers(0, 4) | st.just("\t"))
def test_every_json_text_is_the_same_in_yaml(value: Any, indent: int | str | None) -> None:
    """A `.releaserc` in JSON, tabs or not, is read by the YAML reader as the JSON reader would."""
    assert yamltext.read("x", json.dumps(value, indent=indent)) == value


@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"#%@`?, \n\t\\<~1"), max_size=60))
def test_no_text_gets_past_the_error_class(text: str) -> None:
    """Whatever is in the file, the answer is a value or an error for people."""
    try:
        yamltext.read("x", text)
    except ConfigError as error:
        refused: ConfigError | None = error
    else:
        refused = None
    assert refused is None or refused.advice == "edit x"
