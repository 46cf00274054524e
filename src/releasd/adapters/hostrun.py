"""What a host does, over any link: look at itself, or run one task from claim to removal.

Sources, inputs and outputs travel on the runner's two streams. A folder is on the runner's leash from before its
first file: there is no moment at which a dying daemon leaves something behind that nobody guards.
"""

import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from releasd.adapters.conversation import LOOK_EVERY, Conversation, disk_full
from releasd.adapters.runner import leash as wire
from releasd.errors import Cancelled, OwnDiskFull, Permanent, ReleasdError
from releasd.model import HostSpec
from releasd.ports import Output, Probe, ShouldStop, Sink, Task, TaskResult

WORKDIR = "~/.cache/releasd/builds"
LEASH = 15.0  # seconds without a sign of life after which the runner ends everything
CANCEL_LIMIT = 5.0  # seconds that a host gets to confirm a cancellation
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
TASK_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_task(spec: HostSpec, task: Task) -> None:
    """Raise `Permanent` where a task's id, a variable or an input could be taken for something else."""
    if len({path.name for path in task.inputs}) < len(task.inputs):
        raise Permanent(f"two inputs of task {task.id} have the same file name")
    if not TASK_ID.fullmatch(task.id) or task.id.endswith(".lock"):
        raise Permanent(f"{task.id!r} is no task id: letters, digits, '.', '_' and '-' are allowed")
    for name, value in (*spec.env.items(), *task.env.items()):
        if not VARIABLE.fullmatch(name) or "\0" in value:
            raise Permanent(
                f"{name!r} cannot be an environment variable of a build on host {spec.name}",
                advice="use letters, digits and '_' in the name, and no NUL in the value",
            )


def is_plain_name(name: str) -> bool:
    """Return whether a name that a host sent is a file name and no path: a host is not trusted with ours."""
    return name not in {"", ".", ".."} and "/" not in name and name.isprintable()


def probe(talk: Conversation, spec: HostSpec, tools: Iterable[str], *, survey: bool) -> Probe:
    """Ask a fresh runner what its host can do; leftovers of dead runners are removed on the way."""
    question = {"leash": LEASH, "workdir": spec.workdir or WORKDIR, "path": spec.path, "tools": sorted(set(tools))}
    question["survey"] = survey
    talk.send(wire.SPEC, json.dumps(question).encode())
    frame = None
    while frame is None:
        frame = talk.next(LOOK_EVERY)
    answer = json.loads(frame[1])["probe"]
    found: dict[str, str | None] = answer["tools"]
    return Probe(
        system=answer["system"],
        machine=answer["machine"],
        tools={tool: path for tool, path in found.items() if path},
        missing=tuple(tool for tool, path in found.items() if not path),
        disk_free=answer["disk_free"],
        facts=answer["facts"] | {"clock_offset": round(answer["facts"].pop("clock") - time.time(), 1)},
    )


class TaskRun:
    """One task over one fresh conversation.

    Args:
        talk: the conversation, used up by this.
        by_path: whether the runner sees the daemon's files, so that sources and inputs need not be sent.
        sink, should_stop: as `ports.Host.run` has them; `sink` is called often and must not block for long.
    """

    def __init__(
        self, talk: Conversation, spec: HostSpec, task: Task, sink: Sink, should_stop: ShouldStop, *, by_path: bool
    ) -> None:
        self._talk = talk
        self._spec = spec
        self._task = task
        self._sink = sink
        self._should_stop = should_stop
        self._by_path = by_path
        self._looked = 0.0

    def run(self, leash: float) -> TaskResult:
        """Run the task to the removal of its folder. Errors are those of `ports.Host.run`.

        Args:
            leash: seconds without a sign of life after which the runner ends everything.
        """
        self._talk.send(wire.SPEC, json.dumps(self._question(leash)).encode())
        self._message("ready")
        if not self._by_path:
            self._upload()
        self._talk.send(wire.GO)
        ended = self._message("exit")
        if ended["exit"] and ended["disk_full"]:
            raise disk_full(self._spec.name, f"the build ended with exit status {ended['exit']}")
        for name in ended["left_out"]:
            self._sink(f"releasd: {name} is not a plain file and was left out\n".encode())
        outputs = tuple(self._fetch(file) for file in ended["files"])
        self._finish()
        return TaskResult(exit_status=ended["exit"], outputs=outputs, why=ended["why"])

    def _question(self, leash: float) -> dict[str, Any]:
        source, inputs = self._task.source, self._task.inputs
        if source is not None:
            source = source.absolute() if self._by_path else Path("source.tar")
        return {
            "id": self._task.id,
            "leash": leash,
            "workdir": self._spec.workdir or WORKDIR,
            "path": self._spec.path,
            "env": {**self._spec.env, **self._task.env},
            "script": self._task.script,
            "timeout": self._task.timeout,
            "outputs": list(self._task.outputs),
            "source": str(source) if source else None,
            "inputs": [str(path.absolute()) for path in inputs] if self._by_path else [],
        }

    def _upload(self) -> None:
        for frame in _frames_of(self._task):
            self._talk.send(*frame)
            self._next(0.0)

    def _message(self, key: str) -> dict[str, Any]:
        """Return the next message with `key`, which the runner sends, or its signs of life stop."""
        while True:
            frame = self._next(LOOK_EVERY)
            if frame is not None and frame[0] == wire.CONTROL:
                message: dict[str, Any] = json.loads(frame[1])
                if key in message:
                    return message

    def _next(self, timeout: float) -> tuple[bytes, bytes] | None:
        """Return the next frame that is no output; pass output on, and look whether to stop."""
        now = time.monotonic()
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            if self._should_stop():
                self._cancel()
        frame = self._talk.next(timeout)
        if frame is not None and frame[0] == wire.OUTPUT:
            self._sink(frame[1])
            return None
        return frame

    def _cancel(self) -> None:
        """Have everything ended; after `CANCEL_LIMIT` the runner is left to its leash."""
        self._talk.send(wire.KILL)
        limit = time.monotonic() + CANCEL_LIMIT
        problem = f"; host {self._spec.name} did not confirm it"
        try:
            while time.monotonic() < limit and problem:
                frame = self._talk.next(LOOK_EVERY)
                if frame is not None and frame[0] == wire.CONTROL and "removed" in json.loads(frame[1]):
                    problem = ""
        except ReleasdError as error:
            problem = f"; {error}"
        raise Cancelled(f"task {self._task.id} was cancelled{problem}")

    def _finish(self) -> None:
        self._talk.send(wire.BYE)
        message = self._message("removed")
        if not message["removed"]:
            text = f"releasd: {message['folder']} on host {self._spec.name} holds another user's files and stays\n"
            self._sink(text.encode())

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


def _frames_of(task: Task) -> Iterator[tuple[bytes, bytes]]:
    """Yield the frames that bring a task's sources and inputs."""
    files = [(f"inputs/{path.name}", path) for path in task.inputs]
    if task.source is not None:
        files.append(("source.tar", task.source))
    for name, path in files:
        yield wire.PUT, json.dumps(name).encode()
        with path.open("rb") as file:
            while chunk := file.read(wire.CHUNK):
                yield wire.DATA, chunk
