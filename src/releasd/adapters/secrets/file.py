"""`file:PATH`: a file that nobody but its owner can read."""

import os
import stat
from pathlib import Path

from releasd.errors import ConfigError, SecretDenied, SecretError, SecretMalformed, SecretMissing

MAX_SIZE = 64 * 1024  # bytes; no secret is longer, and a log file is no secret


def read(path: str) -> str:
    """Return the file's text without one trailing newline.

    Raises `SecretError` unless the path is absolute (or begins with `~/`) and leads, through links or not, to a regular
    file that is ours or root's and closed to group and others.
    """
    target = Path(path).expanduser()
    if not target.is_absolute():
        raise ConfigError(f"file:{path} is not an absolute path", advice="Write the whole path, from / or ~/.")
    return read_open(_open(target), shown=str(target), private=True)


def read_open(descriptor: int, *, shown: str, private: bool) -> str:
    """Read and close an open file; `private` asks for the owner's eyes alone. Raises `SecretError` as `read` does."""
    try:
        # What was opened is what is judged: a link changed in between changes nothing.
        problem = _problem(os.fstat(descriptor), private=private)
        if problem:
            cause, what, fix = problem
            raise cause(f"the secret file {shown} {what}", advice=fix.format(shown=shown))
        return decode(os.read(descriptor, MAX_SIZE), shown=f"the secret file {shown}")
    finally:
        os.close(descriptor)


def decode(data: bytes, *, shown: str) -> str:
    """Return UTF-8 text without one trailing newline. Raises `SecretMalformed`, without the bytes, when it is none."""
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise SecretMalformed(f"{shown} is not text", advice="Store the secret as plain UTF-8 text.") from None


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO must not hold us
    except PermissionError:
        raise SecretDenied(
            f"the secret file {path} cannot be read: Permission denied",
            advice=f"chown {os.geteuid()} {path}, and let that user into its folders",
        ) from None
    except OSError as error:
        raise SecretMissing(
            f"the secret file {path} cannot be read: {error.strerror}", advice=f"Create it: (umask 077; cat >{path})"
        ) from None


def _problem(status: os.stat_result, *, private: bool) -> tuple[type[SecretError], str, str] | None:
    if not stat.S_ISREG(status.st_mode):
        return SecretMalformed, "is not a regular file", "Put the secret into a regular file: {shown}"
    if status.st_size > MAX_SIZE:
        return (
            SecretMalformed,
            f"has more than {MAX_SIZE} bytes",
            "Name the file that holds the secret alone, not {shown}",
        )
    if private and status.st_uid not in {os.geteuid(), 0}:
        return SecretDenied, f"belongs to user {status.st_uid}", f"chown {os.geteuid()} {{shown}}"
    if private and status.st_mode & 0o077:
        return SecretDenied, f"is open to others (mode {stat.S_IMODE(status.st_mode):04o})", "chmod 600 {shown}"
    return None
