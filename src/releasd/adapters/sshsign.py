"""Signatures by SSH keys, through OpenSSH's own ssh-keygen (8.9 or newer): `-Y sign` and `-Y verify`.

What is trusted is ssh-keygen's exit status, never its words.
"""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from releasd.errors import Permanent, Transient

_TIMEOUT = 30.0  # seconds; a key that needs a touch or a password has nobody to ask
_REPEATABLE = frozenset({"ED25519", "RSA"})  # ECDSA signs differently each time, and keys on a token add a counter
_KIND = re.compile(r"\(([A-Z0-9-]+)\)$")


class SshSigner:
    """`ports.Signer` over a private key without a passphrase, or a public key whose private half an SSH agent holds."""

    def __init__(self, key: Path, namespace: str) -> None:
        self._key = key
        self._namespace = namespace

    def prove(self) -> None:
        """Raise `Permanent` unless the key is there, is of a kind that signs the same way each time, and signs."""
        self.sign(b"releasd")
        said = _run("-l", "-f", str(self._key)).stdout.decode(errors="replace").strip()
        kind = _KIND.search(said)
        if kind is None or kind[1] not in _REPEATABLE:
            raise Permanent(
                f"the signing key {self._key} is of a kind whose signatures differ each time",
                advice=f"ssh-keygen -t ed25519 -N '' -f {self._key}-ed25519, and name that under [signing]",
            )

    def sign(self, data: bytes) -> bytes:
        """Return the armoured signature of `data` in the namespace."""
        return sign(data, self._key, self._namespace)


def sign(data: bytes, key: Path, namespace: str) -> bytes:
    """Return the armoured SSH signature of `data`. Raises `Permanent` when the key cannot sign."""
    done = _run("-Y", "sign", "-f", str(key), "-n", namespace, "-q", stdin=data)
    if done.returncode != 0:
        raise Permanent(
            f"the signing key {key} cannot sign: {_last_line(done.stderr)}",
            advice=f"As the daemon's user: ssh-keygen -Y sign -f {key} -n {namespace} </etc/hostname",
        )
    return done.stdout


def public_key(key: Path) -> str:
    """Return the public half of a key as one line. Raises `Permanent` when the key cannot be read."""
    done = _run("-y", "-P", "", "-f", str(key))
    if done.returncode == 0:
        return done.stdout.decode().strip()
    try:
        return key.with_name(key.name.removesuffix(".pub") + ".pub").read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Permanent(
            f"the signing key {key} cannot be read: {error.strerror}",
            advice="Run it as the daemon's user, or name the signers: --allowed-signers FILE",
        ) from None


def signer_of(data: bytes, signature: bytes, allowed: Path, namespace: str) -> str:
    """Return the principal, of those in the file of allowed signers, who signed `data`.

    Raises `Permanent` when nobody in it did, or when the signature is not of these bytes.
    """
    with tempfile.TemporaryDirectory(prefix="releasd-verify-") as folder:
        file = Path(folder, "signature")
        file.write_bytes(signature)
        found = _run("-Y", "find-principals", "-s", str(file), "-f", str(allowed))
        if found.returncode != 0:
            raise Permanent(f"it is signed by nobody in {allowed}, or not signed at all")
        principal = found.stdout.decode(errors="replace").splitlines()[0]
        argv = ("-Y", "verify", "-s", str(file), "-f", str(allowed), "-I", principal, "-n", namespace)
        if _run(*argv, stdin=data).returncode != 0:
            raise Permanent(f"its bytes are not those that {principal} signed")
    return principal


def _run(*args: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SSH_AUTH_SOCK") if name in os.environ}
    try:
        return subprocess.run(
            ("ssh-keygen", *args), input=stdin, capture_output=True, timeout=_TIMEOUT, check=False,
            env={**kept, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}, start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError:
        raise Permanent("ssh-keygen is not installed", advice="sudo apt-get install openssh-client") from None
    except subprocess.TimeoutExpired:
        raise Transient(
            f"ssh-keygen did not end within {_TIMEOUT:g} s", advice="Is the SSH agent asking somebody?"
        ) from None


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it gave no reason"
