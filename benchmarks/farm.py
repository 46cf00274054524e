"""What the farm adds to a build that takes no time, over an SSH connection that is open already."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Figure
from releasd.adapters.local import LocalHost
from releasd.adapters.ssh import SshHost
from releasd.model import HostSpec
from releasd.ports import Host, Task
from support.sshd import start_sshd

ROUNDS = 20
WARM_UPS = 2
AIM = 400.0  # milliseconds, both figures together
SCRIPT = """
echo first
head -c 100000 /dev/zero > "$RELEASD_OUT/demo.whl"
echo last
"""


@dataclass
class Times:
    """Milliseconds of each round: from asking to the first line, from the last line to the file on disk, and all."""

    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


def run() -> Iterator[Figure]:
    """Run the same build again and again: over a warm connection, over a new one each time, and on this machine."""
    folder = Path(tempfile.mkdtemp(prefix="releasd-bench-"))
    server = start_sshd(folder)
    try:
        spec = next(server).spec(folder / "work")
        warm_host = SshHost(spec)
        warm = _measured(folder, lambda: warm_host)
        cold = _measured(folder, lambda: SshHost(spec))
        here = LocalHost(HostSpec(name="here", labels=frozenset(), workdir=str(folder / "work")))
        local = _measured(folder, lambda: here)
        warm_host.close()
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
    yield from _figures(warm, cold, local)


def _measured(folder: Path, host: Callable[[], Host]) -> Times:
    times = Times()
    for number in range(WARM_UPS + ROUNDS):
        _round(host(), folder, number, times if number >= WARM_UPS else Times())
    return times


def _round(host: Host, folder: Path, number: int, times: Times) -> None:
    seen: dict[bytes, float] = {}

    def sink(data: bytes) -> None:
        for word in (b"first", b"last"):
            if word in data:
                seen.setdefault(word, time.perf_counter())

    task = Task(id=f"bench-{number}", script=SCRIPT, dest=folder / "dest", outputs=("*.whl",), kept=True)
    asked = time.perf_counter()
    result = host.run(task, sink, lambda: False)
    done = time.perf_counter()
    assert [output.size for output in result.outputs] == [100_000]
    times.first.append((seen[b"first"] - asked) * 1000)
    times.last.append((done - seen[b"last"]) * 1000)
    times.whole.append((done - asked) * 1000)


def _figures(warm: Times, cold: Times, local: Times) -> Iterator[Figure]:
    yield Figure(
        what="farm: build asked for to its first output line (SSH, warm)",
        unit="ms",
        samples=tuple(warm.first),
        beside={"a new connection each time": tuple(cold.first), "this machine": tuple(local.first)},
        how="an empty build of a loopback sshd, from Host.run to its first line in the sink",
    )
    yield Figure(
        what="farm: last output line to artifact on disk, host tidied (SSH, warm)",
        unit="ms",
        samples=tuple(warm.last),
        beside={"a new connection each time": tuple(cold.last), "this machine": tuple(local.last)},
        how="100 kB, hashed on both sides and synced; until Host.run returns, the folder there removed",
    )
    yield Figure(
        what="farm: what it adds to a build that takes no time",
        unit="ms",
        samples=tuple(warm.whole),
        aim=AIM,
        beside={"a new connection each time": tuple(cold.whole), "this machine": tuple(local.whole)},
        how="the whole of Host.run for a build of two lines and one file",
    )
