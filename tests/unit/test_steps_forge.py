"""A forge's release page, against a forge of our own making; tests/contracts/test_forge.py has the real dialects."""

from dataclasses import replace

import pytest

from releasd.errors import Conflict, Fenced, Transient
from releasd.ports import ForgeRelease
from releasd.steps import announce, forge
from support.fakenews import FakeForge
from support.fakeports import Scene


@pytest.fixture
def scene() -> Scene:
    """Return a release of two files."""
    made = Scene()
    made.release_commit()
    made.seal("demo-1.1.0.tar.gz", b"sdist")
    made.seal("demo-1.1.0-py3-none-any.whl", b"wheel")
    return made


def complete(scene: Scene, on: FakeForge) -> dict[str, object]:
    ctx = scene.context()
    return dict(forge.complete(ctx, on, announce.announcement(ctx)))


def test_draft_files_public_in_this_order(scene: Scene) -> None:
    """Nobody sees a release page that lacks files."""
    main = FakeForge()
    assert complete(scene, main)["url"] == "https://f/releases/7"
    assert main.done == ["create", "upload", "upload", "publish"]
    assert main.wanted[0].title == "demo 1.1.0"
    assert not main.wanted[0].is_prerelease


def test_a_pre_release_is_wanted_as_one(scene: Scene) -> None:
    """By its version."""
    scene.plan = replace(scene.plan, version="1.1.0-beta.1", pep440="1.1.0b1")
    main = FakeForge()
    complete(scene, main)
    assert main.wanted[0].is_prerelease


def test_the_fence_stands_before_each_effect(scene: Scene) -> None:
    """Once the claim is lost, nothing more is changed."""
    main = FakeForge()
    scene.at_fault = lambda point: setattr(scene.journal, "lost", point == "announce.uploaded")
    with pytest.raises(Fenced):
        complete(scene, main)
    assert main.done == ["create", "upload"]


def test_a_forge_that_forgets_is_looked_at_again(scene: Scene) -> None:
    """It took the files and does not show them: that is not done."""
    main = FakeForge()
    main.upload = lambda *_: None  # type: ignore[method-assign] - it takes, and keeps nothing
    with pytest.raises(Transient, match=r"does not show demo-1\.1\.0.* yet"):
        complete(scene, main)
    assert main.done == ["create"]


def test_a_page_that_stays_a_draft_is_looked_at_again(scene: Scene) -> None:
    """It took the order to publish, and nobody sees the release."""
    main = FakeForge()
    main.publish = lambda *_: None  # type: ignore[method-assign] - it takes, and does nothing
    with pytest.raises(Transient, match="does not show it yet"):
        complete(scene, main)


def test_a_release_at_another_commit_is_a_conflict(scene: Scene) -> None:
    """The tag on the forge is not the one that we pushed."""
    notes = scene.plan.notes.replace("\n", "\r\n") + "  \n"  # what a forge does to line ends is no difference
    main = FakeForge(release=ForgeRelease(id="1", is_draft=False, notes=notes, commit="f" * 40))
    with pytest.raises(Conflict, match=f"at {'f' * 12}, ours is"):
        complete(scene, main)
    assert main.done == []
