"""Announcements over HTTP: signed JSON of our own, a Slack message, or a Matrix event.

The signature is made as forges make theirs (HMAC-SHA256 over the body, hexadecimal, after `sha256=`), so the
receivers' ready-made code checks it. Delivery is at least once: `X-Releasd-Delivery` is the same for each repetition,
and so is Matrix' transaction id, by which the server itself drops one. Slack knows no such key.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from releasd.adapters import http
from releasd.core import announcing
from releasd.errors import ConfigError, Denied, Permanent, Transient
from releasd.model import Evidence, News
from releasd.ports import Secret

SIGNATURE = "X-Releasd-Signature-256"
DELIVERY = "X-Releasd-Delivery"
_JSON = {"Content-Type": "application/json", "User-Agent": "releasd"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where one webhook goes. `secret` fetches the key that signs, or Matrix' access token; `room` is Matrix'."""

    url: str
    kind: str = "webhook"  # or "slack", "matrix"
    secret: Callable[[], Secret] | None = None
    room: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Webhooks:
    """`ports.Notifier` over the operator's webhooks. A key is fetched at the moment of use. `timeout` in seconds."""

    def __init__(self, targets: Mapping[str, Target], *, timeout: float = 10.0) -> None:
        self._targets = targets
        self._timeout = timeout

    def announce(self, webhook: str, news: News, *, key: str) -> Evidence:
        """Tell the webhook; `key` lets the receiver drop a repetition.

        Raises `Transient` for what may pass, `Permanent` for what the receiver will go on refusing. Redirects are not
        followed: they would turn the POST into a GET, and the body would go where nobody meant it to.
        """
        target = self._targets.get(webhook)
        if target is None:
            raise ConfigError(
                f"no webhook is called {webhook!r}", advice=f"Add [webhooks.{webhook}], or do not name it."
            )
        made = _request(target, news, key)
        what = f"webhook {webhook}"
        answer = http.request(
            made.method, made.url, what=what, headers=made.headers, body=made.body, timeout=self._timeout
        )
        _judge(answer, what)
        return {"status": answer.status} | ({"event_id": _json(answer).get("event_id")} if made.method == "PUT" else {})


def sign(body: bytes, key: Secret) -> str:
    """Return the signature header's value for `body`."""
    return "sha256=" + hmac.new(key.reveal().encode(), body, hashlib.sha256).hexdigest()


def _request(target: Target, news: News, key: str) -> _Request:
    if target.kind == "slack":
        return _Request(method="POST", url=target.url, headers=_JSON, body=announcing.slack(news))
    if target.kind == "matrix":
        return _matrix(target, news, key)
    body = announcing.as_json(news)
    signed = {} if target.secret is None else {SIGNATURE: sign(body, target.secret())}
    return _Request(method="POST", url=target.url, headers={**_JSON, DELIVERY: key, **signed}, body=body)


def _matrix(target: Target, news: News, key: str) -> _Request:
    """Return the client-server API's request to send an event, version 3 of it."""
    if target.secret is None:
        raise ConfigError("a Matrix webhook has no access token", advice="Add secret to it.")
    room, transaction = quote(target.room, safe=""), quote(key, safe="")
    return _Request(
        method="PUT",
        url=f"{target.url.rstrip('/')}/_matrix/client/v3/rooms/{room}/send/m.room.message/{transaction}",
        headers={**_JSON, "Authorization": f"Bearer {http.header_value(target.secret(), 'the Matrix access token')}"},
        body=announcing.matrix(news),
    )


def _judge(answer: http.Answer, what: str) -> None:
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success, RFC 9110 section 15
        return
    message = f"{what} answered {answer.status}"  # without its words: they may echo what we signed
    if http.is_passing(answer.status):
        wait = http.retry_after(answer.headers) or _asked_in_body(answer)
        raise Transient(message, advice="It is tried again by itself.", retry_after=wait)
    advice = "Check the webhook's url and secret, then `releasd retry JOB`."
    raise (Denied if answer.status in {401, 403} else Permanent)(message, advice=advice)


def _asked_in_body(answer: http.Answer) -> float | None:
    """Return the seconds that Matrix asks to wait in its body (`M_LIMIT_EXCEEDED`), or None."""
    asked = _json(answer).get("retry_after_ms")
    return min(asked / 1000, http.MAX_RETRY_AFTER) if isinstance(asked, int | float) and asked > 0 else None


def _json(answer: http.Answer) -> Mapping[str, object]:
    try:
        found = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
