"""Who signed a commit: judged by real git and real keys, by exit status alone."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from releasd.adapters.git import GitRepo, clone_or_open
from releasd.errors import GitError
from support.gitrepo import AT, EPOCH, Work, git, make_remote, make_work
from support.signing import allow, make_key, sign_commits
from support.tools import require_tool


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Return a working copy with one commit that is not signed."""
    made = make_work(tmp_path / "work", make_remote(tmp_path / "demo.git"))
    made.commit("chore: begin", {"a": "a"})
    return made


@pytest.fixture
def ada(tmp_path: Path) -> Path:
    return make_key(tmp_path, "ada")


def check(work: Work, commit: str, allowed: Path, revoked: Path | None = None) -> None:
    """Ask as the daemon does."""
    GitRepo(work.path).check_signature(commit, allowed=allowed, revoked=revoked)


def test_commit_of_an_allowed_signer_passes(work: Work, ada: Path, tmp_path: Path) -> None:
    """The key is in the file: nothing is raised."""
    sign_commits(work, ada)
    check(work, work.commit("feat: more"), allow(tmp_path / "signers", ada))


def test_unsigned_commit_is_named_with_its_author(work: Work, ada: Path, tmp_path: Path) -> None:
    """The error names commit, author and subject, and the command that signs it."""
    commit = work.commit("feat: unsigned")
    with pytest.raises(GitError, match="is not signed") as caught:
        check(work, commit, allow(tmp_path / "signers", ada))
    assert all(word in caught.value.message for word in (commit[:12], "ada@example.org", "feat: unsigned"))
    assert "commit --amend --no-edit -S" in caught.value.advice


def test_key_that_nobody_allowed_is_named(work: Work, ada: Path, tmp_path: Path) -> None:
    """Git prints "Good signature" here too; its exit status, and so we, say no, and name the key."""
    eve = make_key(tmp_path, "eve")
    sign_commits(work, eve)
    commit = work.commit("feat: more")
    fingerprint = subprocess.run(
        ("ssh-keygen", "-l", "-f", str(eve)), capture_output=True, text=True, check=True
    ).stdout.split()[1]
    with pytest.raises(GitError, match="does not allow") as caught:
        check(work, commit, allow(tmp_path / "signers", ada))
    assert fingerprint in caught.value.message
    assert str(tmp_path / "signers") in caught.value.advice


def test_changed_commit_is_refused(work: Work, ada: Path, tmp_path: Path) -> None:
    """A signature put onto another text is no signature."""
    sign_commits(work, ada)
    signed = git(work.path, "cat-file", "commit", work.commit("feat: more"))
    forged = signed.replace("feat: more", "feat: evil").encode() + b"\n"
    commit = git(work.path, "hash-object", "-t", "commit", "-w", "--stdin", stdin=forged)
    with pytest.raises(GitError, match="its contents were changed"):
        check(work, commit, allow(tmp_path / "signers", ada))


def test_revoked_key_is_refused(work: Work, ada: Path, tmp_path: Path) -> None:
    """A stolen key stays in the file of those allowed, for old commits' sake, and counts no more."""
    sign_commits(work, ada)
    commit = work.commit("feat: more")
    revoked = tmp_path / "revoked"
    shutil.copy(tmp_path / "ada.pub", revoked)
    check(work, commit, allow(tmp_path / "signers", ada))
    with pytest.raises(GitError, match="no longer"):
        check(work, commit, allow(tmp_path / "signers", ada), revoked)


def test_expired_key_is_refused(work: Work, ada: Path, tmp_path: Path) -> None:
    """An entry with `valid-before` counts for what was committed until then."""
    assert EPOCH > 1_735_689_600  # commits are of 2026
    sign_commits(work, ada)
    commit = work.commit("feat: more")
    check(work, commit, allow(tmp_path / "later", ada, options='valid-before="20270101"'))
    with pytest.raises(GitError, match="does not allow"):
        check(work, commit, allow(tmp_path / "earlier", ada, options='valid-before="20250101"'))


@pytest.mark.parametrize("key", ["allowed_signers", "revoked_signers"])
def test_file_that_is_gone_trusts_nobody(work: Work, ada: Path, tmp_path: Path, key: str) -> None:
    """A path with a slip in it refuses every release, and says which path."""
    sign_commits(work, ada)
    commit, signers = work.commit("feat: more"), allow(tmp_path / "signers", ada)
    gone = tmp_path / "gone"
    with pytest.raises(GitError, match=f"{key} names .*gone, which is not there"):
        check(work, commit, gone if key == "allowed_signers" else signers, gone if key == "revoked_signers" else None)


@pytest.fixture
def gnupg(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the home of a PGP key that the daemon's user trusts fully."""
    gpg = require_tool("gpg")
    with tempfile.TemporaryDirectory(prefix="gpg") as home:  # short: its agent's socket lies in it
        Path(home).chmod(0o700)
        monkeypatch.setenv("GNUPGHOME", home)
        argv = (gpg, "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "ada@example.org", "ed25519")
        subprocess.run((*argv, "sign", "never"), check=True, capture_output=True, timeout=60)
        yield Path(home)
        subprocess.run(("gpgconf", "--kill", "all"), check=False, timeout=30)


def test_pgp_signature_is_not_asked_about(work: Work, ada: Path, tmp_path: Path, gnupg: Path) -> None:
    """A PGP key in the daemon user's keyring is on nobody's list, though git by itself would call it good."""
    git(work.path, "config", "user.signingKey", "ada@example.org")
    git(work.path, "commit", "--allow-empty", "-S", "--quiet", "--message=feat: by pgp")
    assert gnupg.exists()
    git(work.path, "verify-commit", "HEAD")  # git by itself trusts it
    with pytest.raises(GitError, match="does not allow"):
        check(work, work.head(), allow(tmp_path / "signers", ada))


def test_configuration_of_the_repository_names_no_signers(work: Work, ada: Path, tmp_path: Path) -> None:
    """Settings in the repository neither add a signer nor replace the program that verifies."""
    eve = make_key(tmp_path, "eve")
    sign_commits(work, eve)
    commit = work.commit("feat: more")
    git(work.path, "config", "gpg.ssh.allowedSignersFile", str(allow(tmp_path / "others", eve)))
    git(work.path, "config", "gpg.ssh.program", "true")
    with pytest.raises(GitError, match="does not allow"):
        check(work, commit, allow(tmp_path / "signers", ada))


def test_what_releasd_writes_is_signed(work: Work, ada: Path, tmp_path: Path) -> None:
    """Release commit, merge and tag carry the operator's signature, the same each time; stock git verifies them."""
    work.push()
    repo = clone_or_open(tmp_path / "clone.git", str(work.remote), signing_key=ada)
    tip = repo.fetch("main")
    signers = allow(tmp_path / "signers", ada)

    def write() -> tuple[str, str]:
        commit = repo.write_commit(parents=(tip,), files={"b": b"b"}, message="chore(release): 1.0.0", at=AT)
        return commit, repo.write_tag(name="v1.0.0", commit=commit, message="v1.0.0\n\nnotes", at=AT)

    commit, tag = write()
    assert write() == (commit, tag)
    verify = ("-c", f"gpg.ssh.allowedSignersFile={signers}")
    git(repo.path, *verify, "verify-commit", commit)
    git(repo.path, *verify, "verify-tag", tag)
    assert "1.0.0" in git(repo.path, "cat-file", "tag", tag)
    repo.check_signature(commit, allowed=signers, revoked=None)


def test_nothing_is_signed_without_a_key(work: Work, tmp_path: Path) -> None:
    """What the daemon's user configured for themselves does not make releasd sign."""
    work.push()
    repo = clone_or_open(tmp_path / "clone.git", str(work.remote))
    tip = repo.fetch("main")
    commit = repo.write_commit(parents=(tip,), files={"b": b"b"}, message="x", at=AT)
    assert "gpgsig" not in git(repo.path, "cat-file", "commit", commit)
