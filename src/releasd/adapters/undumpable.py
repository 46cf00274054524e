"""Closes this process to debuggers of its own user (Linux).

Builds on this machine run as the daemon's user. Without this they could read its environment and memory through /proc,
and with them whatever secret it holds at that moment. The flag ends with execve, so programs that we start are not
touched; uvtoken.py has another way for uv.
"""

import ctypes
import sys

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def protect() -> bool:
    """Make /proc/PID of this process readable by root alone, and core dumps none. Return whether the system did it."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
