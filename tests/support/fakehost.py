"""A host made of answers, for tests of what is above the port. It keeps the promises of `ports.Host`, and
tests/contracts/test_host.py holds it to them beside the real ones.
"""

import fnmatch
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from releasd.adapters.hostrun import check_task
from releasd.errors import Cancelled, ReleasdError
from releasd.model import ContainerSpec, HostSpec
from releasd.ports import Output, Probe, ShouldStop, Sink, Task, TaskResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """What a script does here: its output, its files, how it ends. `hangs` until cancelled, else to the timeout."""

    output: bytes = b""
    note: bytes = b""  # of the host's own
    exit_status: int = 0
    files: Mapping[str, bytes] = field(default_factory=dict)
    hangs: bool = False
    why: str = "timeout"  # what ends one that hangs
    error: ReleasdError | None = None


class FakeHost:
    """Answers each task by `script(task)`, and remembers the tasks.

    Args:
        spec: the entry it plays.
        script: says what a task's script does; the default succeeds silently.
        tools: what `probe` finds, by name and path.
    """

    def __init__(
        self,
        spec: HostSpec,
        script: Callable[[Task], Scripted] = lambda _: Scripted(),
        *,
        tools: Mapping[str, str] | None = None,
        probe_error: ReleasdError | None = None,
        container_problem: str | None = None,
    ) -> None:
        self.spec = spec
        self.tasks: list[Task] = []
        self.left: dict[str, Scripted] = {}  # what still runs here, by task
        self.attached: list[Task] = []
        self.is_closed = False
        self.image_tools: set[str] = set()  # what every image here has
        self._script = script
        self._tools = {"sh": "/bin/sh"} if tools is None else tools
        self._probe_error = probe_error
        self._container_problem = container_problem

    def probe(
        self,
        tools: Iterable[str],
        container: ContainerSpec | None = None,
        *,
        inside: Iterable[str] = (),
        survey: bool = False,
    ) -> Probe:
        """Return what was given, or raise the error that was."""
        if self._probe_error is not None:
            raise self._probe_error
        wanted = sorted(set(tools))
        return Probe(
            system="Linux",
            machine="x86_64",
            tools={tool: self._tools[tool] for tool in wanted if tool in self._tools},
            missing=tuple(tool for tool in wanted if tool not in self._tools),
            disk_free=1 << 40,
            container_problem=self._container_problem if container else None,
            image_missing=tuple(tool for tool in sorted(set(inside)) if tool not in self.image_tools),
            facts={"cores": 4, "load": 0.5, **({"programs": {}, "images": {}} if survey else {})},
        )

    def run(self, task: Task, sink: Sink, should_stop: ShouldStop) -> TaskResult:
        """Play the script."""
        check_task(self.spec, task)
        self.tasks.append(task)
        return self._play(self._script(task), task, sink, should_stop)

    def _play(self, played: Scripted, task: Task, sink: Sink, should_stop: ShouldStop) -> TaskResult:
        if played.note:
            sink(played.note)
            task.besides(len(played.note))
        if played.output:
            sink(played.output)
        if should_stop():
            raise Cancelled(f"task {task.id} was cancelled")
        if played.error is not None:
            raise played.error
        if played.hangs:
            return TaskResult(exit_status=143, why=played.why)
        if played.exit_status:
            return TaskResult(exit_status=played.exit_status)
        return TaskResult(exit_status=0, outputs=tuple(_arrive(task, played.files)))

    def attach(self, task: Task, sink: Sink, should_stop: ShouldStop, found: Callable[[], int]) -> TaskResult | None:
        """Play on what `left` has of this task, output from where `found` says; None where it has nothing."""
        check_task(self.spec, task)
        played = self.left.pop(task.id, None)
        if played is None:
            return None
        self.attached.append(task)
        have = found()
        return self._play(played, task, lambda data: sink(data[have:]), should_stop)

    def close(self) -> None:
        """Remember that."""
        self.is_closed = True


def _arrive(task: Task, files: Mapping[str, bytes]) -> list[Output]:
    outputs = []
    for name, data in sorted(files.items()):
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in task.outputs):
            path = Path(task.dest, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            outputs.append(Output(path=path, sha256=hashlib.sha256(data).hexdigest(), size=len(data)))
    return outputs
