"""The real npm packages that releasd's analysis and notes are compared with, and their answers to cases.

`tests/differential/package-lock.json` pins them. Each lock file is installed once, into the user's cache folder.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.tools import require_tool

_HERE = Path(__file__).parents[1] / "differential"
_INSTALL_SECONDS, _ANSWER_SECONDS = 600, 170


def packages() -> Path:
    """Return a folder with the packages in its `node_modules`, installed by whoever comes first."""
    require_tool("node")
    npm = require_tool("npm")
    lock = _HERE / "package-lock.json"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "releasd-differential-tests"
    folder = cache / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(_HERE / name, folder)
            install = (npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            subprocess.run(install, cwd=folder, check=True, timeout=_INSTALL_SECONDS, capture_output=True)
            (folder / "ready").touch()
    return folder


def answers(driver: str, cases: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers of a driver in `tests/differential` to cases: `{ok: …}` or `{error: …}`, in order."""
    folder = packages()
    script = folder / f"{os.getpid()}-{driver}"
    shutil.copy(_HERE / driver, script)
    try:
        done = subprocess.run(
            (require_tool("node"), script.name),
            cwd=folder,
            input="\n".join(map(json.dumps, cases)),
            capture_output=True,
            text=True,
            check=True,
            timeout=_ANSWER_SECONDS,
            env={**os.environ, "LC_ALL": "en_US.UTF-8"},
        )
    finally:
        script.unlink()
    found = [json.loads(line) for line in done.stdout.split("\n") if line]
    assert len(found) == len(cases), done.stderr
    return found
