"""The daemon watches the index that it publishes to: a stolen token's upload is seen, its own is not."""

import json
from pathlib import Path

from releasd.adapters.index import HttpIndex
from releasd.ports import Secret
from support.httpstub import Asked, Reply, http_stub
from support.parts import eventually
from support.stage import TOKEN, Stage
from support.truth import assert_audited, assert_released
from support.wheels import make_wheel

EVERY = "1s"


def test_an_upload_past_the_daemon_is_an_alarm_and_a_release_is_none(stage: Stage, tmp_path: Path) -> None:
    """Looked at every second, a release raises nothing; a stranger's file is in `status` and at the webhook.

    An operator settles it, `releasd yank` says what to do about it, and the audit log is whole.
    """
    heard: list[Asked] = []

    def reply(asked: Asked) -> Reply:
        heard.append(asked)
        return Reply(204)

    with http_stub(reply) as stub:
        stage.config["daemon"]["watch_indexes_every"] = EVERY
        stage.config["projects"]["demo"]["webhooks"] = ["chat"]
        stage.config["webhooks"] = {"chat": {"url": f"{stub.url}/chat"}}
        stage.start()
        eventually(lambda: stage.status()["watched"], "the first look")
        stage.push("feat: more")
        job = stage.wait_over()
        assert_released(stage, job, "1.1.0")
        before = len([event for event in stage.events() if event["event"] == "index.alarmed"])
        _upload(stage, make_wheel(tmp_path, "demo", "9.9.9"))
        (alarm,) = eventually(lambda: stage.status()["alarms"], "the alarm")
        told = eventually(lambda: [each for each in heard if b"index.alarmed" in each.body], "told of it")
    assert before == 0
    assert (alarm["kind"], alarm["filename"]) == ("foreign", "demo-9.9.9-py3-none-any.whl")
    assert json.loads(told[0].body)["why"] == alarm["why"]
    assert stage.run("yank", "demo", "9.9.9").returncode == 0
    assert "ALARM 1" in stage.run("status").stdout
    settled = stage.run("audit", "acknowledge", "1", "--note", "a drill", "--json")
    assert json.loads(settled.stdout)["note"] == "a drill"
    assert stage.status()["alarms"] == []
    assert_audited(stage)


def _upload(stage: Stage, wheel: Path) -> None:
    """Publish a file as whoever stole the token does."""
    urls = stage.config["indexes"]["local"]
    index = HttpIndex(
        name="local",
        publish_url=urls["publish_url"],
        simple_url=urls["simple_url"],
        token=lambda: Secret(TOKEN),
        upload_timeout=60,
    )
    index.upload([wheel], lambda _: None)
