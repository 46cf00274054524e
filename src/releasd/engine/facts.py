"""Reads from git everything that a decision may depend on, and decides. Changes nothing."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Thread
from typing import TYPE_CHECKING, Generic, TypeVar

from releasd.core import files as version_files
from releasd.core import notes, project, version
from releasd.core.plan import Policy, plan
from releasd.model import Bump, Facts, LastRelease, NoRelease, Plan, Project, ProjectConfig

if TYPE_CHECKING:
    from releasd.ports import History

_FIRST = 32  # tags that are asked about before all are: nearly always one of them is reachable

T = TypeVar("T")


class Ahead(Generic[T]):
    """A call that goes on in a thread of its own while git is asked for something else."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, name="facts", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._call()
        except Exception as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error

    def result(self) -> T:
        """Wait for the call; return what it returned, or raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value


def gather(
    git: "History", commit: str, *, repository: str, branch: str | None, instead: Mapping[str, str] | None = None
) -> tuple[Facts, ProjectConfig]:
    """Return the facts about `commit`, and what the repository says about its own releases.

    `instead` are texts that stand for those of the same path at the commit.

    Raises:
        GitError: history is cut off, so that no range can be trusted.
        ConfigError: the repository's configuration is wrong; every mistake is named.
    """
    tags = Ahead(git.tag_names)  # git waits on the disk twice at once
    texts = _texts(git, commit, instead or {})
    config = project.load(texts)
    last = _last_release(git, commit, tags.result(), config.tag_format)
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


def _last_release(git: "History", commit: str, names: Sequence[str], tag_format: str) -> LastRelease | None:
    """Return the highest release that `commit` contains.

    Which of all tags are reachable costs git a walk over the whole history; which of a few high ones, next to nothing.
    """
    best = version.highest(names, tag_format, count=_FIRST)
    found = version.last_release(git.tags_merged(commit, best), tag_format)
    if found is not None or len(best) < _FIRST:
        return found
    return version.last_release(git.tags_merged(commit), tag_format)


def _texts(git: "History", commit: str, instead: Mapping[str, str]) -> dict[str, str]:
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
    )


def decide(git: "History", commit: str, registered: Project, *, bump: Bump | None, now: datetime) -> Plan | NoRelease:
    """Plan the release of `commit` for a registered project."""
    facts, config = gather(git, commit, repository=registered.repository, branch=registered.branch)
    return plan(facts, config, policy_of(registered, bump), now)
