"""What an answer's status and headers mean."""

import pytest

from releasd.adapters.http import MAX_RETRY_AFTER, Answer, raise_for_status, retry_after
from releasd.errors import Denied, Permanent, ReleasdError, Transient


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": "999999"}, MAX_RETRY_AFTER),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Fri, 31 Dec 2027 23:59:59 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 2027 23:59:59 GMT", "date": "Fri, 31 Dec 2027 23:59:29 GMT"}, 30.0),
        ({"retry-after": "Fri, 31 Dec 2027 23:59:29 GMT", "date": "Fri, 31 Dec 2027 23:59:59 GMT"}, 0.0),
    ],
)
def test_wish_to_wait_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, or a date against the answer's own date: the machine's clock plays no part."""
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, Denied) for status in (401, 403)),
        *((status, Transient) for status in (408, 425, 429, 500, 502, 503, 504)),
        *((status, Permanent) for status in (301, 400, 404, 410, 422)),
    ],
)
def test_status_tells_the_cause(status: int, error: type[ReleasdError]) -> None:
    """Refused credentials, what may pass, and what will not are three different errors."""
    with pytest.raises(ReleasdError) as caught:
        raise_for_status(Answer(status=status, url="u", body=b"because\nof that"), what="index x", denied="rotate")
    assert type(caught.value) is error
    assert caught.value.message == f"index x answered {status}: because of that"


@pytest.mark.parametrize("status", [200, 201, 204])
def test_success_raises_nothing(status: int) -> None:
    """The whole class 2xx is success."""
    raise_for_status(Answer(status=status, url="u"), what="x")


def test_transient_carries_the_wish_to_wait() -> None:
    """The engine waits as long as the other side asked."""
    with pytest.raises(Transient) as caught:
        raise_for_status(Answer(status=429, url="u", headers={"retry-after": "9"}), what="x")
    assert caught.value.retry_after == 9.0
