"""SIGKILL at every named point of a release, and the same daemon started again: one release comes of it, whole."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from releasd.app.fault import VARIABLE
from releasd.steps.faultpoints import POINTS
from support.forges import REPOSITORY, TOKEN, ScriptedForge, scripted_forge
from support.httpstub import Reply, Stub, http_stub
from support.parts import eventually
from support.stage import Stage
from support.truth import assert_released


@pytest.fixture
def receiver() -> Iterator[Stub]:
    """A webhook's receiver, which outlives the daemon."""
    with http_stub(lambda _: Reply(204)) as stub:
        yield stub


@pytest.fixture
def forge() -> Iterator[ScriptedForge]:
    """A forge, which outlives the daemon too."""
    with scripted_forge("gitea") as made:
        yield made


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(point: str, stage: Stage, receiver: Stub, forge: ScriptedForge) -> None:
    """The daemon dies right there; the next one completes the release: nothing is lost, doubled or left over."""
    stage.config["projects"]["demo"]["webhooks"] = ["chat"]
    stage.config["webhooks"]["chat"] = {"url": f"{receiver.url}/hook"}
    show_on(stage, forge)
    stage.start(**{VARIABLE: point})
    stage.push("feat: more")
    stage.daemon.wait_killed()
    stage.assert_host_clean()
    stage.start()
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0")
    assert stage.main() == stage.tags()["v1.1.0"], "main holds another commit than the release"
    assert set(stage.tags()) == {"v1.0.0", "v1.1.0"}
    assert len(stage.jobs()) == 1
    assert_told(receiver)
    assert_shown(forge, job)


def assert_told(receiver: Stub) -> None:
    """The webhook was told, and of one release: each repetition has the same key and the same body."""
    assert len({(asked.headers["x-releasd-delivery"], asked.body) for asked in receiver.asked}) == 1
    eventually(lambda: len(receiver.asked) in {1, 2}, "told once, or once more after a crash", timeout=0.1)


def show_on(stage: Stage, forge: ScriptedForge) -> None:
    """Have the project's releases shown on the forge."""
    token = stage.folder / "forge-token"
    token.touch(mode=0o600)
    token.write_text(TOKEN)
    stage.config["projects"]["demo"]["forge"] = "main"
    stage.config["secrets"]["forge"] = f"file:{token}"
    stage.config["forges"] = {
        "main": {"kind": forge.kind, "url": forge.url, "repository": REPOSITORY, "secret": "forge"}
    }


def assert_shown(forge: ScriptedForge, job: dict[str, Any]) -> None:
    """The forge has one release, public, with each file once and whole; each was sent once."""
    (release,) = forge.releases
    assert not release.draft
    shown = {name: hashlib.sha256(data).hexdigest() for name, data in release.files.items()}
    check = next(step for step in job["steps"] if step["name"] == "check")
    kept = {name: file["sha256"] for name, file in check["evidence"]["attachments"].items()}
    assert {"SHA256SUMS", "provenance.intoto.json", "sbom.cdx.json"} == kept.keys()
    assert shown == kept | {each["filename"]: each["sha256"] for each in job["artifacts"]}
    sent = [change for change in forge.changes() if change == "POST assets"]
    assert len(sent) == len(shown)
