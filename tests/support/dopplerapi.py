"""A loopback API that answers as Doppler's does, to releasd and to the real command line alike.

    with doppler_api({"TOKEN": "pypi-…"}) as api:
        api.faults.append(Reply(503, b"…"))     the next answer, instead of the right one

Forms: publishing-facts.md §4 (the answer of `secret`, and of `secrets`, which the command line asks).
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from support.httpstub import Asked, Reply, Stub, http_stub

SERVICE_TOKEN = "dp.st.prd.0123456789abcdefghijklmnopqrstuvwxyzABCD"


@dataclass
class DopplerApi:
    """One config, `shop/prd`; a test changes its `secrets` and its `faults`."""

    secrets: dict[str, str]
    token: str = SERVICE_TOKEN
    faults: list[Reply] = field(default_factory=list)
    stub: Stub = field(default_factory=lambda: Stub(""))

    @property
    def url(self) -> str:
        return self.stub.url

    def answer(self, asked: Asked) -> Reply:
        if self.faults:
            return self.faults.pop(0)
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return _refusal(401, "Invalid Auth token")
        url = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if (query.get("project"), query.get("config")) != ("shop", "prd"):
            return _refusal(403, "This token does not have access to requested config")
        if url.path == "/v3/configs/config/secret":
            return self._secret(query["name"])
        if url.path == "/v3/configs/config/secrets":
            names = query["secrets"].split(",")
            return _json(200, {"secrets": {name: self._value(name) for name in names if name in self.secrets}})
        return _refusal(404, "Not found")

    def _secret(self, name: str) -> Reply:
        if name not in self.secrets:
            return _refusal(404, f"Could not find requested secret: {name}")
        return _json(200, {"name": name, "value": self._value(name), "success": True})

    def _value(self, name: str) -> Mapping[str, str]:
        return {"raw": "${BASE}", "computed": self.secrets[name], "note": ""}


@contextmanager
def doppler_api(secrets: dict[str, str]) -> Iterator[DopplerApi]:
    """Serve these secrets until the end of the block."""
    api = DopplerApi(secrets)
    with http_stub(api.answer) as api.stub:
        yield api


def _refusal(status: int, message: str) -> Reply:
    return _json(status, {"success": False, "messages": [message]})


def _json(status: int, body: object) -> Reply:
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json; charset=utf-8"})
