"""Servers of other makes, each a process of its own on a free port of this machine, gone at the end of the block."""

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from releasd.adapters import http
from releasd.errors import Transient
from support.parts import eventually
from support.ports import own_port

START_WITHIN = 60.0  # seconds; on an idle machine each takes one or two


@contextmanager
def serving(
    argv: Callable[[int], Sequence[str]], *, log: Path, ready: str = "/", env: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run what `argv(port)` says and yield its URL once `ready` answers, whatever it answers."""
    port = own_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("ab") as out:
        process = subprocess.Popen(
            argv(port), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, start_new_session=True
        )
    try:
        eventually(lambda: _answers(process, url + ready, log), f"{argv(port)[0]} answers", timeout=START_WITHIN)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _answers(process: "subprocess.Popen[bytes]", url: str, log: Path) -> bool:
    assert process.poll() is None, f"it ended with {process.returncode}: {log.read_text()[-2000:]}"
    try:
        http.request("GET", url, what="the test's server", timeout=5.0)
    except Transient:
        return False
    return True
