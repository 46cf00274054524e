"""One daemon for one state folder, proven with processes."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from releasd.adapters import statelock
from releasd.errors import AlreadyRunning, ConfigError

HOLDER = """
import sys
from pathlib import Path
from releasd.adapters import statelock
with statelock.hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(state: Path) -> Iterator["subprocess.Popen[str]"]:
    """Have another process hold the lock meanwhile."""
    command = (sys.executable, "-c", HOLDER, str(state))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_daemon_is_refused_with_the_firsts_process(tmp_path: Path) -> None:
    """The message names folder and process, and what to do."""
    with held(tmp_path) as other:
        with (
            pytest.raises(AlreadyRunning, match=rf"process {other.pid}\) runs on {tmp_path}") as caught,
            statelock.hold(tmp_path),
        ):
            pytest.fail("two daemons hold one state folder")
        assert "daemon.state" in caught.value.advice
        assert caught.value.exit_code == 2


def test_the_holder_is_known_while_it_lives(tmp_path: Path) -> None:
    """Whoever asks learns the process id; after its end there is none."""
    assert statelock.holder(tmp_path) is None
    with held(tmp_path) as other:
        assert statelock.holder(tmp_path) == other.pid
    assert statelock.holder(tmp_path) is None


def test_a_killed_daemon_leaves_no_lock(tmp_path: Path) -> None:
    """SIGKILL is a way to stop: the next daemon starts, though the file is still there."""
    with held(tmp_path) as other:
        other.kill()
        other.wait(10)
        assert (tmp_path / statelock.NAME).exists()
        with statelock.hold(tmp_path):
            assert statelock.holder(tmp_path) == os.getpid()


def test_a_folder_is_made_for_its_owner(tmp_path: Path) -> None:
    """Others may pass through to the spool folder, and neither list nor write."""
    state = tmp_path / "deep" / "state"
    with statelock.hold(state):
        assert stat.S_IMODE(state.stat().st_mode) == 0o711


def test_the_lock_is_given_back(tmp_path: Path) -> None:
    """After an orderly end the folder is free, in this process too."""
    for _ in range(2):
        with statelock.hold(tmp_path):
            pass
    assert statelock.holder(tmp_path) is None


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_place_that_is_no_folder(tmp_path: Path, where: str) -> None:
    """It is a mistake in the configuration, named with the setting."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="file") as caught, statelock.hold(tmp_path / where):
        pytest.fail("a file was taken for a folder")
    assert "daemon.state" in caught.value.advice
