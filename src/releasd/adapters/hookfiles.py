"""Our hook in someone's git repository: put there, taken away, looked at.

The installed file is the packaged one, byte for byte. What it needs to know stands in the repository's own
configuration (`releasd.socket`, `releasd.spool`), so that a hooks folder may be shared by many repositories
(`core.hooksPath`) and the hook stays silent in those that never asked for it. An earlier hook is kept as
`NAME.before-releasd`; ours runs it first.
"""

import contextlib
import os
import socket as sockets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from releasd.adapters.git.failures import failure
from releasd.adapters.git.run import environment, run
from releasd.adapters.share import read_share
from releasd.errors import Permanent, Transient

Kind = Literal["post-receive", "reference-transaction"]
_MARKER = b"# releasd-hook "
_GIT_SECONDS = 10.0
_ANSWER_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HookStatus:
    """What is in the repository.

    `state`: "installed" is our hook as packaged here, "outdated" ours but different or not executable, "foreign"
    someone else's, "missing" none. `earlier` is the kept hook that ours runs first. `socket` and `spool` are as
    configured there.
    `answering`: a daemon answers on that socket. `push_options`: `git push -o` is accepted (post-receive only).
    """

    repository: Path
    kind: Kind
    path: Path
    state: Literal["installed", "outdated", "foreign", "missing"]
    earlier: Path | None
    socket: Path | None
    spool: Path | None
    answering: bool
    push_options: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Repository:
    root: Path  # where git runs hooks: the work tree's top, or the bare repository
    common: Path  # the git folder that all work trees share
    bare: bool
    hooks: Path

    def hook(self, kind: Kind) -> Path:
        return self.hooks / kind


def install(repository: Path, *, socket: Path, spool: Path, kind: Kind | None = None) -> HookStatus:
    """Put our hook in place, keeping an earlier one to run first; doing it twice is doing it once.

    For post-receive, push options are switched on where the repository says nothing about them: without
    `receive.advertisePushOptions`, `git push -o` fails outright.

    Args:
        repository: a folder in a work tree, or a bare repository.
        socket: the daemon's hook socket, absolute.
        spool: the daemon's spool folder, absolute.
        kind: by default, post-receive in a bare repository and reference-transaction in a clone.

    Raises:
        GitError: not a git repository, or git refuses to work on it.
        Permanent: the hooks folder cannot be written, or two earlier hooks are in the way.
    """
    found = _find(repository)
    kind = kind or _default_kind(found)
    for path in (socket, spool):
        if not path.is_absolute() or path != Path(str(path).strip()) or "\n" in str(path):
            raise Permanent(f"{path!s:.200}: not an absolute path on one line", advice="name it from the root")
    _place(found.hook(kind), read_share(f"hooks/{kind}").encode())  # silent until the keys are set
    _configure(found, "releasd.socket", str(socket))
    _configure(found, "releasd.spool", str(spool))
    if kind == "post-receive" and _configured(found, "receive.advertisePushOptions") is None:
        _configure(found, "receive.advertisePushOptions", "true")
    return status(found.root, kind=kind)


def remove(repository: Path) -> HookStatus:
    """Take our hooks away, put earlier ones back, and forget the socket and the spool folder.

    A hooks folder outside the repository (`core.hooksPath`) may serve other repositories: there our hook stays, and
    is silent in this one. A foreign hook is left alone.

    Raises:
        GitError: not a git repository, or git refuses to work on it.
        Permanent: the hooks folder cannot be written.
    """
    found = _find(repository)
    for key in ("releasd.socket", "releasd.spool"):
        if _configured(found, key) is not None:
            _git(found.root, "config", "--local", "--unset-all", key)
    hooks = found.hooks.resolve()
    if hooks.is_relative_to(found.common) or hooks.is_relative_to(found.root):
        for kind in get_args(Kind):
            _take_away(found.hook(kind))
    return status(found.root)


def status(repository: Path, *, kind: Kind | None = None) -> HookStatus:
    """Look, and change nothing. Raises GitError where there is no git repository."""
    found = _find(repository)
    kind = kind or _default_kind(found)
    socket, spool = (_configured(found, key) for key in ("releasd.socket", "releasd.spool"))
    earlier = _earlier(found.hook(kind))
    return HookStatus(
        repository=found.root,
        kind=kind,
        path=found.hook(kind),
        state=_state(found.hook(kind), kind),
        earlier=earlier if os.path.lexists(earlier) else None,
        socket=Path(socket) if socket else None,
        spool=Path(spool) if spool else None,
        answering=bool(socket) and _answers(Path(str(socket))),
        push_options=_configured(found, "receive.advertisePushOptions") == "true",
    )


def _find(repository: Path) -> _Repository:
    bare, inside, git_dir, common = _git(
        repository, "rev-parse", "--is-bare-repository", "--is-inside-git-dir", "--absolute-git-dir", "--git-common-dir"
    ).split("\n")
    if bare == "true":
        root = Path(git_dir)
    elif inside == "true":
        root = Path(git_dir).parent
    else:
        root = Path(_git(repository, "rev-parse", "--show-toplevel"))
    return _Repository(
        root=root,
        common=(repository / common).resolve(),
        bare=bare == "true",
        hooks=root / _git(root, "rev-parse", "--git-path", "hooks"),
    )


def _default_kind(found: _Repository) -> Kind:
    return "post-receive" if found.bare else "reference-transaction"


def _git(folder: Path, *arguments: str) -> str:
    """Run git there, with the user's own settings (`core.hooksPath` is among them)."""
    try:
        answer = run(("git", "-C", str(folder), *arguments), env=environment(), timeout=_GIT_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise Transient(f"{folder}: git did not answer", advice=f"git -C {folder} {' '.join(arguments)}") from late
    if answer.status:
        raise failure(f"run `git {arguments[0]}`", str(folder), answer.stderr)
    return os.fsdecode(answer.stdout).removesuffix("\n")


def _configure(found: _Repository, key: str, value: str) -> None:
    _git(found.root, "config", "--local", "--replace-all", key, value)


def _configured(found: _Repository, key: str) -> str | None:
    # --default, since a missing key would be an error
    return _git(found.root, "config", "--local", "--default", "", "--get", key) or None


def _earlier(hook: Path) -> Path:
    return hook.with_name(f"{hook.name}.before-releasd")


def _is_ours(hook: Path) -> bool:
    return hook.is_file() and any(line.startswith(_MARKER) for line in hook.read_bytes().splitlines()[:5])


def _state(hook: Path, kind: Kind) -> Literal["installed", "outdated", "foreign", "missing"]:
    if not os.path.lexists(hook):
        return "missing"
    if not _is_ours(hook):
        return "foreign"
    same = hook.read_bytes() == read_share(f"hooks/{kind}").encode() and os.access(hook, os.X_OK)
    return "installed" if same else "outdated"


def _place(hook: Path, content: bytes) -> None:
    temporary = hook.with_name(f".{hook.name}.releasd-{os.getpid()}")
    try:
        hook.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(hook) and not _is_ours(hook):
            _keep_earlier(hook)
        temporary.write_bytes(content)
        temporary.chmod(0o755)
        temporary.replace(hook)
    except OSError as error:
        with contextlib.suppress(OSError):  # the folder may be what is wrong; the first error tells more
            temporary.unlink(missing_ok=True)
        raise _cannot_write(hook, error) from error


def _keep_earlier(hook: Path) -> None:
    earlier = _earlier(hook)
    if os.path.lexists(earlier):
        raise Permanent(
            f"{hook} is not ours, and {earlier.name} exists too", advice=f"merge the two, then: rm {earlier}"
        )
    hook.rename(earlier)


def _take_away(hook: Path) -> None:
    if os.path.lexists(hook) and not _is_ours(hook):
        return
    try:
        if os.path.lexists(_earlier(hook)):
            _earlier(hook).replace(hook)
        else:
            hook.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_write(hook, error) from error


def _cannot_write(hook: Path, error: OSError) -> Permanent:
    return Permanent(
        f"{hook}: cannot be changed: {error.strerror}",
        advice=f"run this as the owner of {hook.parent}, or see `git config core.hooksPath`",
    )


def _answers(path: Path) -> bool:
    """Return whether a daemon answers an empty line on the socket, as intake does."""
    try:
        with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER_SECONDS)
            connection.connect(os.fspath(path))
            connection.sendall(b"\n")
            return connection.recv(1024).startswith(b'{"ok":true')
    except OSError:  # absent, hung, full or not ours: the answer is no
        return False
