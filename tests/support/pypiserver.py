"""A real pypiserver: an index of another make than devpi. HTML alone, and 409 for every name that it has.

Use it by `from support.pypiserver import pypiserver` in the test module; each test takes project names of its own.
"""

import base64
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from releasd.ports import Secret
from support.servers import serving

TOKEN = "pypi-second-token"
# Its passlib tries out bcrypt, though nothing here is hashed by it, and fails at bcrypt 5, which paramiko brings.
_RUN = "import sys; sys.modules['bcrypt'] = None; from pypiserver.__main__ import main; main()"


@dataclass(frozen=True, kw_only=True)
class Pypiserver:
    """Where to upload, where to read, the token that may upload, and the folder that it serves."""

    publish_url: str
    simple_url: str
    token: Secret
    folder: Path


@contextmanager
def pypi_server(folder: Path) -> Iterator[Pypiserver]:
    """Run one that keeps its files in `folder`."""
    packages = folder / "packages"
    packages.mkdir(parents=True)
    users = folder / "htpasswd"
    digest = base64.b64encode(hashlib.sha1(TOKEN.encode()).digest()).decode()  # of the kinds, the one in stdlib
    users.write_text(f"__token__:{{SHA}}{digest}\n")

    def argv(port: int) -> tuple[str, ...]:
        listen = ("-p", str(port), "-i", "127.0.0.1", "--disable-fallback", "--health-endpoint", "/healthz")
        return (
            sys.executable,
            "-W",
            "ignore",
            "-c",
            _RUN,
            "run",
            *listen,
            "-P",
            str(users),
            "-a",
            "update",
            str(packages),
        )

    with serving(argv, log=folder / "pypiserver.log", ready="/healthz") as url:
        yield Pypiserver(publish_url=f"{url}/", simple_url=f"{url}/simple/", token=Secret(TOKEN), folder=packages)


@pytest.fixture(scope="session")
def pypiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pypiserver]:
    """Run one for all tests of this process."""
    with pypi_server(tmp_path_factory.mktemp("pypiserver")) as server:
        yield server
