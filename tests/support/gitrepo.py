"""Real repositories for tests: a bare remote, and a work clone with a fixed identity and fixed dates."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from releasd.adapters.git import GitRepo, clone_or_open
from support.tools import require_tool

EPOCH = 1_767_225_600  # 2026-01-01T00:00:00Z, the date of a clone's first commit; each later one is a minute younger
MAIN = "refs/heads/main"
AT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)  # the date of a release
ISOLATED = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}  # what the machine's owner set does not matter
_IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
}


def git(folder: Path, *args: str, stdin: bytes = b"", at: int = EPOCH) -> str:
    """Run git in `folder` as Ada at the second `at`, and return its output without the last line end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    dates = {"GIT_AUTHOR_DATE": f"@{at} +0000", "GIT_COMMITTER_DATE": f"@{at} +0000"}
    ran = subprocess.run(
        (require_tool("git"), "-C", str(folder), *args),
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
        env={**kept, **ISOLATED, **_IDENTITY, **dates, "GIT_LITERAL_PATHSPECS": "1"},
    )
    assert ran.returncode == 0, f"git {' '.join(args)}: {ran.stderr.decode(errors='replace')}"
    return ran.stdout.decode(errors="replace").rstrip("\n")


def make_remote(path: Path) -> Path:
    """Make an empty bare repository with the branch main, and return its path."""
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare", "--initial-branch=main")
    return path


@dataclass(frozen=True)
class Work:
    """Somebody's working copy of `remote`, on the branch main."""

    path: Path
    remote: Path
    _ticks: "count[int]" = field(default_factory=lambda: count(EPOCH, 60))

    def commit(self, message: str, files: Mapping[str, str | bytes] | None = None) -> str:
        """Commit `files` (none is an empty commit) and return the commit."""
        for name, data in (files or {}).items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data.encode() if isinstance(data, str) else data)
        if files:
            git(self.path, "add", "--", *files)
        options = ("--quiet", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim", "--file=-")
        git(self.path, "commit", *options, stdin=message.encode(errors="surrogateescape"), at=next(self._ticks))
        return self.head()

    def history(self, messages: Iterable[str]) -> str:
        """Add a commit per message in one process, files untouched, and return the last."""
        stream = b""
        for number, message in enumerate(messages):
            text = message.encode()
            start = b"from refs/heads/main^0\n" if number == 0 else b""
            head = b"commit refs/heads/main\ncommitter Ada <ada@example.org> %d +0000\n" % next(self._ticks)
            stream += head + b"data %d\n%s\n%s" % (len(text), text, start)
        git(self.path, "fast-import", "--quiet", stdin=stream)
        return self.head()

    def head(self) -> str:
        """Return the commit that HEAD names."""
        return git(self.path, "rev-parse", "HEAD")

    def tag(self, name: str, target: str = "HEAD", *, message: str | None = None) -> None:
        """Tag `target`, annotated where there is a message."""
        options = ("--annotate", f"--message={message}") if message else ()
        git(self.path, "tag", *options, name, target, at=next(self._ticks))

    def sync(self) -> None:
        """Make main, index and files what the remote has."""
        git(self.path, "fetch", "--quiet", "origin")
        if git(self.path, "for-each-ref", "refs/remotes/origin/main"):
            git(self.path, "reset", "--quiet", "--hard", "origin/main")

    def push(self, *refs: str, force: bool = False) -> None:
        """Push `refs`; without any, main and all tags."""
        options = ("--force",) if force else ()
        git(self.path, "push", "--quiet", *options, "origin", *(refs or ("main", "--tags")))


def make_work(path: Path, remote: Path) -> Work:
    """Make a working copy of `remote` without commits of its own; fetches what the remote has."""
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--initial-branch=main")
    git(path, "remote", "add", "origin", str(remote))
    work = Work(path, remote)
    work.sync()
    return work


def clone_of(work: Work) -> GitRepo:
    """Return the daemon's clone of what `work` pushes to; the same one each time."""
    return clone_or_open(work.path.parent / "clone.git", str(work.remote))


def release_from(repo: GitRepo, tip: str, version: str = "v1") -> dict[str, str]:
    """Write a release commit on `tip` and its tag, and return the updates to push."""
    commit = repo.write_commit(parents=[tip], files={"VERSION": version.encode()}, message=version, at=AT)
    return {MAIN: commit, f"refs/tags/{version}": repo.write_tag(name=version, commit=commit, message="x", at=AT)}
