"""One way to ask over HTTP: a hard limit on time and size, and errors by cause.

httpx's own timeouts bound each read, so a server that sends a byte a second would hold us for ever; here the whole
exchange has a deadline. httpx is imported at the first request: an idle daemon never needs it.
"""

import functools
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from releasd.errors import Denied, Permanent, SecretError, Transient
from releasd.ports import Secret

if TYPE_CHECKING:
    import ssl

    import httpx

MAX_BODY = 64 * 1024 * 1024  # bytes; the longest project pages are a few MB
MAX_RETRY_AFTER = 3600.0  # seconds; a longer wish is cut, so that nobody can park a release for days
Body = bytes | Iterator[bytes] | None  # an iterator needs a Content-Length among the headers
_CHUNK = 1 << 18  # bytes
_NOT_FOUND = 404
_PASSING = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer. `headers` has lower-case names; `url` is where it finally came from."""

    status: int
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def words(self) -> str:
        """Return the start of the body as one line, for an error message."""
        return " ".join(self.body[:2000].decode("utf-8", "replace").split())[:300]


def request(
    method: str,
    url: str,
    *,
    what: str,
    headers: Mapping[str, str] | None = None,
    body: Body = None,
    timeout: float,
    follow: bool = False,
) -> Answer:
    """Send one request and return its answer, whatever its status.

    `what` names the other side in errors (never the URL: it may hold a secret). `timeout` is in seconds, for all of it.
    Raises `Transient` when no whole answer came, `Permanent` when the URL or the answer's size is impossible.
    """
    received = bytearray()
    with _exchange(method, url, what=what, headers=headers, body=body, timeout=timeout, follow=follow) as response:
        for chunk in _chunks(response, what=what, timeout=timeout):
            received += chunk
            if len(received) > MAX_BODY:
                raise Permanent(f"{what} sent more than {MAX_BODY} bytes", advice="Check the URL in the configuration.")
        return _answer(response, bytes(received))


def sha256_of(url: str, *, what: str, timeout: float, headers: Mapping[str, str] | None = None) -> str:
    """Fetch `url`, following redirects, and return the digest of its bytes.

    Raises as `raise_for_status` does, but `Transient` for 404: what is listed and not served yet comes in a while.
    """
    digest = hashlib.sha256()
    asked = {"accept-encoding": "identity", "cache-control": "no-cache", **(headers or {})}
    with _exchange("GET", url, what=what, headers=asked, body=None, timeout=timeout, follow=True) as response:
        if response.status_code == _NOT_FOUND:
            raise Transient(f"{what} is listed but not served yet", advice="It is looked for again by itself.")
        raise_for_status(_answer(response, b""), what=what)
        for chunk in _chunks(response, what=what, timeout=timeout):
            digest.update(chunk)
    return digest.hexdigest()


def raise_for_status(answer: Answer, *, what: str, denied: str = "") -> None:
    """Raise by cause unless the answer's status is 2xx; `denied` is the advice for a refused credential."""
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success, RFC 9110 section 15
        return
    message = f"{what} answered {answer.status}" + (f": {answer.words}" if answer.words else "")
    if answer.status in {401, 403}:
        raise Denied(message, advice=denied)
    if is_passing(answer.status):
        raise Transient(message, advice="It is tried again by itself.", retry_after=retry_after(answer.headers))
    raise Permanent(message, advice="Check the URL in the configuration.")


def header_value(secret: Secret, what: str) -> str:
    """Return a secret as it may stand in a header. Raises `SecretError`, without it, where it cannot."""
    value = secret.reveal()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise SecretError(
            f"{what} is malformed: it is empty, or has spaces or line ends in it", advice="Store it anew."
        )
    return value


def read_file(path: Path, *, what: str, timeout: float, clock: Callable[[], float] = time.monotonic) -> Iterator[bytes]:
    """Yield a file's bytes for a request's body. Raises `Transient` once sending took `timeout` seconds."""
    deadline = clock() + timeout
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if clock() > deadline:
                raise Transient(f"{what} did not take {path.name} within {timeout:g} s", advice="Check the connection.")
            yield chunk


def is_passing(status: int) -> bool:
    """Return whether the same request may succeed later, going by its status."""
    return status in _PASSING or status >= 500  # noqa: PLR2004 - the class of server errors, RFC 9110 section 15


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the other side asked us to wait, or None (RFC 9110 section 10.2.3).

    A date is measured against the answer's own `Date`, so that nobody's clock matters.
    """
    wish = headers.get("retry-after", "").strip()
    if wish.isdigit():
        return min(float(wish), MAX_RETRY_AFTER)
    try:
        span = parsedate_to_datetime(wish) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):  # no date, or one with a zone and one without
        return None
    return min(max(span.total_seconds(), 0.0), MAX_RETRY_AFTER)


@contextmanager
def _exchange(
    method: str,
    url: str,
    *,
    what: str,
    headers: Mapping[str, str] | None,
    body: Body,
    timeout: float,
    follow: bool,
) -> "Iterator[httpx.Response]":
    import httpx  # noqa: PLC0415 - the idle daemon does without it

    try:
        with (
            httpx.Client(verify=_tls(), timeout=min(timeout, 30.0), follow_redirects=follow) as client,
            client.stream(method, url, headers=headers, content=body) as response,
        ):
            yield response
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
        raise Permanent(f"{what}: {_cause(error)}", advice="Check the URL in the configuration.") from None
    except httpx.HTTPError as error:
        raise Transient(f"{what} could not be reached: {_cause(error)}", advice="Check that it is up.") from None


@functools.cache
def _tls() -> "ssl.SSLContext":
    """Return the trusted authorities; reading them takes 20 ms, which each of a release's requests would pay."""
    import httpx  # noqa: PLC0415 - the idle daemon does without it

    return httpx.create_ssl_context()


def _chunks(
    response: "httpx.Response", *, what: str, timeout: float, clock: Callable[[], float] = time.monotonic
) -> Iterator[bytes]:
    deadline = clock() + timeout
    for chunk in response.iter_bytes():
        yield chunk
        if clock() > deadline:
            raise Transient(f"{what} did not finish its answer within {timeout:g} s", advice="Check the connection.")


def _answer(response: "httpx.Response", body: bytes) -> Answer:
    return Answer(status=response.status_code, url=str(response.url), headers=dict(response.headers), body=body)


def _cause(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
