"""Takes secrets out of bytes that others will read: the value itself, in base64, and as part of a URL."""

import base64
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

from releasd.ports import Secret

MIN_LENGTH = 8  # shorter values would tear holes into ordinary words, and hide nothing
MARK = b"[redacted]"


def redactor(secrets: Iterable[Secret]) -> Callable[[bytes], bytes]:
    """Return a function that replaces every form of each secret. Values under `MIN_LENGTH` bytes are left alone."""
    forms = {form for secret in secrets for form in _forms(secret.reveal().encode()) if len(form) >= MIN_LENGTH}
    longest_first = sorted(forms, key=len, reverse=True)

    def redact(data: bytes) -> bytes:
        for form in longest_first:
            data = data.replace(form, MARK)
        return data

    return redact


def _forms(value: bytes) -> Iterator[bytes]:
    if len(value) < MIN_LENGTH:
        return
    yield value
    yield quote(value, safe="").encode()
    yield quote_plus(value).encode()
    for offset in range(3):
        yield from _base64_inside(value, offset)


def _base64_inside(value: bytes, offset: int) -> Iterator[bytes]:
    """Yield the characters that stand for `value` alone when `offset` bytes (mod 3) precede it in the encoded text.

    A login header encodes `user:token`, so the token's own encoding never appears in it as a whole.
    """
    start = -(-offset * 8 // 6)
    end = (offset + len(value)) * 8 // 6
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(b"\0" * offset + value)[start:end]
