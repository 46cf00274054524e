"""A repository: what a decision reads of it, and all that the daemon does with it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from releasd.model import Commit, Tag

if TYPE_CHECKING:
    from releasd.core.touched import Changed


class History(Protocol):
    """What a repository holds: the half of `Git` that a decision reads."""

    def resolve(self, ref: str) -> str | None:
        """Return the commit that `ref` names, or None."""
        ...

    def is_shallow(self) -> bool:
        """Return whether history is cut off."""
        ...

    def branch(self) -> str | None:
        """Return the branch that HEAD is on, or None."""
        ...

    def tag_names(self) -> tuple[str, ...]:
        """Return the names of all tags, reachable or not, by name. Raises `GitError` where history is cut off."""
        ...

    def tags_merged(self, commit: str, among: Sequence[str] | None = None) -> tuple[Tag, ...]:
        """Return the tags reachable from `commit`, by name: of those called `among`, or of all."""
        ...

    def branches(self) -> Mapping[str, str]:
        """Return the branches known here and their tips: the remote's as last fetched, else the ones made here."""
        ...

    def trunk(self) -> str | None:
        """Return the remote's main branch, where it is known."""
        ...

    def takes_no_tags(self) -> bool:
        """Return whether this clone was told to fetch no tags."""
        ...

    def log(self, commit: str, *, since: str | None, paths: Sequence[str] = ()) -> Sequence[Commit]:
        """Return the commits reachable from `commit` and not from `since`, newest first, in git's default order.

        With `paths`, pathspecs, only those that touch them; a merge does where it differs from a parent in the range.
        """
        ...

    def touching(self, commit: str, *, since: str | None, paths: Sequence[str]) -> frozenset[str]:
        """Return the names of the commits that `log` returns."""
        ...

    def changes(self, commit: str, *, since: Sequence[str]) -> Iterator["Changed"]:
        """Yield the commits reachable from `commit` and not from all of `since`, in the order of `log`."""
        ...

    def listed(self, names: Sequence[str], *, keep: int) -> Sequence[Commit]:
        """Return the commits of these full names, in that order, as `log` does; no more than `keep` are kept."""
        ...

    def read(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Return the contents of those of `paths` that exist at `commit`."""
        ...

    def files(self, commit: str) -> Mapping[str, bool]:
        """Return the paths of all files at `commit`, in order, and of each whether it is a symbolic link."""
        ...

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Return whether `ancestor` is reachable from `commit`."""
        ...

    def commit_time(self, commit: str) -> int:
        """Return the committer's time in seconds since the epoch, for SOURCE_DATE_EPOCH."""
        ...


class Git(History, Protocol):
    """One repository: a bare clone of the daemon's own, or for `plan` any work tree. Nothing changes unless said."""

    def remote_refs(self, *patterns: str) -> Mapping[str, str]:
        """Return refs of the remote as `ls-remote` shows them now; peeled tags under `NAME^{}`."""
        ...

    def fetch(self, branch: str) -> str:
        """Fetch the branch and all tags from the remote; return the branch's tip."""
        ...

    def can_push(self, branch: str) -> None:
        """Raise `Permanent` or `Transient` unless a push to `branch` would be accepted (a dry run)."""
        ...

    def check_signature(self, commit: str, *, allowed: Path, revoked: Path | None) -> None:
        """Raise `Permanent` unless the commit has an SSH signature by one of the `allowed` signers, none `revoked`."""
        ...

    def write_commit(self, *, parents: Sequence[str], files: Mapping[str, bytes], message: str, at: datetime) -> str:
        """Write a commit whose tree is the first parent's with `files` replaced; the same input gives the same name."""
        ...

    def write_tag(self, *, name: str, commit: str, message: str, at: datetime) -> str:
        """Write an annotated tag object (no ref) and return its name; the same input gives the same name."""
        ...

    def merge(self, ours: str, theirs: str, *, message: str, at: datetime) -> str | None:
        """Write a merge commit without a work tree and return its name, or None on a conflict."""
        ...

    def set_ref(self, ref: str, commit: str | None) -> None:
        """Point a ref of this clone at `commit`, or delete it. Idempotent."""
        ...

    def push(self, updates: Mapping[str, str], *, expect: Mapping[str, str]) -> None:
        """Push `{remote ref: object}` in one atomic push. Refused unless each ref in `expect` is still at that value.

        Raises `Replan` when the remote refused because a ref moved or exists.
        """
        ...

    def archive(self, commit: str, dest: Path) -> None:
        """Write a tar of `commit`'s tree to `dest`: tracked files only."""
        ...

    def pack(self, commit: str, have: Sequence[str]) -> Iterator[bytes]:
        """Yield a thin pack of `commit` and its files, less those of the commits `have` that are known here."""
        ...
