"""What `doppler:` asks, and what it makes of each answer."""

import json
import threading
import time

import pytest

from releasd.adapters.secrets import SecretSource, Surroundings, resolve
from releasd.errors import (
    ConfigError,
    ReleasdError,
    SecretDenied,
    SecretError,
    SecretMalformed,
    SecretMissing,
    Transient,
)
from releasd.ports import Secret
from support.httpstub import Asked, Reply, http_stub
from support.ports import own_port

SERVICE_TOKEN = "dp.st.prd.0123456789abcdef"


def _ask_doppler(
    reply: Reply, *, ref: str = "doppler:shop/prd/TOKEN", token: str = SERVICE_TOKEN
) -> tuple[Secret, Asked]:
    with http_stub(lambda _: reply) as stub:
        source = SecretSource(ref=ref, token="env:DOPPLER")
        secret = resolve(source, Surroundings(environ={"DOPPLER": token}, doppler_api=stub.url, timeout=60))
        return secret, stub.asked[0]


def test_doppler_is_asked_for_the_one_secret() -> None:
    """One GET for one name, with the service token as bearer and nowhere else."""
    secret, asked = _ask_doppler(Reply(200, b'{"name":"TOKEN","value":{"raw":"r","computed":"c0mputed"}}'))
    assert secret.reveal() == "c0mputed"
    assert (asked.method, asked.path) == ("GET", "/v3/configs/config/secret?project=shop&config=prd&name=TOKEN")
    assert asked.headers["authorization"] == f"Bearer {SERVICE_TOKEN}"


@pytest.mark.parametrize(
    ("reply", "error", "words", "advice"),
    [
        (Reply(401, b'{"success":false,"messages":["Invalid Auth token"]}'), SecretDenied, "denied", "tokens create"),
        (Reply(403, b'{"success":false,"messages":["No access"]}'), SecretDenied, "denied", "tokens create"),
        (Reply(404, b'{"messages":["Could not find requested secret: TOKEN"]}'), SecretMissing, "has no TOKEN",
         "doppler secrets set TOKEN --project shop --config prd"),
        (Reply(400, b'{"messages":["Could not find requested config"]}'), SecretMissing, "has no",
         "doppler secrets set"),
        (Reply(429, b"{}", {"Retry-After": "7"}), Transient, "429", "by itself"),
        (Reply(502, b"<html>bad gateway</html>"), Transient, "502", "by itself"),
        (Reply(500, b'{"success":false,"messages":["Internal error"]}'), Transient, "Internal error", "by itself"),
        (Reply(200, b'{"name":"TOKEN","value":'), SecretMalformed, "holds no value", "API address"),
        (Reply(200, b"<html>hello</html>"), SecretMalformed, "holds no value", "API address"),
        (Reply(200, b'{"name":"TOKEN","value":{"raw":null,"computed":null}}'), SecretMalformed,
         "holds no value", "restricted"),
        (Reply(200, b"[1]"), SecretMalformed, "holds no value", "API address"),
        (Reply(302, b"", {"Location": "/login"}), SecretError, "302", "API address"),
    ],
)  # fmt: skip
def test_doppler_causes_have_their_own_errors(reply: Reply, error: type[ReleasdError], words: str, advice: str) -> None:
    """Unreachable, denied, missing and malformed are told apart, each with what fixes it."""
    with pytest.raises(error, match=words) as caught:
        _ask_doppler(reply)
    assert advice in caught.value.advice


def test_doppler_echoing_the_token_does_not_spread_it() -> None:
    """An answer that repeats the service token is redacted before it becomes a message."""
    reply = Reply(401, json.dumps({"messages": [f"bad token {SERVICE_TOKEN}"]}).encode())
    with pytest.raises(SecretError) as caught:
        _ask_doppler(reply)
    assert SERVICE_TOKEN not in caught.value.message


def test_doppler_that_never_answers_is_transient() -> None:
    """A hung API holds the release for the time limit and no longer."""
    over = threading.Event()
    with http_stub(lambda _: (over.wait(60), Reply())[1]) as stub:
        source = SecretSource(ref="doppler:shop/prd/TOKEN", token="env:DOPPLER")
        begun = time.monotonic()
        with pytest.raises(Transient, match="could not be reached"):
            resolve(source, Surroundings(environ={"DOPPLER": SERVICE_TOKEN}, doppler_api=stub.url, timeout=0.5))
        assert time.monotonic() - begun < 30
        over.set()


def test_doppler_wish_to_wait_is_honoured() -> None:
    """429 with Retry-After: the attempt is put off for as long as Doppler asks."""
    with pytest.raises(Transient) as caught:
        _ask_doppler(Reply(429, b'{"messages":["Too many requests"]}', {"Retry-After": "7"}))
    assert caught.value.retry_after == 7


def test_doppler_value_that_refers_to_others_comes_resolved() -> None:
    """`raw` is what was typed, `computed` is what it stands for: the second is the secret."""
    reply = Reply(200, b'{"name":"TOKEN","value":{"raw":"${shop.prd.BASE}-x","computed":"pypi-base-x","note":""}}')
    assert _ask_doppler(reply)[0].reveal() == "pypi-base-x"


def test_doppler_away_is_transient() -> None:
    """Nobody listening is a reason to try again later, not to fail the release."""
    gone = f"http://127.0.0.1:{own_port()}"
    source = SecretSource(ref="doppler:shop/prd/TOKEN", token="env:DOPPLER")
    with pytest.raises(Transient, match="could not be reached"):
        resolve(source, Surroundings(environ={"DOPPLER": SERVICE_TOKEN}, doppler_api=gone, timeout=60))


@pytest.mark.parametrize(
    "ref", ["doppler:shop/TOKEN", "doppler:a/b/c/d", "doppler:shop/prd/", "doppler:shop/prd/A&name=B"]
)
def test_doppler_reference_of_another_form_is_a_configuration_error(ref: str) -> None:
    """Three parts, nothing that could change the request."""
    with pytest.raises(ConfigError, match="PROJECT/CONFIG/NAME"):
        _ask_doppler(Reply(), ref=ref)


@pytest.mark.parametrize("token", ["two\nlines-of-token", "tokén-value", "with space"])
def test_malformed_service_token_is_not_sent(token: str) -> None:
    """A service token that no header can hold is named as the cause, and not shown."""
    with pytest.raises(SecretError, match="service token is malformed") as caught:
        _ask_doppler(Reply(), token=token)
    assert token not in caught.value.message


@pytest.mark.parametrize("token", [None, "doppler:shop/prd/SERVICE"])
def test_doppler_without_a_token_of_its_own_is_a_configuration_error(token: str | None) -> None:
    """The first secret cannot come from where it is needed to get in."""
    with pytest.raises(ConfigError) as caught:
        resolve(SecretSource(ref="doppler:shop/prd/TOKEN", token=token), Surroundings(environ={}))
    assert "cred:doppler" in caught.value.advice
