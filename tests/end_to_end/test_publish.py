"""The index's side: wrong token, down, other bytes, a tag taken elsewhere, webhooks, and a real devpi."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path

from releasd.adapters import http
from releasd.adapters.devpi import DevpiIndex
from support.devpi import devpi
from support.gitrepo import git, make_work
from support.httpstub import Asked, Reply, http_stub
from support.packages import HATCH
from support.parts import eventually
from support.stage import TOKEN, Stage
from support.truth import assert_audited, assert_published, assert_released, assert_tagged
from support.wheels import make_wheel

__all__ = ["devpi"]


def test_wrong_token_then_the_right_one(stage: Stage) -> None:
    """Denied is final and says what to mend; a retry completes the same version with the very same bytes."""
    (stage.folder / "token").write_text("pypi-wrong")
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert "v1.1.0 is tagged but not complete" in job["reason"]
    assert "releasd retry 1" in job["reason"]
    assert stage.status()["projects"][0]["unfinished"][0]["id"] == 1
    sealed = {each["filename"]: each["sha256"] for each in job["artifacts"]}
    (stage.folder / "token").write_text(TOKEN)
    assert stage.run("retry", "1").returncode == 0
    job = stage.wait_for(lambda job: job["state"] == "succeeded")
    assert_released(stage, job, "1.1.0")
    assert {each["filename"]: each["sha256"] for each in job["artifacts"]} == sealed
    assert stage.status()["projects"][0]["unfinished"] == []


def test_unfinished_release_goes_before_the_next(stage: Stage) -> None:
    """A push after a release that stuck at publish waits for no one's help to be released itself, under its own tag."""
    (stage.folder / "token").write_text("pypi-wrong")
    stage.start()
    stage.push("feat: more")
    stage.wait_over(job=1)
    (stage.folder / "token").write_text(TOKEN)
    git(stage.work.path, "pull", "--quiet", "--rebase", "origin", "main")
    stage.push("fix: less")
    last = stage.wait_over(job=2)
    assert_released(stage, last, "1.1.1")
    assert [job["id"] for job in stage.status()["projects"][0]["unfinished"]] == [1]


def test_index_goes_down_during_publish(stage: Stage) -> None:
    """The job says what it waits for, is tried again by itself, and completes when the index is back."""
    stage.index.fault("status", method="POST", status=503, times=3)  # for both files at once, then for each
    stage.start()
    stage.push("feat: more")
    assert "publish is tried again" in stage.wait_event("job.requeued")["reason"]
    stage.index.stop(kill=True)
    stage.wait_for(lambda job: any(s["name"] == "publish" and s["attempts"] >= 2 for s in job["steps"]))
    stage.index.start()
    assert_released(stage, stage.wait_over(), "1.1.0")


def test_index_that_is_down_beforehand(stage: Stage) -> None:
    """An index out of reach is found at preflight: nothing is built, nothing is tagged, the reason names it."""
    stage.index.stop()
    stage.start()
    stage.push("feat: more")
    job = stage.wait_for(lambda job: job["not_before"])
    assert "preflight is tried again" in job["reason"]
    assert [step["name"] for step in job["steps"]] == ["preflight"]
    stage.index.start()
    assert_released(stage, stage.wait_over(), "1.1.0")


def test_answers_lost_during_the_upload(stage: Stage) -> None:
    """The index stores a file and the answer is lost: the index is asked, and what it serves is what was built."""
    stage.index.fault("drop_after", method="POST", times=1)
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert job["state"] == "succeeded", job["reason"]
    assert_tagged(stage, job, "1.1.0")
    served = {name: stored["sha256"] for name, stored in stage.index.stats().items()}
    assert served == {each["filename"]: each["sha256"] for each in job["artifacts"]}


def upload(stage: Stage, version: str, folder: Path) -> None:
    """Put a wheel of `demo` on the index, as somebody else would."""
    wheel = make_wheel(folder, "demo", version, body="OTHER = 1\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    fields = {":action": "file_upload", "protocol_version": "1", "metadata_version": "2.1", "name": "demo"}
    fields |= {"version": version, "filetype": "bdist_wheel", "pyversion": "py3", "sha256_digest": digest}
    parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()]
    head = f'--b\r\nContent-Disposition: form-data; name="content"; filename="{wheel.name}"\r\n'
    parts.append(
        f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + wheel.read_bytes() + b"\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Authorization": basic(TOKEN)}
    body = b"".join(parts)
    url = stage.config["indexes"]["local"]["publish_url"]
    assert http.request("POST", url, what="index", headers=headers, body=body, timeout=10).status == 200


def basic(token: str) -> str:
    """Return the header of an upload by token."""
    return "Basic " + base64.b64encode(f"__token__:{token}".encode()).decode()


def test_version_on_the_index_already(stage: Stage, tmp_path: Path) -> None:
    """Somebody published that version: a Conflict before anything is built, which nothing overwrites."""
    upload(stage, "1.1.0", tmp_path)
    before = stage.index.stats()
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert "is on the index local already" in job["reason"]
    assert stage.index.stats() == before
    assert stage.tags().keys() == {"v1.0.0"}


def test_other_bytes_appear_during_the_build(stage: Stage, tmp_path: Path) -> None:
    """The same between preflight and publish: the job fails as a Conflict and uploads nothing of its own."""
    stage.build_with(f"touch {tmp_path}/started; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; python3 make.py")
    stage.start()
    stage.push("feat: more")
    stage.wait_file(tmp_path / "started")
    upload(stage, "1.1.0", tmp_path)
    before = stage.index.stats()
    (tmp_path / "go").touch()
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert "with other bytes than those built here" in job["reason"]
    assert stage.index.stats() == before
    assert_audited(stage)


def test_tag_exists_elsewhere(stage: Stage) -> None:
    """The tag is on the remote, off main: a Conflict that names it, found before anything is built."""
    other = make_work(stage.folder / "other", stage.remote)
    git(other.path, "switch", "--quiet", "--create", "side")
    other.commit("feat: aside")
    other.tag("v1.1.0", message="somebody else's")
    other.push("side", "v1.1.0")
    at = stage.tags()["v1.1.0"]
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert "the tag v1.1.0 exists on the remote already" in job["reason"]
    assert stage.tags()["v1.1.0"] == at
    assert stage.index.stats() == {}


def test_tag_is_taken_during_the_build(stage: Stage, tmp_path: Path) -> None:
    """The remote refuses the second claim of a version: branch and index stay as they were."""
    stage.build_with(f"touch {tmp_path}/started; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; python3 make.py")
    stage.start()
    stage.push("feat: more")
    main = stage.main()
    stage.wait_file(tmp_path / "started")
    stage.work.tag("v1.1.0", message="by hand")
    stage.work.push("v1.1.0")
    (tmp_path / "go").touch()
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert "not at our" in job["reason"]
    assert (stage.main(), stage.tags()["v1.1.0"], stage.index.stats()) == (main, main, {})


def test_webhooks_are_told_and_signed(stage: Stage) -> None:
    """One receiver hears of the release, signed; another that refuses is retried and never fails the release."""
    heard: list[Asked] = []

    def reply(asked: Asked) -> Reply:
        heard.append(asked)
        return Reply(503 if asked.path == "/sad" else 204)

    key = stage.folder / "key"
    key.touch(mode=0o600)
    key.write_text("webhook-key")
    with http_stub(reply) as stub:
        stage.config["projects"]["demo"]["webhooks"] = ["good", "sad"]
        stage.config["secrets"]["key"] = f"file:{key}"
        stage.config["webhooks"] = {
            "good": {"url": f"{stub.url}/good", "secret": "key"},
            "sad": {"url": f"{stub.url}/sad"},
        }
        stage.start()
        stage.push("feat: more")
        eventually(lambda: sum(asked.path == "/sad" for asked in heard) >= 2, "told again")
    job = stage.jobs()[0]
    first = next(asked for asked in heard if asked.path == "/good")
    wanted = "sha256=" + hmac.new(b"webhook-key", first.body, hashlib.sha256).hexdigest()
    assert first.headers["x-releasd-signature-256"] == wanted
    told = json.loads(first.body)
    assert (told["version"], told["tag"], told["commit"]) == ("1.1.0", "v1.1.0", stage.tags()["v1.1.0"])
    assert told["files"] == [{key: each[key] for key in ("filename", "sha256", "size")} for each in job["artifacts"]]
    assert_published(stage, job)
    assert job["state"] != "failed"
    assert "announce is tried again" in stage.wait_for(lambda job: job["state"] == "queued")["reason"]


def test_release_to_a_real_devpi(make_stage: Callable[..., Stage], devpi: DevpiIndex) -> None:
    """A package built by hatchling goes to a real devpi-server, and installs from it."""
    stage = make_stage(HATCH)
    (stage.folder / "token").write_text(devpi.token.reveal())
    stage.config["indexes"]["local"].update(publish_url=devpi.publish_url, simple_url=devpi.simple_url)
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert job["state"] == "succeeded", job["reason"]
    assert_tagged(stage, job, "1.1.0")
    verified = next(step["evidence"] for step in job["steps"] if step["name"] == "verify")
    assert verified["indexes"]["local"] == {"files": 2, "installed": "demo==1.1.0"}
