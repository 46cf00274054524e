"""What an upload token of the public index says of itself: for which projects it is, and until when.

Such a token is a macaroon: `pypi-` and, in URL-safe base64, a version byte 2, location, identifier, caveats, signature;
each field is a type, a length and bytes, both numbers as varints (libmacaroons' format v2). The caveats are the index's
own (its source, `macaroons/caveats`): JSON arrays `[0, expires_at, not_before]`, `[1, [project names]]`, or the older
objects `{"permissions": {"projects": […]}}` and `{"exp": …, "nbf": …}`. What cannot be read restricts nothing here: the
index judges.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PREFIX = "pypi-"
_VERSION, _END, _IDENTIFIER = 2, 0, 2
_EXPIRATION, _PROJECTS = 0, 1  # the index's caveats by number


@dataclass(frozen=True, slots=True)
class Limits:
    """`projects`: the only ones it is for; None: not said. `expires_at`: seconds since 1970; None: never."""

    projects: frozenset[str] | None = None
    expires_at: float | None = None


def limits(token: str) -> Limits:
    """Return what a token says of itself; nothing where it is none of the public index's."""
    projects: frozenset[str] | None = None
    expires: list[float] = []
    for caveat in _caveats(token):
        names = _projects(caveat)
        if names is not None:
            projects = names if projects is None else projects & names
        expires += _expiry(caveat)
    return Limits(projects, min(expires, default=None))


def _caveats(token: str) -> Iterator[Any]:
    text = token.removeprefix(PREFIX)
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        fields = list(_fields(data[1:])) if data[:1] == bytes((_VERSION,)) else []
    except (ValueError, binascii.Error, IndexError):
        return
    after_header = next((at for at, (kind, _) in enumerate(fields) if kind == _END), len(fields))
    for kind, value in fields[after_header:]:
        if kind == _IDENTIFIER:
            try:
                yield json.loads(value)
            except ValueError:
                continue


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        kind, at = _varint(data, at)
        length = 0
        if kind != _END:
            length, at = _varint(data, at)
        yield kind, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follows
            return value, at


def _projects(caveat: Any) -> frozenset[str] | None:
    match caveat:
        case [int(kind), [*names]] if kind == _PROJECTS:
            return frozenset(map(str, names))
        case {"permissions": {"projects": [*names]}}:
            return frozenset(map(str, names))
        case _:
            return None


def _expiry(caveat: Any) -> list[float]:
    match caveat:
        case [int(kind), int(expires) | float(expires), *_] if kind == _EXPIRATION:
            return [float(expires)]
        case {"exp": int(expires) | float(expires)}:
            return [float(expires)]
        case _:
            return []
