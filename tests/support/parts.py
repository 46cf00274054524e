"""The processes of a stage: the daemon, started as its users start it, and an index that outlives it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from releasd.adapters import http
from support.ports import own_port

TESTS = Path(__file__).parents[1]
START_WITHIN = 120.0  # seconds; on an idle machine the daemon takes one
STOP_WITHIN = 10.0  # seconds, as promised


def eventually(look: Callable[[], Any], what: str, *, timeout: float = 90.0, pause: float = 0.03) -> Any:
    """Return the first true thing that `look` returns; fail when there is none within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        time.sleep(pause)
    return found


@dataclass
class Notified:
    """What the daemon tells its supervisor, on a socket of our own (sd_notify(3))."""

    path: Path
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while (message := self._socket.recv(4096)) != b"end":
            self.said.extend(message.decode().splitlines())

    def close(self) -> None:
        """Stop listening; doing it twice is doing it once."""
        if self._thread.is_alive():
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.sendto(b"end", str(self.path))
            self._thread.join(5)
            self._socket.close()


class Daemon:
    """`releasd run` as a process; its standard error goes to `log`, run after run."""

    def __init__(self, *, log: Path, notify: Path, environ: Mapping[str, str]) -> None:
        self.log = log
        self.environ = dict(environ)
        self.notified = Notified(notify)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "the daemon was never started"
        return self._process

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *before: str, **environ: str) -> None:
        """Start it by the command `before`, if any, and wait for READY; `environ` is for this run alone."""
        assert not self.is_running
        self.notified.said.clear()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                (*before, sys.executable, "-m", "releasd.cli", "run"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**self.environ, "NOTIFY_SOCKET": str(self.notified.path), **environ},
            )
        self._wait_ready()

    def _wait_ready(self) -> None:
        eventually(lambda: "READY=1" in self.notified.said or not self.is_running, "READY", timeout=START_WITHIN)
        assert self.is_running, f"the daemon did not start:\n{self.tail()}"

    def said(self) -> str:
        """Return all that it wrote to its log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self) -> str:
        """Return the log's end, for a failure's message."""
        return self.said()[-6000:]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> float:
        """Stop it by SIGTERM, as the supervisor does; return how many seconds it took."""
        begun = time.monotonic()
        self.process.terminate()
        try:
            status = self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM was not obeyed within {STOP_WITHIN:g} s:\n{self.tail()}") from None
        assert status == 0, f"the daemon ended with {status}:\n{self.tail()}"
        return time.monotonic() - begun

    def kill(self) -> None:
        """End it with no warning, as a power cut does."""
        self.process.kill()
        self.process.wait(60)

    def wait_killed(self, timeout: float = 120.0) -> None:
        """Wait until the daemon was ended by SIGKILL; fail when it goes on, or ends in another way."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it was not killed within {timeout:g} s:\n{self.tail()}") from None
        assert status == -signal.SIGKILL, f"it ended with {status}, not by SIGKILL:\n{self.tail()}"

    def close(self) -> None:
        if self.is_running:
            self.kill()
        self.notified.close()


class IndexProcess:
    """support/pypirules.py in a process of its own, which keeps its address when it is started again."""

    def __init__(self, folder: Path, *, token: str) -> None:
        self._folder = folder
        self._token = token
        self._port = own_port()
        self.start()

    def start(self) -> None:
        command = (sys.executable, "-m", "support.pypirules", "--folder", str(self._folder), "--token", self._token)
        self._process = subprocess.Popen(
            (*command, "--port", str(self._port)), cwd=TESTS, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.urls: dict[str, str] = json.loads(self._process.stdout.readline())

    def stop(self, *, kill: bool = False) -> None:
        """End it: politely, or in the middle of whatever it does."""
        self._process.kill() if kill else self._process.terminate()
        self._process.communicate(timeout=60)

    def close(self) -> None:
        if self._process.poll() is None:
            self.stop()

    def fault(self, kind: str, **settings: Any) -> None:
        """Order a fault; see `pypirules.Fault`."""
        self._ask("POST", "/_faults", json.dumps({"kind": kind, **settings}).encode())

    def stats(self) -> dict[str, dict[str, Any]]:
        """Return each accepted file with its digest and how many uploads of it were accepted."""
        found: dict[str, dict[str, Any]] = json.loads(self._ask("GET", "/_stats"))
        return found

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        answer = http.request(method, self.urls["url"] + path, what="the test's index", body=body, timeout=60)
        assert answer.status == 200
        return answer.body


def strays(mark: str, *, but: Iterable[int] = ()) -> list[str]:
    """Return the processes, other than this one and `but`, that carry `mark` in environment or arguments."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.environ().values(), *process.cmdline()]
            if process.pid not in {os.getpid(), *but} and any(mark in word for word in words):
                found.append(f"{process.pid} {' '.join(process.cmdline())[:300]}")
        except psutil.Error:
            continue  # gone, a zombie, or another user's
    return found
