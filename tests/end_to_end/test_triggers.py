"""However a push is found, and however many there are: one release of the newest commit."""

import json
import os
import pwd
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from support.gitrepo import git
from support.parts import eventually
from support.ports import own_port
from support.sshd import Sshd, sshd, wait_for_port
from support.stage import Stage
from support.tools import require_tool
from support.truth import assert_released, assert_told

__all__ = ["sshd"]

WAIT = "touch {0}/started; while [ ! -e {0}/go ]; do sleep 0.05; done; python3 make.py"


def test_watch_alone_finds_a_push(stage: Stage) -> None:
    """With no hook and no tick that is due, the moved branch is seen on the disk."""
    stage.config["daemon"].update(reconcile_every=3600, poll_remote_every=3600)
    stage.start(hook=False)
    stage.push("fix: less")
    job, version = stage.wait_over(job=1), "1.0.1"
    if job["source"] == "reconcile":  # the only look of the tick, at the start, was late: the next push is the watch's
        stage.work.sync()
        stage.push("fix: even less")
        job, version = stage.wait_over(job=2), "1.0.2"
    assert job["source"] == "watch"
    assert_released(stage, job, version)


def test_tick_alone_finds_a_push(stage: Stage) -> None:
    """With no hook, and no folder to watch (the repository is on a server), the poll asks the remote."""
    stage.config["daemon"].update(poll_remote_every=0.5)
    with git_server(stage.folder) as url:
        stage.config["projects"]["demo"]["repository"] = f"{url}/demo.git"
        stage.start(hook=False)
        eventually(lambda: stage.status()["projects"], "the first look")
        stage.push("fix: less")
        stage.wait_over(job=1)
    job = stage.job(1)
    assert job["source"] == "reconcile"
    assert_released(stage, job, "1.0.1")


def test_push_to_a_server_while_the_daemon_is_down(stage: Stage, sshd: Sshd) -> None:
    """A repository that only ssh reaches is looked at right after the start, not after the poll's first interval."""
    stage.config["daemon"].update(reconcile_every=3600, poll_remote_every=3600)
    user = pwd.getpwuid(os.getuid()).pw_name
    stage.config["projects"]["demo"]["repository"] = f"ssh://{user}@127.0.0.1:{sshd.port}{stage.remote}"
    known = f"-o UserKnownHostsFile={sshd.folder}/known_hosts -o IdentitiesOnly=yes -o BatchMode=yes"
    stage.daemon.environ["GIT_SSH_COMMAND"] = f"ssh -F none -i {sshd.folder}/client_key {known}"
    stage.start(hook=False)
    eventually(lambda: stage.status()["projects"], "the first look", timeout=60)
    stage.daemon.stop()
    stage.push("fix: less")
    stage.daemon.start()
    eventually(stage.jobs, "the job of the push", timeout=60)
    assert stage.job(1)["source"] == "reconcile"
    assert_released(stage, stage.wait_over(job=1), "1.0.1")


@contextmanager
def git_server(folder: Path) -> Iterator[str]:
    """Serve the repositories in `folder` by git's own protocol; yield the address."""
    port = own_port()
    places = (f"--base-path={folder}", "--listen=127.0.0.1", f"--port={port}", "--reuseaddr")
    command = (require_tool("git"), "daemon", *places, "--export-all", "--enable=receive-pack")
    log = folder / "git-daemon.log"
    with log.open("wb") as output:
        # A session of its own: git starts the server proper as a child, and both have to end.
        server = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        wait_for_port(port, server, log)
        yield f"git://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def test_hook_in_the_pushing_clone(stage: Stage) -> None:
    """Where the server cannot have a hook, the pusher's clone has one; fetching there is harmless."""
    stage.config["daemon"].update(reconcile_every=3600, poll_remote_every=3600)
    stage.config["projects"]["demo"]["repository"] = f"file://{stage.remote}"
    stage.start(hook=False)
    done = stage.run("hook", "install", "--repo", str(stage.work.path))
    assert done.returncode == 0, done.stderr
    assert "reference-transaction" in done.stdout
    stage.push("feat: more")
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0")
    git(stage.work.path, "pull", "--quiet", "--ff-only", "origin", "main")
    assert stage.status()["projects"][0]["head"] == stage.main()
    assert len(stage.jobs()) == 1


def test_push_while_the_daemon_is_down(stage: Stage) -> None:
    """The hook leaves a file; when READY is said the push is in the queue, with the pusher's own word on it."""
    stage.start()
    stage.daemon.stop()
    stage.push("feat: more")
    assert list((stage.state / "spool").glob("*.json"))
    stage.daemon.start()
    assert stage.jobs(), "READY was said before the push was queued"
    assert not list((stage.state / "spool").glob("*.json"))
    job = stage.wait_over()
    assert job["source"] == "spool"
    assert_released(stage, job, "1.1.0")


def test_push_unseen_by_hook_and_daemon(stage: Stage) -> None:
    """A push with no hook installed, while the daemon was down, is found by the first look at the branch."""
    stage.start(hook=False)
    stage.daemon.stop()
    stage.push("feat: more")
    stage.daemon.start()
    assert_released(stage, stage.wait_over(), "1.1.0")


def test_docs_release_nothing(stage: Stage) -> None:
    """A push of documentation ends at once, says why, and the pusher is told."""
    stage.start()
    main = stage.main()
    shown = stage.push("docs: words", {"README.md": "words\n"})
    job = stage.wait_over()
    assert (job["state"], job["version"], job["steps"]) == ("succeeded", None, [])
    assert_told(shown, job["reason"], "remote: releasd: demo: ")
    assert stage.tags().keys() == {"v1.0.0"}
    assert stage.main() != main
    assert stage.index.stats() == {}


def test_own_release_commit_is_not_released(stage: Stage) -> None:
    """What the daemon pushes moves the branch that it watches, through the hook that tells it: nothing comes of it."""
    stage.config["daemon"].update(reconcile_every=0.5)
    stage.start()
    stage.push("feat: more")
    stage.wait_over()
    git(stage.work.path, "fetch", "--quiet")
    stage.daemon.stop()
    stage.daemon.start()
    assert [job["version"] for job in stage.jobs()] == ["1.1.0"]


def test_pushes_during_a_release_become_one(stage: Stage, tmp_path: Path) -> None:
    """The running job is not overtaken; of the pushes meanwhile the newest is released and the older superseded."""
    stage.build_with(WAIT.format(tmp_path))
    stage.start()
    stage.push("fix: first")
    stage.wait_file(tmp_path / "started")
    for number in range(3):
        stage.push(f"feat: more {number}")
        stage.wait_for(lambda job: job["commit"] == stage.main())  # the push does not wait for that on a busy machine
    assert [job["state"] for job in stage.jobs()] == ["running", "superseded", "superseded", "queued"]
    (tmp_path / "go").touch()
    assert_released(stage, stage.wait_over(job=1), "1.0.1")
    # The push of the release joined main by a merge, which is newer still than the last of the pushes.
    assert_released(stage, stage.wait_for(lambda job: job["version"] == "1.1.0" and job["finished_at"]), "1.1.0")
    assert all(f"more {number}" in stage.git("show", "v1.1.0:CHANGELOG.md") for number in range(3))
    assert stage.tags().keys() == {"v1.0.0", "v1.0.1", "v1.1.0"}


def test_garbage_on_the_hook_socket_during_a_release(stage: Stage, tmp_path: Path) -> None:
    """Nonsense, ten megabytes of it, and an unknown project are answered and logged; the release goes on."""
    stage.build_with(WAIT.format(tmp_path))
    stage.start()
    stage.push("feat: more")
    stage.wait_file(tmp_path / "started")
    assert not say(stage, b"220 mail.example.org ESMTP\n")["ok"]
    assert not say(stage, b"x" * 10_000_000)["ok"]
    assert not say(stage, b'{"v": 1}\n')["ok"]
    message = {"v": 1, "repository": str(tmp_path / "stranger.git"), "ref": "refs/heads/main", "source": "post-receive"}
    message |= {"old": "0" * 40, "new": "1" * 40}
    answer = say(stage, json.dumps(message).encode() + b"\n")
    assert not answer["ok"]
    assert "no project is configured" in str(answer["message"])
    (tmp_path / "go").touch()
    assert_released(stage, stage.wait_over(), "1.1.0")
    assert stage.daemon.said().count("daemon.complained") >= 3


def say(stage: Stage, data: bytes) -> dict[str, object]:
    """Send bytes to the hook socket and return the first line of the answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(stage.short / "run/hook.sock"))
        with suppress(BrokenPipeError):  # it has heard enough; the answer is there all the same
            client.sendall(data)
        answer: dict[str, object] = json.loads(client.makefile("rb").readline())
        return answer
