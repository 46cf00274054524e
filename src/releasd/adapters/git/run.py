"""The one place that starts git: environment, options, time limit, and the whole process group ended when late."""

import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from releasd.errors import GitError, ReleasdError, Transient

# An explicit list: the variables of a calling hook (GIT_DIR, GIT_INDEX_FILE, GIT_QUARANTINE_PATH, …) would send us to
# another repository, and a secret in the daemon's environment is no business of a remote's hooks.
_KEPT = frozenset(
    {
        "HOME",
        "PATH",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "SUDO_UID",
        "XDG_CONFIG_HOME",
        "XDG_RUNTIME_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
        "KRB5CCNAME",
        "SSH_AUTH_SOCK",
        "SSH_ASKPASS",
        "GIT_ASKPASS",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "CURL_CA_BUNDLE",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
    }
)
_FIXED = {
    "LC_ALL": "C",  # failures.py reads the messages
    "GIT_TERMINAL_PROMPT": "0",  # nobody is there to answer
    "GIT_NO_REPLACE_OBJECTS": "1",  # refs/replace is local: everyone must get the same answer
    "GIT_OPTIONAL_LOCKS": "0",
}
# `-c` wins over every configuration file. Hooks and signing are for people; upkeep has its own call (`tidy`).
_OPTIONS = tuple(
    part
    for setting in (
        "core.fsync=committed,loose-object",  # git leaves single objects to the kernel: a power cut would lose them
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "core.autocrlf=false",
        "core.eol=lf",
        "commit.gpgSign=false",
        "tag.gpgSign=false",
        "i18n.commitEncoding=UTF-8",
        "gc.auto=0",
        "maintenance.auto=false",
        "fetch.fsckObjects=false",
        "push.pushOption=",
        "tar.umask=0022",
        "advice.detachedHead=false",
    )
    for part in ("-c", setting)
)
_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=10"
_GRACE = 2.0  # seconds between asking git to end, so that it removes its lock files, and ending it


@dataclass(frozen=True, slots=True)
class Answer:
    """What a git process left: its exit status, and its output in full."""

    status: int
    stdout: bytes
    stderr: str


class Repository:
    """A repository on this machine and the way to run git in it.

    Args:
        path: a bare repository, or any folder of a work tree.
        remote: name or URL of the remote; None means `origin`.
        identity: name and address on commits and tags that releasd writes.
        timeout: seconds that one git command may take.
        is_local: the remote is known to be on this machine, so that ssh is not asked about.
        signing_key: the SSH key that signs the commits and tags written here; None leaves them unsigned.
    """

    def __init__(
        self,
        path: Path,
        *,
        remote: str | None = None,
        identity: tuple[str, str] = ("releasd", "releasd@localhost"),
        timeout: float = 60.0,
        is_local: bool = False,
        signing_key: Path | None = None,
    ) -> None:
        self.path = path.absolute()
        self.remote = remote or "origin"
        self.identity = identity
        self.timeout = timeout
        self.is_local = is_local
        self.signing_key = signing_key
        # A bare folder is named outright: git would look for one in the parents where it is broken, refuse it under
        # safe.bareRepository=explicit, and ask who owns it. A work tree keeps git's own safety check on its owner.
        is_bare = os.path.isfile(self.path / "HEAD") and os.path.isdir(self.path / "objects")  # noqa: PTH112, PTH113 - false where it may not be read
        place = (f"--git-dir={self.path}",) if is_bare else ("-C", str(self.path))
        self._prefix = ("git", "--no-pager", *place, *_OPTIONS)

    def _git(self, *args: str, action: str, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> bytes:
        """Run git and return its output. `action` completes "cannot …" in the error."""
        answer = self._ask(*args, action=action, env=env, stdin=stdin)
        if answer.status:
            raise self._failure(action, answer.stderr)
        return answer.stdout

    def _ask(self, *args: str, action: str, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Answer:
        """Run git and return what it left, whatever its exit status. Raises `Transient` when it is late."""
        if any("\0" in arg for arg in args):
            raise GitError(f"{self.path}: cannot {action}: a name contains a NUL")
        try:
            return run((*self._prefix, *args), env={**environment(), **(env or {})}, stdin=stdin, timeout=self.timeout)
        except subprocess.TimeoutExpired as late:
            raise Transient(
                f"{self._where()}: cannot {action}: no answer within {self.timeout:g} s",
                advice="Check the network and the remote; it is tried again by itself.",
            ) from late

    def _failure(self, action: str, stderr: str) -> ReleasdError:
        from releasd.adapters.git.failures import failure  # noqa: PLC0415 - seldom needed, and many expressions

        return failure(action, self._where(), stderr)

    def _where(self) -> str:
        from releasd.adapters.git.failures import without_credentials  # noqa: PLC0415 - as above

        return without_credentials(str(self.path))

    def _ssh(self) -> dict[str, str]:
        """Return the environment that keeps ssh from asking or waiting, unless the user chose an ssh command."""
        if {"GIT_SSH", "GIT_SSH_COMMAND"} & environment().keys():
            return {}
        if self.is_local:
            return {}
        chosen = self._ask("config", "--get", "core.sshCommand", action="read the configuration")
        return {} if chosen.stdout.strip() else {"GIT_SSH_COMMAND": _SSH}


def environment() -> dict[str, str]:
    """Return the environment for git: what it needs of ours, and nothing of a git that may have called us."""
    return {name: value for name, value in os.environ.items() if name in _KEPT} | _FIXED


def run(args: Iterable[str], *, env: Mapping[str, str], stdin: bytes = b"", timeout: float) -> Answer:
    """Run a command to its end.

    Raises:
        GitError: there is no git.
        subprocess.TimeoutExpired: it was late; it and everything that it started were ended.
    """
    try:
        process = subprocess.Popen(
            tuple(args),
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
    except FileNotFoundError as missing:
        raise GitError("git is not installed", advice="Install git 2.38 or newer.") from missing
    with process:
        try:
            stdout, stderr = process.communicate(stdin, timeout=timeout)
        except BaseException:
            end_group(process)
            raise
    return Answer(process.returncode, stdout, stderr.decode(errors="replace"))


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: an ssh left behind would hold our pipes open, and git needs a moment for its locks."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signum)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
