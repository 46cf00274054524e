"""No form of a secret gets through the redactor."""

import base64
import html
import json
import time
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.adapters.secrets.redact import LONG_LINE, MARK, redacted, redactor
from releasd.ports import Secret

SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=8, max_size=40)


@given(secret=SECRETS, before=st.binary(max_size=10), after=st.binary(max_size=10))
def test_value_is_removed_wherever_it_stands(secret: str, before: bytes, after: bytes) -> None:
    """The value itself never survives, and what surrounds it stays."""
    clean = redactor([Secret(secret)])(before + b" " + secret.encode() + b" " + after)
    assert secret.encode() not in clean.replace(MARK, b"")
    assert MARK in clean


@given(secret=st.text("abcdefgh0123456789-_+/", min_size=16, max_size=60), user=st.text("abcdef_:", max_size=12))
def test_login_header_is_removed(secret: str, user: str) -> None:
    """In a Basic login header the token is encoded behind a user name, at any of three alignments."""
    header = base64.b64encode(f"{user}:{secret}".encode())
    clean = redactor([Secret(secret)])(b"authorization: Basic " + header)
    assert MARK in clean
    left = clean.removeprefix(b"authorization: Basic ").replace(MARK, b"")
    assert len(left) <= len(header) - len(secret) * 8 // 6 + 1


def test_url_encoding_is_removed() -> None:
    """A token inside a URL is percent-encoded."""
    secret = "to/ken+with spaces&more"
    clean = redactor([Secret(secret)])(b"GET /?t=" + quote(secret, safe="").encode() + b" HTTP/1.1")
    assert clean == b"GET /?t=" + MARK + b" HTTP/1.1"


ODD = 'pypi-a/b+c=d "e" <f>&g\'h\\i\nü~'
WRITTEN = {
    "as it is": ODD,
    "in JSON": json.dumps(ODD),
    "in JSON, unescaped": json.dumps(ODD, ensure_ascii=False),
    "in HTML": html.escape(ODD),
    "in a query": quote_plus(ODD),
    "in a path": quote(ODD),
    "percent-encoded": quote(ODD, safe=""),
    "percent-encoded in lower case": "pypi-a%2fb%2bc%3dd%20%22e%22%20%3cf%3e%26g%27h%5ci%0a%c3%bc~",
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_every_way_of_writing_is_removed(written: str) -> None:
    """Quotes, slashes, umlauts and newlines are written differently by each program; none of it stays."""
    clean = redactor([Secret(ODD)])(f"<{written.strip(chr(34))}>".encode())
    assert clean == b"<" + MARK + b">"


@pytest.mark.parametrize("before", ["", "a", "ab", "__token__:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_at_each_alignment_is_removed(before: str, encode: object) -> None:
    """Whatever stands before it, and in either alphabet, at most its first and last character of base64 stay."""
    secret = "pypi-\u00fb\u00ff\u00fe-0123456789"  # encodes to characters in which the alphabets differ
    text = encode(f"{before}{secret}".encode())  # type: ignore[operator]
    clean = redactor([Secret(secret)])(text)
    assert MARK in clean
    assert len(clean.replace(MARK, b"").rstrip(b"=")) <= len(before) * 8 // 6 + 3


@given(
    secret=st.text("ab", min_size=8, max_size=12),
    text=st.text("ab\n", max_size=80),
    cuts=st.lists(st.integers(0, 80), max_size=6),
)
def test_stream_cut_anywhere_is_as_clean_as_the_whole(secret: str, text: str, cuts: list[int]) -> None:
    """A secret that arrives in pieces is removed as if it had come at once, even one that overlaps itself."""
    data = text.encode()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(places)]
    given_out = list(redacted(pieces, [Secret(secret)]))
    assert b"".join(given_out) == redactor([Secret(secret)])(data)
    assert all(piece.endswith(b"\n") for piece in given_out[:-1])


def test_endless_line_is_given_away_in_parts() -> None:
    """A server's page without a newline is not collected in memory, and a secret cut in two is still found."""
    secret = "pypi-0123456789"
    pieces = [b"x" * LONG_LINE + secret[:5].encode(), secret[5:].encode() + b"y" * LONG_LINE, b"z"]
    given_out = list(redacted(pieces, [Secret(secret)]))
    assert len(given_out) > 1
    assert b"".join(given_out) == b"x" * LONG_LINE + MARK + b"y" * LONG_LINE + b"z"


def test_large_output_is_cleaned_at_once() -> None:
    """Looking for all forms of a secret takes well under a second for 10 MB."""
    data = b"Uploading some-file-1.0-py3-none-any.whl\n" * 250_000
    begun = time.perf_counter()
    assert redactor([Secret("pypi-AgEIcHlwaS5vcmcCJGFi" * 7)])(data) == data
    assert time.perf_counter() - begun < 5


def test_longer_secret_goes_first() -> None:
    """Where one secret holds another, nothing of the longer one remains."""
    clean = redactor([Secret("abcdefgh"), Secret("abcdefgh-the-rest")])(b"x abcdefgh-the-rest y")
    assert clean == b"x " + MARK + b" y"


def test_short_values_are_left_alone() -> None:
    """A three-letter secret would blot out ordinary words."""
    assert redactor([Secret("the")])(b"the end") == b"the end"


def test_no_secret_changes_nothing() -> None:
    """Without secrets the bytes pass through."""
    assert redactor([])(b"\x00\xff plain") == b"\x00\xff plain"
