"""Full disks, on the host and here: told apart, named, and nothing half written left."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.errors import DiskFull
from releasd.model import ContainerSpec
from support.hosts import Place, eventually, make_local, make_place, make_ssh, make_tar, member, place
from support.sshd import sshd
from support.tools import lacking

__all__ = ["place", "sshd"]


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
