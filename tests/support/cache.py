"""What tests download once, kept in the user's cache folder."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def kept(name: str, fill: Callable[[Path], None]) -> Path:
    """Return the folder of that name, filled by whoever comes first. What is in it never changes, so the name says."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "releasd-tests"
    folder, ready = cache / name, cache / f"{name}.ready"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of someone who did not get to the end
            folder.mkdir()
            fill(folder)
            ready.touch()
    return folder
