"""Full disks, on the host and here: told apart, named, and nothing half written left."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from releasd.errors import DiskFull
from releasd.model import ContainerSpec
from support.hosts import (
    Place,
    cut_all,
    eventually,
    make_local,
    make_place,
    make_ssh,
    make_tar,
    member,
    place,
    runner_of,
)
from support.sshd import sshd
from support.tools import lacking

__all__ = ["place", "sshd"]

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="finds processes by what Linux tells of them")


@pytest.fixture
def mount_tiny(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a file system of 2 MB at a folder of that name."""
    mounted: list[Path] = []

    def mount(name: str) -> Path:
        path = tmp_path / name
        path.mkdir()
        command = ("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", path)
        if os.getuid() != 0 or subprocess.run(command, check=False, timeout=30).returncode != 0:
            lacking("a full disk needs root and the right to mount a tmpfs")
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        subprocess.run(("umount", path), check=True, timeout=30)


@pytest.mark.parametrize("kind", [make_local, make_ssh])
def test_a_full_disk_on_a_host_is_named(
    request: pytest.FixtureRequest, tmp_path: Path, mount_tiny: Callable[[str], Path], kind: Callable[..., object]
) -> None:
    """Sources that do not fit and a build that fills the disk are both `DiskFull`, and say on which host."""
    workdir = mount_tiny("work")
    place = make_place(kind(request, workdir), tmp_path)
    big = make_tar(tmp_path / "big.tar", [(member("big"), os.urandom(4_000_000))])
    with pytest.raises(DiskFull, match=f"disk of host {place.host.spec.name} is full"):
        place.run("true", source=big)
    with pytest.raises(DiskFull, match=f"disk of host {place.host.spec.name} is full"):
        place.run("head -c 4000000 /dev/zero > filled")
    assert eventually(lambda: place.leftovers() == [])


@linux_only
@pytest.mark.parametrize("kind", [make_local, make_ssh])
def test_a_disk_that_fills_while_nobody_is_connected_is_named_to_who_comes_back(
    request: pytest.FixtureRequest, tmp_path: Path, mount_tiny: Callable[[str], Path], kind: Callable[..., object]
) -> None:
    """The keeper waits with what ended the build: the host was not restarted, as a build that is gone would look."""
    place = make_place(kind(request, mount_tiny("work")), tmp_path)
    seen: list[bytes] = []
    script = "echo up; until [ -e FOLDER/away ]; do sleep 0.05; done; head -c 4000000 /dev/zero; touch FOLDER/never"

    def go_away() -> bool:
        if b"up" in b"".join(seen) and not (tmp_path / "away").exists():
            cut_all()
            (tmp_path / "away").touch()
            assert eventually(lambda: builds_of(place) == [])
        return False

    task = place.task(script.replace("FOLDER", str(tmp_path)), kept=True, token=1)
    with pytest.raises(DiskFull, match=f"disk of host {place.host.spec.name} is full"):
        place.host.run(task, seen.append, go_away)
    assert not (tmp_path / "never").exists()
    assert eventually(lambda: place.leftovers() == [])


def builds_of(place: Place) -> list[psutil.Process]:
    """Return what runs below the keeper of the place's only task."""
    return [each for each in runner_of(place).children(recursive=True) if each.status() != psutil.STATUS_ZOMBIE]


def test_a_full_disk_here_is_told_apart_and_leaves_no_part(place: Place, mount_tiny: Callable[[str], Path]) -> None:
    """A file that does not fit on the daemon's side is `DiskFull` too, and its beginning is removed."""
    dest = mount_tiny("dest")
    with pytest.raises(DiskFull, match="the daemon's own disk is full"):
        place.run('head -c 4000000 /dev/zero > "$RELEASD_OUT/a.whl"')
    assert list(dest.iterdir()) == []


ENGINE = """\
#!/bin/sh
case "$1" in
  info) printf '[]\\tcgroupfs' ;;
  image) echo sha256:a ;;
  create) echo "write /var/lib/docker/tmp: no space left on device" >&2; exit 1 ;;
  *) echo "no such container" >&2; exit 1 ;;
esac
"""


def test_a_full_store_of_a_container_engine_is_the_hosts_full_disk(place: Place, tmp_path: Path) -> None:
    """It may be on another disk than the work folder; the build waits for room, and is not refused for good."""
    (tmp_path / "docker").write_text(ENGINE)
    (tmp_path / "docker").chmod(0o755)
    place.host.spec = replace(place.host.spec, path=f"{tmp_path}:{os.environ['PATH']}", engine="docker")
    with pytest.raises(DiskFull, match=r"did not run a container of img:1: .*no space left on device"):
        place.run("true", container=ContainerSpec(image="img:1"))
