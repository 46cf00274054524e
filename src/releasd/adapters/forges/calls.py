"""Asking a forge's API: the token in the header that this kind wants, typed answers, and errors by cause.

Redirects are not followed: they would carry the token to wherever the answer says. A forge's own words are shown, for
they name the field that is wrong, but never the token, which an answer may echo.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from releasd.adapters import http
from releasd.adapters.secrets.redact import redactor
from releasd.errors import Denied, Permanent, ReleasdError, Transient
from releasd.ports import Secret

UPLOAD_PATIENCE = 10  # times the usual limit
_NOT_FOUND = 404
_CONFLICT = 409
_UNPROCESSABLE = 422
_AUTHORIZATION: Mapping[str, tuple[str, str]] = {
    "gitea": ("Authorization", "token {}"),
    "forgejo": ("Authorization", "token {}"),
    "github": ("Authorization", "Bearer {}"),
    "gitlab": ("PRIVATE-TOKEN", "{}"),
}
_ACCEPT = {"github": "application/vnd.github+json"}
_EXTRA = {"github": {"X-GitHub-Api-Version": "2022-11-28"}}
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """One forge's API under one base address. `timeout` in seconds for one request."""

    name: str
    kind: str
    url: str
    token: Callable[[], Secret]
    timeout: float

    @property
    def what(self) -> str:
        """Return how errors call the forge."""
        return f"forge {self.name}"

    def get(self, path: str, shape: type[T]) -> T:
        """Return what is at `path`."""
        return self._shaped(self._ask("GET", path), shape)

    def find(self, path: str, shape: type[T]) -> T | None:
        """Return what is at `path`, or None where nothing is."""
        answer = self._ask("GET", path, missing=True)
        return None if answer.status == _NOT_FOUND else self._shaped(answer, shape)

    def send(self, method: str, path: str, value: Mapping[str, Any], shape: type[T]) -> T:
        """Send a JSON value and return the answer."""
        answer = self._ask(method, path, body=msgspec.json.encode(value), headers={"Content-Type": "application/json"})
        return self._shaped(answer, shape)

    def delete(self, path: str) -> None:
        """Remove what is at `path`."""
        self._ask("DELETE", path)

    def put_file(self, method: str, address: str, body: Iterator[bytes], *, length: int, content_type: str) -> None:
        """Send bytes to a path, or to a whole address that the caller trusts with the token. `length` in bytes."""
        headers = {"Content-Type": content_type, "Content-Length": str(length)}
        self._ask(method, address, body=body, headers=headers, patience=UPLOAD_PATIENCE)

    def _ask(
        self,
        method: str,
        address: str,
        *,
        body: http.Body = None,
        headers: Mapping[str, str] | None = None,
        missing: bool = False,
        patience: int = 1,
    ) -> http.Answer:
        token = self.token()
        header, form = _AUTHORIZATION[self.kind]
        own = {
            "Accept": _ACCEPT.get(self.kind, "application/json"),
            "User-Agent": "releasd",
            header: form.format(http.header_value(token, f"the token of the forge {self.name}")),
            **_EXTRA.get(self.kind, {}),
        }
        answer = http.request(
            method,
            self.url + address if address.startswith("/") else address,
            what=self.what,
            headers=own | dict(headers or {}),
            body=body,
            timeout=self.timeout * patience,
        )
        is_fine = 200 <= answer.status < 300  # noqa: PLR2004 - the class of success, RFC 9110 section 15
        if is_fine or (missing and answer.status == _NOT_FOUND):
            return answer
        raise self._refusal(answer, token)

    def _refusal(self, answer: http.Answer, token: Secret) -> ReleasdError:
        said = redactor([token])(answer.body).decode("utf-8", "replace")
        words = " ".join(said.split())[:300]
        message = f"{self.what} answered {answer.status}" + (f": {words}" if words else "")
        wait = http.retry_after(answer.headers) or _until_reset(answer.headers)
        if http.is_passing(answer.status) or (answer.status in {401, 403} and wait is not None):
            return Transient(message, advice="It is tried again by itself.", retry_after=wait)
        if answer.status in {401, 403}:
            advice = (
                f"Give the secret of [forges.{self.name}] a token that may write releases, then `releasd retry JOB`."
            )
            return Denied(message, advice=advice)
        if answer.status == _CONFLICT or (answer.status == _UNPROCESSABLE and "already" in said.lower()):
            return Transient(f"{message}; it is looked at again", advice="It is looked at again by itself.")
        advice = f"Check url and repository in [forges.{self.name}], then `releasd retry JOB`."
        return Permanent(message, advice=advice)

    def _shaped(self, answer: http.Answer, shape: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.body, type=shape)
        except msgspec.DecodeError as error:
            raise Permanent(
                f"{self.what} did not answer as a {self.kind} forge does: {error}",
                advice=f"Check url and kind in [forges.{self.name}]: the address is that of the API.",
            ) from None


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until a used-up rate limit is full again, by the answer's own clock; None: it is not used up.

    GitHub refuses with 403 then; the headers are those of its documentation on rate limits.
    """
    if headers.get("x-ratelimit-remaining") != "0" or not headers.get("x-ratelimit-reset", "").isdigit():
        return None
    try:
        now = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError):
        return None
    return min(max(float(headers["x-ratelimit-reset"]) - now, 1.0), http.MAX_RETRY_AFTER)
