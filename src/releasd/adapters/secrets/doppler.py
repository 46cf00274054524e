"""`doppler:PROJECT/CONFIG/NAME`: one secret through Doppler's HTTP API (publishing-facts.md §4).

Only the one secret is asked for; the bulk endpoints would bring every secret of the config. Each cause of failure
has its own error and the command that fixes it.
"""

import re
from typing import Any
from urllib.parse import urlencode

import msgspec

from releasd.adapters import http
from releasd.adapters.secrets.redact import redactor
from releasd.errors import ConfigError, SecretDenied, SecretError, SecretMalformed, SecretMissing, Transient
from releasd.ports import Secret

API = "https://api.doppler.com"
_PATH = "/v3/configs/config/secret"
_NOT_FOUND = 404
_OK = 200


def read(rest: str, token: Secret, *, api: str, timeout: float) -> str:
    """Return the computed value of `PROJECT/CONFIG/NAME`. `timeout` is in seconds.

    Raises `Transient` while Doppler cannot be reached, `SecretError` when it refuses, has no such secret or answers
    something else, `ConfigError` when `rest` has another form.
    """
    project, config, name = split(rest)
    query = urlencode({"project": project, "config": config, "name": name})
    bearer = token.reveal()
    if not (bearer.isascii() and bearer.isprintable()) or " " in bearer:
        raise SecretMalformed("the Doppler service token is malformed", advice=_new_token(project, config))
    answer = http.request(
        "GET",
        f"{api.rstrip('/')}{_PATH}?{query}",
        what="Doppler",
        headers={"authorization": f"Bearer {bearer}", "accept": "application/json"},
        timeout=timeout,
    )
    if answer.status != _OK:
        raise _refusal(answer, project, config, name, token)
    return _value(answer, name)


def split(rest: str) -> tuple[str, str, str]:
    """Return project, config and name. Raises `ConfigError` for anything but three parts."""
    match rest.split("/"):
        case [project, config, name] if all(re.fullmatch(r"[\w.-]+", part) for part in (project, config, name)):
            return project, config, name
        case _:
            raise ConfigError(f"doppler:{rest} is not doppler:PROJECT/CONFIG/NAME", advice="Give exactly three parts.")


def _refusal(answer: http.Answer, project: str, config: str, name: str, token: Secret) -> SecretError | Transient:
    said = redactor([token])(_messages(answer).encode()).decode()
    where = f"{project}/{config}"
    if http.is_passing(answer.status):
        return Transient(
            f"Doppler answered {answer.status}: {said}",
            advice="It is tried again by itself.",
            retry_after=http.retry_after(answer.headers),
        )
    if answer.status in {401, 403}:
        return SecretDenied(f"Doppler denied access to {where}: {said}", advice=_new_token(project, config))
    if answer.status == _NOT_FOUND or "could not find" in said.lower():
        return SecretMissing(
            f"Doppler has no {name} in {where}: {said}",
            advice=storing(project, config, name),
        )
    return SecretError(f"Doppler answered {answer.status}: {said}", advice="Check the reference and the API address.")


def storing(project: str, config: str, name: str) -> str:
    """Return the command that stores another value; it asks for the value, so that no argument list holds it."""
    return f"doppler secrets set {name} --project {project} --config {config}"


def _new_token(project: str, config: str) -> str:
    return (
        f"doppler configs tokens create releasd --project {project} --config {config} --plain, "
        "and store what it prints where the secret's token points."
    )


def _messages(answer: http.Answer) -> str:
    """Return Doppler's own words: `{"success": false, "messages": […]}`."""
    body = _json(answer)
    messages = body.get("messages") if isinstance(body, dict) else None
    return "; ".join(map(str, messages)) if isinstance(messages, list) else "no reason given"


def _value(answer: http.Answer, name: str) -> str:
    body = _json(answer)
    value = body.get("value") if isinstance(body, dict) else None
    computed = value.get("computed") if isinstance(value, dict) else None
    if not isinstance(computed, str):
        raise SecretMalformed(f"Doppler's answer for {name} holds no value", advice=_no_value(value, name))
    return computed


def _no_value(value: object, name: str) -> str:
    """Say why there is a secret without a value: Doppler shows a restricted one's name alone."""
    if isinstance(value, dict):
        return f"{name} is restricted, so its value is shown to nobody: make it masked in Doppler's dashboard."
    return "Something else than Doppler answers there: check the daemon's proxy settings and the API address."


def _json(answer: http.Answer) -> Any:
    try:
        return msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return None
