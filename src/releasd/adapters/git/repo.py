"""The git port whole, and the daemon's own clone: a bare folder that only the daemon writes to."""

import glob
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from releasd.adapters.git.pack import Packing
from releasd.adapters.git.remote import Remoting
from releasd.adapters.git.walk import Walking
from releasd.errors import GitError

# The operator named this remote, so a repository on this machine that belongs to someone else is wanted. Its own
# hooks still run when we push.
_LOCAL_REMOTE = """\
\tuploadpack = git -c safe.directory=* upload-pack
\treceivepack = git -c safe.directory=* receive-pack
"""
_ATTRIBUTES = "* -export-ignore -export-subst\n"  # a build gets what is tracked, byte for byte; wins over the tree's
_CONFIG = "releasd.config"  # included by the clone's own, in which an operator may set more
_LOOKS_LIKE_GIT = frozenset({"HEAD", "config", "objects", "refs"})


class GitRepo(Remoting, Walking, Packing):
    """One repository, as ports.Git describes it."""

    def init(self) -> None:
        """Make this folder, which exists and is empty, a bare repository of the daemon's."""
        self._git("init", "--quiet", "--bare", "--template=", ".", action="make a clone")
        self._git("config", "include.path", _CONFIG, action="configure the clone")

    def tag_messages(self) -> tuple[str, ...]:
        """Return the messages of all annotated tags here, as last fetched."""
        out = self._git("for-each-ref", "--format=%(contents)%00", "refs/tags", action="read the tags")
        return tuple(message for message in out.decode(errors="replace").split("\0") if message.strip())

    def refs(self, prefix: str) -> tuple[str, ...]:
        """Return the full names of the refs below `prefix`."""
        out = self._git("for-each-ref", "--format=%(refname)", prefix, action="list refs")
        return tuple(out.decode(errors="surrogateescape").splitlines())

    def responds(self, *args: str) -> bool:
        """Return whether a git command succeeds here."""
        return self._ask(*args, action=args[0]).status == 0

    def tidy(self) -> None:
        """Pack what has become many files, if need be. For a daily tick: it can take minutes on a large repository."""
        self._git("-c", "gc.auto=6700", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet", action="tidy up")


def clone_or_open(
    path: Path,
    remote: str,
    *,
    identity: tuple[str, str] = ("releasd", "releasd@localhost"),
    timeout: float = 60.0,
    signing_key: Path | None = None,
) -> GitRepo:
    """Return the daemon's own clone of `remote` at `path`, made if it is not there; nothing is fetched yet.

    What is broken is made again: all in it can be fetched, or written again under the same names. Lock files that a
    killed git left are removed once they are older than any git of ours can be. The URL goes into the clone's
    configuration, never into an argument list, where everyone on the machine could read a password in it.

    Args:
        path: the folder, which belongs to the daemon.
        remote: URL or path, as the operator wrote it.
        identity: name and address on commits and tags that are written there.
        timeout: seconds that one git command may take.
        signing_key: as for `Repository`.

    Raises:
        GitError: `path` is something else.
    """
    path = path.absolute()
    if not _is_sound(path, timeout):
        _make_room(path)
        _create(path, timeout)
    _configure(path, remote)
    _drop_stale_locks(path, older_than=2 * timeout)
    local = not _is_elsewhere(remote)
    return GitRepo(path, identity=identity, timeout=timeout, is_local=local, signing_key=signing_key)


def _is_sound(path: Path, timeout: float) -> bool:
    if not all((path / name).exists() for name in _LOOKS_LIKE_GIT):
        return False
    repo = GitRepo(path, timeout=timeout)
    return repo.responds("rev-parse", "--git-dir") and repo.responds("config", "--get", "include.path")


def _make_room(path: Path) -> None:
    if not path.exists():
        return
    inside = {entry.name for entry in path.iterdir()}
    if inside and not inside & _LOOKS_LIKE_GIT:
        raise GitError(f"{path} is not a git repository", advice=f"Move it away, it is not releasd's: mv {path} DIR")
    shutil.rmtree(path)


def _create(path: Path, timeout: float) -> None:
    """Make the folder under another name first, so that a crash leaves nothing half made under its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.new"):
        shutil.rmtree(left)
    fresh = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new"))
    GitRepo(fresh, timeout=timeout).init()
    fresh.rename(path)


def _configure(path: Path, remote: str) -> None:
    quoted = remote.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    local = "" if _is_elsewhere(remote) else _LOCAL_REMOTE
    text = f'[remote "origin"]\n\turl = "{quoted}"\n{local}'
    target = path / _CONFIG
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        fresh = path / f"{_CONFIG}.new"
        fresh.touch(mode=0o600)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(target)
    (path / "info").mkdir(exist_ok=True)
    (path / "info" / "attributes").write_text(_ATTRIBUTES, encoding="utf-8")


def _is_elsewhere(remote: str) -> bool:
    """Return whether git reaches the remote over a network: a URL, or `host:path` without a slash before the colon."""
    if "://" in remote:
        return not remote.startswith("file://")
    host, colon, _ = remote.partition(":")
    return bool(colon) and "/" not in host


def _drop_stale_locks(path: Path, *, older_than: float) -> None:
    newest = time.time() - older_than
    for folder, folders, names in os.walk(path):
        if Path(folder) == path:
            folders.remove("objects")
        for lock in (Path(folder, name) for name in names if name.endswith(".lock")):
            with suppress(FileNotFoundError):
                if lock.stat().st_mtime < newest:
                    lock.unlink()
