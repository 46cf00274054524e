"""Links that break, on hosts with addresses of their own: nothing is left anywhere, and nobody waits for ever."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from releasd.adapters.ssh import SshHost
from releasd.adapters.sshpool import Pool
from releasd.errors import HostLost
from releasd.ports import Task
from support.hosts import Place, eventually, make_place
from support.netns import Farm, NetHost, farm

__all__ = ["farm"]

COUNTING = """
echo once >> FOLDER/starts
i=0; while [ $i -lt 40 ]; do i=$((i + 1)); echo "line $i"; sleep 0.05; done
echo built > "$RELEASD_OUT/a.whl"
"""
LINES = "".join(f"line {number}\n" for number in range(1, 41))


@pytest.fixture
def place(farm: Farm, tmp_path: Path) -> Iterator[Place]:
    """The first host of the farm; after the test nothing may be left there."""
    place = make_place(SshHost(farm.hosts[0].spec(tmp_path / "work", leash=8.0, lost_after=4.0)), tmp_path)
    yield place
    farm.hosts[0].mend()
    assert eventually(lambda: not place.leftovers(), 60), place.leftovers()
    place.host.close()


def kept(place: Place, script: str, tmp_path: Path, **changes: object) -> Task:
    """Return a task that outlives its connection."""
    return place.task(script.replace("FOLDER", str(tmp_path)), **{"kept": True, "token": 1, **changes})


def at_line(seen: list[bytes], line: str, act: Callable[[], None]) -> Callable[[], bool]:
    """Return a `should_stop` that acts once when `line` was printed, and never stops anything."""
    acted: list[bool] = []

    def should_stop() -> bool:
        if not acted and line.encode() in b"".join(seen):
            acted.append(True)
            act()
        return False

    return should_stop


@pytest.mark.parametrize("how", ["cut", "mute"])
def test_a_link_that_is_cut_for_good_is_a_lost_host_in_bounded_time(
    farm: Farm, place: Place, tmp_path: Path, how: str
) -> None:
    """Both sides or one alone: noticed within `lost_after` and a try; the host ends the build by itself."""
    seen: list[bytes] = []
    begun: list[float] = []

    def act() -> None:
        begun.append(time.monotonic())
        getattr(farm.hosts[0], how)()

    with pytest.raises(HostLost):
        place.host.run(kept(place, "echo up; SLEEP & SLEEP", tmp_path), seen.append, at_line(seen, "up", act))
    assert time.monotonic() - begun[0] < 20
    assert eventually(lambda: not place.leftovers(), 60), "the leash"


@pytest.mark.parametrize("how", ["cut", "mute"])
def test_a_link_that_comes_back_in_time_loses_nothing(farm: Farm, place: Place, tmp_path: Path, how: str) -> None:
    """The build went on meanwhile: its output is complete, once, and it was begun once."""
    place.host.spec = replace(place.host.spec, leash=20.0, lost_after=15.0)
    place.host.close()
    host = SshHost(place.host.spec)
    seen: list[bytes] = []

    def act() -> None:
        getattr(farm.hosts[0], how)()
        threading.Timer(1.5, farm.hosts[0].mend).start()

    result = host.run(kept(place, COUNTING, tmp_path), seen.append, at_line(seen, "line 5\n", act))
    assert b"".join(seen).decode() == LINES
    assert [output.size for output in result.outputs] == [6]
    assert (tmp_path / "starts").read_text() == "once\n"
    host.close()


def test_a_warm_connection_is_shared_and_a_dead_one_replaced(farm: Farm, place: Place) -> None:
    """Tasks one after the other and side by side use one connection; a broken one costs nobody an error."""
    for _ in range(3):
        place.run("true")
    threads = [threading.Thread(target=place.run, args=("sleep 0.3",), kwargs={"id": f"t-{n}"}) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (first,) = established(farm.hosts[0])
    for process in psutil.Process().children(recursive=True):
        if process.name().startswith("sshd") and "[listener]" not in " ".join(process.cmdline()):
            process.kill()
    assert place.run("true").exit_status == 0
    assert established(farm.hosts[0]) - {first}


def test_an_idle_connection_is_closed(farm: Farm, place: Place) -> None:
    """Nobody pays for a connection that is not used; the next task makes another."""
    pool = Pool(place.host._pool._connect, idle_after=0.3, sweep_every=0.1)
    place.host._pool = pool
    used: list[set[str]] = []

    def look() -> bool:
        used.append(established(farm.hosts[0]))
        return False

    place.host.run(place.task("sleep 2"), lambda _: None, look)  # longer than the limit: a channel in use keeps it open
    assert len({frozenset(each) for each in used}) == 1
    assert used[0]
    assert eventually(lambda: not established(farm.hosts[0]), 60)
    assert place.run("true").exit_status == 0


def established(host: NetHost) -> set[str]:
    """Return the client's ports of the connections to a host."""
    lines = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
    remote = f"{int.from_bytes(bytes(map(int, host.address.split('.'))), 'little'):08X}:{2222:04X}"
    return {fields[1] for line in lines if (fields := line.split())[2] == remote and fields[3] == "01"}
