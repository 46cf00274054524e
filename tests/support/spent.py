"""What a command costs from start to exit: time, processor time, and the memory of its largest process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, NamedTuple

from support.gitrepo import ISOLATED

# A process begins with the peak of the one that forked it: so a small one forks it, and tells what it saw.
_SPAWN = """
import json, os, sys, time
begun = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(pid, 0)
told = {"wall": time.perf_counter() - begun, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss}
told["status"] = os.waitstatus_to_exitcode(status)
os.write(2, b"\\n" + json.dumps(told).encode())
"""
_UNIT = 1024 if sys.platform == "linux" else 1  # bytes of `ru_maxrss`


class Spent(NamedTuple):
    """What a command took: seconds of the clock and of the processor, and bytes resident at most in one process.

    No peak below some 10 MB can be seen: that is what the process that forks has itself.
    """

    status: int
    wall: float
    cpu: float
    peak: int


def spent(command: tuple[str, ...], work: Path, *, within: float, output: IO[bytes] | int) -> Spent:
    """Run a command in `work`, its output into a file. Raises `TimeoutError` where it takes over `within` seconds."""
    spawn = (sys.executable, "-I", "-S", "-c", _SPAWN, *command)
    process = subprocess.Popen(
        spawn, cwd=work, env=_environment(), stdout=output, stderr=subprocess.PIPE, process_group=0
    )
    try:
        _, said = process.communicate(timeout=within)
    except subprocess.TimeoutExpired as late:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise TimeoutError(f"{command[0]} took over {within:g} s") from late
    told = json.loads(said.splitlines()[-1])
    return Spent(told["status"], told["wall"], told["cpu"], told["peak"] * _UNIT)


def _environment() -> Mapping[str, str]:
    """Return little: above all no switch of this process's Python, which may forbid to keep compiled modules."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **ISOLATED, "NO_COLOR": "1"}
