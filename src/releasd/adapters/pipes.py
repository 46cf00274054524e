"""Reading a child's output with a deadline, and ending the child with everything it started."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import IO, cast

_CHUNK = 64 * 1024  # bytes


def chunks(process: "subprocess.Popen[bytes]", deadline: float) -> Iterator[bytes]:
    """Yield the child's standard output as it comes, to its end.

    `deadline` is a `time.monotonic()` in seconds. Raises `TimeoutError` when it passes first.
    """
    pipe = cast("IO[bytes]", process.stdout)  # every caller asks for a pipe
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            chunk = os.read(pipe.fileno(), _CHUNK)
            if not chunk:
                return
            yield chunk
    raise TimeoutError


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill the child and its process group, for it was started with `start_new_session`; then reap it."""
    # Where all of them have just ended by themselves, Linux may say "no such process" and macOS "not permitted".
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
