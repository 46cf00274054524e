"""Anyone on the machine may write to the hook socket and into the spool: what that must not be good for."""

import json
import os
import socket
import time
from contextlib import ExitStack
from pathlib import Path

from support.gitrepo import make_remote
from support.parts import eventually
from support.stage import Stage
from support.truth import assert_released, assert_told


def message(repository: Path) -> bytes:
    """Return a hook's line for a repository."""
    said = {"v": 1, "repository": str(repository), "ref": "refs/heads/main", "source": "post-receive"}
    return json.dumps(said | {"old": "0" * 40, "new": "1" * 40}).encode() + b"\n"


def test_a_repository_that_is_a_trap_holds_nobody(stage: Stage, tmp_path: Path) -> None:
    """As many messages as there are listeners name a folder whose configuration never ends; a push is heard at once."""
    trap = make_remote(tmp_path / "trap.git")
    (trap / "config").unlink()
    os.mkfifo(trap / "config")
    stage.start()
    with ExitStack() as stack:
        senders = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(16)]
        for sender in senders:
            sender.settimeout(60)
            sender.connect(str(stage.short / "run/hook.sock"))
            sender.sendall(message(trap))
        for sender in senders:
            with sender:
                assert b"no project is configured" in sender.recv(4096)
    assert_told(stage.push("feat: more"), "1.1.0 will be released")
    assert_released(stage, stage.wait_over(), "1.1.0")


def test_a_spool_full_of_lines_does_not_hold_the_start(stage: Stage, tmp_path: Path) -> None:
    """Four megabytes of hints are taken bit by bit, between all else, with one event for them all."""
    begun = time.monotonic()
    stage.start()
    usual = time.monotonic() - begun
    stage.daemon.stop()
    line = message(tmp_path / "none.git")
    (stage.state / "spool" / "0.json").write_bytes(line * (4_000_000 // len(line)))
    stage.push("feat: more")
    begun = time.monotonic()
    stage.daemon.start()
    assert time.monotonic() - begun < 2 * usual + 10
    assert_released(stage, stage.wait_over(), "1.1.0")
    eventually(lambda: not list((stage.state / "spool").glob("*.json")), "the spool was emptied", timeout=60)
    assert len([event for event in stage.events() if event["event"] == "hook.refused"]) == 1
