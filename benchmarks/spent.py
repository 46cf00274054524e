"""What a command costs from start to exit: time, processor time, and the memory of its largest process."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from support.gitrepo import ISOLATED

# A process begins with the peak of the one that forked it: so the fork is left to a small one.
_SPAWN = """
import json, os, sys, time
begun = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(pid, 0)
taken = time.perf_counter() - begun
told = {"status": os.waitstatus_to_exitcode(status), "wall": taken, "cpu": used.ru_utime + used.ru_stime}
os.write(2, json.dumps({**told, "peak": used.ru_maxrss / 1000}).encode())
"""
FLOOR_MB = 10.0  # what the process that forks has itself: no peak below it can be seen
_FINE = (0, 3)  # 3: nothing to release


class Spent(NamedTuple):
    """Seconds of the clock and of the processor, and MB (10^6 bytes) resident at the most in one process."""

    wall: float
    cpu: float
    peak: float


def spent(command: tuple[str, ...], work: Path, within: float) -> Spent | None:
    """Run a command in `work`, output to a file; None where it failed or took longer than `within` seconds."""
    spawn = (sys.executable, "-I", "-S", "-c", _SPAWN, *command[:1], *command[1:])
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            spawn, cwd=work, env=_environment(), stdout=output, stderr=subprocess.PIPE, process_group=0
        )
        try:
            _, said = process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.communicate()
            return None
    told = json.loads(said[said.rindex(b'{"status"') :])
    return Spent(told["wall"], told["cpu"], told["peak"]) if told["status"] in _FINE else None


def _environment() -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **ISOLATED, "NO_COLOR": "1"}
