"""`releasd doctor`: looks at everything that the configuration names, one finding each, and changes nothing."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from releasd import config
from releasd.adapters import hookfiles, statelock
from releasd.adapters.secrets import SecretStore, Surroundings
from releasd.adapters.sshsign import SshSigner
from releasd.app import announcers
from releasd.app.repositories import peek
from releasd.app.secretplaces import secret_sources
from releasd.app.world import index_of, registered, registered_hosts
from releasd.config.places import config_path
from releasd.core.plan import recipe
from releasd.core.provenance import NAMESPACE
from releasd.engine.facts import plugins_policy, snapshot
from releasd.engine.probing import probe_hosts
from releasd.errors import CheckFailed, GitError, Permanent, ReleasdError
from releasd.model import BuildSpec, Project
from releasd.ports import Addressed, Git, Host, Index

GIT_AT_LEAST = (2, 38)  # merge-tree --write-tree
DISK_WANTED = 1 << 30  # bytes
_WELL = {
    "index": "reachable, and its token can be had",
    "crates": "reachable, and its token can be had",
    "folder": "this user can write into it",
    "s3": "reachable, its bucket can be listed, and its key can be had",
}
_NOBODY = "releasd-doctor-asks-for-nothing"  # a project that no index has
# No failure: several kinds of index have no page of their own.
_PAGELESS = "; but simple_url itself is no page (404), so check it by hand until a project of yours is there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. `detail` says what was seen; `advice` what fixes it, when `ok` is false."""

    what: str
    ok: bool
    detail: str
    advice: str = ""


def diagnose(config_file: Path | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the findings as they are made. Raises `ConfigError` with every mistake when there is no configuration."""
    settings = config.load(config_file, environ)
    yield Finding(what="configuration", ok=True, detail=str(config_path(config_file, environ)))
    yield _finding("python", partial(_python))
    yield _finding("git", partial(_git))
    yield _finding("uv", partial(_uv))
    yield _finding("state folder", partial(_state, settings.daemon.state))
    yield _finding("daemon", partial(_daemon, settings.daemon.state))
    secrets = SecretStore(secret_sources(settings), Surroundings(environ=environ))
    for name, index in settings.indexes.items():
        yield _finding(f"index {name}", partial(_index, index.kind, index_of(name, index, secrets)))
    for who, secret in announcers.secrets_named(settings).items():
        yield _finding(who, partial(_secret, secrets, secret))
    if settings.signing:
        yield _finding("signing key", partial(_signing, settings.signing.key))
    hosts = registered_hosts(settings, environ)
    for host in probe_hosts(hosts.able(()), ()):
        detail = host["reason"] or f"{host['system']} {host['machine']}, {host['disk_free'] >> 30} GB free"
        yield Finding(what=f"host {host['name']}", ok=host["ok"], detail=detail, advice=host["advice"])
    for name, entry in settings.projects.items():
        project = registered(name, entry)
        yield _finding(f"project {name}", partial(_project, project, hosts.able))
        if peek(project):
            yield _finding(f"hook of {name}", partial(_hook, Path(project.repository)))


def _finding(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, ok=True, detail=look())
    except ReleasdError as error:
        return Finding(what=what, ok=False, detail=error.message, advice=error.advice)


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _git() -> str:
    path = shutil.which("git")
    if path is None:
        raise Permanent("git is not on the PATH", advice="install git 2.38 or newer")
    said = subprocess.run((path, "--version"), capture_output=True, text=True, timeout=10, check=True).stdout
    version = said.split()[2]
    if tuple(int(part) for part in version.split(".")[:2]) < GIT_AT_LEAST:
        raise Permanent(f"git {version} is too old", advice="install git 2.38 or newer")
    return version


def _uv() -> str:
    import uv  # noqa: PLC0415 (a binary in a package)

    return str(uv.find_uv_bin())


def _state(state: Path) -> str:
    folder = next(path for path in (state, *state.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if free < DISK_WANTED:
        raise CheckFailed(f"{folder} has {free >> 20} MB free", advice="free at least 1 GB there")
    return f"{state}, {free >> 30} GB free"


def _daemon(state: Path) -> str:
    pid = statelock.holder(state)
    if pid is None:
        raise CheckFailed("not running", advice="releasd run, or systemctl start releasd")
    return f"runs as process {pid}"


def _index(kind: str, index: Index) -> str:
    index.check_secret()
    index.files(_NOBODY, "0")
    doubt = index.doubt(_NOBODY) if isinstance(index, Addressed) else ""
    return _WELL[kind] + (_PAGELESS if doubt else "")


def _secret(secrets: SecretStore, name: str) -> str:
    secrets.get(name)
    return "its key can be had"


def _signing(key: Path) -> str:
    SshSigner(key, NAMESPACE).prove()
    return f"{key} can sign"


def _hook(repository: Path) -> str:
    found = hookfiles.status(repository)
    if found.state != "installed":
        raise CheckFailed(f"the hook is {found.state}", advice=f"releasd hook install --repo {repository}")
    return "installed" + (", the daemon answers" if found.answering else "; the daemon does not answer")


def _project(project: Project, able: Callable[[tuple[str, ...]], tuple[Host, ...]]) -> str:
    git = peek(project)
    if git is None:
        if project.repository.startswith("/"):
            raise GitError(
                f"{project.repository} is not there, or may not be read by this user",
                advice="correct its path, or run releasd as the user who owns the repository",
            )
        return f"{project.repository} is looked at by the daemon only"
    commit = git.resolve(f"refs/heads/{project.branch}")
    if commit is None:
        raise GitError(
            f"{project.repository} has no branch {project.branch}", advice=f"git push origin {project.branch}"
        )
    allowed = [host for host in able(()) if not project.hosts or host.spec.name in project.hosts]
    builds = project.builds or _builds(git, commit, project, tuple(host.spec.labels for host in allowed))
    for build in builds:
        if not able(build.labels):
            raise CheckFailed(
                f"no host has the labels {', '.join(build.labels)} of the build {build.name}",
                advice="register one under [hosts.NAME]",
            )
    return f"{project.branch} at {commit[:12]}; builds: {', '.join(build.name for build in builds)}"


def _builds(git: Git, commit: str, project: Project, hosts: tuple[frozenset[str], ...]) -> tuple[BuildSpec, ...]:
    policy = plugins_policy(project)
    seen = snapshot(git, commit, repository=project.repository, branch=project.branch, unknown_plugins=policy)
    found = (
        build
        for config in seen.config.packages or (seen.config,)
        for build in config.builds or recipe(seen.files, config, hosts, project.container)
    )
    return tuple(found)
