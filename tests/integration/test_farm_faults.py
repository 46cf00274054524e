"""Links that break, slow links, wrong clocks, on hosts with addresses of their own: nothing is left anywhere."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from releasd.adapters.ssh import SshHost
from releasd.adapters.sshpool import Pool
from releasd.errors import HostLost, Permanent
from releasd.ports import Task
from support.hosts import Place, eventually, make_place
from support.netns import Farm, NetHost, farm
from support.sshd import Sshd, make_key, start_sshd

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
    assert time.monotonic() - begun[0] < 40
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


def test_a_slow_host_is_not_a_lost_one(farm: Farm, place: Place, tmp_path: Path) -> None:
    """With 2 Mbit/s everything takes longer, and works: sources there, output and a file back."""
    farm.hosts[0].slow("2mbit")
    source = tmp_path / "in.whl"
    source.write_bytes(bytes(200_000))
    script = 'head -c 100000 /dev/zero; cp "$RELEASD_INPUTS/in.whl" "$RELEASD_OUT/a.whl"'
    seen: list[bytes] = []
    result = place.host.run(kept(place, script, tmp_path, inputs=(source,)), seen.append, lambda: False)
    assert (len(b"".join(seen)), result.outputs[0].size) == (100_000, 200_000)


def test_three_hosts_build_side_by_side_and_one_is_lost(farm: Farm, tmp_path: Path) -> None:
    """A cut cable of one host costs that host's build alone."""
    places = [
        make_place(SshHost(host.spec(tmp_path / host.name, leash=10.0, lost_after=8.0)), tmp_path)
        for host in farm.hosts
    ]
    ended: dict[str, object] = {}

    def run(number: int) -> None:
        place = places[number]
        seen: list[bytes] = []
        act = farm.hosts[0].cut if number == 0 else (lambda: None)
        task = kept(place, COUNTING, tmp_path, id=f"t-{number}", dest=tmp_path / f"dest{number}")
        try:
            ended[str(number)] = place.host.run(task, seen.append, at_line(seen, "line 3\n", act)).exit_status
        except HostLost:
            ended[str(number)] = "lost"

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ended == {"0": "lost", "1": 0, "2": 0}
    for number, place in enumerate(places):
        folder = tmp_path / f"host{number}"
        assert eventually(lambda folder=folder: not list(folder.iterdir()), 60)
        place.host.close()


def test_a_changed_key_is_refused_with_both_fingerprints(farm: Farm, tmp_path: Path) -> None:
    """Somebody else at the same address gets nothing of ours."""
    other = make_key(tmp_path / "other")
    known = tmp_path / "known_hosts"
    known.write_text(f"[{farm.hosts[1].address}]:2222 {other}\n")
    with pytest.raises(Permanent, match="has changed") as caught:
        SshHost(farm.hosts[1].spec(tmp_path / "work", known_hosts=str(known))).probe([])
    assert str(caught.value).count("SHA256:") == 2


SHIM = """#!/bin/sh
test "$1 $2 $3" = "-I -S -c" || exec {python} "$@"
exec {python} -I -S -c "import time; real = time.time; time.time = lambda: real() + 86400
time.time_ns = lambda: int(time.time() * 1e9)
$4"
"""


def test_a_host_whose_clock_is_a_day_off_builds_all_the_same(tmp_path: Path) -> None:
    """No limit, no leash and no decision depends on what time a host thinks it is."""
    folder, shims = tmp_path / "sshd", tmp_path / "shims"
    folder.mkdir()
    shims.mkdir()
    (shims / "python3").write_text(SHIM.format(python="/usr/bin/python3"))
    (shims / "python3").chmod(0o755)
    server = start_sshd(folder, f"SetEnv PATH={shims}:/usr/bin:/bin")
    running: Sshd = next(server)
    place = make_place(SshHost(running.spec(tmp_path / "work", leash=5.0)), tmp_path)
    try:
        assert place.run("SLEEP", timeout=0.5).why == "timeout"
        assert len(place.run('echo x > "$RELEASD_OUT/a.whl"', kept=True).outputs) == 1
        assert place.leftovers() == []
    finally:
        place.host.close()
        server.close()
