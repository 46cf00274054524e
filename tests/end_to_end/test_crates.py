"""A workspace of two crates, from the push to a stranger's build: the real daemon, cargo and a registry's protocol."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from releasd.app.fault import VARIABLE
from support import cargo
from support.cratesregistry import CratesRegistry
from support.parts import eventually
from support.stage import Stage

TOKEN = "registry-token-of-the-stage"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[CratesRegistry]:
    with CratesRegistry(tmp_path / "registry", token=TOKEN) as started:
        yield started


@pytest.fixture
def crates_stage(make_stage: Callable[..., Stage], registry: CratesRegistry) -> Stage:
    """Return a stage whose repository is two crates, and whose one destination is the registry."""
    cargo.require_cargo()
    config = ".cargo/config.toml"
    source = {**cargo.workspace(), ".releasd.toml": "crates = true\n"}
    source["core/src/lib.rs"] = '/// Which one it is.\npub const VERSION: &str = env!("CARGO_PKG_VERSION");\n'
    source["Cargo.lock"] = cargo.LOCK
    source[config] = f'[registries.local]\nindex = "sparse+{registry.index_url}"\n'
    stage = make_stage(source)
    (stage.folder / "token").write_text(TOKEN)
    stage.config["indexes"] = {"crates": {"kind": "crates", "url": registry.index_url, "secret": "token"}}
    stage.config["projects"]["demo"]["publish"] = ["crates"]
    return stage


def assert_out(stage: Stage, registry: CratesRegistry, job: dict[str, Any], tmp_path: Path) -> None:
    """Fail unless both crates are there once, as built, tagged, and of use to a stranger."""
    assert job["state"] == "succeeded", (job["reason"], stage.log_text(job["id"]))
    assert registry.order == ["demo-core-1.1.0", "demo-1.1.0"]
    sealed = {each["filename"]: each["sha256"] for each in job["artifacts"]}
    assert registry.stored() == sealed
    assert set(sealed) == {"demo-core-1.1.0.crate", "demo-1.1.0.crate"}
    assert "v1.1.0" in stage.tags()
    folder, home = cargo.write(tmp_path / "user", cargo.USER), tmp_path / "user-home"
    cargo.cargo("add", "demo@1.1.0", "--registry", "local", cwd=folder, home=home, environ=registry.environ)
    said = cargo.cargo("run", "--quiet", cwd=folder, home=home, environ=registry.environ)
    assert "it needs 1.1.0" in said
    written = stage.log_text(job["id"]) + (stage.state / "audit.jsonl").read_text() + stage.daemon.tail()
    assert TOKEN not in written


def publish_as_a_stranger(registry: CratesRegistry, version: str, tmp_path: Path) -> None:
    """Publish one of the crates with the real cargo, past the daemon."""
    folder = cargo.write(tmp_path / "other", cargo.workspace(version))
    environ = {**registry.environ, "CARGO_REGISTRIES_LOCAL_TOKEN": TOKEN}
    arguments = ("publish", "--no-verify", "--registry", "local", "-p", "demo-core")
    cargo.cargo(*arguments, cwd=folder, home=tmp_path / "home", environ=environ)


def test_killed_between_two_crates(crates_stage: Stage, registry: CratesRegistry, tmp_path: Path) -> None:
    """The daemon dies while it sends the second crate; the next sends that alone, and a stranger builds with both."""
    registry.fault("hold", skip=1)
    crates_stage.start()
    crates_stage.push("feat: more")
    eventually(lambda: registry.uploads == 2, "the second upload is under way", timeout=60)
    crates_stage.daemon.kill()
    assert registry.order == ["demo-core-1.1.0"]
    crates_stage.start()
    assert_out(crates_stage, registry, crates_stage.wait_over(), tmp_path)
    assert registry.uploads == 3


def test_killed_behind_the_upload(crates_stage: Stage, registry: CratesRegistry, tmp_path: Path) -> None:
    """Both crates are taken and the journal does not know: the next daemon looks, and sends nothing again."""
    crates_stage.start(**{VARIABLE: "publish.uploaded"})
    crates_stage.push("feat: more")
    crates_stage.daemon.wait_killed(timeout=90)
    crates_stage.start()
    job = crates_stage.wait_over(timeout=90)
    assert_out(crates_stage, registry, job, tmp_path)
    assert registry.uploads == 2
    (destination,) = job["destinations"]
    assert {file["state"] for file in destination["files"]} == {"verified"}


def test_a_registry_that_fails_between_two_crates(
    crates_stage: Stage, registry: CratesRegistry, tmp_path: Path
) -> None:
    """A bad moment after the first crate: the release says what it waits for and completes by itself."""
    registry.fault("status", status=503, skip=1)
    registry.lag = 2
    crates_stage.start()
    crates_stage.push("feat: more")
    assert "publish is tried again" in crates_stage.wait_event("job.requeued")["reason"]
    assert_out(crates_stage, registry, crates_stage.wait_over(timeout=90), tmp_path)


def test_a_crate_that_somebody_else_published(crates_stage: Stage, registry: CratesRegistry, tmp_path: Path) -> None:
    """One of the crates has that version already: nothing is built, tagged or published."""
    publish_as_a_stranger(registry, "1.1.0", tmp_path)
    crates_stage.start()
    crates_stage.push("feat: more")
    job = crates_stage.wait_over()
    assert job["state"] == "failed"
    assert "demo-core 1.1.0 is on the index crates already" in job["reason"]
    assert crates_stage.tags().keys() == {"v1.0.0"}
    assert registry.order == ["demo-core-1.1.0"]


def test_a_crate_published_past_the_daemon_is_an_alarm(
    crates_stage: Stage, registry: CratesRegistry, tmp_path: Path
) -> None:
    """The registry is watched from the first release on; `yank` shows cargo's own command."""
    crates_stage.config["daemon"]["watch_indexes_every"] = "1s"
    crates_stage.start()
    crates_stage.push("feat: more")
    assert_out(crates_stage, registry, crates_stage.wait_over(timeout=90), tmp_path)
    eventually(lambda: len(crates_stage.status()["watched"]) == 2, "both crates are watched")
    assert crates_stage.status()["alarms"] == []
    publish_as_a_stranger(registry, "9.9.9", tmp_path)
    (alarm,) = eventually(lambda: crates_stage.status()["alarms"], "the alarm")
    assert (alarm["kind"], alarm["filename"]) == ("foreign", "demo-core-9.9.9.crate")
    assert "cargo yank demo-core@9.9.9" in crates_stage.run("yank", "demo", "9.9.9").stdout
