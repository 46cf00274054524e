"""The daemon's own machine as a build host: a runner behind two pipes."""

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterable

from releasd.adapters import hostlook, hostrun
from releasd.adapters.conversation import START_LIMIT, Conversation, LinkClosed
from releasd.adapters.runner import BOOTSTRAP
from releasd.adapters.runner.leash import CHUNK
from releasd.errors import HostLost
from releasd.model import ContainerSpec, HostSpec
from releasd.ports import Probe, ShouldStop, Sink, Task, TaskResult

SEND_LIMIT = 30.0  # seconds in which a live runner has taken something
TAIL = 2000  # bytes kept of what the runner says outside of the protocol
END_LIMIT = 20.0  # seconds in which a runner has ended its build and removed the folder


class LocalHost:
    """Runs tasks here, as the daemon's own user. `spec` is the operator's entry; its `address` is None."""

    def __init__(self, spec: HostSpec) -> None:
        self.spec = spec

    def probe(
        self,
        tools: Iterable[str],
        container: ContainerSpec | None = None,
        *,
        inside: Iterable[str] = (),
        survey: bool = False,
    ) -> Probe:
        """Look at this machine. Errors are those of `ports.Host.probe`."""
        with self._dial(START_LIMIT) as talk:
            return hostlook.probe(talk, self.spec, tools, container, inside=inside, survey=survey)

    def run(self, task: Task, sink: Sink, should_stop: ShouldStop) -> TaskResult:
        """Run `task` to its end. Errors are those of `ports.Host.run`."""
        return self._task(task, sink, should_stop).run()

    def attach(self, task: Task, sink: Sink, should_stop: ShouldStop, found: Callable[[], int]) -> TaskResult | None:
        """See a task to its end that is there already. Errors are those of `ports.Host.attach`."""
        return self._task(task, sink, should_stop).attach(found)

    def close(self) -> None:
        """Nothing is kept between two tasks."""

    def _task(self, task: Task, sink: Sink, should_stop: ShouldStop) -> hostrun.TaskRun:
        return hostrun.TaskRun(self._dial, self.spec, task, sink, should_stop, by_path=True)

    def _dial(self, within: float) -> Conversation:
        try:
            link = PipeLink()
        except OSError as error:
            raise HostLost(
                f"host {self.spec.name} cannot start a process: {error}", advice="see `ulimit -u` and free memory"
            ) from error
        return Conversation(self.spec, link, within, is_own_python=True)


class PipeLink:
    """A runner of this machine's Python, in a session of its own: a Ctrl-C at the daemon's terminal is not for it."""

    def __init__(self) -> None:
        self._said = b""
        self._process = subprocess.Popen(
            (sys.executable, "-I", "-S", "-c", BOOTSTRAP),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )
        pipes = self._process.stdin, self._process.stdout, self._process.stderr
        self._in, self._out, self._err = (pipe.fileno() for pipe in pipes if pipe is not None)
        os.set_blocking(self._in, False)

    def send(self, data: bytes) -> None:
        """Send all of it. Raises `LinkClosed`."""
        rest = memoryview(data)
        while rest:
            if not select.select([], [self._in], [], SEND_LIMIT)[1]:
                raise LinkClosed(f"the runner took nothing for {SEND_LIMIT:.0f} s")
            try:
                rest = rest[os.write(self._in, rest) :]
            except BrokenPipeError as error:
                raise LinkClosed(self._last_words()) from error

    def receive(self, timeout: float) -> bytes:
        """Return what came within `timeout` seconds, b"" for nothing. Raises `LinkClosed` at the end of the stream."""
        readable = select.select([self._out, self._err], [], [], timeout)[0]
        if self._err in readable:
            self._said = (self._said + os.read(self._err, CHUNK))[-TAIL:]
        if self._out not in readable:
            return b""
        data = os.read(self._out, CHUNK)
        if not data:
            status = self._process.wait(END_LIMIT)
            raise LinkClosed(self._last_words(), status if status >= 0 else None)
        return data

    def close(self) -> None:
        """End it and wait for the runner, or the bridge to one; it is killed where that takes far too long."""
        with self._process as process:  # closes the other pipes and waits
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(END_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()

    def _last_words(self) -> str:
        return self._said.decode(errors="replace").strip()
