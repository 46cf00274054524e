"""SSH keys, files of allowed signers and signed commits, made with the real programs."""

import subprocess
from pathlib import Path

from support.gitrepo import Work, git
from support.tools import require_tool


def make_key(folder: Path, name: str, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    """Make a key pair and return the private key's path; the public one is beside it, with `.pub`."""
    key = folder / name
    argv = (require_tool("ssh-keygen"), "-q", "-t", kind, "-N", passphrase, "-C", name, "-f", str(key))
    subprocess.run(argv, check=True, timeout=60)
    return key


def public(key: Path) -> str:
    """Return a key's public line."""
    return key.with_name(f"{key.name}.pub").read_text().strip()


def allow(file: Path, *keys: Path, options: str = "") -> Path:
    """Write a file of allowed signers, each key's principal being its name at example.org; return the file."""
    file.write_text("".join(f"{key.name}@example.org {options}{' ' * bool(options)}{public(key)}\n" for key in keys))
    return file


def sign_commits(work: Work, key: Path) -> None:
    """Have a working copy sign what is committed from now on."""
    for setting in (("gpg.format", "ssh"), ("user.signingKey", str(key)), ("commit.gpgSign", "true")):
        git(work.path, "config", *setting)
