"""Hands the upload token to uv so that no other process can read it.

What uv 0.13 offers, and who can read it while an upload runs (tests/integration/test_uvtoken.py looks):

    --token              the argument list: everyone
    UV_PUBLISH_TOKEN     /proc/PID/environ, `ps -E`: every process of the same user, builds on this machine included
    ~/.netrc             a file: every process of the same user, and it stays after a crash
    a `keyring` program  what that program prints, over a pipe: nobody else

So uv is given a `keyring` of ours. That one reads the token from a socket which it inherits: unlike a pipe or a file, a
socket cannot be opened through /proc/PID/fd. What is then left is uv's own memory. On Linux a process that runs from a
file which its user may execute but not read cannot be looked into by that user (execve(2) makes it "not dumpable"), so
uv runs from such a copy of itself, in memory. Root sees everything; elsewhere than on Linux there is no such copy.
"""

import fcntl
import functools
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from releasd.ports import Secret

OPTIONS = ("--keyring-provider", "subprocess", "--username", "__token__")
TOKEN_FD = 4  # where uv and its children find the socket; one digit, for dash knows no other
_ASKED_AT_MOST = 16  # times, by one uv; it asks once for each address and user
_SHELL = "/bin/sh"
# uv starts `keyring get URL __token__`. That `keyring` is a link to the shell, which so runs the file `get` in uv's
# folder: unlike a script it works where /tmp is mounted noexec.
_GET = f"IFS= read -r token <&{TOKEN_FD} && printf '%s\\n' \"$token\"\n"
_EXECUTE_ONLY = 0o111
_MFD_EXEC = 0x10  # memfd_create(2); asked for since Linux 6.3, unknown before


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What a uv process is to be started with.

    Attributes:
        binary: what to execute.
        path: the folder to put first on its PATH.
        socket: becomes `TOKEN_FD` of uv; everyone else closes it.
        inherited: further descriptors that have to stay open in it.
    """

    binary: str
    path: str
    socket: int
    inherited: tuple[int, ...]


@contextmanager
def handover(token: Secret, binary: str, folder: Path) -> Iterator[Handover]:
    """Make everything ready for one uv that runs in `folder`, which is private and empty apart from its files."""
    programs = folder / ".handover"
    programs.mkdir(mode=0o700)
    (programs / "keyring").symlink_to(_SHELL)
    (folder / "get").write_text(_GET, encoding="utf-8")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(f"{token.reveal()}\n".encode() * _ASKED_AT_MOST)
        ours.shutdown(socket.SHUT_WR)
        copy = _hidden_copy(binary)
        if copy is None:
            yield Handover(binary=binary, path=str(programs), socket=theirs.fileno(), inherited=())
            return
        os.fchmod(copy, _EXECUTE_ONLY)  # each time: whoever found it through a child's /proc may have changed it
        (programs / "uv").symlink_to(f"/proc/self/fd/{copy}")
        yield Handover(binary=str(programs / "uv"), path=str(programs), socket=theirs.fileno(), inherited=(copy,))


@functools.cache
def _hidden_copy(binary: str) -> int | None:
    """Return a descriptor of a copy in memory that its user may only execute; None where that hides nothing.

    It is made once, for it takes 0.1 s and 38 MB, and nobody can write to it afterwards.
    """
    if not hasattr(os, "memfd_create") or os.geteuid() == 0:
        return None
    copy = _memory()
    if copy is None:
        return None
    try:
        with open(binary, "rb") as source:  # noqa: PTH123 - a descriptor is wanted
            while os.sendfile(copy, source.fileno(), None, 1 << 30):  # None: from where it is
                pass
        sealed = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(copy, fcntl.F_ADD_SEALS, sealed)
    except OSError:
        # Without memory to spare uv runs as it is: the token is still in no environment, argument or file.
        os.close(copy)
        return None
    return copy


def _memory() -> int | None:
    """Return a file in memory, or None where the system allows no programs in such (vm.memfd_noexec=2)."""
    for flags in (_MFD_EXEC, 0):
        try:
            return os.memfd_create("uv", flags | os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        except OSError:
            continue
    return None
