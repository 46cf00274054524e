"""A stage for the demonstration: a repository, an index and a daemon, all real, all in one throw-away folder."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from releasd.adapters import hookfiles
from releasd.adapters.devpi import DevpiIndex, devpi_index
from releasd.adapters.index import HttpIndex
from releasd.app.remote import Remote
from releasd.errors import DaemonNotRunning, ReleasdError

START_WITHIN = 20.0  # seconds
STOP_WITHIN = 15.0  # seconds
COMMAND_WITHIN = 120.0  # seconds

FILES = {
    "pyproject.toml": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "releasd-greeting"
version = "0.1.0"
description = "Greets."
readme = "README.md"
requires-python = ">=3.11"
""",
    "README.md": "A small package for the demonstration of releasd.\n",
    "CHANGELOG.md": "# Changelog\n",
    "src/releasd_greeting/__init__.py": '__version__ = "0.1.0"\n\n\ndef greet() -> str:\n    return "hello"\n',
    # Without build isolation, so that the demonstration needs no network.
    ".releasd.toml": """\
version_files = ["pyproject.toml", "src/releasd_greeting/__init__.py"]

[[builds]]
name = "dist"
run = 'python -m hatchling build -d "$RELEASD_OUT"'
""",
}

CONFIG = """\
[daemon]
state = "{folder}/state"
runtime = "{folder}/run"

[projects.greeting]
repository = "{folder}/greeting.git"
publish = ["local"]

[hosts.local]
workdir = "{folder}/builds"

[indexes.local]
publish_url = "{publish_url}"
simple_url = "{simple_url}"
secret = "token"

[secrets]
token = "file:{folder}/token"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that the demonstration shows, below `folder`."""

    folder: Path
    index: DevpiIndex
    environ: Mapping[str, str]

    @property
    def config(self) -> Path:
        """Return the operator's configuration."""
        return self.folder / "releasd.toml"

    @property
    def repository(self) -> Path:
        """Return the bare repository that is pushed to."""
        return self.folder / "greeting.git"

    @property
    def work(self) -> Path:
        """Return the maintainer's clone."""
        return self.folder / "greeting"

    @property
    def daemon(self) -> Remote:
        """Return the daemon's API."""
        return Remote(self.folder / "run" / "control.sock")

    def run(self, *command: str, cwd: Path | None = None) -> str:
        """Run a command and return what it said, on both streams. Raises `ReleasdError` when it fails."""
        done = subprocess.run(
            command,
            cwd=cwd or self.work,
            env=dict(self.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_WITHIN,
            check=False,
        )
        if done.returncode:
            raise ReleasdError(f"{' '.join(command)} failed: {done.stdout.strip()}")
        return done.stdout

    def commit(self, message: str, files: Mapping[str, str]) -> None:
        """Commit files in the maintainer's clone."""
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def install(self, version: str) -> str:
        """Install that version from the index into a fresh environment and return what it says."""
        python = self.folder / f"trial-{version}" / "bin" / "python"
        uv = str(Path(sys.executable).parent / "uv")
        self.run(uv, "venv", "--quiet", str(python.parent.parent), cwd=self.folder)
        wanted = f"releasd-greeting=={version}"
        self.run(
            uv, "pip", "install", "--quiet", "--no-cache", "--python", str(python),
            "--default-index", self.index.simple_url, wanted, cwd=self.folder,
        )  # fmt: skip
        program = "import releasd_greeting as g; print(g.__version__, g.greet())"
        return self.run(str(python), "-I", "-c", program, cwd=self.folder).strip()


@contextmanager
def stage(environ: Mapping[str, str], *, keep: bool) -> Iterator[Stage]:
    """Set the stage, and clear it away afterwards unless `keep`."""
    folder = Path(tempfile.mkdtemp(prefix="releasd-")).resolve()
    try:
        with devpi_index(folder / "index") as index:
            scene = Stage(folder=folder, index=index, environ=_environment(environ, folder))
            _repository(scene)
            _configuration(scene)
            with _daemon(scene):
                hookfiles.install(scene.repository, socket=folder / "run/hook.sock", spool=folder / "state/spool")
                yield scene
    finally:
        if not keep:
            shutil.rmtree(folder)


def _environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return an environment in which nobody's own git or releasd configuration counts."""
    kept = {name: value for name, value in environ.items() if not name.startswith(("GIT_", "RELEASD_"))}
    who = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", "Demo Maintainer"), ("EMAIL", "maintainer@localhost"))
    }
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "RELEASD_CONFIG": str(folder / "releasd.toml")}
    return kept | who | own


def _repository(scene: Stage) -> None:
    scene.run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(scene.repository), cwd=scene.folder)
    scene.run("git", "clone", "--quiet", str(scene.repository), str(scene.work), cwd=scene.folder)
    scene.run("git", "checkout", "--quiet", "-B", "main")
    scene.commit("feat: greet", FILES)
    scene.run("git", "tag", "v0.1.0")
    scene.run("git", "push", "--quiet", "--tags", "--set-upstream", "origin", "main")


def _configuration(scene: Stage) -> None:
    token = os.open(scene.folder / "token", os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(token, scene.index.token.reveal().encode())
    os.close(token)
    urls = {"publish_url": scene.index.publish_url, "simple_url": scene.index.simple_url}
    scene.config.write_text(CONFIG.format(folder=scene.folder, **urls))


@contextmanager
def _daemon(scene: Stage) -> Iterator[None]:
    with (scene.folder / "daemon.log").open("wb") as log:
        command = (sys.executable, "-m", "releasd.cli", "run")
        process = subprocess.Popen(
            command,
            cwd=scene.folder,
            env=dict(scene.environ),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(scene, process)
            yield
        finally:
            process.terminate()
            process.wait(STOP_WITHIN)


def _wait(scene: Stage, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if scene.daemon.get("/v1/status")["projects"]:  # it has looked at the branch once
                return
        except DaemonNotRunning:
            pass
        time.sleep(0.05)
    raise ReleasdError(f"the daemon did not start: {(scene.folder / 'daemon.log').read_text()}")


def listed(index: DevpiIndex) -> list[str]:
    """Return the names of all files of the demonstration's package that the index lists."""
    reader = HttpIndex(
        name="local", publish_url=index.publish_url, simple_url=index.simple_url, token=lambda: index.token
    )
    return sorted(
        file.filename for version in ("0.1.0", "0.2.0", "0.3.0") for file in reader.files("releasd-greeting", version)
    )
