"""The runner's side of the conversation; hostrun.py is the daemon's."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tarfile
import time
from pathlib import Path
from typing import Any, BinaryIO

from releasd.adapters.runner.files import collect, read_plain, unpack
from releasd.adapters.runner.folders import claim, free, home, open_workdir, release
from releasd.adapters.runner.leash import BYE, DATA, GO, KILL, OUTPUT, PUT, TICK, Leash, LeashBroken
from releasd.adapters.runner.processes import GRACE, Build, Refused, become_subreaper
from releasd.adapters.runner.survey import facts, programs

TIMED_OUT = 124  # timeout(1)'s exit status
FULL = 1 << 18  # bytes: with less than this free, a failed build is blamed on the disk


def main() -> int:
    """Do what the first frame says; return 0 when that was answered, 1 when the leash broke."""
    become_subreaper()
    os.chdir("/")
    leash = Leash(seconds=15.0)
    try:
        _answer(leash, json.loads(leash.expect()[1]))
        leash.flush()
    except LeashBroken:
        return 1
    return 0


def _answer(leash: Leash, spec: dict[str, Any]) -> None:
    leash.seconds = spec["leash"]
    try:
        if "tools" in spec:
            leash.control(probe=probe(spec))
        else:
            run(leash, spec)
    except (Refused, OSError, tarfile.TarError) as error:
        is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        leash.control(error=str(error), disk_full=is_full)


def search_path(spec: dict[str, Any]) -> str:
    """Return PATH for builds: the operator's, else the one that this host gave us."""
    return spec["path"] or os.environ.get("PATH") or os.defpath


def probe(spec: dict[str, Any]) -> dict[str, Any]:
    """Look at this host."""
    folder = open_workdir(spec["workdir"])
    found = {tool: shutil.which(tool, path=search_path(spec)) for tool in spec["tools"]}
    system = os.uname()
    more = {**(programs(search_path(spec)) if spec["survey"] else {}), **facts()}
    return {
        "system": system.sysname, "machine": system.machine, "tools": found, "disk_free": free(folder), "facts": more,
    }  # fmt: skip


def environment(spec: dict[str, Any], folder: Path) -> dict[str, str]:
    """Return all that the build gets to see: nothing is passed on from the daemon or the login."""
    fixed = {"PATH": search_path(spec), "HOME": home(), "LANG": "C.UTF-8", "TMPDIR": str(folder / "tmp")}
    places = {"RELEASD_OUT": f"{folder}/out", "RELEASD_INPUTS": f"{folder}/inputs"}
    return {**fixed, **spec["env"], **places}


def run(leash: Leash, spec: dict[str, Any]) -> None:
    """Run one task, from the claim of its folder to the removal."""
    folder = open_workdir(spec["workdir"]) / spec["id"]
    lock = claim(folder)
    try:
        _run_in(leash, spec, folder)
    finally:
        is_gone = release(folder, lock, leash.beat)
    leash.control(removed=is_gone, folder=str(folder))


def _run_in(leash: Leash, spec: dict[str, Any], folder: Path) -> None:
    for name in ("src", "out", "tmp", "inputs"):
        (folder / name).mkdir()
    leash.control(ready=str(folder))
    if not receive(leash, folder):
        return
    build = prepare(leash, spec, folder)
    try:
        why, is_full = supervise(leash, build, spec["timeout"], folder)
    except BaseException:
        build.end(GRACE)
        raise
    status = build.status or (TIMED_OUT if why else 0)  # a script that was ended never counts as a success
    files, left_out = ([], []) if status else collect(folder / "out", spec["outputs"], leash.wait)
    leash.control(exit=status, why=why, files=files, left_out=left_out, disk_full=is_full)
    serve(leash, folder / "out")


def receive(leash: Leash, folder: Path) -> bool:
    """Take files until told to go; return False when told to end instead."""
    file: BinaryIO | None = None
    try:
        while True:
            kind, payload = leash.expect()
            if kind == DATA and file is not None:
                file.write(payload)
                continue
            if file is not None:
                file.close()
            if kind != PUT:
                return kind == GO
            file = (folder / json.loads(payload)).open("xb")
    finally:
        if file is not None:
            file.close()


def prepare(leash: Leash, spec: dict[str, Any], folder: Path) -> Build:
    """Put everything in place and start the script."""
    for path in map(Path, spec["inputs"]):  # copied, for a build may write into what it is given
        shutil.copyfile(path, folder / "inputs" / path.name)
    if spec["source"]:
        unpack(folder / spec["source"], folder / "src", leash.wait)
    (folder / "script").write_text(spec["script"], encoding="utf-8")
    build = Build(f"{folder}/script", f"{folder}/src", environment(spec, folder))
    leash.control(started=build.pid)
    return build


def supervise(leash: Leash, build: Build, timeout: float, folder: Path) -> tuple[str | None, bool]:
    """Pass output on until the script ended, and end what it left running.

    Returns:
        Why it was ended from outside, if it was, and whether the disk was seen full.
    """
    deadline, lowest, why = time.monotonic() + timeout, free(folder), None
    while why is None:
        pump(leash, build)
        build.reap()
        lowest = min(lowest, free(folder))
        if build.status is not None:
            break
        if any(kind == KILL for kind, _ in leash.inbox):
            why = "cancelled"
        elif time.monotonic() >= deadline:
            why = "timeout"
    build.end(GRACE if why else 0.0)
    drain(leash, build)
    return why, min(lowest, free(folder)) < FULL


def drain(leash: Leash, build: Build) -> None:
    """Pass on what is still in the pipe. Its end comes at once, unless a process got away (not on Linux)."""
    limit = time.monotonic() + GRACE
    while time.monotonic() < limit:
        data = pump(leash, build)
        if data == b"":
            return
        if leash.is_backed_up:
            limit = time.monotonic() + GRACE


def pump(leash: Leash, build: Build) -> bytes | None:
    """Pass on what the build has written; return None when there was nothing, or no room for it."""
    if not leash.wait(TICK, [] if leash.is_backed_up else [build.output]):
        return None
    data = os.read(build.output, 1 << 16)
    if data:
        leash.send(OUTPUT, data)
    return data


def serve(leash: Leash, out: Path) -> None:
    """Hand over files by name until the daemon has what it wants."""
    while True:
        kind, payload = leash.expect()
        if kind in (BYE, KILL):
            return
        for chunk in read_plain(out, payload.decode()) or ():
            leash.send(DATA, chunk)
            while leash.is_backed_up:
                leash.wait(TICK)
        leash.control(sent=payload.decode())
