"""Announcements as a receiver sees them."""

import hashlib
import hmac
import json
from collections.abc import Callable

import pytest

from releasd.adapters.webhook import Target, Webhooks, sign
from releasd.core import announcing
from releasd.errors import ConfigError, Denied, Permanent, ReleasdError, SecretError, Transient
from releasd.model import Announcement, Bump
from releasd.ports import Secret
from support.httpstub import Asked, Reply, http_stub
from support.ports import own_port

KEY = Secret("a-key-of-both-sides")
NEWS = Announcement(
    project="demo", distribution="demo", version="1.2.0", pep440="1.2.0", tag="v1.2.0", commit="c" * 40,
    bump=Bump.MINOR, notes="ü",
)  # fmt: skip
BODY = announcing.as_json(NEWS)


def _announce(reply: Callable[[Asked], Reply], *, key: Secret | None = KEY, timeout: float = 60.0) -> list[Asked]:
    with http_stub(reply) as stub:
        hooks = Webhooks(
            {"chat": Target(url=f"{stub.url}/hook?t=PRIVATE", secret=(lambda: key) if key else None)}, timeout=timeout
        )
        hooks.announce("chat", NEWS, key="demo-1.2.0")
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
    [
        *((status, Permanent) for status in (302, 400, 404)),
        *((status, Denied) for status in (401, 403)),
        *((status, Transient) for status in (408, 425, 429, 500, 503)),
    ],
)
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
    gone = f"http://127.0.0.1:{own_port()}"
    hooks = Webhooks({"chat": Target(url=f"{gone}/hook?t=PRIVATE", secret=lambda: KEY)}, timeout=60)
    messages = []
    with pytest.raises(Transient) as down:
        hooks.announce("chat", NEWS, key="k")
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
            Webhooks({"chat": Target(url=stub.url, secret=missing)}).announce("chat", NEWS, key="k")
        assert stub.asked == []


def test_unknown_webhook_says_what_to_add() -> None:
    """A name without an entry is a mistake in the configuration."""
    with pytest.raises(ConfigError) as caught:
        Webhooks({}).announce("chat", NEWS, key="k")
    assert "[webhooks.chat]" in caught.value.advice


def _hook(stub_url: str, kind: str) -> Webhooks:
    token = Secret("syt_matrix_token")
    secret = None if kind == "slack" else lambda: token
    return Webhooks(
        {"chat": Target(url=f"{stub_url}/base", kind=kind, secret=secret, room="!room:example.org")}, timeout=60
    )


def test_slack_is_told_in_its_own_form() -> None:
    """One POST of `{"text": …}` to the address itself, as an incoming webhook takes it."""
    with http_stub(lambda _: Reply(200, b"ok")) as stub:
        assert _hook(stub.url, "slack").announce("chat", NEWS, key="k") == {"status": 200}
    (asked,) = stub.asked
    assert (asked.method, asked.path) == ("POST", "/base")
    assert json.loads(asked.body) == {"text": "*demo 1.2.0* is released\nü"}


def test_matrix_is_told_by_transaction() -> None:
    """A PUT whose last part is the key: the homeserver itself drops a repetition, and names the event it made."""
    with http_stub(lambda _: Reply(200, b'{"event_id": "$e1"}')) as stub:
        hook = _hook(stub.url, "matrix")
        assert hook.announce("chat", NEWS, key="demo-1.2.0-chat/x") == {"status": 200, "event_id": "$e1"}
        hook.announce("chat", NEWS, key="demo-1.2.0-chat/x")
    first, second = stub.asked
    assert (first.method, first.path, first.body) == (second.method, second.path, second.body)
    path = "/base/_matrix/client/v3/rooms/%21room%3Aexample.org/send/m.room.message/demo-1.2.0-chat%2Fx"
    assert (first.method, first.path) == ("PUT", path)
    assert first.headers["authorization"] == "Bearer syt_matrix_token"
    assert json.loads(first.body)["msgtype"] == "m.notice"


def test_matrix_says_in_its_body_how_long_to_wait() -> None:
    """`M_LIMIT_EXCEEDED` has milliseconds."""
    body = b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2500}'
    with http_stub(lambda _: Reply(429, body)) as stub, pytest.raises(Transient) as caught:
        _hook(stub.url, "matrix").announce("chat", NEWS, key="k")
    assert caught.value.retry_after == 2.5


def test_matrix_token_is_never_shown() -> None:
    """A homeserver that refuses it, and echoes it, brings it into no message."""
    with (
        http_stub(lambda asked: Reply(401, asked.headers["authorization"].encode())) as stub,
        pytest.raises(Denied) as caught,
    ):
        _hook(stub.url, "matrix").announce("chat", NEWS, key="k")
    assert "syt_matrix_token" not in caught.value.message + caught.value.advice
