"""`publish` and `verify` where a release has crates beside Python's files."""

from dataclasses import dataclass

import pytest

from releasd.errors import Conflict, Transient
from releasd.model import FileState
from releasd.ports import ServedFile
from releasd.steps import publish, verify
from support.dist import wheel
from support.fakeports import FakeIndex, Scene

WHEEL = "demo-1.1.0-py3-none-any.whl"
CRATES = ("demo-1.1.0.crate", "demo-core-1.1.0.crate")


@dataclass
class Registry(FakeIndex):
    """An index that takes crates alone, and lists each under its own name."""

    def takes(self, filename: str) -> bool:
        return filename.endswith(".crate")

    def files(self, distribution: str, version: str) -> tuple[ServedFile, ...]:
        self.asked.append((distribution, version))
        name = f"{distribution}-{version}.crate"
        found = self.stored.get(name)
        return (ServedFile(filename=name, sha256=found, url=f"https://i/{name}"),) if found else ()

    def install_options(self) -> None:  # type: ignore[override] # what the port allows
        """Return None: nothing for Python is there."""


@pytest.fixture
def scene() -> Scene:
    """Return a release of a wheel and two crates that goes to an index and a registry."""
    made = Scene(indexes=("pypi", "crates"), crates=("demo-core", "demo"))
    made.indexes = {"pypi": FakeIndex(), "crates": Registry(name="crates")}
    made.seal(WHEEL, wheel().getvalue())
    for filename in CRATES:
        made.seal(filename, filename.encode())
    return made


def test_each_file_goes_where_it_belongs(scene: Scene) -> None:
    """The wheel to the index, the crates to the registry, and a repetition finds all of it there."""
    publish.apply(scene.context())
    assert [set(index.stored) for index in scene.indexes.values()] == [{WHEEL}, set(CRATES)]
    assert publish.observe(scene.context()) is not None
    asked = scene.indexes["crates"].asked
    assert set(asked) == {("demo", "1.1.0"), ("demo-core", "1.1.0")}


def test_a_crate_with_other_bytes(scene: Scene) -> None:
    """One crate of somebody else's stops the release at that registry."""
    scene.indexes["crates"].stored[CRATES[1]] = "0" * 64
    with pytest.raises(Conflict, match=r"crates has demo-core-1\.1\.0\.crate with other bytes"):
        publish.apply(scene.context())


def test_a_registry_is_verified_without_an_installation(scene: Scene) -> None:
    """Listing and bytes are compared; there is nothing that Python could install."""
    publish.apply(scene.context())
    seen = verify.apply(scene.context())["indexes"]
    assert seen["crates"] == {"files": 2, "installed": "not tried: crates is no place to install from"}
    assert set(scene.indexes["crates"].downloads) == set(CRATES)


def test_a_crate_that_was_taken_and_is_listed_late_is_not_sent_again(scene: Scene) -> None:
    """A single or last one, too: `by_file` without an entry says that no file failed."""
    registry = scene.indexes["crates"]
    registry.stores, registry.upload_error = 0, Transient("crates took it but does not list it yet")
    registry.upload_error.by_file = {}
    for _ in range(2):
        with pytest.raises(Transient):
            publish.apply(scene.context())
    assert len(registry.uploads) == 1
    states = {each.state for each in scene.context().journal.deliveries("crates").values()}
    assert states == {FileState.UPLOADED}
