"""A real file system of a few kilobytes, for what happens when a disk is full. Gone with the process that used it."""

import os
import subprocess
import sys
from pathlib import Path

from support.tools import lacking, require_tool


def run_on_small_disk(folder: Path, script: str, *, kilobytes: int = 64) -> str:
    """Run Python `script` with a tmpfs of that size on `folder` (its `sys.argv[1]`) and return what it printed."""
    unshare = [require_tool("unshare"), "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True, timeout=10).returncode:
        lacking("mount namespaces are not allowed here: a full disk cannot be tested")
    mount = f'mount -t tmpfs -o size={kilobytes}k tmpfs "$1" && exec "$2" -c "$3" "$1"'
    run = [*unshare, "sh", "-c", mount, "sh", str(folder), sys.executable, script]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(run, check=False, capture_output=True, text=True, timeout=120, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout
