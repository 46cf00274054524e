"""A transient systemd scope for a task, where the host has a systemd that we may ask (rule 2 of the package).

The same as `systemd-run --scope`, asked for over the bus, because the keeper runs already and holds its lock. A scope
outlives the login that began it, and names every process of the task, even where the keeper itself was killed.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import time
from pathlib import Path

from releasd.adapters.runner.processes import kill

ASK_LIMIT = 5.0  # seconds for one word with systemd
MOVE_LIMIT = 2.0  # seconds in which systemd, having agreed, has moved us
MANAGER = "org.freedesktop.systemd1"
ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")  # unified, legacy, hybrid
OURS = re.compile(r"(/[^/\0\n]+)*/releasd-[A-Za-z0-9._-]+\.scope")


def enter_scope(task: str) -> str:
    """Move this process, and its parent that watches over it, into a scope of their own.

    Returns the scope's control group, "" where there is none to be had.
    """
    command = _bus()
    if not command:
        return ""
    import subprocess  # noqa: PLC0415 - 5 ms that only a host with systemd pays

    name = f"releasd-{task}-{os.getpid()}.scope"
    call = ("call", MANAGER, f"/{MANAGER.replace('.', '/')}", f"{MANAGER}.Manager", "StartTransientUnit")
    values = ("ssa(sv)a(sa(sv))", name, "fail", "2", "PIDs", "au", "2", str(os.getpid()), str(os.getppid()))
    collect = ("CollectMode", "s", "inactive-or-failed")
    try:
        subprocess.run(
            (*command, *call, *values, *collect, "0"),
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=ASK_LIMIT,
        )
    except (OSError, subprocess.SubprocessError):
        return ""  # not allowed to: the subreaper does without
    limit = time.monotonic() + MOVE_LIMIT
    while time.monotonic() < limit:
        found = own_group()
        if found.endswith(f"/{name}"):
            return found
        time.sleep(0.01)
    return ""


def _bus() -> tuple[str, ...]:
    """Return the command that asks this user's systemd, () where there is none that outlives the login."""
    busctl = shutil.which("busctl")
    if busctl is None or not Path("/run/systemd/system").is_dir():
        return ()
    if os.geteuid() == 0:
        return (busctl, "--system") if Path("/run/dbus/system_bus_socket").exists() else ()
    try:
        lingers = Path("/var/lib/systemd/linger", pwd.getpwuid(os.getuid()).pw_name).exists()
    except KeyError:
        return ()
    bus = Path(f"/run/user/{os.getuid()}/bus")
    if not lingers or not os.access(bus, os.W_OK):  # a sandbox may close it, by ProtectHome=
        return ()
    return ("/usr/bin/env", f"DBUS_SESSION_BUS_ADDRESS=unix:path={bus}", busctl, "--user")


def own_group() -> str:
    """Return the control group that systemd keeps this process in, "" where there is none."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "name=systemd") and OURS.fullmatch(path):
            return path
    return ""


def kill_scope(group: str) -> None:
    """Kill what still runs in the scope of a keeper that is dead; `group` is what `enter_scope` returned."""
    if not OURS.fullmatch(group):
        return
    for root in ROOTS:
        try:
            pids = Path(root + group, "cgroup.procs").read_text().split()
        except OSError:
            continue
        for pid in map(int, pids):
            if pid != os.getpid():
                kill(pid, signal.SIGKILL)
