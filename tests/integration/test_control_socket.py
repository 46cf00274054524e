"""The command line in front of a control socket that systemd holds for a daemon that cannot start."""

import socket
from pathlib import Path

import pytest

from releasd.app import remote
from releasd.errors import DaemonNotRunning


def test_a_socket_that_never_answers_counts_as_no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel accepts for systemd; looking must end soon all the same, and well before asking does."""
    assert remote.LOOK_WITHIN < remote.ANSWER_WITHIN
    monkeypatch.setattr(remote, "LOOK_WITHIN", 0.2)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "c.sock"))
        listener.listen()
        with pytest.raises(DaemonNotRunning) as caught:
            remote.Remote(tmp_path / "c.sock").get("/v1/status")
    assert "releasd run" in caught.value.advice
