"""Places where builds run, and what is run there."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from releasd.model import ContainerSpec, HostSpec
from releasd.ports.common import ShouldStop, Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """A task's sources once more, as git objects: a host with git keeps those of a project, and takes what it lacks.

    `project` names what is kept together, `commit` the one whose files are the sources; `pack` takes the commits
    that a host has and is `Git.pack`.
    """

    project: str
    commit: str
    pack: Callable[[Sequence[str]], Iterator[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """What a host may keep between two builds of one target: "none", "deps" (downloads) or "full" (all)."""

    mode: str
    project: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something to run on a host in a fresh folder. `source` is a tar that is unpacked there; `inputs` are put there.

    `script` runs under `sh -eu` in the unpacked sources with exactly `env` plus what the host itself defines, and
    leaves its files in `$RELEASD_OUT`. Files matching `outputs` come back into `dest`. Times are seconds.

    `id` is the task's alone, on a host that other daemons use too, and not to be guessed: who names it may attach.
    `token` says which attempt has it now: a host refuses an older one.
    What is `kept` goes on without its daemon for the host's leash, to be attached to again.
    `objects` are the same sources for a host that keeps git objects. Without a `cache` the script finds the tools'
    caches of the host's user.
    `besides` is told how many bytes a sink got that are no output of the task: where that goes on is counted in bytes.
    In a `container` it sees nothing of the host: `env`, the image's own variables, and a copy of the sources.
    """

    id: str
    script: str
    dest: Path
    source: Path | None = None
    objects: Objects | None = None
    cache: Cache | None = None
    inputs: Sequence[Path] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    outputs: Sequence[str] = ()
    timeout: float = 3600.0
    container: ContainerSpec | None = None
    idle_timeout: float = float("inf")
    token: int = 0
    kept: bool = False
    besides: Callable[[int], object] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A file that a task named, as hashed on the host and found the same on arrival at `path`. `size` in bytes."""

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """How a task ended: its exit status and, when that is 0, its files.

    `why` is set when it was ended from outside: "timeout", "idle", or "memory" (its container's); or when its files
    cannot be taken: "outputs", and `evidence` says under that name what is wrong. Besides, `evidence` is what the host
    says of how it ran: `seconds`, `cache` (the mode of what was kept between builds), and for a container `engine`,
    `image`, `image_id` and `image_digests`.
    """

    exit_status: int
    outputs: tuple[Output, ...] = ()
    why: str | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a host can do. `missing` are the tools asked for and not found; `disk_free` in bytes.

    `container_problem` says why the container asked for cannot run there, `is_image_absent` that it has to be pulled,
    `image_missing` which of the tools asked for inside of it its image lacks.
    `facts`: `cores`, `memory` (bytes), `load`, `libc`, `clock_offset` (seconds that its clock is ahead); of a survey
    also `programs` (versions by name) and `images` (names by container engine that answers).
    """

    system: str
    machine: str
    tools: Mapping[str, str]
    missing: tuple[str, ...]
    disk_free: int
    container_problem: str | None = None
    is_image_absent: bool = False
    image_missing: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class Host(Protocol):
    """A place where builds run. Nothing is left there afterwards: no process, no folder, no container."""

    spec: HostSpec

    def probe(
        self,
        tools: Iterable[str],
        container: ContainerSpec | None = None,
        *,
        inside: Iterable[str] = (),
        survey: bool = False,
    ) -> Probe:
        """Look at the host, and whether `container` could run there; with `survey` also at what is installed.

        The container's image, where it is there, is looked into for the tools `inside`; none is pulled for it.

        Raises `HostLost` when it cannot be reached.
        """
        ...

    def run(self, task: Task, sink: Sink, should_stop: ShouldStop) -> TaskResult:
        """Run `task` to its end.

        Raises `HostLost` when the host cannot be reached, `TaskLost` when it went away with the task, `Cancelled` when
        `should_stop` said so, `Permanent` when what came back is not what the host hashed, `Fenced` when a newer
        attempt has the task. What `should_stop` itself raises
        leaves a task that is `kept` running; every other error ends it.
        """
        ...

    def attach(self, task: Task, sink: Sink, should_stop: ShouldStop, found: Callable[[], int]) -> TaskResult | None:
        """See a task to its end that an earlier attempt began, as `run` does; None when it is not there.

        `found` is called when it is, and returns how many bytes of its output need not come again.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Hosts(Protocol):
    """The registered hosts."""

    @property
    def here(self) -> Host:
        """Return the daemon's own machine, registered for builds or not."""
        ...

    def able(self, labels: Iterable[str]) -> tuple[Host, ...]:
        """Return the hosts that have all these labels, in the order of registration."""
        ...
