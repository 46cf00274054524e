"""The real npm packages that releasd's analysis and notes are compared with, and their answers to cases.

`tests/differential/package-lock.json` pins them. Each lock file is installed once.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support import cache
from support.tools import require_tool

_HERE = Path(__file__).parents[1] / "differential"
_INSTALL_SECONDS, _ANSWER_SECONDS = 600, 170


def packages() -> Path:
    """Return a folder with the packages in its `node_modules`, installed by whoever comes first."""
    require_tool("node")
    npm = require_tool("npm")
    lock = (_HERE / "package-lock.json").read_bytes()

    def install(folder: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_HERE / name, folder)
        command = (npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        subprocess.run(command, cwd=folder, check=True, timeout=_INSTALL_SECONDS, capture_output=True)

    return cache.kept(f"npm-{hashlib.sha256(lock).hexdigest()[:16]}", install)


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
