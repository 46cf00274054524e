"""What every host promises: this machine, one over a real sshd, and the fake that other tests use."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from releasd.adapters.local import LocalHost
from releasd.adapters.ssh import SshHost
from releasd.errors import Cancelled, Permanent
from releasd.model import HostSpec
from releasd.ports import Host, Task
from support.fakehost import FakeHost, Scripted
from support.sshd import Sshd, sshd

__all__ = ["sshd"]

BUILD = """\
echo building
printf wheel > "$RELEASD_OUT/demo-1.0.whl"
printf log > "$RELEASD_OUT/build.log"
"""
FAILING = "echo broken >&2\nexit 7\n"
HANGING = "echo waiting\nsleep 600\n"

# What the same scripts do on a host that runs nothing.
PLAYED = {
    BUILD: Scripted(output=b"building\n", files={"demo-1.0.whl": b"wheel", "build.log": b"log"}),
    FAILING: Scripted(output=b"broken\n", exit_status=7),
    HANGING: Scripted(output=b"waiting\n", hangs=True),
}


def make_local(request: pytest.FixtureRequest, workdir: Path) -> Host:
    return LocalHost(HostSpec(name="here", labels=frozenset(), workdir=str(workdir)))


def make_ssh(request: pytest.FixtureRequest, workdir: Path) -> Host:
    server: Sshd = request.getfixturevalue("sshd")
    return SshHost(server.spec(workdir))


def make_fake(request: pytest.FixtureRequest, workdir: Path) -> Host:
    return FakeHost(HostSpec(name="fake", labels=frozenset()), lambda task: PLAYED[task.script])


@pytest.fixture(params=[make_local, make_ssh, make_fake])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    """Each kind of host in turn."""
    make: Callable[[pytest.FixtureRequest, Path], Host] = request.param
    return make(request, tmp_path / "work")


@pytest.fixture
def make_task(tmp_path: Path) -> Callable[..., Task]:
    """Build a task whose files arrive in `tmp_path/dest`."""

    def make(script: str, **changes: object) -> Task:
        return Task(**{"id": "t-1", "script": script, "dest": tmp_path / "dest", "outputs": ("*.whl",), **changes})

    return make


def never() -> bool:
    return False


def test_a_build_that_succeeds_brings_the_named_files_and_no_other(host: Host, make_task: Callable[..., Task]) -> None:
    """A file that a task names arrives with the bytes, size and sha256 it had there; others stay behind."""
    result = host.run(make_task(BUILD), lambda _: None, never)
    assert (result.exit_status, result.why) == (0, None)
    (output,) = result.outputs
    assert output.path.read_bytes() == b"wheel"
    assert output.path.name == "demo-1.0.whl"
    assert (output.sha256, output.size) == (hashlib.sha256(b"wheel").hexdigest(), 5)
    assert [path.name for path in output.path.parent.iterdir()] == ["demo-1.0.whl"]


def test_output_reaches_the_sink(host: Host, make_task: Callable[..., Task]) -> None:
    """What the script prints is handed on."""
    seen: list[bytes] = []
    host.run(make_task(BUILD), seen.append, never)
    assert b"".join(seen) == b"building\n"


def test_a_failing_script_gives_its_exit_status_and_no_files(host: Host, make_task: Callable[..., Task]) -> None:
    """The exit status passes through unchanged, and standard error is output too."""
    seen: list[bytes] = []
    result = host.run(make_task(FAILING, outputs=("*",)), seen.append, never)
    assert (result.exit_status, result.why, result.outputs) == (7, None, ())
    assert b"".join(seen) == b"broken\n"


def test_a_script_over_its_time_is_ended_and_says_timeout(host: Host, make_task: Callable[..., Task]) -> None:
    """A hang costs the task's own time limit, and is told apart from a failure."""
    result = host.run(make_task(HANGING, timeout=0.5), lambda _: None, never)
    assert result.why == "timeout"
    assert result.exit_status != 0


def test_a_stop_raises_cancelled(host: Host, make_task: Callable[..., Task]) -> None:
    """A task that should stop ends with `Cancelled`, whatever it was doing."""
    seen: list[bytes] = []
    with pytest.raises(Cancelled):
        host.run(make_task(HANGING), seen.append, lambda: bool(seen))


@pytest.mark.parametrize("bad", ["", "../up", "a/b", ".hidden", "-rf", "x.lock", "a b", "ä"])
def test_an_id_that_is_more_than_a_name_is_refused(host: Host, make_task: Callable[..., Task], bad: str) -> None:
    """A task's id becomes a folder's name on the host, so it can be nothing else."""
    with pytest.raises(Permanent, match="task id"):
        host.run(make_task(BUILD, id=bad), lambda _: None, never)


@pytest.mark.parametrize("bad", ["A=B", "", "1A", "A-B", "A\nB"])
def test_a_variable_with_an_impossible_name_is_refused(host: Host, make_task: Callable[..., Task], bad: str) -> None:
    """A name that a shell would read as something else never gets there."""
    with pytest.raises(Permanent, match="environment variable"):
        host.run(make_task(BUILD, env={bad: "x"}), lambda _: None, never)


def test_a_probe_tells_found_tools_from_missing_ones(host: Host) -> None:
    """A probe names each tool's path, and each tool that is not there."""
    probe = host.probe(["sh", "no-such-tool"])
    assert set(probe.tools) == {"sh"}
    assert probe.tools["sh"].endswith("/sh")
    assert probe.missing == ("no-such-tool",)
    assert probe.system in {"Linux", "Darwin"}
    assert probe.machine
    assert probe.disk_free > 0


def test_a_host_can_be_used_again_after_every_end(host: Host, make_task: Callable[..., Task]) -> None:
    """Success, failure and timeout leave the host ready for the next task, even one of the same id."""
    for script in (BUILD, FAILING, BUILD):
        host.run(make_task(script), lambda _: None, never)
    host.close()
