"""Signatures by real SSH keys."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from releasd.adapters.sshsign import SshSigner, public_key, signer_of
from releasd.errors import Permanent
from support.signing import allow, make_key, public
from support.tools import require_tool


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_same_bytes_get_the_same_signature(tmp_path: Path, kind: str) -> None:
    """A repeated attempt makes the very same file."""
    key = make_key(tmp_path, "ops", kind=kind)
    signer = SshSigner(key, "releasd")
    signer.prove()
    signature = signer.sign(b"data\n")
    assert signer.sign(b"data\n") == signature
    assert signer_of(b"data\n", signature, allow(tmp_path / "signers", key), "releasd") == "ops@example.org"


def test_key_that_signs_differently_each_time_is_refused(tmp_path: Path) -> None:
    """ECDSA needs a random number for each signature: the advice makes a key that does not."""
    with pytest.raises(Permanent, match="differ each time") as caught:
        SshSigner(make_key(tmp_path, "ops", kind="ecdsa"), "releasd").prove()
    assert "-t ed25519" in caught.value.advice


def test_key_with_a_passphrase_cannot_sign(tmp_path: Path) -> None:
    """Nobody is there to type it: an error at once, not a question on somebody's terminal."""
    with pytest.raises(Permanent, match="cannot sign") as caught:
        SshSigner(make_key(tmp_path, "ops", passphrase="long enough"), "releasd").prove()
    assert "ssh-keygen -Y sign" in caught.value.advice


def test_missing_key_is_named(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(Permanent, match="nowhere"):
        SshSigner(tmp_path / "nowhere", "releasd").prove()


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run an SSH agent."""
    with tempfile.TemporaryDirectory(prefix="agent") as folder:
        socket = f"{folder}/socket"
        with subprocess.Popen((require_tool("ssh-agent"), "-D", "-a", socket), stdout=subprocess.DEVNULL) as running:
            while not Path(socket).exists():
                assert running.poll() is None
            monkeypatch.setenv("SSH_AUTH_SOCK", socket)
            yield
            running.terminate()


def test_agent_holds_the_key(tmp_path: Path, agent: None) -> None:
    """With the public half configured, the private one need not be in any file that we can read."""
    key = make_key(tmp_path, "ops")
    subprocess.run(("ssh-add", "-q", str(key)), check=True, timeout=30)
    line = public(key)
    key.unlink()
    half = tmp_path / "ops.pub"
    signer = SshSigner(half, "releasd")
    signer.prove()
    signers = allow(tmp_path / "signers", key)
    assert signer_of(b"data", signer.sign(b"data"), signers, "releasd") == "ops@example.org"
    assert public_key(half) == line


def test_wrong_signatures_are_refused(tmp_path: Path) -> None:
    """Other bytes, another key, another namespace, no signature at all: none of them passes."""
    ops, eve = make_key(tmp_path, "ops"), make_key(tmp_path, "eve")
    signers = allow(tmp_path / "signers", ops)
    good = SshSigner(ops, "releasd").sign(b"data")
    with pytest.raises(Permanent, match=r"not those that ops@example\.org signed"):
        signer_of(b"other", good, signers, "releasd")
    with pytest.raises(Permanent, match="signed by nobody"):
        signer_of(b"data", SshSigner(eve, "releasd").sign(b"data"), signers, "releasd")
    with pytest.raises(Permanent):
        signer_of(b"data", SshSigner(ops, "git").sign(b"data"), signers, "releasd")
    with pytest.raises(Permanent, match="signed by nobody"):
        signer_of(b"data", b"nonsense", signers, "releasd")
    expired = allow(tmp_path / "expired", ops, options='valid-before="20200101"')
    with pytest.raises(Permanent):
        signer_of(b"data", good, expired, "releasd")
