"""TOML changed one value at a time."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from releasd.core import toml

KEY = st.sampled_from(["a", "b-c", '"x.y"', "'q'", "version"])
VALUE = st.recursive(
    st.sampled_from(
        [
            '"1.2.3"',
            "'1.2.3'",
            '"""1.2.3"""',
            "'''\n[project]\n'''",
            '"a\\"b"',
            "1",
            "1979-05-27 07:32:00",
            "true",
            '"#"',
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[ {', '.join(items)} ]")
        | st.dictionaries(KEY, inner, max_size=2).map(
            lambda d: "{ " + ", ".join(f"{k} = {v}" for k, v in d.items()) + " }"
        )
    ),
    max_leaves=5,
)
TABLE = st.dictionaries(KEY, VALUE, max_size=4).map(lambda d: "".join(f"{k} = {v} # c\n" for k, v in d.items()))


@given(before=TABLE, inside=TABLE, after=st.lists(TABLE, max_size=3))
def test_in_any_document_exactly_one_value_changes(before: str, inside: str, after: list[str]) -> None:
    """Whatever surrounds it, `project.release` moves, every other byte stays, and all strings were located."""
    text = f'{before}[project] # x\n{inside}release = "1.2.3"\n' + "".join(f"[[other]]\n{each}" for each in after)
    moved = toml.replace_strings("f.toml", text, {("project", "release"): ("1.2.3", "7.0.0")})
    assert moved.replace('release = "7.0.0"', 'release = "1.2.3"') == text
    assert tomllib.loads(moved)["project"]["release"] == "7.0.0"
    for keys, (start, end) in toml.strings(text):
        value = tomllib.loads(text)
        for key in keys:
            value = value[key]
        assert tomllib.loads(f"k = {text[start:end]}")["k"] == value
