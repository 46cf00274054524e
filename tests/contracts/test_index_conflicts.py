"""The 409 of a pypiserver: it has the name already, and does not say whose bytes."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from releasd.adapters.index import HttpIndex
from releasd.errors import Conflict
from releasd.ports import ServedFile, Sink
from releasd.steps import publish
from support.fakeports import Scene
from support.pypiserver import Pypiserver, pypiserver
from support.wheels import make_wheel, sha256

__all__ = ["pypiserver"]


class Lagging(HttpIndex):
    """An index whose page shows nothing at the first looks, uv's among them."""

    looks = 1

    def files(self, distribution: str, version: str) -> tuple[ServedFile, ...]:
        self.looks -= 1
        return () if self.looks >= 0 else super().files(distribution, version)

    def upload(self, paths: Sequence[Path], sink: Sink) -> None:
        nowhere = HttpIndex(
            name=self.name, publish_url=self._publish_url, simple_url=f"{self._publish_url}nowhere/", token=self._token
        )
        nowhere.upload(paths, sink)


def lagging(server: Pypiserver) -> Lagging:
    urls = {"publish_url": server.publish_url, "simple_url": server.simple_url}
    return Lagging(name="second", **urls, token=lambda: server.token)


def test_identical_file_refused_with_409_ends_as_done(pypiserver: Pypiserver, tmp_path: Path) -> None:
    """A file whose answer was lost and whose page lags is sent again and refused: the listing says that it is ours."""
    wheel = make_wheel(tmp_path, "late", "1.0.0")
    lagging(pypiserver).upload([wheel], lambda _: None)
    lagging(pypiserver).upload([wheel], lambda _: None)
    scene = _scene(wheel, pypiserver)
    evidence = publish.apply(scene.context())
    assert evidence["files"] == {wheel.name: sha256(wheel)}
    assert "409" in scene.output("pypi") + scene.output("second")


def test_other_file_refused_with_409_stays_a_conflict(pypiserver: Pypiserver, tmp_path: Path) -> None:
    """Somebody else's bytes under our name: the same answer, and a person is called."""
    lagging(pypiserver).upload([make_wheel(tmp_path, "taken", "1.0.0", body="theirs = 1\n")], lambda _: None)
    ours = make_wheel(tmp_path, "taken", "1.0.0")
    with pytest.raises(Conflict, match=f"has {ours.name} with other bytes"):
        publish.apply(_scene(ours, pypiserver).context())


def _scene(wheel: Path, server: Pypiserver) -> Scene:
    """Return a release of this wheel, about to be published on the server."""
    scene = Scene(distribution=wheel.name.split("-")[0], pep440="1.0.0")
    scene.seal(wheel.name, wheel.read_bytes())
    scene.artifacts.path = lambda _: wheel  # type: ignore[method-assign] # a real file
    scene.indexes["pypi"] = lagging(server)  # type: ignore[assignment] # a real index
    return scene
