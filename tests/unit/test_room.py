"""Whether a project's files of all versions still fit on an index."""

from dataclasses import replace
from pathlib import Path

import pytest

from releasd.core import room
from releasd.errors import CheckFailed, Transient
from releasd.model import Artifact, IndexRules, ListedFile
from releasd.steps import check
from support.dist import sdist, wheel, wheel_name
from support.fakeports import Scene

GB, OLD, SDIST = 1 << 30, "my_demo-0.9.tar.gz", "my_demo-1.2.0.tar.gz"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return a release of a good wheel and a good sdist, on an index that lists the sizes of what it has."""
    made = Scene(tmp_path)
    made.release_commit()
    made.plan = replace(made.plan, distribution="my-demo", version="1.2.0", pep440="1.2.0")
    made.seal(wheel_name(), wheel().getvalue())
    made.seal(SDIST, sdist().getvalue())
    made.index.stored[OLD] = "0" * 64
    return made


def test_a_project_that_would_be_too_large_fails_before_the_tag(scene: Scene) -> None:
    """The public index refuses the file that is one too many, when the others are public already."""
    scene.index.sizes[OLD] = 10 * GB - 1
    with pytest.raises(
        CheckFailed, match=r"pypi takes 10 GB of a project in all, has 10, and this release adds 0.001"
    ) as told:
        check.apply(scene.context())
    assert "max_project_gb" in told.value.message


def test_what_is_there_already_is_not_counted_twice(scene: Scene) -> None:
    """A release that is completed adds only the files that lack."""
    small = sum(artifact.size for artifact in scene.journal.sealed)
    for artifact in scene.journal.sealed:
        scene.index.put(artifact)
        scene.index.sizes[artifact.filename] = artifact.size
    scene.index.sizes[OLD] = 10 * GB - small
    check.apply(scene.context())


def test_a_project_that_is_nearly_too_large_is_told_of(scene: Scene) -> None:
    """The release goes on; its log says how much is left, in time to ask for more."""
    scene.index.sizes[OLD] = 9 * GB + GB // 2
    check.apply(scene.context())
    assert "pypi takes 10 GB of a project in all, has 9.5" in b"".join(scene.said["judge"]).decode()


def test_an_index_that_tells_no_sizes_or_has_no_limit_holds_nothing_up(scene: Scene) -> None:
    """Nothing is known there, and nothing is guessed."""
    check.apply(scene.context())
    scene.index.sizes[OLD] = 100 * GB
    scene.index.rules = IndexRules(max_project_size=None)
    check.apply(scene.context())
    assert "in all" not in b"".join(scene.said["judge"]).decode()


def test_an_index_that_cannot_be_asked_now_holds_nothing_up(scene: Scene) -> None:
    """`preflight` asked it a moment ago, and `publish` will wait for it; sizes are worth no third wait."""
    scene.index.files_error = Transient("503")
    check.apply(scene.context())
    assert "how much pypi has of this project was not asked: 503" in b"".join(scene.said["judge"]).decode()


def test_one_size_is_enough_to_add_up() -> None:
    """A file without a size counts as nothing: what is known to be too much is too much."""
    listed = [ListedFile(filename=name, sha256=None, url="", size=size) for name, size in (("a", 3), ("b", None))]
    new = [Artifact(filename="c", sha256="", size=2, build="wheel", host="one")]
    assert [problem.is_note for problem in room.judge("own", listed, new, 4)] == [False]
    assert [problem.is_note for problem in room.judge("own", listed, new, 5)] == [True]
    assert room.judge("own", listed, new, 50) == ()
