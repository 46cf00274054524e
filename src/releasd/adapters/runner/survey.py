"""What a host is and has, for people and for the scheduler: nothing here is needed for a build to run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

PROGRAMS = ("git", "python3", "uv", "rustc", "cargo", "maturin", "docker", "podman")
ENGINES = ("docker", "podman")
IMAGES = ("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
LIMIT = 8.0  # seconds for all programs together, which run at the same time


def facts() -> dict[str, Any]:
    """Return what costs no process: cores, memory in bytes, load, libc, the clock in seconds since 1970."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": cores, "memory": memory, "load": os.getloadavg()[0], "libc": libc(), "clock": time.time()}


def libc() -> str:
    """Return the C library and its version, as `glibc 2.36` or `musl`; on macOS the system's version."""
    if os.uname().sysname == "Darwin":
        import platform  # noqa: PLC0415 - every build starts a runner, and would pay for it

        return f"macos {platform.mac_ver()[0]}"
    try:
        found = os.confstr("CS_GNU_LIBC_VERSION")
    except (OSError, ValueError):
        found = None
    return found or ("musl" if any(Path("/lib").glob("ld-musl-*")) else "")


def programs(env: dict[str, str]) -> dict[str, Any]:
    """Return the versions of the programs on `env`'s PATH, and the images of each container engine that answers."""
    found = {name: program for name in PROGRAMS if (program := shutil.which(name, path=env["PATH"]))}
    asked = {name: _start(program, ("--version",), env) for name, program in found.items()}
    listed = {name: _start(found[name], IMAGES, env) for name in ENGINES if name in found}
    limit = time.monotonic() + LIMIT
    versions = {name: _version(_said(process, limit)) for name, process in asked.items()}
    images = {name: said for name, process in listed.items() if (said := _said(process, limit)) is not None}
    return {
        "programs": versions,
        "images": {name: sorted(set(said.split()) - {"<none>:<none>"}) for name, said in images.items()},
    }


def _start(program: str, arguments: tuple[str, ...], env: dict[str, str]) -> subprocess.Popen[str]:
    import subprocess  # noqa: PLC0415 - see `libc`

    return subprocess.Popen(
        (program, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LANG": "C.UTF-8", **env},
        errors="replace",
        start_new_session=True,  # a group of its own, to be killed with what it started
    )


def _said(process: subprocess.Popen[str], limit: float) -> str | None:
    """Return what a program printed; None where it failed or took too long, and is killed with its group."""
    from subprocess import TimeoutExpired  # noqa: PLC0415 - see `libc`

    try:
        said, _ = process.communicate(timeout=max(0.0, limit - time.monotonic()))
    except TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        if process.stdout is not None:
            process.stdout.close()  # not read to its end, which what left the group may keep from coming
        process.wait()
        return None
    return said if process.returncode == 0 else None


def _version(said: str | None) -> str:
    """Return the first version in what a program says of itself; "?" where it says none."""
    found = re.search(r"\d+(\.\d+)+", said or "")
    return found.group() if found else "?"
