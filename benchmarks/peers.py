"""The tools that `releasd plan` stands beside, each installed once, at a fixed version, into a cache folder of its own.

Their dependencies exclude each other, so each has its own virtual environment; npm's and zig are those of the
tests. What cannot be installed is said loudly and left out.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support import npm, realtools

UV = str(Path(sys.executable).parent / "uv")
INSTALL_WITHIN = 300  # seconds
NPM_PLUGINS = "@semantic-release/commit-analyzer,@semantic-release/release-notes-generator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """A peer from the Python index: what to install, and what it is asked, which is the next version at least."""

    title: str
    requirement: str
    program: str
    arguments: tuple[str, ...]


PYTHON = (
    Python(
        title="git-cliff",
        requirement="git-cliff==2.14.2",
        program="git-cliff",
        arguments=("--bump", "--unreleased"),
    ),
    Python(
        title="commitizen (version only)",
        requirement="commitizen==4.19.3",
        program="cz",
        arguments=("bump", "--get-next", "--yes"),
    ),
    Python(
        title="python-semantic-release (version only)",
        requirement="python-semantic-release==10.7.0",
        program="semantic-release",
        arguments=("version", "--print"),
    ),
)


def commands() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield title and command of each peer that is here or can be installed."""
    for peer in PYTHON:
        try:
            yield peer.title, (str(installed(peer)), *peer.arguments)
        except (subprocess.SubprocessError, OSError) as error:
            left_out(peer.title, error)
    node = semantic_release()
    if node:
        yield "npm semantic-release", node


def semantic_release() -> tuple[str, ...] | None:
    """Return the command that asks npm's semantic-release; None, said loudly, where it cannot be had."""
    try:
        if not (shutil.which("node") and shutil.which("npm")):
            raise FileNotFoundError("node and npm are not on PATH")
        program = npm.packages() / "node_modules" / ".bin" / "semantic-release"
    except (subprocess.SubprocessError, OSError) as error:
        left_out("npm semantic-release", error)
        return None
    return (str(program), "--dry-run", "--no-ci", "--branches", "main", "--plugins", NPM_PLUGINS)


def zig() -> Path | None:
    """Return an environment whose Python has zig as a module; None, said loudly, where it cannot be installed."""
    try:
        return realtools.environment() / "bin"
    except (subprocess.SubprocessError, OSError) as error:
        left_out("zig", error)
        return None


def cache() -> Path:
    """Return the folder that the peers and the largest history are kept in."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "releasd-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def installed(peer: Python) -> Path:
    """Return the program of a peer, installed once into a folder of its own."""
    folder = cache() / peer.requirement
    program = folder / "bin" / peer.program
    if not program.exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"# installing {peer.requirement} …", file=sys.stderr, flush=True)
        for arguments in (
            ("venv", "--no-project", "--python", sys.executable, str(folder)),
            ("pip", "install", "--python", str(folder), "--compile-bytecode", peer.requirement),
        ):
            subprocess.run((UV, "--quiet", *arguments), check=True, timeout=INSTALL_WITHIN)
    return program


def left_out(title: str, error: Exception) -> None:
    """Say loudly that a peer is missing."""
    print(f"!!! {title} IS LEFT OUT: it could not be installed: {error}", file=sys.stderr, flush=True)
