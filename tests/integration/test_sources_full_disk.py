"""A host whose disk is full while it takes sources in: told, with nothing left, and with a store that still works."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.errors import DiskFull
from support.gitrepo import ISOLATED
from support.hosts import Place, eventually, make_place, make_ssh
from support.sources import make_sources, packs_of
from support.sshd import sshd
from support.tools import lacking

__all__ = ["sshd"]


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A host over SSH that has 4 MB; the sources take 3 of them at the most."""
    disk = tmp_path / "host"
    disk.mkdir()
    command = ("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk)
    if os.getuid() != 0 or subprocess.run(command, check=False, timeout=30).returncode != 0:
        lacking("a full disk needs root and the right to mount a tmpfs")
    place = make_place(make_ssh(request, disk / "builds"), tmp_path)
    yield replace(place, workdir=disk / "builds")
    subprocess.run(("umount", disk), check=True, timeout=30)


def test_a_disk_that_fills_up_while_sources_come_is_told(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host is passed over for its disk; nothing of the build stays, and with room again the store goes on."""
    for name, value in ISOLATED.items():
        monkeypatch.setenv(name, value)
    sources, first = make_sources(tmp_path)
    filler = place.workdir.parent / "filler"
    filler.write_bytes(bytes(3_400_000))
    with pytest.raises(DiskFull, match="the disk of host loop is full"):
        place.host.run(sources.task(place, first), lambda _: None, lambda: False)
    assert eventually(lambda: not place.leftovers())
    filler.unlink()
    found = sources.listing(place, first)
    assert found == sources.listing(place, first, objects=None)
    second = sources.release({"new": b"new"})
    sources.build(place, second)
    assert sources.packs[-1] < 4000
    assert packs_of(place)
