"""What a failed git command means: `GitError`, `Transient` or `DiskFull`, with the cure, and never a credential.

Git has one exit code (128) for nearly everything, so the cause is read from its messages, which `LC_ALL=C` keeps
in English. What is certain to stay wrong is looked for first: an ssh that was denied also "hung up unexpectedly".
"""

import re

from releasd.errors import DiskFull, GitError, ReleasdError, Transient

_USERINFO = re.compile(r"(\w[\w+.-]*://)[^/\s]*@")
_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)

# (what git says, the cure); `{where}` is the repository or remote
_PERMANENT = tuple(
    (re.compile(pattern, re.IGNORECASE), cure)
    for pattern, cure in (
        ("dubious ownership", "git config --global --add safe.directory {where}"),
        ("host key verification failed", "Add the host's key to ~/.ssh/known_hosts of the daemon's user."),
        (
            (
                r"permission denied \(|authentication failed|could not read (username|password)"
                r"|terminal prompts disabled|access denied|returned error: 40[13]"
                r"|write access to repository not granted|too many auth"
            ),
            "Give the daemon's user a key or token that may read and push: git ls-remote {where}",
        ),
        ("server certificate|certificate (verification|verify)|ssl certificate", "Check the certificate of {where}."),
        (
            "couldn't find remote ref",
            "Set `branch` in the project's configuration to one that exists: git ls-remote --heads {where}",
        ),
        (
            (
                "repository not found|does not appear to be a git repository|returned error: 404"
                "|repository '.*' (not found|does not exist)|no such remote"
            ),
            "Check the project's `repository`: git ls-remote {where}",
        ),
        ("insufficient permission|permission denied", "Give the daemon's user the right to write to {where}."),
        ("not a git repository|cannot change to", "Name a folder that git knows: git -C DIR status"),
        ("shallow update not allowed|from a shallow", "git fetch --unshallow --tags"),
    )
)
_LOCKED = re.compile(r"unable to create '(?P<lock>[^']+\.lock)': file exists", re.IGNORECASE)
_TRANSIENT = re.compile(
    r"could not resolve|name or service not known|temporary failure in name resolution"
    r"|connection (refused|reset|timed out|closed|to .* closed)|timed out|network is unreachable|no route to host"
    r"|early eof|hung up|rpc failed|unexpected disconnect|broken pipe|returned error: (429|5\d\d)"
    r"|exchange_identification|failed to connect|couldn't connect|ssl_error_syscall|tls connection"
    r"|cannot lock ref|unable to lock",
    re.IGNORECASE,
)


def without_credentials(text: str) -> str:
    """Return `text` with the user part of every URL removed."""
    return _USERINFO.sub(r"\1", text)


def remote_words(stderr: str) -> str:
    """Return what the other side said (its `remote:` lines), as one line; empty when it said nothing."""
    said = (line.removeprefix("remote:").strip() for line in stderr.splitlines() if line.startswith("remote:"))
    return without_credentials(" ".join(word for word in said if word))[:500]


def failure(action: str, where: str, stderr: str) -> ReleasdError:
    """Return the error for a failed command.

    Args:
        action: what was tried, as in "fetch main".
        where: the repository or remote that it was tried on; a credential in it is removed.
        stderr: everything that git printed there.
    """
    where = without_credentials(where)
    message = f"{where}: cannot {action}: {_reason(stderr)}"
    if _SPACE.search(stderr):
        return DiskFull(message, advice="Make room on that disk; it is tried again by itself.")
    for pattern, cure in _PERMANENT:
        if pattern.search(stderr):
            return GitError(message, advice=cure.replace("{where}", where))
    if locked := _LOCKED.search(stderr):
        return Transient(message, advice=f"When no git is running there: rm {locked['lock']}")
    if _TRANSIENT.search(stderr):
        return Transient(message, advice="Check the network and the remote; it is tried again by itself.")
    return GitError(message, advice=f"See what git says: git ls-remote {where}" if "://" in where else "")


def _reason(stderr: str) -> str:
    """Return the line that tells the cause: the last `fatal:` or `error:` line, after what the remote said."""
    lines = [line.strip() for line in without_credentials(stderr).splitlines() if line.strip()]
    own = [line for line in lines if not line.startswith(("remote:", "hint:"))]
    telling = [line for line in own if line.startswith(("fatal:", "error:"))] or own or ["git gave no reason"]
    reason = telling[-1].removeprefix("fatal: ").removeprefix("error: ")
    said = remote_words(stderr)
    return f"{reason} (the remote says: {said})" if said else reason
