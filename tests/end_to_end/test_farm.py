"""Hosts that go and come, are drained, added and removed, under a daemon that runs."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from support.packages import MAKE
from support.parts import eventually
from support.sshd import Sshd, sshd, start_sshd, wait_for_port
from support.stage import Stage, over_ssh
from support.tools import require_tool
from support.truth import assert_audited, assert_released

__all__ = ["sshd"]


@contextmanager
def again(server: Sshd) -> Iterator[None]:
    """Run a server that was stopped once more, with its port and its keys."""
    with (server.folder / "log").open("ab") as log:
        command = (require_tool("sshd"), "-D", "-e", "-f", server.folder / "config")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for_port(server.port, process, server.folder / "log")
        yield
    finally:
        process.terminate()
        process.wait(60)


def told(stage: Stage, noun: str) -> list[str]:
    """Return the names of the audit log's events about `noun`."""
    return [event["event"] for event in stage.events() if event["event"].startswith(noun)]


def test_a_host_that_is_away_is_waited_for_and_comes_back_by_itself(stage: Stage, tmp_path: Path) -> None:
    """The only able host dies in the middle of a build: the job waits and says for what, then is released whole."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    first = start_sshd(folder)
    server = next(first)
    stage.config["hosts"]["far"] = over_ssh(server, stage, labels=["far"], leash=6, lost_after=10)
    begun = tmp_path / "begun"
    stage.build_with(f"test -d {begun} || {{ mkdir {begun}; sleep 613; }}; {MAKE}", labels=["far"])
    stage.start()
    stage.push("feat: more")
    stage.wait_file(begun)
    children = psutil.Process(server.pid).children(recursive=True)
    connections = [each for each in children if each.name().startswith("sshd")]
    first.close()  # before them: the daemon dials again at once
    for process in connections:  # what runs behind them is for the leash to end
        process.kill()
    waiting = stage.wait_for(lambda job: job["state"] == "queued" and "waits" in job["reason"])
    assert "far" in waiting["reason"]
    (far,) = (host for host in stage.status()["hosts"] if host["name"] == "far")
    assert far["quarantined"]["since"]
    assert not far["usable"]
    assert "quarantined" in stage.run("hosts").stdout
    with again(server):
        job = stage.wait_over(timeout=90)
    assert_released(stage, job, "1.1.0")
    assert [build["host"] for build in job["builds"]] == ["far"]
    assert {"host.quarantined", "host.recovered"} <= set(told(stage, "host."))
    assert_audited(stage)


def test_draining_finishes_what_runs_and_outlives_a_restart(stage: Stage, tmp_path: Path) -> None:
    """The build that runs is finished; the next job waits, through a restart too, until the host is resumed."""
    go = tmp_path / "go"
    stage.build_with(f"touch {tmp_path}/begun; while [ ! -e {go} ]; do sleep 0.05; done; {MAKE}")
    stage.start()
    stage.push("feat: more")
    stage.wait_file(tmp_path / "begun")
    assert "it finishes build0 of demo" in stage.run("hosts", "drain", "here").stdout
    go.touch()
    assert_released(stage, stage.wait_over(job=1), "1.1.0")
    stage.work.sync()
    stage.push("feat: again")
    waiting = stage.wait_for(lambda job: "is drained" in job["reason"], job=2)
    assert waiting["state"] == "queued"
    stage.daemon.stop()
    stage.start()
    assert stage.status()["hosts"][0]["drained"]
    assert stage.job(2)["state"] == "queued"
    assert stage.run("hosts", "resume", "here").returncode == 0
    assert stage.wait_over(job=2)["state"] == "succeeded"
    assert told(stage, "host.d") + told(stage, "host.res") == ["host.drained", "host.resumed"]


def test_a_host_is_added_used_and_removed_while_the_daemon_runs(stage: Stage, sshd: Sshd, tmp_path: Path) -> None:
    """The daemon takes it over by itself; it is removed only when its build has ended."""
    go = tmp_path / "go"
    script = f"touch {tmp_path}/begun; while [ ! -e {go} ]; do sleep 0.05; done; {MAKE}"
    stage.build_with(script, labels=["added"])
    stage.start()
    spec = sshd.spec(tmp_path)
    keygen = (require_tool("ssh-keygen"), "-lf", sshd.folder / "host_key.pub")
    key = subprocess.run(keygen, check=True, capture_output=True, text=True, timeout=30).stdout.split()[1]
    added = stage.run(
        "hosts", "add", f"{spec.user}@127.0.0.1", "--name", "far", "--port", str(sshd.port), "--identity",
        str(spec.identity), "--label", "added", "--fingerprint", key,
    )  # fmt: skip
    assert "far is registered" in added.stdout, added.stderr
    stage.wait_event("config.reloaded")  # two reloads that are asked for at once are one
    config = stage.config_file.read_text()
    stage.config_file.write_text(
        config.replace(
            "[hosts.far]\n", f'[hosts.far]\npath = "{stage.environ["PATH"]}"\nworkdir = "{stage.far_workdir}"\n'
        )
    )
    stage.daemon.signal(1)  # SIGHUP
    eventually(lambda: told(stage, "config.").count("config.reloaded") == 2, "the second reload")
    stage.push("feat: more")
    stage.wait_file(tmp_path / "begun")
    removing = subprocess.Popen(
        (stage.environ["PATH"].split(":")[1] + "/python", "-m", "releasd.cli", "hosts", "remove", "far"),
        env=stage.environ, cwd=stage.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    eventually(lambda: "host.drained" in told(stage, "host."), "the host is drained")
    time.sleep(0.5)
    assert removing.poll() is None
    assert "[hosts.far]" in stage.config_file.read_text()
    go.touch()
    said, complained = removing.communicate(timeout=60)
    assert removing.returncode == 0, complained
    assert "waits for build0 of demo, job 1" in complained
    assert "far is no longer in" in said
    assert "[hosts.far]" not in stage.config_file.read_text()
    assert [host["name"] for host in stage.status()["hosts"]] == ["here"]
    eventually(lambda: {"host.added", "host.removed"} <= set(told(stage, "host.")), "both are on record")
    stage.wait_over(job=1)
