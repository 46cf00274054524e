"""What the engine and the steps need from the outside world, as Protocols without library types.

Every method that waits has a time limit of its own. Errors are those of errors.py: `Transient` where the same call
may succeed later, `Permanent` where it will not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from releasd.model import Artifact, Commit, ContainerSpec, Evidence, HostSpec, IndexRules, LeftRunning, StepName, Tag

Sink = Callable[[bytes], None]  # takes live output, as it comes
ShouldStop = Callable[[], bool]  # asked several times a second by whatever runs long


class Outputs(Protocol):
    """Where the output of one step goes, live: one log for each part (a build, an index)."""

    def __call__(self, part: str) -> Sink:
        """Return what takes it."""
        ...

    def written(self, part: str) -> int:
        """Return how many bytes of that part's output are kept, those of earlier attempts included."""
        ...


class Signer(Protocol):
    """The operator's SSH key. The same bytes always get the same signature."""

    def prove(self) -> None:
        """Raise `Permanent` or `Transient` unless the key is there, can be used and signs the same way each time."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the armoured SSH signature of `data`. Raises as `prove` does."""
        ...


class Clock(Protocol):
    """Time, handed in."""

    def now(self) -> datetime:
        """Return the aware UTC time."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class History(Protocol):
    """What a repository holds: the half of `Git` that a decision reads."""

    def resolve(self, ref: str) -> str | None:
        """Return the commit that `ref` names, or None."""
        ...

    def is_shallow(self) -> bool:
        """Return whether history is cut off."""
        ...

    def branch(self) -> str | None:
        """Return the branch that HEAD is on, or None."""
        ...

    def tag_names(self) -> tuple[str, ...]:
        """Return the names of all tags, reachable or not, by name. Raises `GitError` where history is cut off."""
        ...

    def tags_merged(self, commit: str, among: Sequence[str] | None = None) -> tuple[Tag, ...]:
        """Return the tags reachable from `commit`, by name: of those called `among`, or of all."""
        ...

    def branches(self) -> Mapping[str, str]:
        """Return the branches known here and their tips: the remote's as last fetched, else the ones made here."""
        ...

    def log(self, commit: str, *, since: str | None, paths: Sequence[str] = ()) -> tuple[Commit, ...]:
        """Return the commits reachable from `commit` and not from `since`, newest first, in git's default order.

        With `paths`, pathspecs, only those that touch them; a merge counts by what it brings into its first parent.
        """
        ...

    def touching(self, commit: str, *, since: str | None, paths: Sequence[str]) -> frozenset[str]:
        """Return the names of the commits that `log` returns."""
        ...

    def read(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Return the contents of those of `paths` that exist at `commit`."""
        ...

    def files(self, commit: str) -> tuple[str, ...]:
        """Return the paths of all files at `commit`."""
        ...

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Return whether `ancestor` is reachable from `commit`."""
        ...

    def commit_time(self, commit: str) -> int:
        """Return the committer's time in seconds since the epoch, for SOURCE_DATE_EPOCH."""
        ...


class Git(History, Protocol):
    """One repository: a bare clone of the daemon's own, or for `plan` any work tree. Nothing changes unless said."""

    def remote_refs(self, *patterns: str) -> Mapping[str, str]:
        """Return refs of the remote as `ls-remote` shows them now; peeled tags under `NAME^{}`."""
        ...

    def fetch(self, branch: str) -> str:
        """Fetch the branch and all tags from the remote; return the branch's tip."""
        ...

    def can_push(self, branch: str) -> None:
        """Raise `Permanent` or `Transient` unless a push to `branch` would be accepted (a dry run)."""
        ...

    def check_signature(self, commit: str, *, allowed: Path, revoked: Path | None) -> None:
        """Raise `Permanent` unless the commit has an SSH signature by one of the `allowed` signers, none `revoked`."""
        ...

    def write_commit(self, *, parents: Sequence[str], files: Mapping[str, bytes], message: str, at: datetime) -> str:
        """Write a commit whose tree is the first parent's with `files` replaced; the same input gives the same name."""
        ...

    def write_tag(self, *, name: str, commit: str, message: str, at: datetime) -> str:
        """Write an annotated tag object (no ref) and return its name; the same input gives the same name."""
        ...

    def merge(self, ours: str, theirs: str, *, message: str, at: datetime) -> str | None:
        """Write a merge commit without a work tree and return its name, or None on a conflict."""
        ...

    def set_ref(self, ref: str, commit: str | None) -> None:
        """Point a ref of this clone at `commit`, or delete it. Idempotent."""
        ...

    def push(self, updates: Mapping[str, str], *, expect: Mapping[str, str]) -> None:
        """Push `{remote ref: object}` in one atomic push. Refused unless each ref in `expect` is still at that value.

        Raises `Replan` when the remote refused because a ref moved or exists.
        """
        ...

    def archive(self, commit: str, dest: Path) -> None:
        """Write a tar of `commit`'s tree to `dest`: tracked files only."""
        ...

    def pack(self, commit: str, have: Sequence[str]) -> Iterator[bytes]:
        """Yield a thin pack of `commit` and its files, less those of the commits `have` that are known here."""
        ...


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

    `id` is unique to the attempt that begins it, `token` says which attempt has it now: a host refuses an older one.
    What is `kept` goes on without its daemon for the host's leash, to be attached to again.
    `objects` are the same sources for a host that keeps git objects. Without a `cache` the script finds the tools'
    caches of the host's user.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A file that a task named, as hashed on the host and found the same on arrival at `path`. `size` in bytes."""

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """How a task ended: its exit status and, when that is 0, its files.

    `why` is set when it was ended from outside: "timeout", "idle", or "memory" (its container's). `evidence` is what
    the host says of how it ran: `seconds`, `cache` (the mode of what was kept between builds), and for a container
    `engine`, `image`, `image_id` and `image_digests`.
    """

    exit_status: int
    outputs: tuple[Output, ...] = ()
    why: str | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a host can do. `missing` are the tools asked for and not found; `disk_free` in bytes.

    `container_problem` says why the container asked for cannot run there, `is_image_absent` that it has to be pulled.
    """

    system: str
    machine: str
    tools: Mapping[str, str]
    missing: tuple[str, ...]
    disk_free: int
    container_problem: str | None = None
    is_image_absent: bool = False


class Host(Protocol):
    """A place where builds run. Nothing is left there afterwards: no process, no folder, no container."""

    spec: HostSpec

    def probe(self, tools: Iterable[str], container: ContainerSpec | None = None) -> Probe:
        """Look at the host, and whether `container` could run there. Raises `HostLost` when it cannot be reached."""
        ...

    def run(self, task: Task, sink: Sink, should_stop: ShouldStop) -> TaskResult:
        """Run `task` to its end.

        Raises `HostLost` when the host went away, `Cancelled` when `should_stop` said so, `Permanent` when what came
        back is not what the host hashed, `Fenced` when a newer attempt has the task. What `should_stop` itself raises
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


class ArtifactStore(Protocol):
    """Built files by digest, kept on disk until retention removes them."""

    def put(self, filename: str, data: bytes) -> Artifact:
        """Keep these bytes, durably, and return them as a file without a build."""
        ...

    def adopt(self, path: Path, sha256: str) -> None:
        """Move the file in, durably, under its own name. Raises `Permanent` when its bytes do not have that digest."""
        ...

    def has(self, artifact: Artifact) -> bool:
        """Return whether the file is there with exactly the sealed bytes."""
        ...

    def path(self, artifact: Artifact) -> Path:
        """Return where the file is."""
        ...

    def open(self, artifact: Artifact) -> BinaryIO:
        """Open the file for reading."""
        ...


class Journal(Protocol):
    """One claimed job's memory. Every call is guarded by the claim's token and raises `Fenced` once it is lost."""

    def fence(self) -> None:
        """Raise `Fenced` unless the claim still holds. Called right before each outside effect."""
        ...

    def evidence(self, step: StepName) -> Evidence:
        """Return what an earlier step of this job recorded; empty when it has not succeeded."""
        ...

    def artifacts(self) -> tuple[Artifact, ...]:
        """Return the sealed artifacts."""
        ...

    def how_built(self) -> Mapping[str, Evidence]:
        """Return what is known of how each build that ended well ran, by its name."""
        ...

    def built(self) -> frozenset[str]:
        """Return the names of the builds of this job that ended well. What they left may be sealed under another's."""
        ...

    def build_begun(self, build: str, host: str, *, slots: int, task: str, log_start: int) -> bool:
        """Take one of the host's slots for this build (`LeftRunning` has the rest); False when all are taken."""
        ...

    def left_running(self, build: str) -> LeftRunning | None:
        """Return where an earlier attempt of this job began the build and did not see its end."""
        ...

    def build_attached(self, build: str) -> None:
        """Record that the build still runs, and that this attempt has it now. It takes its slot back."""
        ...

    def build_sealed(self, build: str, host: str, artifacts: Sequence[Artifact], *, evidence: Evidence) -> None:
        """Record, in one transaction, that the build ended well, how, and that these are its files for ever.

        Raises `Conflict` when another build left one of these names with other bytes; the same bytes are fine.
        """
        ...

    def build_failed(self, build: str, host: str, why: str) -> None:
        """Record that the build ended badly on this host, or that the host was lost."""
        ...

    def own_push(self, commit: str) -> None:
        """Remember a commit that is about to be pushed by this job, so that it does not release itself."""
        ...

    def audit_head(self) -> str:
        """Return the audit chain's head, to be witnessed by the tag."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedFile:
    """A file as an index lists it. `sha256` is None where the index gives none; `url` is where its bytes are."""

    filename: str
    sha256: str | None
    url: str


class Index(Protocol):
    """A package index with one place to upload to and one to read from. `rules` say what it takes."""

    name: str
    rules: IndexRules

    def files(self, distribution: str, version: str) -> tuple[ServedFile, ...]:
        """Return the files of one version as listed now, unfiltered by caches; empty when there are none."""
        ...

    def download_sha256(self, file: ServedFile) -> str:
        """Fetch the bytes and return their digest."""
        ...

    def upload(self, paths: Sequence[Path], sink: Sink) -> None:
        """Upload exactly these files. Returning proves nothing: the caller reads the index afterwards.

        Raises `Denied`, `Conflict`, `Permanent` or `Transient` by cause.
        """
        ...

    def install_options(self) -> tuple[str, ...]:
        """Return the options that make `uv pip install` take packages from this index."""
        ...

    def check_secret(self) -> None:
        """Prove that the token can be had and is shaped right, without keeping or showing it."""
        ...


class Secrets(Protocol):
    """Resolves a reference such as `env:NAME` at the moment of use."""

    def get(self, name: str) -> "Secret":
        """Return the secret registered under `name`. Raises `SecretError` (or `Transient`), never with the value."""
        ...


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that does not show itself: only `reveal` gives it, to the one call that needs it."""

    _value: str

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return "[redacted]"

    __str__ = __repr__


class Notifier(Protocol):
    """Tells someone of a release, at least once."""

    def announce(self, webhook: str, body: bytes, *, key: str) -> None:
        """Deliver `body` to the webhook; `key` lets the receiver drop a repetition."""
        ...


class Supervisor(Protocol):
    """The service manager that started us, if any."""

    def ready(self) -> None:
        """Say that the first look at everything is done."""
        ...

    def status(self, text: str) -> None:
        """Say in a line what goes on."""
        ...

    def watchdog(self) -> None:
        """Say that the inbox loop is alive."""
        ...

    def stopping(self) -> None:
        """Say that we are about to end."""
        ...

    def reloading(self) -> None:
        """Say that the configuration is being read again."""
        ...
