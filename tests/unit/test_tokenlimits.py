"""An upload token that says itself that it is of no use here is found before the tag."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from releasd.adapters.uvpublish import check_limits
from releasd.core.uploadtoken import Limits, limits
from releasd.errors import SecretDenied
from releasd.ports import Secret

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
LATER = int((NOW + timedelta(days=1)).timestamp())
EARLIER = int((NOW - timedelta(days=1)).timestamp())


def token(*caveats: Any) -> str:
    """Return a macaroon in libmacaroons' format v2, as the public index gives them out."""

    def field(kind: int, value: bytes) -> bytes:
        size = bytes([len(value)]) if len(value) < 128 else bytes([len(value) & 0x7F | 0x80, len(value) >> 7])
        return bytes([kind]) + size + value

    data = b"\x02" + field(1, b"packages.example.org") + field(2, b"9d2b7c4e-0000-4a5b-8c3d-1f2e3d4c5b6a") + b"\x00"
    for caveat in caveats:
        text = caveat if isinstance(caveat, bytes) else json.dumps(caveat).encode()
        data += field(2, text) + b"\x00"
    return "pypi-" + base64.urlsafe_b64encode(data + b"\x00" + field(6, b"s" * 32)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("caveats", "expected"),
    [
        ((), Limits()),
        (([1, ["demo", "other"]],), Limits(frozenset({"demo", "other"}))),
        (([1, ["a" * 200]],), Limits(frozenset({"a" * 200}))),
        (({"version": 1, "permissions": {"projects": ["demo"]}},), Limits(frozenset({"demo"}))),
        (({"version": 1, "permissions": "user"},), Limits()),
        (([3, "user-id"], [2, ["project-id"]]), Limits()),
        (([0, LATER, EARLIER], [1, ["demo"]]), Limits(frozenset({"demo"}), float(LATER))),
        (({"nbf": EARLIER, "exp": LATER},), Limits(None, float(LATER))),
        (([1, ["demo", "other"]], [1, ["demo"]]), Limits(frozenset({"demo"}))),
        ((b"no json", [1, ["demo"]]), Limits(frozenset({"demo"}))),
    ],
)
def test_a_token_says_what_it_is_for(caveats: tuple[Any, ...], expected: Limits) -> None:
    """Both generations of the index's caveats are read, and each restricts further."""
    assert limits(token(*caveats)) == expected


OTHER = ("", "pypi-", "pypi-test", "pypi-AgE", "pypi-Ag8", "glpat-xyz", "pypi-!!!", "pypi-AgEI/w")


@pytest.mark.parametrize("text", OTHER)
def test_what_is_no_such_token_restricts_nothing(text: str) -> None:
    """The index judges; a token of another kind is not refused here."""
    assert limits(text) == Limits()


def test_a_token_for_another_project_is_refused_with_the_way_out() -> None:
    """The names are told, the token is not."""
    secret = token([1, ["other-project"]])
    with pytest.raises(SecretDenied, match="is for other-project, not for demo") as caught:
        check_limits(Secret(secret), "demo", NOW)
    assert "new token" in caught.value.advice
    assert secret not in str(caught.value)


def test_names_are_compared_as_indexes_do() -> None:
    """`Demo_Pkg` and `demo-pkg` are one project."""
    check_limits(Secret(token([1, ["demo-pkg"]])), "Demo_Pkg", NOW)


def test_an_expired_token_is_refused() -> None:
    """It would be found by a 403 after the tag."""
    with pytest.raises(SecretDenied, match="expired"):
        check_limits(Secret(token([0, EARLIER, 0])), "demo", NOW)
    check_limits(Secret(token([0, LATER, 0])), "demo", NOW)
