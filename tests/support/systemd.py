"""A real systemd, booted from this machine's own system files, with releasd installed in /opt/releasd.

The root is an overlay: this machine's / below, a tmpfs above, so nothing that is done inside stays, and nothing has to
be fetched. Process ids, mounts, network and cgroups are private; of this machine's own services none is started.
Releasd's source and its dependencies are bound in read-only, where a service's user can read them: the virtual
environment and its interpreter often lie in somebody's home.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.tools import lacking, require_tool

CHECKOUT = Path(__file__).parents[2]
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
_BOOT_SECONDS = 120.0
_STOP_SECONDS = 90.0

# Before the new root: $1 an empty folder, $2 a name, $3 this Python's prefix, $4 the virtual environment, $5 the
# checkout, $6 the script below. The first process of a new process namespace becomes process 1 inside, by `exec` alone.
_MOUNT = r"""
set -eu
work=$1
mount -t tmpfs -o mode=755 tmpfs "$work"
cd "$work"
mkdir cgroup upper inner root python environment checkout
mount -t cgroup2 cgroup2 cgroup
mkdir "cgroup/$2"
echo $$ >"cgroup/$2/cgroup.procs"
mount --bind "$3" python
mount --bind "$4" environment
mount --bind "$5" checkout
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/inner" root
cd root
exec unshare --cgroup sh -euc "$6"
"""
# As systemd-nspawn does it. With /proc/sys and /sys read-only and no fstab, process 1 leaves this machine alone.
_BOOT = r"""
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $folder; done
chmod 1777 tmp
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for device in null zero full random urandom tty; do touch dev/$device; mount --bind /dev/$device dev/$device; done
for name in python environment; do
    mkdir -p opt/test/$name
    mount --bind ../$name opt/test/$name
    mount -o remount,bind,ro opt/test/$name
done
mkdir opt/test/checkout
for name in src hooks systemd config; do cp -r ../checkout/$name opt/test/checkout/; done
chmod -R a+rX opt/test/checkout
rm -rf etc/systemd/system/*.wants etc/systemd/system/*.requires
: >etc/fstab
printf '[Unit]\nRequires=sysinit.target dbus.socket\nAfter=sysinit.target dbus.socket\n' \
    >etc/systemd/system/releasd-test.target
ip link set lo up
mkdir old
pivot_root . old
umount -l old
mount --make-rshared /
exec env -i container=releasd-test PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=linux \
    setpriv --bounding-set=-sys_module,-sys_rawio,-sys_time,-audit_control,-audit_read \
    /lib/systemd/systemd --system --unit=releasd-test.target --log-target=console --show-status=no
"""
# What `python -m venv /opt/releasd && /opt/releasd/bin/pip install releasd` leaves, without fetching anything.
_INSTALL = r"""
mkdir -p /opt/releasd/bin "/opt/releasd/lib/$1/site-packages"
ln -s "/opt/test/python/bin/$1" /opt/releasd/bin/python
echo 'home = /opt/test/python/bin' >/opt/releasd/pyvenv.cfg
printf '%s\n' /opt/test/checkout/src "/opt/test/environment/lib/$1/site-packages" \
    >"/opt/releasd/lib/$1/site-packages/test.pth"
printf '#!/opt/releasd/bin/python\nfrom releasd.cli import main\nmain()\n' >/opt/releasd/bin/releasd
chmod 755 /opt/releasd/bin/releasd
ln -s /opt/test/environment/bin/uv /opt/releasd/bin/uv
# A shared libpython would be looked for where this Python was built, maybe somebody's home.
if ls /opt/test/python/lib/libpython* >/dev/null 2>&1; then
    echo /opt/test/python/lib >/etc/ld.so.conf.d/000-releasd-test.conf
    ldconfig
fi
"""


@dataclass(frozen=True)
class Machine:
    """A booted systemd; `leader` is the process id, out here, of its process 1."""

    leader: int

    def run(self, *command: str, check: bool = True, text: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a command inside as root; a failing one fails the test, with its words, unless told otherwise."""
        clean = ("env", "-i", "HOME=/root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
        entered = ("nsenter", "-t", str(self.leader), "-a", *clean)
        done = subprocess.run(
            (*entered, *command), input=text, capture_output=True, text=True, timeout=120, check=False
        )
        assert not check or done.returncode == 0, f"{done.stdout}{done.stderr}: {command}"
        return done

    def sh(self, script: str, *, check: bool = True) -> str:
        """Run a shell script inside as root and return its output."""
        return self.run("sh", "-euc", script, check=check).stdout.strip()

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file inside."""
        self.run("sh", "-euc", 'mkdir -p "${1%/*}"; cat >"$1"; chmod "$2" "$1"', "write", path, f"{mode:o}", text=text)

    def show(self, unit: str, name: str) -> str:
        """Return one property of a unit."""
        return self.run("systemctl", "show", "--value", "--property", name, unit).stdout.strip()

    def journal(self, unit: str) -> list[dict[str, Any]]:
        """Return what a service's last run logged, oldest first, as JSON: a line that is none fails the test."""
        self.run("journalctl", "--sync")
        run = self.show(f"{unit}.service", "InvocationID")
        own = (f"_SYSTEMD_INVOCATION_ID={run}", f"SYSLOG_IDENTIFIER={unit}")
        lines = self.run("journalctl", "--quiet", "--output=cat", *own).stdout.splitlines()
        return [json.loads(line) for line in lines]


@contextlib.contextmanager
def booted() -> Iterator[Machine]:
    """Yield a freshly booted machine that has releasd in /opt/releasd."""
    for tool in ("unshare", "nsenter", "pivot_root", "ip", "journalctl"):
        require_tool(tool)
    _require_rights()
    with tempfile.TemporaryDirectory(prefix="releasd-boot-") as name:
        folder = Path(name)
        with _started(folder) as outside:
            machine = Machine(_leader(outside))
            wait_until(lambda: _is_up(machine), _BOOT_SECONDS, (folder / "console").read_text)
            machine.run("systemctl", "log-target", "journal")
            machine.run("sh", "-euc", _INSTALL, "install", PYTHON)
            yield machine


@contextlib.contextmanager
def _started(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Yield the parent of the machine's process 1; when it is killed, the machine is gone with all that it has."""
    (folder / "work").mkdir()
    spaces = ("--mount", "--propagation=private", "--pid", "--uts", "--ipc", "--net", "--fork", "--kill-child")
    places = (str(folder / "work"), folder.name, sys.base_prefix, sys.prefix, str(CHECKOUT))
    with (folder / "console").open("wb") as console:
        outside = subprocess.Popen(
            ("unshare", *spaces, "sh", "-c", _MOUNT, "mount", *places, _BOOT),
            stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
        )  # fmt: skip
        try:
            yield outside
        finally:
            outside.kill()
            outside.wait(_STOP_SECONDS)
            _remove_cgroups(folder.name)


def _remove_cgroups(name: str) -> None:
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    for root in (Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"):
        if (root / name).is_dir():
            wait_until(lambda root=root: "populated 0" in (root / name / "cgroup.events").read_text(), _STOP_SECONDS)
            for folder, _, _ in os.walk(root / name, topdown=False):
                Path(folder).rmdir()


def _require_rights() -> None:
    """Skip where this process may not make namespaces; under CI that is a failure."""
    probe = subprocess.run(
        ("unshare", "--mount", "--pid", "--net", "--cgroup", "--fork", "true"),
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    if os.geteuid() == 0 and probe.returncode == 0:
        return
    lacking(f"booting a systemd needs root and the right to make namespaces: {probe.stderr.strip()}")


def _leader(outside: "subprocess.Popen[bytes]") -> int:
    children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children")
    wait_until(lambda: children.read_text().strip(), 60.0)
    return int(children.read_text().split()[0])


def _is_up(machine: Machine) -> bool:
    done = machine.run("systemctl", "is-active", "releasd-test.target", check=False)
    return done.stdout.strip() == "active"


def wait_until(true: Callable[[], object], seconds: float, explain: Callable[[], str] = str) -> None:
    """Wait until something is true; after `seconds`, fail the test with what `explain` says."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.05)
