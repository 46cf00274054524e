"""A build outlives its connection and its daemon, on this machine and over a real sshd: nothing lost, nothing twice."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.adapters.runner.spool import LAG
from releasd.errors import Cancelled, Fenced, HostLost, Stopping
from releasd.ports import Cache, Task, TaskResult
from support.hosts import Place, cut_all, eventually, place, runner_of
from support.sshd import sshd

__all__ = ["place", "sshd"]

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="finds processes by what Linux tells of them")
COUNTING = """
echo once >> FOLDER/starts
i=0; while [ $i -lt 30 ]; do i=$((i + 1)); echo "line $i"; sleep 0.05; done
echo built > "$RELEASD_OUT/a.whl"
"""
LINES = "".join(f"line {number}\n" for number in range(1, 31)).encode()


def never() -> bool:
    return False


def kept(place: Place, script: str, tmp_path: Path, **changes: object) -> Task:
    """Return a task that outlives its connection, of attempt 5."""
    return place.task(script.replace("FOLDER", str(tmp_path)), **{"kept": True, "token": 5, **changes})


def leave_after(seen: list[bytes], text: bytes) -> Callable[[], bool]:
    """Return a `should_stop` of a daemon that stops once `text` was printed."""

    def should_stop() -> bool:
        if text in b"".join(seen):
            raise Stopping("the daemon is stopping")
        return False

    return should_stop


def begin(place: Place, task: Task, until: bytes = b"line 3\n") -> bytes:
    """Begin a task, leave it running once it printed `until`, and return the output so far."""
    seen: list[bytes] = []
    with pytest.raises(Stopping):
        place.host.run(task, seen.append, leave_after(seen, until))
    return b"".join(seen)


def attach(place: Place, task: Task, have: int) -> tuple[TaskResult | None, bytes]:
    """Attach with so many bytes of output; return the result and the output from there on."""
    seen: list[bytes] = []
    result = place.host.attach(replace(task, token=task.token + 1), seen.append, never, lambda: have)
    return result, b"".join(seen)


def test_a_build_that_was_left_is_seen_to_its_end(place: Place, tmp_path: Path) -> None:
    """The next daemon gets the rest of the output from where it has it, the files, and one start in all."""
    task = kept(place, COUNTING, tmp_path)
    first = begin(place, task)
    result, rest = attach(place, task, len(first))
    assert result is not None
    assert first + rest == LINES
    assert [output.path.read_text() for output in result.outputs] == ["built\n"]
    assert (tmp_path / "starts").read_text() == "once\n"
    assert float(result.evidence["seconds"]) >= 1.0
    assert place.leftovers() == []


def test_a_build_that_ended_meanwhile_waits_with_its_files(place: Place, tmp_path: Path) -> None:
    """Nobody was there at its end; all output, also what was printed long ago, is still to be had within the leash."""
    task = kept(place, "echo a; sleep 0.3; echo b; echo built > $RELEASD_OUT/a.whl", tmp_path)
    begin(place, task, b"a\n")
    time.sleep(1.0)
    result, output = attach(place, task, 0)
    assert result is not None
    assert (output, len(result.outputs)) == (b"a\nb\n", 1)


def test_a_build_of_which_nothing_is_known_is_none(place: Place, tmp_path: Path) -> None:
    """A host that was rebooted says so at once: the build may begin anew."""
    assert place.host.attach(kept(place, "true", tmp_path), lambda _: None, never, lambda: 0) is None


def test_an_older_attempt_is_refused(place: Place, tmp_path: Path) -> None:
    """Once a newer attempt has the build, one that comes late gets nothing of it, and disturbs nothing."""
    task = kept(place, COUNTING, tmp_path)
    begin(place, task)
    refused: list[str] = []

    def late() -> bool:
        if not refused:
            with pytest.raises(Fenced, match="came too late") as caught:
                place.host.attach(replace(task, token=4), lambda _: None, never, lambda: 0)
            refused.append(str(caught.value))
        return False

    result = place.host.attach(replace(task, token=6), lambda _: None, late, lambda: 0)
    assert result is not None
    assert (result.exit_status, len(refused)) == (0, 1)


def test_a_newer_attempt_takes_the_build_away(place: Place, tmp_path: Path) -> None:
    """Fencing the other way: the attempt that had it is cut off, and cannot return."""
    task = kept(place, COUNTING, tmp_path)
    results: list[TaskResult | None] = []

    def take_away(_: bytes) -> None:
        if not results:
            results.append(attach(place, task, 0)[0])

    with pytest.raises((Fenced, HostLost)):
        place.host.run(task, take_away, never)
    assert results[0] is not None
    assert len(results[0].outputs) == 1


@linux_only
def test_a_build_whose_daemon_does_not_come_back_ends(place: Place, tmp_path: Path) -> None:
    """The leash: nobody asks for it, and everything is gone after that many seconds."""
    task = kept(place, "(setsid sh -c 'trap \"\" TERM; SLEEP; SLEEP' &); echo up; SLEEP", tmp_path)
    seen: list[bytes] = []

    def leave() -> bool:
        if seen and len(place.sleepers()) == 2:
            raise Stopping("the daemon is stopping")
        return False

    with pytest.raises(Stopping):
        place.host.run(task, seen.append, leave)
    assert eventually(lambda: place.leftovers() == [], 60)


def test_a_cancelled_build_ends_at_once(place: Place, tmp_path: Path) -> None:
    """Only a stop of the daemon leaves it; a person's cancellation does not wait for any leash."""
    seen: list[bytes] = []
    with pytest.raises(Cancelled, match=r"was cancelled$"):
        place.host.run(kept(place, "echo up; SLEEP", tmp_path), seen.append, lambda: bool(seen))
    assert place.leftovers() == []


@linux_only
@pytest.mark.parametrize("when", ["building", "fetching"])
def test_a_connection_that_breaks_is_made_again(place: Place, tmp_path: Path, when: str) -> None:
    """The same attempt goes on: all output once, one start, the whole file, also where half of it was there."""
    script = COUNTING + 'head -c 3000000 /dev/zero > "$RELEASD_OUT/big.whl"'
    task = kept(place, script, tmp_path)
    seen: list[bytes] = []
    cut: list[int] = []

    def cut_once() -> bool:
        is_time = b"line 5\n" in b"".join(seen) if when == "building" else (place.dest / ".big.whl.part").exists()
        if is_time and not cut:
            cut.append(len(seen))
            cut_all()
        return False

    result = place.host.run(task, seen.append, cut_once)
    assert b"".join(seen) == LINES
    assert {output.path.name: output.size for output in result.outputs} == {"a.whl": 6, "big.whl": 3_000_000}
    assert (tmp_path / "starts").read_text() == "once\n"


@linux_only
def test_a_connection_that_breaks_while_a_build_is_taken_over_is_made_again(place: Place, tmp_path: Path) -> None:
    """The successor found the build, and lost the link before the first byte: it returns, and begins nothing anew."""
    task = kept(place, COUNTING, tmp_path)
    first = begin(place, task)
    seen: list[bytes] = []
    found: list[int] = []

    def cut() -> int:
        found.append(len(first))
        cut_all()
        return len(first)

    result = place.host.attach(replace(task, token=6), seen.append, never, cut)
    assert result is not None
    assert first + b"".join(seen) == LINES
    assert ((tmp_path / "starts").read_text(), len(found)) == ("once\n", 1)


def test_output_that_nobody_takes_is_bounded_on_the_host(place: Place, tmp_path: Path) -> None:
    """A build that writes on and on while no daemon is there has to wait, and goes on when one comes."""
    total = 4 * LAG
    place.host.spec = replace(place.host.spec, leash=60.0)
    task = kept(place, f"echo up; sleep 0.5; head -c {total} /dev/zero; echo x > $RELEASD_OUT/a.whl", tmp_path)
    begin(place, task, b"up\n")

    def kept_there() -> int:
        return sum(path.stat().st_size for path in place.workdir.rglob("output.*"))

    assert eventually(lambda: kept_there() > LAG // 2, 60)
    time.sleep(1.0)  # in which it would write on
    assert kept_there() < 2 * LAG
    taken = 0

    def count(data: bytes) -> None:
        nonlocal taken
        taken += len(data)

    result = place.host.attach(replace(task, token=6), count, never, lambda: 3)
    assert result is not None
    assert (taken, result.exit_status) == (total, 0)


def test_a_build_that_says_nothing_is_ended_and_says_idle(place: Place, tmp_path: Path) -> None:
    """A hang is found by its silence, long before the time limit; output in time keeps a build alive."""
    task = kept(place, "echo up; SLEEP", tmp_path, idle_timeout=0.8)
    result = place.host.run(task, lambda _: None, never)
    assert (result.why, result.exit_status != 0) == ("idle", True)
    # Longer than the limit in all, and on a busy machine too each pause is shorter.
    talking = kept(place, "for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.5; done", tmp_path, idle_timeout=4.0)
    assert place.host.run(talking, lambda _: None, never).why is None


def noted(place: Place, tmp_path: Path, besides: list[int]) -> Task:
    """Return a task whose host can keep no cache, and says so before the build begins."""
    (place.workdir.parent / "caches").write_text("in the way")
    cache = Cache(mode="deps", project="p", target="t")
    return kept(place, COUNTING, tmp_path, cache=cache, besides=besides.append)


def without_notes(output: bytes) -> bytes:
    return b"".join(line for line in output.splitlines(keepends=True) if not line.startswith(b"releasd: "))


@linux_only
def test_a_link_that_breaks_after_a_note_loses_no_line(place: Place, tmp_path: Path) -> None:
    """What the runner says itself is in the output, where it is counted, or is not counted."""
    seen: list[bytes] = []
    cut: list[int] = []

    def cut_once() -> bool:
        if b"line 5\n" in b"".join(seen) and not cut:
            cut.append(1)
            cut_all()
        return False

    place.host.run(noted(place, tmp_path, []), seen.append, cut_once)
    assert b"releasd: no cache can be kept on this host" in b"".join(seen)
    assert without_notes(b"".join(seen)) == LINES


def test_a_successor_counts_no_note_as_output(place: Place, tmp_path: Path) -> None:
    """What it has of the output is what was written, less what the host said besides."""
    besides: list[int] = []
    task = noted(place, tmp_path, besides)
    first = begin(place, task)
    result, rest = attach(place, task, len(first) - sum(besides))
    assert result is not None
    assert without_notes(first + rest) == LINES


@linux_only
def test_a_build_that_closes_its_output_is_idle_from_there_on(place: Place, tmp_path: Path) -> None:
    """The end of a stream is no output: neither does it keep a hang alive, nor the runner busy."""
    mute = "exec >/dev/null 2>&1; "
    assert place.host.run(kept(place, mute + "SLEEP", tmp_path, idle_timeout=0.8), lambda _: None, never).why == "idle"
    spent: list[float] = []

    def watch() -> bool:
        spent.append(sum(runner_of(place).cpu_times()[:2]))
        return False

    seen: list[bytes] = []
    place.host.run(kept(place, f"echo up; {mute} sleep 2", tmp_path), seen.append, lambda: bool(seen) and watch())
    assert spent[-1] - spent[0] < 0.3
