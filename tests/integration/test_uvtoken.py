"""While an upload runs, another process of the same user finds the token nowhere: not with /proc, not in memory."""

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import uv

from releasd.adapters import uvtoken
from releasd.ports import Secret
from support.pypirules import PypiRules
from support.tools import require_tool
from support.wheels import make_wheel

TOKEN = "pypi-A-TOKEN-that-nobody-else-may-see-0123456789"
NOBODY = 65534

# Both scripts give up root after their imports, for then the kernel guards them as it guards any user's processes.
_UPLOADER = """
import os, sys
from pathlib import Path
from releasd.adapters import undumpable, uvpublish
from releasd.ports import Secret
user, binary, url, wheel = sys.argv[1:]
token = sys.stdin.readline().strip()
if int(user) != os.getuid():
    os.setgroups([]), os.setgid(int(user)), os.setuid(int(user))
undumpable.protect()
uvpublish._uv = lambda: binary
uvpublish.publish([Path(wheel)], publish_url=url, check_url=None, token=Secret(token), sink=lambda _: None, timeout=60)
"""
_THIEF = """
import os, stat, sys
user, token, *pids = sys.argv[1:]
token = token.encode()[::-1]
if int(user) != os.getuid():
    os.setgroups([]), os.setgid(int(user)), os.setuid(int(user))

def look(what, read):
    try:
        if token in read():
            print("found", what)
    except OSError:
        pass

def memory(pid):
    found = b""
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in open(f"/proc/{pid}/maps"):
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            if "r" in line.split()[1] and "[v" not in line:
                try:
                    mem.seek(start)
                    found += token if token in mem.read(end - start) else b""
                except (OSError, OverflowError):
                    pass
    return found

def opened(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    return os.read(descriptor, 1000)

for pid in pids:
    look(f"{pid} arguments", lambda: open(f"/proc/{pid}/cmdline", "rb").read())
    look(f"{pid} environment", lambda: open(f"/proc/{pid}/environ", "rb").read())
    look(f"{pid} memory", lambda: memory(pid))
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        names = []
    for name in names:
        look(f"{pid} descriptor {name}", lambda: opened(f"/proc/{pid}/fd/{name}"))
print("looked at", *pids)
"""


@pytest.fixture
def user() -> int:
    """Return the user to upload and to steal as: root could read everything, so somebody else."""
    return NOBODY if os.geteuid() == 0 else os.geteuid()


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, user: int) -> Iterator[Path]:
    """Return a folder of that user's, which he can reach."""
    made = Path("/tmp") / f"releasd-{os.getpid()}-{tmp_path_factory.mktemp('x').name}"
    made.mkdir()
    os.chown(made, user, -1)
    yield made
    shutil.rmtree(made)


def until(holds: Callable[[], bool]) -> None:
    for _ in range(1800):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it did not come true within 90 s")


def thief(user: int, *pids: int) -> str:
    """Return what a process of the user finds of the token in these processes."""
    argv = [sys.executable, "-c", _THIEF, str(user), TOKEN[::-1], *map(str, pids)]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout


@contextlib.contextmanager
def uploading(folder: Path, user: int, rules: PypiRules) -> Iterator[list[psutil.Process]]:
    """Yield the processes of an upload whose index takes the file and does not answer."""
    binary = shutil.copy(uv.find_uv_bin(), folder / "real-uv")
    wheel = make_wheel(folder, "demo", "1.0")
    rules.fault("hang", seconds=60)
    argv = [sys.executable, "-c", _UPLOADER, str(user), str(binary), rules.publish_url, str(wheel)]
    env = {**os.environ, "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, env=env, cwd="/") as uploader:
        try:
            uploader.stdin.write(f"{TOKEN}\n".encode())
            uploader.stdin.close()
            until(lambda: rules.posts() == 1)
            daemon = psutil.Process(uploader.pid)
            yield [daemon, *daemon.children(recursive=True)]
        finally:
            uploader.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_process_of_the_same_user_can_read_the_token(folder: Path, user: int) -> None:
    """Arguments, environments, memory and open files of the daemon, the shell and uv: the token is in none's reach."""
    with PypiRules(folder / "index", token=TOKEN) as rules, uploading(folder, user, rules) as processes:
        names = {process.name() for process in processes}
        assert {"uv", "sh"} <= names
        assert thief(user, *(process.pid for process in processes)).splitlines() == [
            " ".join(("looked at", *(str(process.pid) for process in processes)))
        ]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_thief_would_find_it(user: int) -> None:
    """The look above is a real one: in an ordinary process of that user it finds the token in three places."""
    sleep = require_tool("sh")
    drop = {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}
    argv = (sleep, "-c", "read -r _", TOKEN)
    with subprocess.Popen(argv, env={"T": TOKEN}, stdin=subprocess.PIPE, cwd="/", **drop) as victim:
        until(lambda: TOKEN in psutil.Process(victim.pid).cmdline())
        found = thief(user, victim.pid)
        victim.kill()
    for place in ("arguments", "environment", "memory"):
        assert f"found {victim.pid} {place}" in found


def test_nothing_of_the_handover_stays(tmp_path: Path) -> None:
    """No file ever holds the token, and no descriptor stays open."""
    (tmp_path / "first").mkdir()
    with uvtoken.handover(Secret(TOKEN), uv.find_uv_bin(), tmp_path / "first"):
        pass  # the copy of uv, where there is one, is kept for the next
    before = set(Path("/dev/fd").iterdir())
    with uvtoken.handover(Secret(TOKEN), uv.find_uv_bin(), tmp_path) as handed:
        assert stat.S_ISSOCK(os.fstat(handed.socket).st_mode)
        assert not any(TOKEN in path.read_text() for path in tmp_path.iterdir() if path.is_file())
    assert set(Path("/dev/fd").iterdir()) == before
