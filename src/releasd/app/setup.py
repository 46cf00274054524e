"""`releasd init`: a first configuration for a repository, written once and never over another."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from releasd.adapters.git import GitRepo
from releasd.config.places import config_path, defaults
from releasd.core.project import load
from releasd.errors import ConfigError

TEMPLATE = """\
# Written by `releasd init`. Every setting, with its default, is described in {example}.
# After a change: releasd doctor, then send the daemon SIGHUP (systemctl reload releasd).

[daemon]
state = {state}
runtime = {runtime}

[projects.{name}]
repository = {repository}
branch = {branch}
# To upload, name an index here; until then a release is a commit and a tag.
publish = []

# The index that uv knows by itself; another one needs publish_url and simple_url.
[indexes.pypi]
secret = "pypi-token"

# Where the token is kept, never the token itself: env:NAME, file:PATH, cred:NAME, doppler:PROJECT/CONFIG/NAME, cmd:…
[secrets]
pypi-token = "env:PYPI_TOKEN"

# This machine builds. More hosts, over SSH: address = "build@bigblack", labels = ["linux", "x86_64", "docker"]
[hosts.local]
slots = 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What `init` wrote, and for what."""

    file: Path
    project: str
    repository: str
    branch: str


def write_config(config_file: Path | None, environ: Mapping[str, str], repo: Path) -> Written:
    """Write a configuration for the repository at `repo`, or for where it pushes to.

    Raises:
        ConfigError: there is one already, or it cannot be written.
        GitError: `repo` is no git repository.
    """
    file = config_path(config_file, environ).absolute()
    git = GitRepo(repo)
    folder = Path(git.git_folder())
    origin = next(iter(git.remote_urls()), None)
    repository = _absolute(origin, folder) if origin else str(folder)
    branch = git.branch() or "main"
    name = _name(git, folder)
    places = defaults(environ)
    text = TEMPLATE.format(
        example="config/releasd.toml",
        state=json.dumps(str(places.state)),
        runtime=json.dumps(str(places.runtime)),
        name=name,
        repository=json.dumps(repository),
        branch=json.dumps(branch),
    )
    _write(file, text)
    return Written(file=file, project=name, repository=repository, branch=branch)


def _absolute(origin: str, folder: Path) -> str:
    """Return a remote as the daemon, which runs elsewhere, has to name it."""
    if "://" in origin or re.match(r"[^/]+:", origin):
        return origin
    return str((folder.parent / origin).resolve())


def _name(git: GitRepo, folder: Path) -> str:
    """Return the project's name: the distribution's, else the folder's."""
    commit = git.resolve("HEAD")
    files = git.read(commit, ("pyproject.toml",)) if commit else {}
    own = load({path: data.decode(errors="replace") for path, data in files.items()}).name
    plain = folder.parent.name if folder.name == ".git" else folder.name.removesuffix(".git")
    return re.sub(r"[^A-Za-z0-9_-]+", "-", own or plain).strip("-") or "project"


def _write(file: Path, text: str) -> None:
    if file.exists():
        raise ConfigError(f"there is a configuration at {file} already", advice="edit it, then releasd doctor")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", advice="name another place: --config FILE") from error
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
