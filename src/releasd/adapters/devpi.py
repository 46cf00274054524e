"""A throw-away package index on this machine: a real devpi-server, for `releasd demo` and for tests.

It listens on loopback alone and keeps everything in one folder. Its password hashing is turned down through hidden
options, which brings a start from ten seconds to about two (publishing-facts.md §2, "Local index for tests").
"""

import base64
import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from releasd.adapters import http
from releasd.errors import Permanent, Transient, UsageError
from releasd.ports import Secret

USER = "__token__"  # the user name that uploads by token log in with
_ATTEMPTS = 3  # another program may take the free port that was found
_CHEAP = ("--argon2-memory-cost", "8", "--argon2-parallelism", "1", "--argon2-time-cost", "1")
_NOBODY = "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"  # no password has this hash: no root


@dataclass(frozen=True, slots=True, kw_only=True)
class DevpiIndex:
    """A running index: where to upload, where to read, and the token that may upload."""

    publish_url: str
    simple_url: str
    token: Secret


@contextmanager
def devpi_index(folder: Path, *, timeout: float = 60.0) -> Iterator[DevpiIndex]:
    """Run a fresh index that keeps its files in `folder` and is gone at the end; `timeout` in seconds is for its start.

    Raises `UsageError` where devpi-server is not installed, `Permanent` when it does not start.
    """
    if importlib.util.find_spec("devpi_server") is None:
        raise UsageError("devpi-server is not installed", advice="pip install 'releasd[demo]'")
    folder.mkdir(parents=True, exist_ok=True)
    _initialise(folder, timeout)
    process, url = _start(folder, timeout)
    try:
        yield _set_up(url)
    finally:
        _stop(process)


def _initialise(folder: Path, timeout: float) -> None:
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_bytes(base64.b64encode(secrets.token_bytes(32)))
    init = str(Path(sysconfig.get_path("scripts")) / "devpi-init")
    argv = (init, "--serverdir", str(folder / "server"), "--no-root-pypi", "--root-passwd-hash", _NOBODY)
    with _log(folder).open("ab") as log:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=timeout, check=False)
    if done.returncode != 0:
        raise _failed(folder)


def _start(folder: Path, timeout: float) -> tuple["subprocess.Popen[bytes]", str]:
    for _ in range(_ATTEMPTS):
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        with _log(folder).open("ab") as log:
            process = subprocess.Popen(
                _argv(folder, port), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            if _answers(process, url, timeout):
                return process, url
        except BaseException:  # an interrupted wait must not leave the server behind
            _stop(process)
            raise
    raise _failed(folder)


def _argv(folder: Path, port: int) -> tuple[str, ...]:
    listen = ("--host", "127.0.0.1", "--port", str(port), "--threads", "4", "--offline-mode")
    places = ("--serverdir", str(folder / "server"), "--secretfile", str(folder / "secret"))
    return (sys.executable, "-W", "ignore", "-m", "devpi_server", *places, *listen, *_CHEAP)


def _answers(process: "subprocess.Popen[bytes]", url: str, timeout: float) -> bool:
    """Return True once the server answers, False when it ended first. Raises `Permanent` when it does neither."""
    deadline = time.monotonic() + timeout
    while process.poll() is None:
        try:
            http.request("GET", f"{url}/+api", what="devpi", timeout=5.0)
        except Transient:
            time.sleep(0.05)
        else:
            return True
        if time.monotonic() > deadline:
            raise Permanent(f"devpi-server did not answer within {timeout:g} s", advice="Is the machine overloaded?")
    return False


def _set_up(url: str) -> DevpiIndex:
    password = f"pypi-{secrets.token_urlsafe(24)}"
    _ask("PUT", f"{url}/{USER}", {"password": password})
    login = _ask("POST", f"{url}/+login", {"user": USER, "password": password})
    key = base64.b64encode(f"{USER}:{login['result']['password']}".encode()).decode()
    _ask("PUT", f"{url}/{USER}/pypi", {"bases": [], "volatile": False}, {"X-Devpi-Auth": key})
    index = f"{url}/{USER}/pypi/"
    return DevpiIndex(publish_url=index, simple_url=f"{index}+simple/", token=Secret(password))


def _ask(method: str, url: str, body: object, headers: Mapping[str, str] | None = None) -> Any:
    sent = {"content-type": "application/json", "accept": "application/json", **(headers or {})}
    answer = http.request(method, url, what="devpi", headers=sent, body=msgspec.json.encode(body), timeout=30.0)
    http.raise_for_status(answer, what="devpi")
    return msgspec.json.decode(answer.body)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _log(folder: Path) -> Path:
    return folder / "devpi.log"


def _failed(folder: Path) -> Permanent:
    words = " ".join(_log(folder).read_text(errors="replace").split())[-500:]
    return Permanent(f"devpi-server does not start: {words}", advice=f"See {_log(folder)}.")
