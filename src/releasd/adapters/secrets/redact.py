"""Takes secrets out of bytes that others will read, in every form in which programs write them.

The forms: the value itself, in JSON and in HTML, percent-encoded (slashes too or not, upper or lower case), and in
base64, plain or URL-safe, at each of the three places that it can have in an encoded text.
"""

import base64
import html
import json
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

from releasd.ports import Secret

MIN_LENGTH = 8  # shorter values would tear holes into ordinary words, and hide nothing
MARK = b"[redacted]"
LONG_LINE = 64 * 1024  # bytes; a line that gets longer is given away in parts
_Span = tuple[int, int]


def redactor(secrets: Iterable[Secret]) -> Callable[[bytes], bytes]:
    """Return a function that replaces every form of each secret. Values under `MIN_LENGTH` bytes are left alone."""
    forms = _all_forms(secrets)
    return lambda data: _clean(data, _spans(data, forms))


def redacted(pieces: Iterable[bytes], secrets: Iterable[Secret]) -> Iterator[bytes]:
    """Yield the stream in whole lines without the secrets, wherever the pieces cut it."""
    forms = _all_forms(secrets)
    held = b""
    for piece in pieces:
        data = held + piece
        spans = _spans(data, forms)
        cut = _cut(data, spans, forms)
        if cut:
            yield _clean(data[:cut], [span for span in spans if span[1] <= cut])
        held = data[cut:]
    if held:
        yield _clean(held, _spans(held, forms))


def _all_forms(secrets: Iterable[Secret]) -> tuple[bytes, ...]:
    found = {form for secret in secrets for form in _forms(secret.reveal()) if len(form) >= MIN_LENGTH}
    return tuple(sorted(found))


def _forms(text: str) -> Iterator[bytes]:
    value = text.encode()
    if len(value) < MIN_LENGTH:
        return
    yield value
    for in_ascii in (True, False):
        yield json.dumps(text, ensure_ascii=in_ascii)[1:-1].encode()
    yield html.escape(text).encode()
    for encoded in (quote(value, safe=""), quote(value), quote_plus(value)):
        yield encoded.encode()
        yield _lower_hex(encoded).encode()
    for offset in range(3):
        yield from _base64_inside(value, offset)


def _lower_hex(encoded: str) -> str:
    first, *rest = encoded.split("%")
    return "%".join((first, *(part[:2].lower() + part[2:] for part in rest)))


def _base64_inside(value: bytes, offset: int) -> Iterator[bytes]:
    """Yield the characters that stand for `value` alone when `offset` bytes (mod 3) precede it in the encoded text.

    A login header encodes `user:token`, so the token's own encoding never appears in it as a whole.
    """
    start = -(-offset * 8 // 6)
    end = (offset + len(value)) * 8 // 6
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(b"\0" * offset + value)[start:end]


def _spans(data: bytes, forms: Iterable[bytes]) -> list[_Span]:
    """Return where `data` holds any of the forms, in order; those that overlap are one."""
    merged: list[_Span] = []
    for start, end in sorted(span for form in forms for span in _found(data, form)):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _found(data: bytes, form: bytes) -> Iterator[_Span]:
    at = data.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = data.find(form, at + 1)


def _clean(data: bytes, spans: Iterable[_Span]) -> bytes:
    parts, done = [], 0
    for start, end in spans:
        parts += [data[done:start], MARK]
        done = end
    return b"".join((*parts, data[done:]))


def _cut(data: bytes, spans: Iterable[_Span], forms: Iterable[bytes]) -> int:
    """Return up to where `data` can be given away: no form that goes on in the next piece has begun before."""
    safe = min((len(data) - _begun(data, form) for form in forms), default=len(data))
    lines = data.rfind(b"\n", 0, safe) + 1
    cut = safe if not lines and len(data) > LONG_LINE else lines
    return min((start for start, end in spans if start < cut < end), default=cut)


def _begun(data: bytes, form: bytes) -> int:
    """Return the length of the longest beginning of `form`, but not all of it, that `data` ends with."""
    longest = min(len(form) - 1, len(data))
    return next((length for length in range(longest, 0, -1) if data.endswith(form[:length])), 0)
