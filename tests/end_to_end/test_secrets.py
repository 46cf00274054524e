"""No secret is anywhere but where it is used, whichever way it is kept and whatever the other side answers.

Three are looked for: the upload token, the service token that fetches it, and the key that signs webhooks.
"""

import base64
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from releasd.adapters.webhook import sign
from releasd.ports import Secret
from support.dopplerapi import doppler_api
from support.gitrepo import git
from support.httpstub import Reply, http_stub
from support.pypirules import PypiRules
from support.sshd import Sshd, sshd
from support.stage import Stage, over_ssh

__all__ = ["sshd"]

CANARY = f"pypi-CANARY-{os.getpid()}-3f1c9a7e5d"  # another in each test process: they look at each other's too
SERVICE_TOKEN = f"dp.st.prd.CANARY{os.getpid()}b7d2e40c91"
SIGNING_KEY = f"CANARY-signing-key-{os.getpid()}-66aa01"
SECRETS = (CANARY, SERVICE_TOKEN, SIGNING_KEY)
LOGIN = base64.b64encode(f"__token__:{CANARY}".encode())
SHAPES = (LOGIN, *(secret.encode() for secret in SECRETS), *(base64.b64encode(s.encode())[:-4] for s in SECRETS))


def keep_in_env(stage: Stage) -> dict[str, str]:
    stage.config["secrets"]["token"] = "env:CANARY"
    return {"CANARY": CANARY}


def keep_in_file(stage: Stage) -> dict[str, str]:
    (stage.folder / "token").write_text(CANARY)
    return {}


def keep_as_credential(stage: Stage) -> dict[str, str]:
    folder = stage.short / "credentials"
    folder.mkdir()
    (folder / "canary").touch(mode=0o600)
    (folder / "canary").write_text(CANARY)
    stage.config["secrets"]["token"] = "cred:canary"
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def keep_behind_a_command(stage: Stage) -> dict[str, str]:
    (stage.folder / "token").write_text(CANARY)
    stage.config["secrets"]["token"] = {"cmd": ["cat", str(stage.folder / "token")]}
    return {}


def keep_in_doppler(stage: Stage) -> dict[str, str]:
    stage.config["secrets"]["token"] = {"ref": "doppler:shop/prd/PYPI_TOKEN", "token": "env:SERVICE"}
    return {"SERVICE": SERVICE_TOKEN}


@contextmanager
def watched_processes(daemon: Callable[[], list[str]]) -> Iterator[list[str]]:
    """Look at all processes' arguments and environments all the time; yield the list of what was found."""
    found: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for process in psutil.process_iter():
                try:
                    arguments, values = process.cmdline(), " ".join(process.environ().values())
                except psutil.Error:
                    continue
                if any(secret in word for word in arguments for secret in SECRETS):
                    found.append(f"arguments: {arguments}")
                # Between fork and exec a child of the daemon looks like the daemon itself.
                if any(secret in values for secret in SECRETS) and arguments != daemon():
                    found.append(f"environment of: {arguments}")
            over.wait(0.01)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def places_with_canary(stage: Stage) -> list[str]:
    """Return the files of the stage, its temporary folder and all git objects that hold a secret."""
    kept = {stage.folder / "token", stage.folder / "key", stage.short / "credentials/canary"}
    files = [path for folder in (stage.folder, stage.short) for path in folder.rglob("*") if path.is_file()]
    found = [str(path) for path in files if path not in kept and holds(path.read_bytes())]
    for repository in (stage.remote, stage.work.path, stage.state / "repositories/demo.git"):
        objects = git(repository, "cat-file", "--batch-all-objects", "--batch", "--buffer")
        found += [f"objects of {repository}"] if holds(objects.encode()) else []
    return found


def holds(data: bytes) -> bool:
    return any(shape in data for shape in SHAPES)


def released_by_canary(stage: Stage, index: PypiRules, environ: dict[str, str]) -> tuple[str, list[str]]:
    """Push with a build that shows all it sees; return the job's state, and what processes showed of the token."""
    seen = stage.folder / "seen"
    stage.build_with(f'python3 make.py; env; env > {seen}.env; cp -r "$PWD/.." {seen}.folder')
    stage.config["indexes"]["local"].update(publish_url=index.publish_url, simple_url=index.simple_url)
    sign_webhooks(stage)
    with doppler_api({"PYPI_TOKEN": CANARY}) as doppler, http_stub(lambda _: Reply()) as chat:
        doppler.token = SERVICE_TOKEN
        stage.config["webhooks"]["chat"]["url"] = f"{chat.url}/hook"
        stage.start(DOPPLER_API_HOST=doppler.url, **environ)
        state, found = watched_release(stage, seen)
    for asked in (*doppler.stub.asked, *chat.asked):
        assert not holds(asked.path.encode() + asked.body)
    if state == "succeeded":
        assert chat.asked[0].headers["x-releasd-signature-256"] == sign(chat.asked[0].body, Secret(SIGNING_KEY))
    return state, found


def sign_webhooks(stage: Stage) -> None:
    """Have the project tell a webhook of its releases, signed with the third secret."""
    (stage.folder / "key").touch(mode=0o600)
    (stage.folder / "key").write_text(SIGNING_KEY)
    stage.config["secrets"]["key"] = f"file:{stage.folder}/key"
    stage.config["webhooks"] = {"chat": {"secret": "key"}}
    stage.config["projects"]["demo"]["webhooks"] = ["chat"]


def watched_release(stage: Stage, seen: Path) -> tuple[str, list[str]]:
    """Push, and watch until the release is over; return the job's state, and what processes showed of a secret."""
    with watched_processes(psutil.Process(stage.daemon.process.pid).cmdline) as found:
        shown = stage.push("feat: more")
        job = stage.wait_over()
    said = [stage.run(*words).stdout for words in (("status",), ("status", "1", "--json"), ("log", "1"))]
    assert not any(holds(text.encode()) for text in (shown, *said))
    assert (stage.folder / "seen.env").exists()
    return str(job["state"]), found


@pytest.mark.parametrize(
    "keep", [keep_in_env, keep_in_file, keep_as_credential, keep_behind_a_command, keep_in_doppler]
)
def test_token_is_nowhere(stage: Stage, tmp_path: Path, keep: Callable[[Stage], dict[str, str]]) -> None:
    """After a release no secret is in a log, event, database, argument, environment, folder or git object."""
    with PypiRules(tmp_path / "canary-index", token=CANARY) as index:
        state, found = released_by_canary(stage, index, keep(stage))
        assert state == "succeeded"
        assert len(index.files) == 2
    assert found == []
    assert places_with_canary(stage) == []
    stage.daemon.stop()
    assert places_with_canary(stage) == []


def test_token_is_nowhere_on_a_host_over_ssh(stage: Stage, sshd: Sshd, tmp_path: Path) -> None:
    """A build host reached over SSH sees nothing of the token: neither its builds nor the folders they run in."""
    stage.config["hosts"] = {"far": over_ssh(sshd, stage)}
    with PypiRules(tmp_path / "canary-index", token=CANARY) as index:
        state, found = released_by_canary(stage, index, keep_in_env(stage))
        assert state == "succeeded"
    assert stage.job(1)["builds"][0]["host"] == "far"
    assert found == []
    assert places_with_canary(stage) == []


def test_index_that_repeats_the_token_to_us(stage: Stage, tmp_path: Path) -> None:
    """An index that refuses, and writes the token into its answer, brings it into no log and no event."""
    with PypiRules(tmp_path / "canary-index", token="another") as index:
        text = f"403 no such token: {CANARY} in {LOGIN.decode()}"
        index.fault("status", status=403, times=9, text=text)
        state, found = released_by_canary(stage, index, keep_in_file(stage))
    assert state == "failed"
    assert found == []
    assert places_with_canary(stage) == []


def test_file_that_others_may_read_is_refused(stage: Stage) -> None:
    """A token in a file that is not private stops the release at preflight, before anything is public."""
    (stage.folder / "token").chmod(0o644)
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert "is open to others" in job["reason"]
    assert job["steps"][0]["advice"].startswith("chmod")
    assert stage.tags().keys() == {"v1.0.0"}
    assert subprocess.run(("grep", "-r", "pypi-stage-token", stage.state), check=False).returncode == 1
