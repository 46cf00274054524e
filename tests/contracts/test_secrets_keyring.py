"""What `keyring:` makes of keyrings that are not there, do not open, or wait for somebody."""

import os
from pathlib import Path

import pytest

from releasd.adapters.secrets import SecretSource, Surroundings, resolve
from releasd.errors import ConfigError, SecretDenied, SecretMissing, Transient
from releasd.ports import Secret


def _from_keyring(backend: str, **environ: str) -> Secret:
    source = SecretSource(ref="keyring:index/__token__", env=("PYTHONPATH",))
    environ = {"PATH": os.environ["PATH"], "PYTHON_KEYRING_BACKEND": backend, **environ}
    return resolve(source, Surroundings(environ=environ, timeout=60))


def test_machine_without_a_keyring_says_so() -> None:
    """On a server without a desktop the library has no back end: the message names what works there."""
    with pytest.raises(SecretMissing, match="no keyring on this machine") as caught:
        _from_keyring("keyring.backends.fail.Keyring")
    assert "cred:NAME" in caught.value.advice


def test_keyring_that_does_not_open_is_denied(tmp_path: Path) -> None:
    """An encrypted keyring that wants a password nobody can type: denied, with the command that unlocks it."""
    with pytest.raises(SecretDenied) as caught:
        _from_keyring("keyrings.alt.file.NoSuchKeyring", XDG_DATA_HOME=str(tmp_path))
    assert "keyring get index __token__" in caught.value.advice


def test_keyring_that_hangs_is_transient(tmp_path: Path) -> None:
    """A keyring waiting for its user is left alone in time."""
    slow = tmp_path / "keyring"  # stands in for the interpreter that asks
    slow.write_text("#!/bin/sh\nsleep 60\n")
    slow.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("releasd.adapters.secrets.keyring.sys.executable", str(slow))
        source = SecretSource(ref="keyring:index/__token__")
        with pytest.raises(Transient, match="did not end within"):
            resolve(source, Surroundings(environ={"PATH": os.environ["PATH"]}, timeout=0.5))


@pytest.mark.parametrize("ref", ["keyring:service", "keyring:/user", "keyring:service/"])
def test_keyring_reference_of_another_form_is_a_configuration_error(ref: str) -> None:
    """Service and user, both."""
    with pytest.raises(ConfigError, match="SERVICE/USER"):
        resolve(SecretSource(ref=ref), Surroundings(environ={}))
