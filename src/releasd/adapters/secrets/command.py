"""`cmd:…`: whatever a command prints, such as `op read …`, `pass show …` or `security find-generic-password -w …`.

No shell. The command sees PATH, HOME and the variables named for it. What it says on standard error is thrown away:
such programs put secrets there.
"""

import shlex
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence

from releasd.adapters.pipes import chunks, kill_group
from releasd.adapters.secrets.file import MAX_SIZE, decode
from releasd.errors import ConfigError, SecretDenied, SecretMalformed, SecretMissing, Transient


def split(line: str) -> tuple[str, ...]:
    """Return the words of a `cmd:` line, with a shell's rules for quotes. Raises `ConfigError` when they do not end."""
    try:
        words = tuple(shlex.split(line))
    except ValueError as error:
        raise ConfigError(f"cmd: {error}", advice="Close the quotes, or write the command as a list.") from None
    if not words:
        raise ConfigError("cmd: names no command", advice="Write the command after cmd:, or as a list.")
    return words


def read(argv: Sequence[str], environ: Mapping[str, str], *, names: Sequence[str], timeout: float) -> str:
    """Return what the command prints, without one trailing newline. `timeout` is in seconds.

    Raises `SecretMissing` when it cannot be run, `SecretDenied` when it fails, `SecretMalformed` when it prints no
    text or too much, `Transient` when it does not end in time.
    Only the command's first word is named: later ones may be private.
    """
    if not argv:
        raise ConfigError("a secret's command is empty", advice="Write the words of the command into the list.")
    env = {name: environ[name] for name in ("PATH", "HOME", *names) if name in environ}
    code, output = run(argv, env, timeout=timeout)
    if code != 0:
        raise SecretDenied(
            f"the secret's command {argv[0]} ended with {code}",
            advice="Run it by hand as the daemon's user to see why; variables it needs go into env = [...].",
        )
    return decode(output, shown=f"what {argv[0]} printed")


def run(argv: Sequence[str], env: Mapping[str, str], *, timeout: float) -> tuple[int, bytes]:
    """Return the command's exit status and what it printed. Raises as `read` does."""
    deadline = time.monotonic() + timeout
    try:
        process = subprocess.Popen(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise SecretMissing(
            f"the secret's command {argv[0]} cannot be run: {error.strerror}",
            advice=f"Install {argv[0]} or put its folder on the daemon's PATH.",
        ) from None
    with process:
        try:
            output = _bounded(chunks(process, deadline), argv[0])
            return process.wait(max(0.0, deadline - time.monotonic())), output
        except (TimeoutError, subprocess.TimeoutExpired):
            raise Transient(
                f"the secret's command {argv[0]} did not end within {timeout:g} s",
                advice="Run it by hand: it may be waiting for a password.",
            ) from None
        finally:
            if process.returncode is None:
                kill_group(process)


def _bounded(pieces: Iterable[bytes], command: str) -> bytes:
    output = b""
    for piece in pieces:
        output += piece
        if len(output) > MAX_SIZE:
            raise SecretMalformed(
                f"the secret's command {command} printed over {MAX_SIZE} bytes", advice="Print the value alone."
            )
    return output
