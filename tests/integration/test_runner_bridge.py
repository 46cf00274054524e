"""The bridge between a connection and the keeper of a task: bytes both ways, to the last of them."""

import socket
import subprocess
import sys

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
