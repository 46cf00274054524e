"""The hook's message: one line of JSON that says which ref moved where (DESIGN.md §5.5).

The same parser serves the socket and the spool folder. What it accepts is still only a hint: git is asked.
"""

import re
from typing import Literal

import msgspec

from releasd.errors import UsageError
from releasd.model import PushHint

MAX_LINE = 64 * 1024  # bytes, without the newline
_OID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
# What git-check-ref-format(1) forbids in a name.
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)|[/.]\Z")
_REINSTALL = "run `releasd hook install` in the repository to bring its hook up to date"


class _Message(msgspec.Struct):
    v: int
    repository: str
    ref: str
    old: str
    new: str
    source: Literal["post-receive", "reference-transaction"]
    options: list[str] = []
    remote: str | None = None


def parse_message(line: bytes, uid: int | None, *, source: str = "hook") -> PushHint:
    """Return the hint in `line`.

    Args:
        line: one line as it came, with or without its newline.
        uid: the sender's user id as the kernel told it.
        source: the hint's source: "hook" for the socket, "spool" for the spool folder.

    Raises:
        UsageError: the line is not such a message; the text says why, for the sender and the log.
    """
    message = _decode(line)
    if message.v != 1:
        raise UsageError(f"hook message: version {message.v} is not known here, only 1", advice=_REINSTALL)
    _require(message.repository.startswith("/"), "`repository` is not an absolute path")
    _require("\0" not in message.repository, "`repository` holds a NUL")
    _require(_OID.match(message.old) and _OID.match(message.new), "`old` or `new` is not an object name")
    _require(message.new.strip("0"), "the ref was deleted")
    return PushHint(
        repository=message.repository,
        ref=_branch_ref(message),
        old=message.old if message.old.strip("0") else None,
        new=message.new,
        source=source,
        uid=uid,
        options=tuple(message.options),
    )


def _decode(line: bytes) -> _Message:
    _require(len(line) <= MAX_LINE + 1, f"longer than {MAX_LINE} bytes")
    try:
        return msgspec.json.decode(line, type=_Message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"hook message: {error}", advice=_REINSTALL) from error


def _branch_ref(message: _Message) -> str:
    """Return the branch that the ref stands for; a remote-tracking ref stands for the branch on that remote."""
    ref = message.ref
    _require(not _BAD_REF.search(ref), "`ref` is not a valid ref name")
    if ref.startswith("refs/remotes/"):
        remote, _, branch = ref.removeprefix("refs/remotes/").partition("/")
        if message.remote is not None and ref.startswith(f"refs/remotes/{message.remote}/"):
            branch = ref.removeprefix(f"refs/remotes/{message.remote}/")
        _require(remote and branch, "`ref` names no branch")
        return f"refs/heads/{branch}"
    _require(ref.startswith("refs/heads/"), "`ref` is neither under refs/heads/ nor under refs/remotes/")
    return ref


def _require(condition: object, problem: str) -> None:
    if not condition:
        raise UsageError(f"hook message: {problem}", advice=_REINSTALL)
