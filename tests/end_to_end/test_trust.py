"""Signed commits in, a signed release out, through the real daemon and its configuration."""

from pathlib import Path

from support.gitrepo import git
from support.signing import allow, make_key, sign_commits
from support.stage import Stage


def test_only_signed_commits_become_a_signed_release(stage: Stage, tmp_path: Path) -> None:
    """An unsigned push is refused by name; the signed one is released, tag and files verifiable by others."""
    ops, ada = make_key(tmp_path, "ops"), make_key(tmp_path, "ada")
    signers = allow(tmp_path / "signers", ops, ada)
    stage.config["signing"] = {"key": str(ops)}
    policy = stage.config["projects"]["demo"].setdefault("policy", {})
    policy |= {"require_signed_commits": True, "allowed_signers": str(signers)}
    stage.start()
    stage.push("feat: unsigned")
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert "is not signed" in job["reason"]
    assert stage.tags().keys() == {"v1.0.0"}
    sign_commits(stage.work, ada)
    stage.push("feat: signed")
    assert stage.wait_over(job=2)["state"] == "succeeded"
    git(stage.remote, "-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-tag", "v1.1.0")
    git(stage.remote, "-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-commit", "v1.1.0^{commit}")
    assert stage.run("verify-release", "demo").returncode == 0
    stage.daemon.stop()
    assert stage.run("verify-release", "2", "--allowed-signers", str(signers)).returncode == 0
