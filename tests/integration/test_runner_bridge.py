"""The bridge between a connection and the keeper of a task: bytes both ways, to the last of them."""

import socket
import subprocess
import sys
from pathlib import Path

BRIDGE = """
import socket, sys
from releasd.adapters.runner.keeper import relay
relay(b"sources" * 1000, socket.socket(fileno=int(sys.argv[1])))
"""


def test_the_last_words_of_a_keeper_that_takes_no_more_are_delivered() -> None:
    """A host whose disk is full says so and ends, with the sources still on their way: the reason must arrive."""
    ours, theirs = socket.socketpair()
    theirs.sendall(b"the disk is full")
    theirs.close()
    with ours:
        command = (sys.executable, "-c", BRIDGE, str(ours.fileno()))
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, pass_fds=(ours.fileno(),), **streams) as bridge:
            said = bridge.stdout.read()
            assert bridge.wait(30) == 0
    assert said == b"the disk is full"


KEEPER = """
import json, os, socket, sys
from pathlib import Path
from releasd.adapters.runner.keeper import DOOR, Kept
from releasd.adapters.runner.leash import BEAT, FROM, SPEC, pack
_, first = socket.socketpair()
kept = Kept(30.0, first, 1)
kept.open_door(Path("."))
kept.hold(Path("."))
os.chdir(sys.argv[1])
caller = socket.socket(socket.AF_UNIX)
caller.connect(DOOR)
caller.sendall(pack(SPEC, json.dumps({"token": 2}).encode()) + pack(BEAT, b"") + pack(FROM, b"0"))
for _ in range(40):
    kept.wait(0.02)
print(kept.inbox, caller.recv(4096).count(pack(BEAT, b"")))
"""


def test_a_sign_of_life_that_comes_with_the_first_words_asks_for_nothing(tmp_path: Path) -> None:
    """On a busy host a newcomer's frames are read together: once such a beat was taken for a file without a name.

    Then a build that had ended well was given up, and begun again on the next host.
    """
    command = (sys.executable, "-c", KEEPER, str(tmp_path))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("[] 1", "")
