"""A workspace of two crates, to a real Gitea's registry, with a release page on it: killed in the middle of both."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from releasd.app.fault import VARIABLE
from support import cargo
from support.gitea import USER, Gitea, gitea_server
from support.parts import eventually
from support.stage import Stage


@pytest.fixture(scope="module")
def gitea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gitea]:
    with gitea_server(tmp_path_factory.mktemp("gitea")) as server:
        yield server


def test_a_release_of_two_crates_survives_two_kills(
    gitea: Gitea, make_stage: Callable[..., Stage], tmp_path: Path
) -> None:
    """Killed while it sends the second crate, and again between two files of the page: there is one of each, whole."""
    cargo.require_cargo()
    source = {**cargo.workspace(), ".releasd.toml": "crates = true\n", "Cargo.lock": cargo.LOCK}
    source["core/src/lib.rs"] = '/// Which one it is.\npub const VERSION: &str = env!("CARGO_PKG_VERSION");\n'
    source[".cargo/config.toml"] = f'[registries.local]\nindex = "sparse+{gitea.index_url}"\n'
    stage = make_stage(source)
    gitea.repository(stage.remote)
    (stage.folder / "token").write_text(f"Bearer {gitea.token}")
    (stage.folder / "forge-token").write_text(gitea.token)
    (stage.folder / "forge-token").chmod(0o600)
    stage.config["indexes"] = {"crates": {"kind": "crates", "url": gitea.index_url, "secret": "token"}}
    stage.config["secrets"]["forge"] = f"file:{stage.folder / 'forge-token'}"
    forge = {"kind": "gitea", "url": f"{gitea.url}/api/v1", "repository": f"{USER}/demo", "secret": "forge"}
    stage.config["forges"] = {"main": forge}
    stage.config["projects"]["demo"] |= {"publish": ["crates"], "forge": "main"}
    # What the repository's machine gets goes on to the forge, as an operator's mirror does.
    hook = stage.remote / "hooks/post-update"
    hook.write_text(f"#!/bin/sh\nexec git push --quiet --mirror {gitea.remote()}\n")
    hook.chmod(0o755)

    stage.start(**{VARIABLE: "announce.uploaded"})
    stage.push("feat: more")
    eventually(lambda: "uploading demo-1.1.0.crate" in _said(stage), "the second crate is on its way", timeout=120)
    stage.daemon.kill()
    stage.start(**{VARIABLE: "announce.uploaded"})
    stage.daemon.wait_killed(timeout=120)
    (draft,) = gitea.releases()
    assert (draft["draft"], len(draft["assets"])) == (True, 1)
    stage.start()
    job = stage.wait_over(timeout=120)

    assert job["state"] == "succeeded", (job["reason"], stage.log_text(job["id"]))
    sealed = {each["filename"]: each["sha256"] for each in job["artifacts"]}
    assert set(sealed) == {"demo-core-1.1.0.crate", "demo-1.1.0.crate"}
    (destination,) = job["destinations"]
    assert {file["state"] for file in destination["files"]} == {"verified"}
    (shown,) = gitea.releases()
    assert (shown["draft"], shown["tag_name"]) == (False, "v1.1.0")
    assert "more" in shown["body"]
    files = {name: hashlib.sha256(data).hexdigest() for name, data in gitea.files(shown).items()}
    assert files.keys() == sealed.keys() | {"SHA256SUMS", "provenance.intoto.json", "sbom.cdx.json"}
    assert sealed.items() <= files.items()
    environ = {"CARGO_REGISTRIES_LOCAL_INDEX": f"sparse+{gitea.index_url}"}
    folder, home = cargo.write(tmp_path / "user", cargo.USER), tmp_path / "user-home"
    cargo.cargo("add", "demo@1.1.0", "--registry", "local", cwd=folder, home=home, environ=environ)
    assert "it needs 1.1.0" in cargo.cargo("run", "--quiet", cwd=folder, home=home, environ=environ)
    written = stage.log_text(job["id"]) + (stage.state / "audit.jsonl").read_text() + stage.daemon.tail()
    assert gitea.token not in written


def _said(stage: Stage) -> str:
    return stage.log_text(1) if (stage.state / "logs/1").is_dir() else ""
