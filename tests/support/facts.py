"""Builders for git facts, so that a test names only what it is about."""

from collections.abc import Mapping

from releasd.model import Commit, Facts, LastRelease

LAST = LastRelease(tag="v1.2.3", version="1.2.3", commit="f" * 40)


def commit_id(number: int) -> str:
    """Return a full object name that differs in its first seven characters for every number."""
    return f"{number:07x}" + "0" * 33


def commits(*messages: str) -> tuple[Commit, ...]:
    """Return commits as git lists them, newest first; the arguments are oldest first and numbered from 1."""
    made = [Commit(id=commit_id(number), message=message) for number, message in enumerate(messages, 1)]
    return tuple(reversed(made))


def facts(
    *messages: str,
    last: LastRelease | None = LAST,
    files: Mapping[str, str] | None = None,
    branch: str | None = "main",
    remote_url: str | None = None,
) -> Facts:
    """Return the facts about a repository with these commits since `last`, oldest first."""
    return Facts(
        repository="/repository",
        ref="a" * 40,
        branch=branch,
        last=last,
        commits=commits(*messages),
        files=files or {},
        remote_url=remote_url,
    )
