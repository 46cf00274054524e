"""From settings to the engine's world."""

import functools
import importlib.metadata
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from secrets import token_hex

from releasd import config
from releasd.adapters import folder, s3, sshalias
from releasd.adapters.artifacts import ArtifactFolder
from releasd.adapters.clock import SystemClock
from releasd.adapters.crates import CratesIndex
from releasd.adapters.folder import FolderIndex
from releasd.adapters.git import GitRepo, clone_or_open
from releasd.adapters.hosts import RegisteredHosts
from releasd.adapters.index import HttpIndex
from releasd.adapters.joblog import JobLog
from releasd.adapters.s3 import S3Index
from releasd.adapters.s3bucket import Place
from releasd.adapters.secrets import SecretStore, Surroundings
from releasd.adapters.sshsign import SshSigner
from releasd.app import announcers
from releasd.app.fault import armed
from releasd.app.repositories import peek, same_repositories
from releasd.app.secretplaces import secret_sources
from releasd.core.provenance import NAMESPACE, Builder
from releasd.engine.world import World
from releasd.errors import SecretError
from releasd.model import IndexRules, Project
from releasd.ports import Index, Secret
from releasd.store import Store


def owner_name() -> str:
    """Return a name for this process in leases: unique, and telling to a person."""
    return f"{os.uname().nodename}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def build_world(
    settings: config.Settings, store: Store, *, owner: str, stopping: Callable[[], bool], environ: Mapping[str, str]
) -> World:
    """Return the world under these settings. Nothing outside is touched yet."""
    state = settings.daemon.state
    secrets = SecretStore(secret_sources(settings), Surroundings(environ=environ))
    ask = functools.cache(sshalias.hostname)
    projects = {
        name: replace(registered(name, project), remote_url=sshalias.resolve(project.repository, ask))
        for name, project in settings.projects.items()
    }
    return World(
        owner=owner,
        lease=timedelta(seconds=settings.daemon.lease),
        store=store,
        clock=SystemClock(),
        projects=projects,
        clone=_opened_once(settings),
        peek=peek,
        same=same_repositories,
        hosts=registered_hosts(settings, environ),
        indexes={name: index_of(name, index, secrets) for name, index in settings.indexes.items()},
        notifier=announcers.webhooks(settings, secrets),
        mailer=announcers.mailers(settings, secrets),
        forges=announcers.forges(settings, secrets),
        artifacts=ArtifactFolder(state / "artifacts"),
        output=job_log(settings).outputs,
        last_line=job_log(settings).last_line,
        scratch=functools.partial(_scratch, state / "scratch"),
        forget=functools.partial(shutil.rmtree, ignore_errors=True),
        stopping=stopping,
        nonce=functools.partial(token_hex, 8),
        fault=armed(environ),
        signer=SshSigner(settings.signing.key, NAMESPACE) if settings.signing else None,
        builder=builder(settings),
    )


def registered_hosts(settings: config.Settings, environ: Mapping[str, str]) -> RegisteredHosts:
    """Return the hosts of these settings; nothing is connected yet."""
    return RegisteredHosts(config.host_specs(settings), path=environ.get("PATH", os.defpath))


def job_log(settings: config.Settings) -> JobLog:
    """Return where jobs' output is. The uploader redacts its token itself; nothing else ever holds a secret."""
    return JobLog(settings.daemon.state / "logs", lambda data: data)


def registered(name: str, project: config.Project) -> Project:
    """Return a project as the engine sees it."""
    return Project(
        name=name,
        repository=project.repository,
        branch=project.branch,
        branches=project.branches,
        indexes=project.publish,
        webhooks=project.webhooks,
        forge=project.forge,
        mail=project.mail,
        deploy=config.deploys(project),
        builds=config.build_specs(project),
        gates=config.gates(project),
        hosts=project.policy.hosts,
        allow_repository_builds=project.policy.allow_repository_builds,
        container=project.container,
        require_digest=project.policy.require_digest,
        allowed_images=project.policy.allowed_images,
        allowed_signers=_text(project.policy.allowed_signers) if project.policy.require_signed_commits else None,
        revoked_signers=_text(project.policy.revoked_signers),
        verify_timeout=project.policy.verify_timeout,
        lost_breaking=project.policy.lost_breaking,
        allow_full_cache=project.policy.allow_full_cache,
        smoke=project.smoke,
        reproduce=project.policy.reproduce,
        unknown_plugins=project.policy.unknown_plugins,
    )


def _text(path: Path | None) -> str | None:
    return str(path) if path else None


def builder(settings: config.Settings) -> Builder:
    """Return who it is that builds here, as provenance names it."""
    version = importlib.metadata.version("releasd")
    return Builder(id=settings.signing.builder, version=version) if settings.signing else Builder(version=version)


def clone(settings: config.Settings, project: Project, *, timeout: float = 60.0) -> GitRepo:
    """Return the daemon's own clone of a project, made when missing; `timeout` in seconds for each git command."""
    policy = settings.projects[project.name].policy
    folder = settings.daemon.state / "repositories" / f"{project.name}.git"
    identity = (policy.committer_name, policy.committer_email)
    key = settings.signing.key if settings.signing else None
    return clone_or_open(folder, project.repository, identity=identity, timeout=timeout, signing_key=key)


def _opened_once(settings: config.Settings) -> Callable[[Project], GitRepo]:
    """Return `clone` that remembers, by name: a project whose builds have variables has no hash."""

    @functools.cache
    def opened(name: str) -> GitRepo:
        return clone(settings, registered(name, settings.projects[name]))

    return lambda project: opened(project.name)


def index_of(name: str, index: config.Index, secrets: SecretStore) -> Index:
    """Return the adapter of one destination."""
    token = functools.partial(_token, name, index.secret, secrets)
    rules = IndexRules(
        max_file_size=index.max_file_mb << 20,
        max_project_size=_project_limit(index),
        pypi_rules=index.pypi_rules,
        gate=index.gate,
    )
    if index.path is not None:
        return FolderIndex(name=name, path=index.path, rules=replace(folder.EVERYTHING, gate=index.gate))
    if index.url is not None and index.bucket is not None:
        place = Place(what=f"the S3 store {name}", url=index.url, bucket=index.bucket, region=index.region)
        return S3Index(
            name=name, place=place, prefix=index.prefix, secret=token, rules=replace(s3.RULES, gate=index.gate)
        )
    if index.url is not None:
        return CratesIndex(name=name, url=index.url, token=token, rules=rules)
    return HttpIndex(
        name=name,
        publish_url=index.publish_url,
        simple_url=index.simple_url,
        token=token,
        rules=rules,
        parallel=index.parallel,
    )


def _project_limit(index: config.Index) -> int | None:
    """Return how many bytes the files of a project may have there together: the public index's limit, unless said."""
    if index.max_project_gb is not None:
        return index.max_project_gb << 30
    return IndexRules().max_project_size if index.pypi_rules else None


def _token(index: str, secret: str | None, secrets: SecretStore) -> Secret:
    if secret is None:
        raise SecretError(f"the index {index} has no secret", advice=f'add secret = "NAME" under [indexes.{index}]')
    return secrets.get(secret)


def _scratch(folder: Path, name: str) -> Path:
    """Make an attempt's own folder; what an earlier one of that name left is removed."""
    path = folder / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700, parents=True)
    return path


def clear_scratch(state: Path) -> None:
    """Remove the folders of attempts that were killed; the lock on the state folder proves them dead."""
    shutil.rmtree(state / "scratch", ignore_errors=True)
