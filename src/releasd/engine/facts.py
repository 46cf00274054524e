"""Reads from git everything that a decision may depend on, and decides. Changes nothing."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from releasd.core import files as version_files
from releasd.core import notes, project, version
from releasd.core.containers import ImagePolicy
from releasd.core.plan import Policy, plan
from releasd.model import Bump, Facts, NoRelease, Plan, Project, ProjectConfig
from releasd.ports import Git


def gather(
    git: Git, commit: str, *, repository: str, branch: str | None, instead: Mapping[str, str] | None = None
) -> tuple[Facts, ProjectConfig]:
    """Return the facts about `commit`, and what the repository says about its own releases.

    `instead` are texts that stand for those of the same path at the commit.

    Raises:
        GitError: history is cut off, so that no range can be trusted.
        ConfigError: the repository's configuration is wrong; every mistake is named.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="facts") as pool:  # git waits on the disk twice at once
        tags = pool.submit(git.tags_merged, commit)
        texts = _texts(git, commit, instead or {})
        config = project.load(texts)
        last = version.last_release(tags.result(), config.tag_format)
    facts = Facts(
        repository=repository,
        ref=commit,
        branch=branch,
        last=last,
        commits=git.log(commit, since=last.commit if last else None),
        files=texts,
        web_url=notes.web_url_of(repository),
    )
    return facts, config


def _texts(git: Git, commit: str, instead: Mapping[str, str]) -> dict[str, str]:
    """Read what the configuration names; the configuration itself is read first, for it may name more."""
    paths = git.files(commit)
    first = git.read(commit, version_files.wanted_paths(paths, ProjectConfig()))
    texts = {path: content.decode(errors="replace") for path, content in first.items()} | dict(instead)
    more = [path for path in version_files.wanted_paths(paths, project.load(texts)) if path not in texts]
    return texts | {path: content.decode(errors="replace") for path, content in git.read(commit, more).items()}


def policy_of(registered: Project, bump: Bump | None) -> Policy:
    """Return the operator's side of a decision."""
    return Policy(
        project=registered.name,
        indexes=registered.indexes,
        webhooks=registered.webhooks,
        builds=registered.builds,
        gates=registered.gates,
        forced_bump=bump,
        allow_repository_builds=registered.allow_repository_builds,
        lost_breaking=registered.lost_breaking,
        container=registered.container,
        images=ImagePolicy(require_digest=registered.require_digest, allowed=registered.allowed_images),
    )


def decide(git: Git, commit: str, registered: Project, *, bump: Bump | None, now: datetime) -> Plan | NoRelease:
    """Plan the release of `commit` for a registered project."""
    facts, config = gather(git, commit, repository=registered.repository, branch=registered.branch)
    return plan(facts, config, policy_of(registered, bump), now)
