"""Announcements as a receiver sees them."""

import hashlib
import hmac
import json
from collections.abc import Callable

import pytest

from releasd.adapters.webhook import Webhooks, sign
from releasd.errors import ConfigError, Permanent, ReleasdError, SecretError, Transient
from releasd.ports import Secret
from support.httpstub import Asked, Reply, http_stub

KEY = Secret("a-key-of-both-sides")
BODY = json.dumps({"project": "demo", "version": "1.2.0", "notes": "ü"}).encode()


def _announce(reply: Callable[[Asked], Reply], *, key: Secret | None = KEY, timeout: float = 5.0) -> list[Asked]:
    with http_stub(reply) as stub:
        hooks = Webhooks({"chat": (f"{stub.url}/hook?t=PRIVATE", (lambda: key) if key else None)}, timeout=timeout)
        hooks.announce("chat", BODY, key="demo-1.2.0")
        return stub.asked


def test_receiver_can_check_who_speaks() -> None:
    """The body arrives byte for byte, with a signature that receivers' usual code accepts and the key to drop it by."""
    (asked,) = _announce(lambda _: Reply(202))
    assert (asked.method, asked.path, asked.body) == ("POST", "/hook?t=PRIVATE", BODY)
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["x-releasd-delivery"] == "demo-1.2.0"
    expected = hmac.new(KEY.reveal().encode(), asked.body, hashlib.sha256).hexdigest()
    assert asked.headers["x-releasd-signature-256"] == f"sha256={expected}"


def test_signature_is_the_one_of_the_forges() -> None:
    """The published example of the forges' webhook documentation: same key and body, same signature."""
    signature = sign(b"Hello, World!", Secret("It's a Secret to Everybody"))
    assert signature == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_without_a_key_there_is_no_signature() -> None:
    """An empty signature header would look like one."""
    (asked,) = _announce(lambda _: Reply(), key=None)
    assert "x-releasd-signature-256" not in asked.headers


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Permanent), (401, Permanent), (404, Permanent), (408, Transient), (425, Transient), (429, Transient),
     (500, Transient), (503, Transient), (302, Permanent)],
)  # fmt: skip
def test_refusal_is_told_from_bad_luck(status: int, error: type[ReleasdError]) -> None:
    """What the receiver will go on refusing is not repeated for hours; the rest is."""
    with pytest.raises(ReleasdError) as caught:
        _announce(lambda _: Reply(status, b"you sent a-key-of-both-sides", {"Location": "/elsewhere"}))
    assert type(caught.value) is error
    assert "webhook chat" in caught.value.message


def test_wish_to_wait_is_passed_on() -> None:
    """A receiver that is overloaded is left alone for as long as it asked."""
    with pytest.raises(Transient) as caught:
        _announce(lambda _: Reply(429, b"", {"Retry-After": "30"}))
    assert caught.value.retry_after == 30.0


def test_redirect_is_not_followed() -> None:
    """The signed body goes where the operator said and nowhere else."""
    seen: list[str] = []

    def reply(asked: Asked) -> Reply:
        seen.append(asked.path)
        return Reply(307, b"", {"Location": "/elsewhere"})

    with pytest.raises(Permanent):
        _announce(reply)
    assert seen == ["/hook?t=PRIVATE"]


def test_error_shows_neither_address_nor_key() -> None:
    """A chat service's address is a secret in itself, and an answer may echo what it was sent."""
    with http_stub(lambda _: Reply()) as stub:
        gone = stub.url
    hooks = Webhooks({"chat": (f"{gone}/hook?t=PRIVATE", lambda: KEY)}, timeout=2)
    messages = []
    with pytest.raises(Transient) as down:
        hooks.announce("chat", BODY, key="k")
    messages.append(down.value)
    with pytest.raises(Permanent) as refused:
        _announce(lambda asked: Reply(400, asked.path.encode() + KEY.reveal().encode()))
    messages.append(refused.value)
    for error in messages:
        assert "PRIVATE" not in error.message + error.advice
        assert KEY.reveal() not in error.message + error.advice


def test_key_that_cannot_be_had_sends_nothing() -> None:
    """Unsigned is not the second best: without its key the announcement waits."""

    def missing() -> Secret:
        raise SecretError("gone")

    with http_stub(lambda _: Reply()) as stub:
        with pytest.raises(SecretError):
            Webhooks({"chat": (stub.url, missing)}).announce("chat", BODY, key="k")
        assert stub.asked == []


def test_unknown_webhook_says_what_to_add() -> None:
    """A name without an entry is a mistake in the configuration."""
    with pytest.raises(ConfigError) as caught:
        Webhooks({}).announce("chat", BODY, key="k")
    assert "[webhooks.chat]" in caught.value.advice
