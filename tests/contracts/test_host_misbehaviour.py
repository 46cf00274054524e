"""Builds that misbehave, on real hosts: nothing survives them, nothing leaks into them, nothing escapes."""

import copy
import hashlib
import os
import resource
import subprocess
import sys
import tarfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from releasd.adapters import hostrun
from releasd.errors import Cancelled, HostLost, Permanent, TaskLost
from support.hosts import Place, eventually, make_tar, member, place, runner_of
from support.sshd import sshd

__all__ = ["place", "sshd"]

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a child subreaper")

DRIVER = """
import sys
from pathlib import Path
from releasd.adapters.local import LocalHost
from releasd.adapters.ssh import SshHost
from releasd.model import HostSpec
from releasd.ports import Task
spec = {spec!r}
host = (SshHost if spec.address else LocalHost)(spec)
task = Task(id="t-1", script={script!r}, dest=Path({dest!r}))
host.run(task, lambda data: (sys.stdout.buffer.write(data), sys.stdout.flush()), lambda: False)
"""


def placed(info: tarfile.TarInfo, folder: Path) -> tarfile.TarInfo:
    """Return the member with the test's own folder in its name."""
    result = copy.copy(info)
    result.name = info.name.replace("/FOLDER", str(folder))
    return result


# --- nothing survives


STUBBORN = {
    "ignores SIGTERM": "trap '' TERM; echo up; SLEEP & wait; SLEEP",
    "opens a session": "setsid sh -c 'SLEEP' & echo up; SLEEP",
    "forks twice": "(setsid sh -c 'trap \"\" TERM; SLEEP & SLEEP' &) ; echo up; SLEEP",
    "hides its environment": "(env -i setsid /bin/sh -c 'SLEEP' &) ; echo up; SLEEP",
}


@linux_only
@pytest.mark.parametrize("script", STUBBORN.values(), ids=STUBBORN)
def test_a_cancelled_build_leaves_no_process(place: Place, script: str) -> None:
    """However a build hides, `Cancelled` is raised within seconds and everything is dead by then."""
    seen: list[bytes] = []
    with pytest.raises(Cancelled, match=r"was cancelled$"):
        place.host.run(place.task(script), seen.append, lambda: bool(seen) and bool(place.sleepers()))
    assert place.leftovers() == []


@linux_only
@pytest.mark.parametrize("script", STUBBORN.values(), ids=STUBBORN)
def test_a_build_over_its_time_leaves_no_process(place: Place, script: str) -> None:
    """A timeout ends the same processes as a cancellation does."""
    assert place.run(script, timeout=0.5).why == "timeout"
    assert place.leftovers() == []


def test_a_script_that_calls_its_own_end_a_success_is_not_believed(place: Place) -> None:
    """A script that exits 0 on SIGTERM ran out of time all the same, and brings no files."""
    script = "trap 'exit 0' TERM; echo x > \"$RELEASD_OUT/a.whl\"; SLEEP & wait"
    result = place.run(script, timeout=0.5)
    assert (result.exit_status, result.why, result.outputs) == (124, "timeout", ())


@linux_only
def test_a_background_process_does_not_keep_a_finished_build_waiting(place: Place) -> None:
    """A script that exits 0 is done, even where something that it started holds its output open."""
    result = place.run('(setsid sh -c "SLEEP" &) ; SLEEP & echo x > "$RELEASD_OUT/a.whl"', timeout=60)
    assert result.exit_status == 0
    assert [output.path.name for output in result.outputs] == ["a.whl"]
    assert place.leftovers() == []


def test_a_build_killed_by_a_signal_has_a_status_as_in_a_shell(place: Place) -> None:
    """128 and the signal's number, never 0."""
    assert place.run("kill -9 $$").exit_status == 137


def test_a_folder_that_a_build_closed_is_removed(place: Place) -> None:
    """Read-only caches, as Go's, do not outlive the build."""
    place.run("mkdir -p deep/er; touch deep/er/file; chmod 000 deep/er; chmod 500 deep")
    assert place.leftovers() == []


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ('rm -rf "$RELEASD_OUT"', "out: No such file or directory"),
        ('rm -rf "$RELEASD_OUT"; ln -s /etc "$RELEASD_OUT"', "out: Not a directory"),
        ("touch \"$RELEASD_OUT/$(printf 'n\\nl').whl\"", r"no release has a file called 'n\nl.whl'"),
    ],
)
def test_outputs_that_cannot_be_taken_are_the_builds_failure(place: Place, script: str, told: str) -> None:
    """No other host would do better, so it is no error of the host's; a task that wants no files may do as it likes."""
    result = place.run(script, outputs=("*.whl", "passwd"))
    assert (result.why, result.evidence["outputs"], result.outputs) == ("outputs", told, ())
    assert place.run(script, outputs=()).why is None


@linux_only
def test_a_build_that_kills_its_runner_is_told_from_a_host_that_cannot_be_reached(place: Place) -> None:
    """Only what had begun counts as lost: such a build would do the same to every host."""
    with pytest.raises(TaskLost):
        place.run("kill -9 $PPID; SLEEP")
    place.host.probe([])  # removes what dead runners left


@linux_only
def test_a_killed_daemon_leaves_nothing_on_the_host(place: Place, tmp_path: Path) -> None:
    """SIGKILL of the process that drives a build ends the build and removes its folder, with nobody asking."""
    script = "(setsid sh -c 'SLEEP' &) ; echo up; SLEEP".replace("SLEEP", f"sleep {place.mark}")
    spec = replace(place.host.spec, leash=6.0)
    text = DRIVER.format(spec=spec, script=script, dest=str(tmp_path / "dest"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen((sys.executable, "-c", text), stdout=subprocess.PIPE, env=environment) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == b"up\n"
        assert eventually(lambda: len(place.sleepers()) >= 2)
        driver.kill()
    assert eventually(lambda: place.leftovers() == [])


@linux_only
def test_what_a_killed_runner_left_is_removed_by_the_next_probe(place: Place) -> None:
    """A runner that was itself killed is a lost host; its folder and its stragglers go with the next look."""
    seen: list[bytes] = []
    killed: list[psutil.Process] = []

    def kill_runner() -> bool:
        if not killed and seen and len(place.sleepers()) == 2:  # once: what it started stays for the probe
            killed.append(runner_of(place))
            killed[0].kill()
        return False

    with pytest.raises(HostLost):
        place.host.run(place.task("(setsid sh -c 'SLEEP; true' &) ; echo up; SLEEP"), seen.append, kill_runner)
    assert place.leftovers() != []
    place.host.probe([])
    assert place.leftovers() == []


@linux_only
def test_a_killed_runner_leaves_no_process_behind_that_hides(place: Place) -> None:
    """In a session of its own and without a variable to be known by, it still ends: with the runner, unasked."""
    place.host.spec = replace(place.host.spec, path=os.environ["PATH"])
    script = "env -i $(command -v setsid) $(command -v sleep) MARK & sleep 1; kill -9 $PPID; SLEEP"
    with pytest.raises(HostLost):
        place.run(script.replace("MARK", place.mark), kept=True, token=1)
    assert eventually(lambda: not place.sleepers())
    place.host.probe([])
    assert place.leftovers() == []


def test_tasks_side_by_side_do_not_remove_each_other(place: Place) -> None:
    """A start removes what dead runners left, never what a living one uses."""
    results: list[int] = []

    def run(number: int) -> None:
        script = 'sleep 0.5; touch still-here; echo x > "$RELEASD_OUT/a.whl"'
        results.append(place.run(script, id=f"t-{number}", dest=place.dest / str(number)).exit_status)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [0, 0, 0, 0]


def test_an_id_in_use_is_refused(place: Place) -> None:
    """Two tasks never share a folder."""
    errors: list[Permanent] = []

    def second(_: bytes) -> None:
        with pytest.raises(Permanent, match="in use") as caught:
            place.run("true")
        errors.append(caught.value)

    place.host.run(place.task("echo up"), second, lambda: False)
    assert len(errors) == 1


# --- nothing leaks


def test_a_build_sees_only_the_environment_made_for_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the daemon's environment, nor of the login's, reaches a build."""
    monkeypatch.setenv("RELEASD_CANARY", "secret-canary")
    lines = place.output("env; cat /proc/$PPID/environ | tr '\\0' '\\n'", env={"MINE": "a b'c"}).splitlines()
    assert "MINE=a b'c" in lines
    assert not [line for line in lines if "anary" in line]
    lines = place.output("env -u PWD -u SHLVL -u _").splitlines()
    names = {"PATH", "HOME", "LANG", "TMPDIR", "RELEASD_OUT", "RELEASD_INPUTS"}
    assert {line.partition("=")[0] for line in lines} == names


def test_neither_script_nor_variables_are_in_an_argument_list(place: Place) -> None:
    """Other users of a host can read every argument list."""
    seen: list[bytes] = []
    leaks: list[str] = []

    def look() -> bool:
        for process in psutil.process_iter():
            try:
                leaks.extend(part for part in process.cmdline() if "canary-of-argv" in part)
            except psutil.Error:
                continue
        return False

    script = "echo up; sleep 0.6 # canary-of-argv"
    place.host.run(place.task(script, env={"TOKEN": "canary-of-argv"}), seen.append, look)
    assert seen
    assert leaks == []


def test_the_host_settings_reach_the_build_and_the_task_wins(place: Place) -> None:
    """PATH for builds and the host's variables come from the operator's entry."""
    place.host.spec = replace(place.host.spec, path="/usr/bin:/bin", env={"A": "1", "B": "1"})
    assert place.output('echo "$PATH $A $B"', env={"B": "2"}) == "/usr/bin:/bin 1 2\n"


# --- nothing escapes


def test_only_plain_files_directly_in_the_folder_come_back(place: Place) -> None:
    """Links, folders and pipes that match are left out, and the log says so."""
    script = """
    ln -s /etc/passwd "$RELEASD_OUT/link.whl"
    mkdir -p "$RELEASD_OUT/folder.whl"; echo x > "$RELEASD_OUT/folder.whl/deep.whl"
    mkfifo "$RELEASD_OUT/pipe.whl"
    echo x > "$RELEASD_OUT/real.whl"
    """
    seen: list[bytes] = []
    result = place.host.run(place.task(script), seen.append, lambda: False)
    assert [output.path.name for output in result.outputs] == ["real.whl"]
    for name in ("link.whl", "folder.whl", "pipe.whl"):
        assert f"releasd: {name} is not a plain file" in b"".join(seen).decode()


def test_an_output_folder_that_became_a_link_is_refused(place: Place, tmp_path: Path) -> None:
    """A build cannot make releasd collect another folder's files."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.whl").write_text("private")
    result = place.run(f'rmdir "$RELEASD_OUT"; ln -s {tmp_path}/elsewhere "$RELEASD_OUT"')
    assert (result.why, result.outputs) == ("outputs", ())
    assert not place.dest.exists()


EVIL = {
    "absolute": [(member("/FOLDER/evil"), b"x")],  # FOLDER is the test's own
    "climbing": [(member("a/../../evil"), b"x")],
    "link out": [(member("link", tarfile.SYMTYPE, "../.."), b"")],
    "absolute link": [(member("link", tarfile.SYMTYPE, "/etc"), b"")],
    "hard link out": [(member("link", tarfile.LNKTYPE, "../lease"), b"")],
    "through a link": [
        (member("d", tarfile.DIRTYPE), b""),
        (member("d/up", tarfile.SYMTYPE, ".."), b""),
        (member("d/up2", tarfile.SYMTYPE, "up/.."), b""),
    ],
    "device": [(member("null", tarfile.CHRTYPE), b"")],
    "pipe": [(member("pipe", tarfile.FIFOTYPE), b"")],
}


@pytest.mark.parametrize("members", EVIL.values(), ids=EVIL)
def test_sources_cannot_land_outside_of_their_folder(
    place: Place, tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    """A member that would land or point outside is refused, and the script never starts."""
    named = [(placed(info, tmp_path), data) for info, data in members]
    source = make_tar(tmp_path / "evil.tar", named)
    with pytest.raises(Permanent, match="sources: "):
        place.run(f"touch {tmp_path}/started", source=source)
    assert not (tmp_path / "started").exists()
    assert not list(tmp_path.rglob("evil"))


def test_sources_and_inputs_arrive_as_they_are(place: Place, tmp_path: Path) -> None:
    """Sources keep their bytes, inner links and execute bits, not their set-user-id bits; inputs are copies."""
    source = make_tar(
        tmp_path / "source.tar",
        [
            (member("run.sh", mode=0o4755), b"#!/bin/sh\necho ran; cat inner\n"),
            (member("data/file"), b"content\n"),
            (member("inner", tarfile.SYMTYPE, "data/file"), b""),
        ],
    )
    given = tmp_path / "in.whl"
    given.write_bytes(os.urandom(300_000))
    digest = hashlib.sha256(given.read_bytes()).hexdigest()
    script = './run.sh; test ! -u run.sh; sha256sum < "$RELEASD_INPUTS/in.whl"; echo worse > "$RELEASD_INPUTS/in.whl"'
    output = place.output(script, source=source, inputs=(given,))
    assert output == f"ran\ncontent\n{digest}  -\n"
    assert hashlib.sha256(given.read_bytes()).hexdigest() == digest


# --- what comes back is what was there


def test_a_file_that_changed_after_it_was_hashed_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other bytes than the host hashed are never handed on."""
    fetch = hostrun.TaskRun._fetch

    def tamper(self: hostrun.TaskRun, file: dict[str, object]) -> object:
        (place.workdir / "t-1" / "out" / "a.whl").write_text("other bytes, and longer ones")
        return fetch(self, file)

    monkeypatch.setattr(hostrun.TaskRun, "_fetch", tamper)
    with pytest.raises(Permanent, match="another sha256"):
        place.run('echo x > "$RELEASD_OUT/a.whl"')
    assert list(place.dest.iterdir()) == []


def test_a_file_that_arrives_damaged_once_is_asked_for_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bad transfer costs a second one, not the build."""
    receive, digests = hostrun.TaskRun._receive_file, []

    def damage(self: hostrun.TaskRun, name: str, part: Path, size: int) -> str:
        digests.append(receive(self, name, part, size))
        return digests[0][::-1] if len(digests) == 1 else digests[-1]

    monkeypatch.setattr(hostrun.TaskRun, "_receive_file", damage)
    (output,) = place.run('echo x > "$RELEASD_OUT/a.whl"').outputs
    assert output.path.read_text() == "x\n"
    assert len(digests) == 2


def test_100_mb_of_output_and_a_big_file_flow_in_little_memory(place: Place) -> None:
    """Neither output nor files are ever held whole."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total = 0

    def count(data: bytes) -> None:
        nonlocal total
        total += len(data)

    script = 'head -c 50000000 /dev/zero > "$RELEASD_OUT/big.whl"; head -c 100000000 /dev/zero'
    (output,) = place.host.run(place.task(script), count, lambda: False).outputs
    assert (total, output.size, output.path.stat().st_size) == (100_000_000, 50_000_000, 50_000_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # KiB


def test_a_slow_reader_makes_the_build_wait(place: Place) -> None:
    """Output that the daemon has not taken yet is not heaped up on the host."""
    sizes: list[int] = []

    def dawdle(_: bytes) -> None:
        if not sizes:
            time.sleep(1.5)
            sizes.append(runner_of(place).memory_info().rss)

    assert place.host.run(place.task("head -c 200000000 /dev/zero"), dawdle, lambda: False).exit_status == 0
    assert sizes[0] < 60_000_000
