"""No form of a secret gets through the redactor."""

import base64
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from releasd.adapters.secrets.redact import MARK, redactor
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
