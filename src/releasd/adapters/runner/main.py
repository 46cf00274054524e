"""The runner's side of the conversation; hostrun.py is the daemon's."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any, BinaryIO, Callable  # noqa: UP035 - also read by Python 3.8

from releasd.adapters.runner.caches import Cache, open_cache, trim_caches
from releasd.adapters.runner.container import Box, client_environment
from releasd.adapters.runner.files import Unfit, collect, read_plain, unpack
from releasd.adapters.runner.folders import claim, free, home, open_workdir, release, workdir_at
from releasd.adapters.runner.inside import look
from releasd.adapters.runner.keeper import Kept, attach, begin
from releasd.adapters.runner.leash import BYE, DATA, GO, KILL, OUTPUT, PUT, TICK, Leash, LeashBroken
from releasd.adapters.runner.processes import GRACE, Build, Refused
from releasd.adapters.runner.scope import enter_scope
from releasd.adapters.runner.sources import bring_sources, trim_sources
from releasd.adapters.runner.survey import facts, programs

TIMED_OUT = 124  # timeout(1)'s exit status
FULL = 1 << 18  # bytes: with less than this free, a failed build is blamed on the disk


def main() -> int:
    """Do what the first frame says; return 0 when that was answered, 1 when the leash broke."""
    os.chdir("/")
    leash = Leash(seconds=15.0)
    try:
        spec = json.loads(leash.expect()[1])
        if "tools" in spec:
            _answer(leash, spec, probe)
        elif spec["attach"]:
            attach(leash, spec, workdir_at(spec["workdir"]) / spec["id"])
        else:
            begin(leash, spec, lambda kept, spec: _answer(kept, spec, run))
        leash.flush()
    except LeashBroken:
        return 1
    return 0


def _answer(leash: Leash, spec: dict[str, Any], do: Callable[[Any, dict[str, Any]], None]) -> None:
    leash.seconds = spec["leash"]
    try:
        do(leash, spec)
    except LeashBroken:
        raise
    except Exception as error:  # noqa: BLE001 - nobody sees what a keeper would print
        _tell(leash, error)
    leash.flush()


def _tell(leash: Leash, error: Exception) -> None:
    """Queue what it was that went wrong; a kind that nobody foresaw is a defect."""
    is_foreseen = isinstance(error, (Refused, OSError))
    is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    why = str(error) if is_foreseen else f"a defect in the runner: {type(error).__name__}: {error}"
    leash.control(error=why, disk_full=is_full)


def search_path(spec: dict[str, Any]) -> str:
    """Return PATH for builds: the operator's, else the one that this host gave us."""
    return spec["path"] or os.environ.get("PATH") or os.defpath


def probe(leash: Leash, spec: dict[str, Any]) -> None:
    """Look at this host."""
    folder = open_workdir(spec["workdir"])
    found = {tool: shutil.which(tool, path=search_path(spec)) for tool in spec["tools"]}
    system = os.uname()
    seen = {"system": system.sysname, "machine": system.machine, "tools": found, "disk_free": free(folder)}
    if spec["container"] is not None:
        seen["container"] = look(leash, spec, engine_environment(spec), folder)
    seen["facts"] = {**(programs(engine_environment(spec)) if spec["survey"] else {}), **facts()}
    leash.control(probe=seen)


def engine_environment(spec: dict[str, Any]) -> dict[str, str]:
    """Return what the client of docker or podman gets to see: the operator's variables, none of the build's."""
    return client_environment(search_path(spec), home(), spec["host_env"])


def environment(spec: dict[str, Any], folder: Path, cache: dict[str, str]) -> dict[str, str]:
    """Return all that the build gets to see: nothing is passed on from the daemon or the login."""
    fixed = {"PATH": search_path(spec), "HOME": home(), "LANG": "C.UTF-8", "TMPDIR": str(folder / "tmp")}
    places = {"RELEASD_OUT": f"{folder}/out", "RELEASD_INPUTS": f"{folder}/inputs"}
    return {**fixed, **cache, **spec["env"], **places}


def run(leash: Kept, spec: dict[str, Any]) -> None:
    """Run one task, from the claim of its folder to the removal."""
    workdir = open_workdir(spec["workdir"])
    folder = workdir / spec["id"]
    lock = claim(folder)
    try:
        leash.open_door(folder)
        os.pwrite(lock, enter_scope(spec["id"]).encode(), 0)  # for whoever finds the lock with its holder dead
        _run_in(leash, spec, folder)
    except LeashBroken:
        raise
    except Exception as error:  # noqa: BLE001 - see `_answer`; told while the folder, and so the door, is there
        _tell(leash, error)
        leash.see_off()
    finally:
        is_gone = release(folder, lock, leash.beat)
    tidy(leash, spec, workdir)
    leash.control(removed=is_gone, folder=str(folder))


def tidy(leash: Kept, spec: dict[str, Any], workdir: Path) -> None:
    """Keep what is kept on this host small. Trouble with it is told, and is no trouble of the build's."""
    try:
        trim_sources(leash, spec, workdir, search_path(spec))
        trim_caches(leash, spec, workdir)
    except OSError as error:
        words = f"releasd: what is kept on this host could not be tidied: {error}\n"
        leash.send(OUTPUT, words.encode())  # the spool is gone with the folder


def _run_in(leash: Kept, spec: dict[str, Any], folder: Path) -> None:
    for name in ("src", "out", "tmp", "inputs"):
        (folder / name).mkdir()
    if not bring_sources(leash, spec, folder, search_path(spec), receive):
        return
    if spec["kept"]:
        leash.hold(folder)
    put_in_place(leash, spec, folder)
    box = Box(spec, folder, engine_environment(spec)) if spec["container"] else None
    if box and not fetch(leash, spec, folder, box):
        return
    with open_cache(leash, spec, folder, box.image_id if box else "host") as cache:
        cache.prepare(folder / "src")
        build_in(leash, spec, folder, cache, box)


def fetch(leash: Kept, spec: dict[str, Any], folder: Path, box: Box) -> bool:
    """Have the container's image there; return False, and tell, where that was ended. Its time is the build's."""
    begun = time.monotonic()
    box.write_fetcher()
    fetching = Build(box.fetcher, str(folder), box.env)
    why, is_full = watch(leash, fetching, spec, folder)
    seconds = time.monotonic() - begun
    if why:
        evidence = {"seconds": f"{seconds:.1f}"}
        leash.control(
            exit=fetching.status or TIMED_OUT, why=why, files=[], left_out=[], disk_full=is_full, evidence=evidence
        )
        serve(leash, folder / "out")
        return False
    box.know_image()
    spec["timeout"] -= seconds
    return True


def start(spec: dict[str, Any], folder: Path, cache: Cache, box: Box | None) -> Build:
    """Start the script, in its container where it has one."""
    if box:
        box.write(spec["script"], cache.folder, cache.variables)
        return Build(box.client, f"{folder}/src", box.env, box.end)
    (folder / "script").write_text(spec["script"], encoding="utf-8")
    return Build(f"{folder}/script", f"{folder}/src", environment(spec, folder, cache.variables))


def build_in(leash: Kept, spec: dict[str, Any], folder: Path, cache: Cache, box: Box | None) -> None:
    """Run the script, tell how it ended, and hand its files over."""
    build = start(spec, folder, cache, box)
    leash.control(started=build.pid)
    begun = time.monotonic()
    why, is_full = watch(leash, build, spec, folder)
    if box and not why:
        box.check_begun()
        why = "memory" if build.status and box.is_out_of_memory else None
    status = build.status or (TIMED_OUT if why else 0)  # a script that was ended never counts as a success
    cache.is_good = status == 0
    evidence = {"seconds": f"{time.monotonic() - begun:.1f}"}
    try:
        files, left_out = ([], []) if status else collect(folder / "out", spec["outputs"], leash.wait)
    except Unfit as error:
        files, left_out, why = [], [], "outputs"
        evidence["outputs"] = str(error)
    evidence.update({"cache": cache.mode} if cache.folder else {})
    evidence.update(box.evidence if box else {})
    leash.control(exit=status, why=why, files=files, left_out=left_out, disk_full=is_full, evidence=evidence)
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


def put_in_place(leash: Leash, spec: dict[str, Any], folder: Path) -> None:
    """Put everything that the script needs where it looks for it."""
    for path in map(Path, spec["inputs"]):  # copied, for a build may write into what it is given
        shutil.copyfile(path, folder / "inputs" / path.name)
    if spec["source"]:
        unpack(folder / spec["source"], folder / "src", leash.wait)


def watch(leash: Kept, build: Build, spec: dict[str, Any], folder: Path) -> tuple[str | None, bool]:
    """Return what `supervise` does; nothing of the build is left, whatever happens."""
    try:
        return supervise(leash, build, spec, folder)
    except BaseException:
        build.end(GRACE)
        raise


def supervise(leash: Kept, build: Build, spec: dict[str, Any], folder: Path) -> tuple[str | None, bool]:
    """Pass output on until the script ended, and end what it left running.

    Returns:
        Why it was ended from outside, if it was, and whether the disk was seen full.
    """
    begun = heard = time.monotonic()
    lowest, why = free(folder), None
    while why is None:
        is_quiet = not pump(leash, build) and not leash.is_lagging
        now = time.monotonic()
        heard = heard if is_quiet else now
        build.reap()
        lowest = min(lowest, free(folder))
        if build.status is not None:
            break
        if any(kind == KILL for kind, _ in leash.inbox):
            why = "cancelled"
        elif now - begun >= spec["timeout"]:
            why = "timeout"
        elif now - heard >= spec["idle_timeout"]:
            why = "idle"
    build.end(GRACE if why else 0.0)
    drain(leash, build)
    return why, min(lowest, free(folder)) < FULL


def drain(leash: Kept, build: Build) -> None:
    """Pass on what is still in the pipe. Its end comes at once, unless a process got away (not on Linux)."""
    limit = time.monotonic() + GRACE
    while not build.is_mute and time.monotonic() < limit:
        pump(leash, build)
        if leash.is_lagging:
            limit = time.monotonic() + GRACE


def pump(leash: Kept, build: Build) -> bool:
    """Pass on what the build has written; return whether there was something, and room for it."""
    if not leash.wait(TICK, [] if leash.is_lagging or build.is_mute else [build.output]):
        return False
    data = os.read(build.output, 1 << 16)
    build.is_mute = not data  # at its end a pipe is always readable
    if data:
        leash.output(data)
    return bool(data)


def serve(leash: Kept, out: Path) -> None:
    """Hand over files by name until the daemon has what it wants."""
    while True:
        kind, payload = leash.expect()
        if kind in (BYE, KILL):
            return
        if hand_over(leash, out, payload.decode()):
            leash.control(sent=payload.decode())


def hand_over(leash: Kept, out: Path, name: str) -> bool:
    """Send one file; return False where the one who asked for it is gone."""
    epoch = leash.epoch
    for chunk in read_plain(out, name) or ():
        leash.send(DATA, chunk)
        while leash.is_backed_up:
            leash.wait(TICK)
        if leash.epoch != epoch:
            return False
    return True
