"""A daemon that comes back finds its builds still running: they are begun once, and nothing of their output is lost."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from releasd.app.fault import VARIABLE
from releasd.steps.faultpoints import ATTACHING
from support.packages import MAKE
from support.parts import eventually
from support.sshd import Sshd, sshd
from support.stage import Stage, over_ssh
from support.truth import assert_released

__all__ = ["sshd"]

NAMES = ("one", "two", "three")
LINES = 200
LEASH = 120  # seconds: longer than any machine needs for the next daemon
TALK = """
echo once >>{folder}/starts-{name}
i=0; pause=0.01  # quick at first, then slow: a busy machine has other things to do
while [ $i -lt {lines} ] || [ ! -e {folder}/go ]; do
  i=$((i + 1)); echo "{name} line $i"; [ $i -lt {lines} ] || pause=0.2; sleep $pause
done
{make}
"""


def talking(stage: Stage, *names: str, **settings: object) -> None:
    """Have builds that print numbered lines until they are let go."""
    for name in names:
        script = TALK.format(folder=stage.folder, name=name, lines=LINES, make=MAKE)
        stage.build_with(script, **settings)


def numbers(stage: Stage, name: str, text: str | None = None) -> list[int]:
    """Return the numbers of a build's lines in the order of the log."""
    text = stage.log_text(1) if text is None else text
    return [int(number) for number in re.findall(rf"^{name} line (\d+)$", text, re.MULTILINE)]


def assert_whole(stage: Stage, name: str, text: str | None = None) -> None:
    """Fail unless a build was begun once, and each of its lines is in the log once and in its place."""
    assert (stage.folder / f"starts-{name}").read_text() == "once\n"
    found = numbers(stage, name, text)
    assert len(found) >= LINES
    assert found == list(range(1, len(found) + 1))


@contextmanager
def running(stage: Stage, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a `releasd` command beside the test, its output in the file `shown-COMMAND`; it is gone at the end."""
    argv = (sys.executable, "-m", "releasd.cli", *arguments)
    with (
        (stage.folder / f"shown-{arguments[0]}").open("wb") as shown,
        subprocess.Popen(argv, stdout=shown, stderr=shown, env=stage.environ, cwd=stage.folder) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def test_three_builds_go_on_while_the_daemon_is_away(stage: Stage, sshd: Sshd) -> None:
    """Stopped and started again: here and over SSH, each build is attached to; who looks on sees all of it live."""
    stage.config["hosts"]["here"]["leash"] = LEASH
    stage.config["hosts"]["far"] = over_ssh(sshd, stage, labels=["far"], slots=2, leash=LEASH)
    talking(stage, "one", labels=["local"])
    talking(stage, "two", "three", labels=["far"])
    stage.start()
    stage.push("feat: more")
    for name in NAMES:
        stage.wait_file(stage.folder / f"starts-{name}")
    eventually(lambda: all(numbers(stage, name) for name in NAMES), "output of all")
    with (
        running(stage, "log", "1", "--step", "build", "--follow") as follower,
        running(stage, "status", "1", "--watch") as watcher,
    ):
        wait_watched(stage, dict.fromkeys(NAMES, 0))
        stage.daemon.stop()
        before = {name: max(numbers(stage, name)) for name in NAMES}
        stage.daemon.start()
        wait_watched(stage, before)
        assert_all_go_on(stage)
        assert follower.wait(90) == 0
        eventually(lambda: "succeeded: released" in shown(stage, "status"), "the end is shown")
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait(30) == 0, shown(stage, "status")
    for name in NAMES:
        assert_whole(stage, name)
        assert set(numbers(stage, name, shown(stage, "log"))) == set(numbers(stage, name))


def shown(stage: Stage, command: str) -> str:
    """Return what the command that runs beside the test has shown so far."""
    return (stage.folder / f"shown-{command}").read_text()


def wait_watched(stage: Stage, after: dict[str, int]) -> None:
    """Wait until `status --watch` has shown a later line of each build than this."""

    def is_shown(name: str) -> bool:
        found = re.findall(rf"\b{name} line (\d+)", shown(stage, "status"))
        return max(map(int, found), default=0) > after[name]

    eventually(lambda: all(map(is_shown, NAMES)), "each build's progress is shown")


def assert_all_go_on(stage: Stage) -> None:
    """Fail unless all three builds still run, are let go, and make a release without being begun again."""
    stage.wait_for(lambda job: len([b for b in job["builds"] if b["state"] == "started"]) == 3)
    running = stage.status_of(1)["builds"]
    assert all(re.fullmatch(r"\w+ line \d+", build["last_line"]) for build in running), running
    (stage.folder / "go").touch()
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0")
    assert [build["attempts"] for build in job["builds"]] == [1, 1, 1], f"{stage.said(1)}\n{stage.events()}"
    assert {build["evidence"]["host"] for build in job["builds"]} == {"here", "far"}
    assert len([event for event in stage.events() if event["event"] == "build.attached"]) == 3


@pytest.mark.parametrize("point", ATTACHING)
def test_killed_while_attaching(stage: Stage, point: str) -> None:
    """The second daemon dies the moment it has the build; the third one takes it all the same."""
    stage.config["hosts"]["here"]["leash"] = LEASH
    talking(stage, "one")
    stage.start()
    stage.push("feat: more")
    stage.wait_file(stage.folder / "starts-one")
    stage.daemon.kill()
    stage.daemon.start(**{VARIABLE: point})
    stage.daemon.wait_killed()
    (stage.folder / "go").touch()
    stage.daemon.start()
    assert_released(stage, stage.wait_over(), "1.1.0")
    assert_whole(stage, "one")


def test_a_cancelled_job_takes_its_build_along(stage: Stage) -> None:
    """A cancellation ends the build at once, however long its leash is."""
    stage.config["hosts"]["here"]["leash"] = 600
    talking(stage, "one")
    stage.start()
    stage.push("feat: more")
    stage.wait_file(stage.folder / "starts-one")
    assert stage.run("cancel", "1").returncode == 0
    assert stage.wait_over()["state"] == "cancelled"
    stage.assert_host_clean()
