"""Announcements by HTTP POST, signed so that the receiver knows who speaks.

The signature is made as forges make theirs (HMAC-SHA256 over the body, hexadecimal, after `sha256=`), so the
receivers' ready-made code checks it. Delivery is at least once: `X-Releasd-Delivery` is the same for each repetition.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping

from releasd.adapters import http
from releasd.errors import ConfigError, Permanent, Transient
from releasd.ports import Secret

SIGNATURE = "X-Releasd-Signature-256"
DELIVERY = "X-Releasd-Delivery"
Target = tuple[str, Callable[[], Secret] | None]  # the URL, and how to come by the key that signs


class Webhooks:
    """`ports.Notifier` over the operator's webhooks. A key is fetched at the moment of use. `timeout` in seconds."""

    def __init__(self, targets: Mapping[str, Target], *, timeout: float = 10.0) -> None:
        self._targets = targets
        self._timeout = timeout

    def announce(self, webhook: str, body: bytes, *, key: str) -> None:
        """Deliver the JSON `body`; `key` lets the receiver drop a repetition.

        Raises `Transient` for what may pass, `Permanent` for what the receiver will go on refusing. Redirects are not
        followed: they would turn the POST into a GET, and the body would go where nobody meant it to.
        """
        target = self._targets.get(webhook)
        if target is None:
            raise ConfigError(
                f"no webhook is called {webhook!r}", advice=f"Add [webhooks.{webhook}], or do not name it."
            )
        url, secret = target
        headers = {"Content-Type": "application/json", "User-Agent": "releasd", DELIVERY: key}
        if secret is not None:
            headers[SIGNATURE] = sign(body, secret())
        what = f"webhook {webhook}"
        answer = http.request("POST", url, what=what, headers=headers, body=body, timeout=self._timeout)
        _judge(answer, what)


def sign(body: bytes, key: Secret) -> str:
    """Return the signature header's value for `body`."""
    return "sha256=" + hmac.new(key.reveal().encode(), body, hashlib.sha256).hexdigest()


def _judge(answer: http.Answer, what: str) -> None:
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success, RFC 9110 section 15
        return
    message = f"{what} answered {answer.status}"  # without its words: they may echo what we signed
    if http.is_passing(answer.status):
        raise Transient(message, advice="It is tried again by itself.", retry_after=http.retry_after(answer.headers))
    raise Permanent(message, advice="Check the webhook's url and secret, then `releasd retry JOB --from announce`.")
