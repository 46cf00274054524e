"""A whole installation on this machine: repository, working copy, index, configuration, and the daemon itself.

    def test_x(make_stage):
        stage = make_stage()                     # nothing runs yet; stage.config may still be changed
        stage.start()
        stage.push("feat: more")
        job = stage.wait_for(lambda job: job["state"] == "succeeded")

Use it by `from support.stage import make_stage` in a conftest.py. At the end the stage is stopped, and the test fails
where a process, a scratch folder or a build's folder is left over.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from releasd.adapters import hookfiles
from releasd.app import remote
from releasd.config.places import sqlite_url
from releasd.engine import view
from releasd.errors import UsageError
from releasd.store import Store, open_store
from support.gitrepo import ISOLATED, git, make_remote, make_work
from support.packages import QUICK
from support.parts import Daemon, IndexProcess, eventually, strays
from support.sshd import Sshd
from support.store import make_store

TOKEN = "pypi-stage-token"
LEASH = 6.0  # seconds: time for a restart, and little to wait for when no daemon comes back
OVER = frozenset({"succeeded", "failed", "cancelled", "superseded"})
Job = dict[str, Any]


class Stage:
    """See the module. `config` is what the daemon's configuration file is written from at each start."""

    def __init__(self, folder: Path, short: Path, package: Mapping[str, str]) -> None:
        self.folder = folder
        self.short = short  # sockets live here: a socket's path has at most 107 bytes
        self.state = folder / "state"
        self.workdir = folder / "builds"
        self.far_workdir = folder / "far-builds"  # of hosts made by `over_ssh`
        self.remote = make_remote(folder / "demo.git")
        self.work = make_work(folder / "work", self.remote)
        self.work.commit("chore: begin", package)
        self.work.tag("v1.0.0", message="v1.0.0")
        self.work.push()
        self.index = IndexProcess(folder / "index", token=TOKEN)
        self.config_file = folder / "releasd.toml"
        self.config: dict[str, Any] = self._default_config()
        # Everything that the daemon starts inherits this PATH, and is known by it (`strays`).
        (folder / "bin").mkdir()
        # The interpreter itself comes before the scripts that some machines have in its place, which take 0.2 s.
        own, base = Path(sys.executable).parent, Path(sys.base_prefix, "bin")
        self.environ = {
            "PATH": f"{folder / 'bin'}:{own}:{base}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", "/"),
            "RELEASD_CONFIG": str(self.config_file),
            **ISOLATED,
        }
        self.daemon = Daemon(log=folder / "daemon.log", notify=short / "notify", environ=self.environ)
        self._seen: Store | None = None  # what looks into the store look through

    def _default_config(self) -> dict[str, Any]:
        secret = self.folder / "token"
        secret.touch(mode=0o600)
        secret.write_text(TOKEN)
        return {
            "daemon": {"state": str(self.state), "runtime": str(self.short / "run")},
            "projects": {"demo": {"repository": str(self.remote), "publish": ["local"]}},
            "hosts": {"here": {"workdir": str(self.workdir), "slots": 4, "leash": LEASH}},
            "indexes": {"local": {**self.index.urls, "secret": "token"}},
            "secrets": {"token": f"file:{secret}"},
            "webhooks": {},
        }

    def build_with(self, script: str, **settings: Any) -> None:
        """Have the operator's configuration build by `script` instead of the repository's."""
        builds = self.config["projects"]["demo"].setdefault("builds", [])
        builds.append({"name": f"build{len(builds)}", "run": script, **settings})

    def write_config(self) -> None:
        index = self.config["indexes"].get("local")
        if index is not None:
            index.pop("url", None)
        self.config_file.write_text(tomlkit.dumps(self.config))

    def start(self, *, hook: bool = True, **environ: str) -> None:
        """Write the configuration, install the hook where asked, and start the daemon.

        Its store is there before its first start, empty: test_demo.py and systemd/ have it made by the daemon.
        """
        self.write_config()
        if not self.state.exists():
            self.state.mkdir(mode=0o711)
            make_store(self.state)
        if hook:
            self.install_hook(self.remote)
        self.daemon.start(**environ)

    def install_hook(self, repository: Path) -> None:
        hookfiles.install(repository, socket=self.short / "run/hook.sock", spool=self.state / "spool")

    def push(self, message: str, files: Mapping[str, str] | None = None) -> str:
        """Commit and push to main; return what git showed to the pusher."""
        self.work.commit(message, files)
        return self.push_main()

    def push_main(self, *options: str) -> str:
        """Push main; return what git showed to the pusher."""
        done = subprocess.run(
            ("git", "-C", self.work.path, "push", *options, "origin", "main"),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            env={**os.environ, **ISOLATED},
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def run(self, *arguments: str, timeout: float = 120.0) -> "subprocess.CompletedProcess[str]":
        """Run a `releasd` command as a user does."""
        return subprocess.run(
            (sys.executable, "-m", "releasd.cli", *arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=self.environ,
            cwd=self.folder,
        )

    def status(self) -> dict[str, Any]:
        """Return what `releasd status --json` says, by the same question to the daemon or its store."""
        return _plain(remote.status(self.config_file, self.environ, None))

    def status_of(self, job: int) -> Job:
        """Return what `releasd status JOB --json` says, in the same way."""
        return _plain(remote.job(self.config_file, self.environ, job))

    def jobs(self) -> list[Job]:
        """Return all jobs with their steps, the oldest first."""
        with self._store() as store:
            return [view.job_view(store, job) for job in reversed(store.jobs(limit=100))]

    def job(self, number: int) -> Job:
        """Return one job, as its status shows it."""
        with self._store() as store:
            return view.find_job(store, number)

    @contextmanager
    def _store(self) -> Iterator[Store]:
        """Open what the daemon wrote, whether it runs or not: asking it would cost it time that is being measured.

        No connection is kept between two looks, but what SQLAlchemy made of the questions is: most of a look's work.
        """
        store = self._seen or open_store(sqlite_url(self.state), readonly=True)
        self._seen = store
        try:
            yield store
        finally:
            store.close()

    def wait_for(self, is_so: Callable[[Job], Any], *, job: int | None = None, timeout: float = 120.0) -> Job:
        """Wait until `is_so` of the job of that number, else of the newest; return the job."""
        news = _News(self.state / "releasd.db")

        def look() -> Job | None:
            if not news.is_due():
                return None
            try:
                found = self.job(job) if job else next(iter(reversed(self.jobs())), None)
            except UsageError:
                return None
            return found if found and is_so(found) else None

        try:
            return eventually(look, "the job's state", timeout=timeout, pause=0.05)
        except AssertionError:
            raise AssertionError(f"{self.jobs()}\n{self.daemon.tail()}") from None

    def wait_over(self, *, job: int | None = None, timeout: float = 120.0) -> Job:
        """Wait until the job is over, however it ends."""
        return self.wait_for(lambda job: job["state"] in OVER, job=job, timeout=timeout)

    def wait_file(self, path: Path, *, timeout: float = 90.0) -> None:
        """Wait until a build has made a file."""
        try:
            eventually(path.exists, f"{path.name} exists", timeout=timeout)
        except AssertionError:
            raise AssertionError(f"no {path}: {self.jobs()}\n{self.daemon.tail()}") from None

    def git(self, *arguments: str) -> str:
        """Run git in the remote repository."""
        return git(self.remote, *arguments)

    def tags(self) -> dict[str, str]:
        """Return the remote's tags and the commits that they are at."""
        lines = self.git("for-each-ref", "refs/tags", "--format=%(refname:short) %(*objectname) %(objectname)")
        return {words[0]: words[1] for words in map(str.split, lines.splitlines())}

    def main(self) -> str:
        """Return the commit that the remote's main is at."""
        return self.git("rev-parse", "refs/heads/main")

    def events(self) -> list[dict[str, Any]]:
        """Return the audit file's events; what is being written just now is none yet."""
        lines = (self.state / "audit.jsonl").read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_event(self, name: str) -> dict[str, Any]:
        """Wait for the first event of that name and return its data: unlike a job's state, it cannot be missed."""
        found = eventually(lambda: [event for event in self.events() if event["event"] == name], name)
        data: dict[str, Any] = found[0]["data"]
        return data

    def log_text(self, job: int) -> str:
        """Return all output of a job."""
        return "".join(path.read_text(errors="replace") for path in _files(self.state / "logs" / str(job)))

    def said(self, job: int) -> str:
        """Return what the daemon itself wrote into the output of a job."""
        return "\n".join(line for line in self.log_text(job).splitlines() if line.startswith("releasd: "))

    def leftovers(self, *folders: Path) -> list[str]:
        """Return what must not be there while nothing is released: things in these folders, and processes."""
        kept = [str(path) for folder in folders for path in _entries(folder)]
        daemon = [self.daemon.process.pid] if self.daemon.is_running else []
        return kept + strays(str(self.folder / "bin"), but=daemon)

    def assert_host_clean(self) -> None:
        """Fail where a build's process or folder is left, with no daemon there to remove it; its leash has time."""
        self._assert_gone(self.workdir, self.far_workdir)

    def assert_clean(self) -> None:
        """Fail where anything is left over."""
        self._assert_gone(self.workdir, self.far_workdir, self.state / "scratch")

    def _assert_gone(self, *folders: Path) -> None:
        try:
            eventually(lambda: not self.leftovers(*folders), "nothing left over", timeout=90, pause=0.1)
        except AssertionError:
            raise AssertionError(f"left over: {self.leftovers(*folders)}\n{self.daemon.tail()}") from None

    def close(self) -> None:
        """Stop everything."""
        try:
            if self.daemon.is_running:
                self.daemon.stop()
        finally:
            self.daemon.close()
            self.index.close()


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """Return a document as JSON has it."""
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def over_ssh(server: Sshd, stage: Stage, **changes: object) -> dict[str, object]:
    """Return the entry of a host reached through `server`: this machine, with its tools and a folder of the stage."""
    spec = server.spec(stage.workdir)
    return {
        "address": f"{spec.user}@{spec.address}",
        "port": spec.port,
        "identity": str(server.folder / "client_key"),
        "known_hosts": str(server.folder / "known_hosts"),
        "path": stage.environ["PATH"],
        "workdir": str(stage.far_workdir),
        "leash": LEASH,
        **changes,
    }


class _News:
    """Whether a store is worth a look: it was written to, or the last look is a while ago. A look costs 20 ms."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._seen: object = None
        self._next = 0.0

    def is_due(self) -> bool:
        version, now = self._version(), time.monotonic()
        if version == self._seen and now < self._next:
            return False
        self._seen, self._next = version, now + 0.5
        return True

    def _version(self) -> object:
        """Return what a write changes: the sizes and times of the database and of its log."""
        files = (self._database, self._database.with_name(f"{self._database.name}-wal"))
        return [(found.st_mtime_ns, found.st_size) for found in map(_stat, files) if found]


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def make_stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Return `make(package=QUICK)`, which makes a stage; all are stopped and looked over at the end."""
    made: list[Stage] = []
    with ExitStack() as stack:

        def make(package: Mapping[str, str] = QUICK) -> Stage:
            short = Path(tempfile.mkdtemp(prefix="rd"))
            stack.callback(shutil.rmtree, short)
            folder = tmp_path / f"stage{len(made)}"
            folder.mkdir()
            stage = Stage(folder, short, package)
            stack.callback(stage.close)
            made.append(stage)
            return stage

        yield make
        for stage in made:
            stage.close()
            stage.assert_clean()


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    """One stage with the quick package; nothing runs yet."""
    return make_stage()
