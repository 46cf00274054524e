"""The daemon as a process: start, stop, reload, what it refuses, and what it survives."""

import shutil
import signal
import socket
from pathlib import Path

from support.gitrepo import git, make_work
from support.packages import QUICK
from support.parts import eventually
from support.stage import Stage
from support.truth import assert_audited, assert_released, assert_told

SLOW = "touch {0}/started; while [ ! -e {0}/go ]; do sleep 0.05; done; python3 make.py"


def test_sigterm_during_a_build(stage: Stage, tmp_path: Path) -> None:
    """It stops within ten seconds, ends the build, says so to its supervisor; the next one completes the job."""
    stage.build_with(SLOW.format(tmp_path))
    stage.start()
    stage.push("feat: more")
    stage.wait_file(tmp_path / "started")
    assert stage.daemon.stop() < 10
    assert "STOPPING=1" in stage.daemon.notified.said
    stage.assert_clean()
    job = stage.job(1)
    assert (job["state"], job["reason"]) == ("queued", "the daemon was stopped")
    assert stage.status()["daemon"] == {"running": False, "pid": None}
    (tmp_path / "go").touch()
    stage.daemon.start()
    assert_released(stage, stage.wait_over(), "1.1.0")
    assert len(stage.jobs()) == 1


def test_sigterm_while_a_remote_does_not_answer(stage: Stage) -> None:
    """A look at a server that accepts and says nothing is not waited for; the end is a clean one all the same."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(90)
        address = f"git://127.0.0.1:{silent.getsockname()[1]}/far.git"
        stage.config["projects"]["far"] = {"repository": address}
        stage.start(hook=False)
        asking, _ = silent.accept()
        with asking:
            assert stage.daemon.stop() < 10
        assert stage.events()[-1]["event"] == "daemon.stopped"
        assert stage.events()[-1]["data"] == {"clean": True}


def test_reload_does_not_move_a_daemon_that_runs(stage: Stage, tmp_path: Path) -> None:
    """What was opened at the start stays: the reload is refused whole, and names what a restart would take."""
    stage.start(hook=False)
    was = dict(stage.config["daemon"])
    stage.config["daemon"].update(state=str(tmp_path / "elsewhere"), hook_socket_mode="600", reconcile_every=7)
    stage.write_config()
    stage.daemon.signal(signal.SIGHUP)
    refused = eventually(lambda: [e for e in stage.events() if e["event"] == "config.refused"], "config.refused")[0]
    assert refused["data"]["why"] == "daemon.state, daemon.hook_socket_mode: a change needs a restart"
    assert not (tmp_path / "elsewhere").exists()
    stage.config["daemon"] = was
    stage.write_config()
    stage.push("feat: more")
    assert_released(stage, stage.wait_over(), "1.1.0")


def test_second_daemon_is_refused(stage: Stage) -> None:
    """A second one on the same state ends with 2 and says who is there; the first does not notice."""
    stage.start()
    second = stage.run("run")
    assert second.returncode == 2
    assert f"another releasd (process {stage.daemon.process.pid}) runs on" in second.stderr
    stage.push("feat: more")
    assert_released(stage, stage.wait_over(), "1.1.0")


def test_reload_takes_good_and_refuses_bad(stage: Stage) -> None:
    """SIGHUP with a mistake keeps what was; a good one takes effect for the next push, with no restart."""
    stage.start()
    stage.config_file.write_text("[daemon]\nstate = 7\nworkers = 'many'\n")
    stage.daemon.signal(signal.SIGHUP)
    refused = eventually(lambda: [e for e in stage.events() if e["event"] == "config.refused"], "config.refused")[0]
    assert "workers" in refused["data"]["why"]
    stage.push("feat: more")
    stage.write_config()
    assert_released(stage, stage.wait_over(job=1), "1.1.0")
    stage.config["projects"]["demo"]["publish"] = []
    stage.write_config()
    stage.daemon.signal(signal.SIGHUP)
    eventually(lambda: [e for e in stage.events() if e["event"] == "config.reloaded"], "config.reloaded")
    stage.work.sync()
    shown = stage.push("fix: less")
    assert_told(shown, "tag only")
    job = stage.wait_over(job=2)
    assert job["state"] == "succeeded", job["reason"]
    assert stage.tags().keys() == {"v1.0.0", "v1.1.0", "v1.1.1"}
    assert not [name for name in stage.index.stats() if "1.1.1" in name]


def test_no_configuration(stage: Stage) -> None:
    """Every command that needs one ends with 2, names the file, and says how to make it."""
    for arguments in (("run",), ("status",), ("release", "demo")):
        done = stage.run(*arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        assert f"no configuration at {stage.config_file}" in done.stderr
        assert "releasd init" in done.stderr


def test_malformed_configuration_lists_every_mistake(stage: Stage) -> None:
    """All mistakes at once, each with file and key; exit code 2; nothing is started or made."""
    stage.config["daemon"]["workers"] = 0
    stage.config["projects"]["demo"]["publish"] = ["nowhere"]
    stage.config["projects"]["demo"]["color"] = "red"
    stage.config["hosts"]["here"]["slots"] = "three"
    stage.config["indexes"]["local"]["secret"] = "unknown"
    stage.write_config()
    done = stage.run("run")
    assert done.returncode == 2
    for key in ("daemon.workers", "projects.demo.publish", "projects.demo.color", "hosts.here.slots", "indexes.local"):
        assert f"{stage.config_file}: {key}" in done.stderr, done.stderr
    assert not stage.state.exists()


def test_commands_without_a_daemon(stage: Stage) -> None:
    """What needs the daemon ends with 4 and says how to start it; status and log work from the store."""
    stage.start()
    stage.push("feat: more")
    stage.wait_over()
    stage.daemon.stop()
    for arguments in (("release", "demo"), ("retry", "1"), ("cancel", "1")):
        done = stage.run(*arguments)
        assert (done.returncode, "releasd run" in done.stderr) == (4, True), done.stderr
    assert stage.status()["daemon"]["running"] is False
    assert stage.run("log", "1").returncode == 0
    assert "released" in stage.run("status", "1").stdout


def test_repository_gone(stage: Stage, tmp_path: Path) -> None:
    """The repository is moved away: said, kept from nobody else, and the same again when it is back."""
    stage.config["daemon"].update(reconcile_every=0.5, poll_remote_every=0.5)
    stage.start(hook=False)
    shutil.move(stage.remote, tmp_path / "aside.git")
    eventually(lambda: "unreachable" in stage.daemon.said() or "complained" in stage.daemon.said(), "a complaint")
    done = stage.run("release", "demo")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert stage.daemon.is_running
    shutil.move(tmp_path / "aside.git", stage.remote)
    stage.push("feat: more")
    assert_released(stage, stage.wait_over(), "1.1.0")


def test_repository_without_commits_or_tags(stage: Stage) -> None:
    """A repository is registered while it is empty; its first release takes back no version that its files declare."""
    for ref in stage.git("for-each-ref", "--format=%(refname)").split():
        stage.git("update-ref", "-d", ref)
    stage.work.path.rename(stage.folder / "before")
    stage.start()
    assert stage.jobs() == []
    stage.work = make_work(stage.folder / "fresh", stage.remote)
    stage.push("feat: begin", QUICK)
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert "pyproject.toml says 1.0.0" in job["reason"]
    assert "initial_version" in job["reason"]
    assert stage.tags() == {}

    stage.push(
        "fix: say where versions begin", {".releasd.toml": f'initial_version = "1.0.0"\n{QUICK[".releasd.toml"]}'}
    )
    job = stage.wait_over(job=2)
    assert job["state"] == "succeeded", job["reason"]
    assert list(stage.tags()) == ["v1.0.0"]
    assert_audited(stage)


def test_shallow_repository(stage: Stage) -> None:
    """A repository whose history is cut off: no version is guessed from what is left, and the way out is named."""
    stage.push("fix: before")
    shallow = stage.folder / "shallow.git"
    git(stage.folder, "clone", "--quiet", "--bare", "--depth=1", f"file://{stage.remote}", str(shallow))
    git(stage.work.path, "remote", "set-url", "origin", str(shallow))
    stage.remote = shallow
    stage.config["projects"]["demo"]["repository"] = str(shallow)
    stage.start()
    shown = stage.push("feat: more")
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert "its history is shallow" in job["reason"]
    assert "git fetch --unshallow" in job["reason"]
    assert_told(shown, "demo cannot be released: ")
    assert stage.tags() == {}


def test_database_is_healthy_after_a_kill_in_idleness(stage: Stage) -> None:
    """SIGKILL with nothing to do, twice: the next start is as any other, with sockets of its own."""
    stage.start()
    for _ in range(2):
        stage.daemon.kill()
        stage.daemon.start()
    stage.push("feat: more")
    assert_released(stage, stage.wait_over(), "1.1.0")
