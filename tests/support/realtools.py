"""The real programs that build hosts have: cibuildwheel and zig, at the versions in requirements/tools.txt.

They are in a virtual environment of their own, for what is in that of the tests is found by every recipe.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

from support import cache
from support.tools import lacking

_PINS = Path(__file__).parents[2] / "requirements/tools.txt"
_UV = str(Path(sys.executable).with_name("uv"))
_INSTALL_SECONDS = 170


def environment() -> Path:
    """Return the virtual environment, installed by whoever comes first.

    Raises `SubprocessError`, with uv's words as its note, where it cannot be installed.
    """
    made_for = f"{_PINS.read_text()}{sys.base_prefix}{sys.version}"
    return cache.kept(f"tools-{hashlib.sha256(made_for.encode()).hexdigest()[:16]}", _install) / "env"


def _install(folder: Path) -> None:
    place = folder / "env"
    for words in (
        ("venv", "--no-project", "--relocatable", "--python", sys.executable, str(place)),
        ("pip", "install", "--require-hashes", "--requirement", str(_PINS), "--python", str(place)),
    ):
        done = subprocess.run(
            (_UV, "--quiet", *words), capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
        )
        if done.returncode:
            raise subprocess.SubprocessError(done.stderr)


def require_real(program: str, folder: Path, name: str | None = None) -> Path:
    """Have the real `program` under its name, or another, in a folder of a PATH; return its environment.

    Skips loudly, or fails under CI, where it cannot be installed.
    """
    try:
        found = environment()
    except (subprocess.SubprocessError, OSError) as error:
        lacking(f"THE REAL {program} WAS NOT RUN: {_PINS.name} could not be installed: {error}")
    (folder / (name or program)).symlink_to(found / "bin" / program)
    return found
