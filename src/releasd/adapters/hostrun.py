"""What a host does, over any link: run one task from claim to removal (hostlook.py: look at itself).

Sources, inputs and outputs travel on the runner's two streams. A folder is on the runner's leash from before its
first file: there is no moment at which a dying daemon leaves something behind that nobody guards.

A task that is `kept` survives its connection. Whoever comes next, this daemon on a new connection or its successor,
tells the keeper how much of the output it has, and goes on from there.
"""

import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from releasd.adapters.conversation import LOOK_EVERY, Conversation, disk_full
from releasd.adapters.hostlook import WORKDIR, container_question
from releasd.adapters.runner import leash as wire
from releasd.adapters.sources import Frames, cache_question, input_frames, objects_question, patient, source_frames
from releasd.errors import Cancelled, Fenced, HostLost, OwnDiskFull, Permanent, ReleasdError, Stopping, TaskLost
from releasd.model import HostSpec
from releasd.ports import Output, ShouldStop, Sink, Task, TaskResult

REDIAL_PAUSE = 0.5  # seconds between two tries to reach a host again
CANCEL_LIMIT = 20.0  # seconds for a host to confirm a cancellation: its grace, and the removal of a container
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
TASK_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
Dial = Callable[[float], Conversation]


def check_task(spec: HostSpec, task: Task) -> None:
    """Raise `Permanent` where a task's id, a variable or an input could be taken for something else."""
    if len({path.name for path in task.inputs}) < len(task.inputs):
        raise Permanent(f"two inputs of task {task.id} have the same file name")
    if not TASK_ID.fullmatch(task.id) or task.id.endswith(".lock"):
        raise Permanent(f"{task.id!r} is no task id: letters, digits, '.', '_' and '-' are allowed")
    inside = task.container.env if task.container else {}
    for name, value in (*spec.env.items(), *task.env.items(), *inside.items()):
        if not VARIABLE.fullmatch(name) or "\0" in value:
            raise Permanent(
                f"{name!r} cannot be an environment variable of a build on host {spec.name}",
                advice="use letters, digits and '_' in the name, and no NUL in the value",
            )


def is_plain_name(name: str) -> bool:
    """Return whether a name that a host sent is a file name and no path: a host is not trusted with ours."""
    return name not in {"", ".", ".."} and "/" not in name and name.isprintable()


@contextmanager
def _with_the_task() -> Iterator[None]:
    """Say of a host that is lost that the task had begun there."""
    try:
        yield
    except HostLost as error:
        raise TaskLost(error.message, advice=error.advice) from error


class TaskRun:
    """One task, over one conversation after the other where the link breaks.

    Args:
        dial: starts a conversation with a fresh runner, within so many seconds. Raises `HostLost`.
        by_path: whether the runner sees the daemon's files, so that sources and inputs need not be sent.
        sink, should_stop: as `ports.Host.run` has them; `sink` is called often and must not block for long.
    """

    def __init__(
        self, dial: Dial, spec: HostSpec, task: Task, sink: Sink, should_stop: ShouldStop, *, by_path: bool
    ) -> None:
        check_task(spec, task)
        self._dial = dial
        self._spec = spec
        self._task = task
        self._sink = sink
        self._should_stop = should_stop
        self._by_path = by_path
        self._looked = 0.0
        self._taken = 0  # bytes of output
        self._may_return = False  # whether the host would know the task again
        self._is_done = False  # whether all that was wanted is here

    def run(self) -> TaskResult:
        """Run the task to the removal of its folder. Errors are those of `ports.Host.run`."""
        self._talk = self._dial(self._spec.lost_after)
        with _with_the_task():
            return self._see_through(self._begin)

    def attach(self, found: Callable[[], int]) -> TaskResult | None:
        """See the task through that is there already; None where it is not. Errors are those of `ports.Host.attach`."""
        with _with_the_task():
            if not self._come_back(time.monotonic()):
                return None
            self._may_return = True
            return self._see_through(lambda: self._go_on(found()))

    def _begin(self) -> None:
        self._talk.send(wire.SPEC, json.dumps(self._question()).encode())
        self._bring_sources(self._message("ready")["have"])
        self._task.besides(self._taken)  # words of the runner: of the build's output nothing is there yet
        self._taken = 0
        self._may_return = self._task.kept

    def _see_through(self, begin: Callable[[], None]) -> TaskResult:
        """Begin, and follow the task to its end, again and again where the link breaks."""
        while True:
            try:
                begin()
                return self._follow()
            except HostLost:
                self._talk.close()
                if not self._may_return:
                    raise
                self._return(self._talk.heard)
                begin = self._go_on_from_here
            except BaseException as error:
                self._part(error)
                raise

    def _return(self, heard: float) -> None:
        if not self._come_back(heard):
            raise HostLost(
                f"host {self._spec.name} was reached again, and knows nothing of {self._task.id} any more",
                advice=f"see whether {self._spec.name} was restarted: `uptime`",
            )

    def _go_on_from_here(self) -> None:
        self._go_on(self._taken)

    def _follow(self) -> TaskResult:
        ended = self._message("exit")
        if ended["exit"] and ended["disk_full"]:
            raise disk_full(self._spec.name, f"the build ended with exit status {ended['exit']}")
        outputs = tuple(self._fetch(file) for file in ended["files"])
        for name in ended["left_out"]:
            self._say(f"releasd: {name} is not a plain file and was left out\n")
        self._finish()
        return TaskResult(
            exit_status=ended["exit"], outputs=outputs, why=ended["why"], evidence=ended.get("evidence", {})
        )

    def _come_back(self, since: float) -> bool:
        """Reach the task again until `lost_after` seconds after `since`; return whether the host knows it."""
        limit = since + self._spec.lost_after
        while True:
            try:
                self._talk = self._dial(max(limit - time.monotonic(), 1.0))
                return self._knock()
            except HostLost as error:
                if time.monotonic() + REDIAL_PAUSE > limit:
                    raise
                if self._should_stop():
                    raise Cancelled(f"task {self._task.id} was cancelled; {error}") from error
            time.sleep(REDIAL_PAUSE)

    def _knock(self) -> bool:
        """Ask for the task, with our token; leave where it is not there."""
        asked = {"attach": True, "id": self._task.id, "token": self._task.token, "workdir": self._workdir}
        try:
            self._talk.send(wire.SPEC, json.dumps(asked).encode())
            answer = self._first_of("attached", "unknown")
        except BaseException:
            self._talk.close()
            raise
        if "unknown" in answer:
            self._talk.close()
        return "attached" in answer

    def _go_on(self, offset: int) -> None:
        """Have the output again from `offset` on."""
        self._talk.send(wire.FROM, json.dumps(offset).encode())
        self._taken = offset
        begins = self._message("from")["from"]
        if begins > offset:
            self._say(f"\nreleasd: {begins - offset} bytes of output were lost with the link\n")
        self._task.besides(offset - begins)
        self._taken = begins

    def _part(self, error: BaseException) -> None:
        """Leave after an error: what cannot be returned to is ended, what may be waits on its leash."""
        is_over = isinstance(error, HostLost | Cancelled | Fenced | Stopping)
        try:
            if not is_over:
                self._end()
        finally:
            self._talk.close()

    @property
    def _workdir(self) -> str:
        return self._spec.workdir or WORKDIR

    def _question(self) -> dict[str, Any]:
        source, inputs = self._task.source, self._task.inputs
        if source is not None:
            source = source.absolute() if self._by_path else Path("source.tar")
        return {
            "attach": False,
            "id": self._task.id,
            "token": self._task.token,
            "kept": self._task.kept,
            "leash": self._spec.leash,
            "workdir": self._workdir,
            "path": self._spec.path,
            "env": {**self._spec.env, **self._task.env},
            "script": self._task.script,
            "timeout": self._task.timeout,
            "idle_timeout": self._task.idle_timeout,
            "outputs": list(self._task.outputs),
            "source": str(source) if source else None,
            "objects": None if self._by_path else objects_question(self._task.objects),
            "cache": cache_question(self._task.cache),
            "cache_limit": self._spec.cache_limit,
            "inputs": [str(path.absolute()) for path in inputs] if self._by_path else [],
            **container_question(self._spec, self._task.container, self._task.env),
        }

    def _bring_sources(self, have: Sequence[str] | None) -> None:
        """Send what the host lacks, all of it where what it has is of no use, and have it begin."""
        if not self._by_path:
            self._send(input_frames(self._task))
            self._send(source_frames(self._task, have))
        self._talk.send(wire.GO)
        while have is not None:
            answer = self._message("sources")
            if answer["sources"] == "here":
                return
            have = answer["have"]
            self._say(f"releasd: the sources are sent once more, whole: {answer['why']}\n")
            self._send(source_frames(self._task, have))
            self._talk.send(wire.GO)

    def _send(self, frames: Frames) -> None:
        for frame in patient(frames):
            if frame is not None:
                self._talk.send(*frame)
            self._next(0.0)

    def _message(self, key: str) -> dict[str, Any]:
        """Return the next message with `key`, which the runner sends, or its signs of life stop."""
        return self._first_of(key)

    def _first_of(self, *keys: str) -> dict[str, Any]:
        while True:
            frame = self._next(LOOK_EVERY)
            if frame is not None and frame[0] == wire.CONTROL:
                message: dict[str, Any] = json.loads(frame[1])
                if any(key in message for key in keys):
                    return message

    def _next(self, timeout: float) -> tuple[bytes, bytes] | None:
        """Return the next frame that is no output; pass output on, and look whether to stop."""
        self._stop_if_asked()
        frame = self._talk.next(timeout)
        if frame is not None and frame[0] == wire.OUTPUT:
            self._sink(frame[1])
            self._taken += len(frame[1])
            return None
        return frame

    def _stop_if_asked(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY or self._is_done:
            return
        self._looked = now
        if self._should_stop():
            raise Cancelled(f"task {self._task.id} was cancelled{self._end()}")

    def _end(self) -> str:
        """Have everything ended; return what is to be said of it. After `CANCEL_LIMIT` it is left to the leash."""
        self._talk.send(wire.KILL)
        limit = time.monotonic() + CANCEL_LIMIT
        try:
            while time.monotonic() < limit:
                frame = self._talk.next(LOOK_EVERY)
                if frame is not None and frame[0] == wire.CONTROL and "removed" in json.loads(frame[1]):
                    return ""
        except ReleasdError as error:
            return f"; {error}"
        return f"; host {self._spec.name} did not confirm it"

    def _finish(self) -> None:
        """Let the host tidy up. What was wanted is here, so a host that is lost now has done its work."""
        self._is_done = True
        self._talk.send(wire.BYE)
        try:
            message = self._message("removed")
        except HostLost:
            return  # the keeper removes the folder by itself, told or not
        finally:
            self._talk.close()
        if not message["removed"]:
            where = f"{message['folder']} on host {self._spec.name}"
            text = f"releasd: {where} holds another user's files, or a container that cannot be removed, and stays\n"
            self._say(text)

    def _say(self, text: str) -> None:
        """Put a line of our own among the output."""
        data = text.encode()
        self._sink(data)
        self._task.besides(len(data))

    def _fetch(self, file: dict[str, Any]) -> Output:
        """Bring one file in and prove that it is what the host hashed; one that is not is asked for once more."""
        name, digest = str(file["name"]), str(file["sha256"])
        if not is_plain_name(name):
            raise Permanent(f"host {self._spec.name} sent a file called {name!r}")
        self._task.dest.mkdir(parents=True, exist_ok=True)
        part = self._task.dest / f".{name}.part"
        try:
            for _ in range(2):
                if self._receive_file(name, part, file["size"]) == digest:
                    path = part.replace(self._task.dest / name)
                    return Output(path=path, sha256=digest, size=file["size"])
        except OSError as error:
            if error.errno in NO_SPACE:
                raise OwnDiskFull(
                    f"the daemon's own disk is full: {name} from {self._spec.name} does not fit",
                    advice="free space on the disk of daemon.state",
                ) from error
            raise
        finally:
            part.unlink(missing_ok=True)
        raise Permanent(
            f"{name} arrived from host {self._spec.name} with another sha256 than it had there",
            advice=f"look for what still writes to it on {self._spec.name}, then `releasd retry`",
        )

    def _receive_file(self, name: str, part: Path, size: int) -> str:
        """Write what comes to `part`, never more than `size` bytes and one chunk, and return its sha256."""
        digest, received = hashlib.sha256(), 0
        self._talk.send(wire.GET, name.encode())
        with part.open("wb") as target:
            while True:
                frame = self._next(LOOK_EVERY)
                if frame is None:
                    continue
                if frame[0] != wire.DATA:
                    break
                digest.update(frame[1])
                received += len(frame[1])
                if received <= size:
                    target.write(frame[1])
            _make_durable(target)
        return digest.hexdigest()


def _make_durable(file: BinaryIO) -> None:
    """A sealed artifact is never built again, so it has to outlive a power cut."""
    file.flush()
    os.fsync(file.fileno())
