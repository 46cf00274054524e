"""A real Gitea on this machine: a forge and a registry of crates. Only where RELEASD_GITEA names its program.

`make gitea` builds it and says how to name it. CI does not: it takes a quarter of an hour of a processor.
"""

import getpass
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from releasd.adapters import http
from releasd.adapters.forges import forge_of
from releasd.ports import Forge, Secret
from support.gitrepo import git
from support.parts import eventually
from support.servers import serving

VARIABLE = "RELEASD_GITEA"
USER, REPOSITORY = "team", "team/demo"
_CONFIG = """
RUN_MODE = prod
RUN_USER = {user}
WORK_PATH = {folder}
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
STATIC_ROOT_PATH = {static}
OFFLINE_MODE = true
DISABLE_SSH = true
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
[security]
INSTALL_LOCK = true
[log]
LEVEL = Warn
[actions]
ENABLED = false
[cron]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
"""


@dataclass(frozen=True, kw_only=True)
class Gitea:
    """One that runs: its address, and a token that may do everything."""

    url: str
    token: str
    command: Callable[..., tuple[str, ...]]  # its own command line, on its configuration

    @property
    def index_url(self) -> str:
        """Return the sparse index of the user's registry of crates."""
        return f"{self.url}/api/packages/{USER}/cargo/"

    def adapter(self, *, token: str | None = None, repository: str = REPOSITORY) -> Forge:
        """Return the adapter under test."""
        return forge_of(
            name="main", kind="gitea", url=f"{self.url}/api/v1", repository=repository,
            token=lambda: Secret(token or self.token), timeout=30.0,
        )  # fmt: skip

    def ask(self, method: str, path: str, value: object = None) -> Any:
        """Ask its API as the user; return the answer's value."""
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        body = None if value is None else msgspec.json.encode(value)
        url = f"{self.url}/api/v1{path}"
        answer = http.request(method, url, what="Gitea", headers=headers, body=body, timeout=30.0, follow=True)
        assert answer.status < 300, answer.words
        return msgspec.json.decode(answer.body) if answer.body else None

    def repository(self, source: Path, name: str = "demo") -> None:
        """Make a repository of the user's with all that `source` has."""
        self.ask("POST", "/user/repos", {"name": name})
        git(source, "push", "--quiet", "--mirror", self.remote(name))
        # It takes in what was pushed behind the push, and answers 422 and 500 until it has.
        eventually(lambda: not self.ask("GET", f"/repos/{USER}/{name}")["empty"], "Gitea sees the push", timeout=60)
        _run(*self.command("manager", "flush-queues"))

    def remote(self, name: str = "demo") -> str:
        """Return a repository's address for git, with the right to push."""
        return f"http://{USER}:{self.token}@{self.url.removeprefix('http://')}/{USER}/{name}.git"

    def releases(self, name: str = "demo") -> list[dict[str, Any]]:
        """Return all releases of a repository, drafts too."""
        found: list[dict[str, Any]] = self.ask("GET", f"/repos/{USER}/{name}/releases")
        return found

    def files(self, release: dict[str, Any]) -> dict[str, bytes]:
        """Return the bytes of a release's files, as a visitor gets them."""
        return {each["name"]: _download(each["browser_download_url"]) for each in release["assets"]}


def _download(url: str) -> bytes:
    answer = http.request("GET", url, what="Gitea", timeout=30.0, follow=True)
    assert answer.status == 200, answer.words
    return answer.body


@contextmanager
def gitea_server(folder: Path) -> Iterator[Gitea]:
    """Run one with a database of its own in `folder`; skip loudly where nobody built it."""
    program = os.environ.get(VARIABLE)
    if not program:
        pytest.skip(f"NO REAL GITEA WAS RUN: {VARIABLE} names none (make gitea)")
    config = folder / "app.ini"

    def command(*arguments: str) -> tuple[str, ...]:
        return (str(program), *arguments, "--config", str(config))

    def argv(port: int) -> tuple[str, ...]:
        config.write_text(_CONFIG.format(user=user, folder=folder, port=port, static=Path(program).parent))
        return command("web")

    user = getpass.getuser()
    argv(0)
    _run(*command("migrate"))
    options = ("--email", "team@example.org", "--admin", "--random-password", "--must-change-password=false")
    _run(*command("admin", "user", "create", "--username", USER, *options))
    with serving(argv, log=folder / "gitea.log", ready="/api/v1/version") as url:
        made = _run(*command("admin", "user", "generate-access-token", "--username", USER, "--raw", "--scopes", "all"))
        token = made.split()[-1]
        yield Gitea(url=url, token=token, command=command)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout
