"""Built files on disk, and the hosts that the configuration registers."""

import hashlib
import platform
import sys
from pathlib import Path

import pytest

from releasd.adapters.artifacts import ArtifactFolder
from releasd.adapters.hosts import RegisteredHosts, local_labels
from releasd.errors import Permanent
from releasd.model import Artifact, HostSpec

DATA = b"wheel"
DIGEST = hashlib.sha256(DATA).hexdigest()
WHEEL = Artifact(filename="a-1-py3-none-any.whl", sha256=DIGEST, size=5, build="dist", host="one")


@pytest.fixture
def folder(tmp_path: Path) -> ArtifactFolder:
    return ArtifactFolder(tmp_path / "artifacts")


def built(tmp_path: Path, data: bytes = DATA) -> Path:
    """Return a freshly built file."""
    path = tmp_path / WHEEL.filename
    path.write_bytes(data)
    return path


def test_an_adopted_file_is_found_by_its_digest(tmp_path: Path, folder: ArtifactFolder) -> None:
    """It is moved, keeps its name, and has exactly the sealed bytes."""
    path = built(tmp_path)
    assert not folder.has(WHEEL)
    folder.adopt(path, DIGEST)
    assert folder.has(WHEEL)
    assert not path.exists()
    assert folder.path(WHEEL).name == WHEEL.filename
    with folder.open(WHEEL) as file:
        assert file.read() == DATA


def test_other_bytes_are_refused(tmp_path: Path, folder: ArtifactFolder) -> None:
    """A file that changed on its way is not taken, and both digests are named."""
    with pytest.raises(Permanent, match=f"not {DIGEST} as it was built"):
        folder.adopt(built(tmp_path, b"other"), DIGEST)
    assert not folder.has(WHEEL)


def test_adopting_twice_is_adopting_once(tmp_path: Path, folder: ArtifactFolder) -> None:
    """An attempt that died behind the move makes the same file again: nothing changes."""
    folder.adopt(built(tmp_path), DIGEST)
    folder.adopt(built(tmp_path), DIGEST)
    assert folder.has(WHEEL)


@pytest.mark.parametrize("change", ["edited", "gone", "a folder"])
def test_a_file_that_changed_is_not_had(tmp_path: Path, folder: ArtifactFolder, change: str) -> None:
    """Having is proven by the bytes at each look, not by a name."""
    folder.adopt(built(tmp_path), DIGEST)
    path = folder.path(WHEEL)
    path.unlink()
    if change == "edited":
        path.write_bytes(b"evil!")
    elif change == "a folder":
        path.mkdir()
    assert not folder.has(WHEEL)


def test_two_names_of_one_digest_are_two_files(tmp_path: Path, folder: ArtifactFolder) -> None:
    """Equal bytes under two names are both kept."""
    folder.adopt(built(tmp_path), DIGEST)
    other = tmp_path / "b-1-py3-none-any.whl"
    other.write_bytes(DATA)
    folder.adopt(other, DIGEST)
    assert folder.has(WHEEL)


def spec(name: str, *labels: str, address: str | None = None) -> HostSpec:
    return HostSpec(name=name, labels=frozenset(labels), address=address)


def test_hosts_are_chosen_by_all_their_labels() -> None:
    """A host needs every label that is asked for; registration order stays."""
    hosts = RegisteredHosts([spec("a", "linux", "gpu", address="a"), spec("b", "linux", address="b")], path="/usr/bin")
    assert [host.spec.name for host in hosts.able(["linux"])] == ["a", "b"]
    assert [host.spec.name for host in hosts.able(["linux", "gpu"])] == ["a"]
    assert hosts.able(["windows"]) == ()
    assert len(hosts.able(())) == 2


def test_this_machine_has_its_labels_by_nature() -> None:
    """System and architecture need no configuration, and releasd's own tools are on the path."""
    hosts = RegisteredHosts([spec("me", "fast")], path="/usr/bin")
    (found,) = hosts.able(["fast", "local", platform.machine()])
    assert found is hosts.here
    assert local_labels() <= found.spec.labels
    assert found.spec.path == f"{Path(sys.executable).parent}:/usr/bin"


def test_this_machine_is_there_even_unregistered() -> None:
    """`verify` installs on the daemon's own machine, which then builds nothing."""
    hosts = RegisteredHosts([spec("far", address="far")], path="/usr/bin")
    assert hosts.here.spec.address is None
    assert hosts.here not in hosts.able(())
