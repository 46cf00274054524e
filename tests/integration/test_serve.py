"""A daemon with a broken project among its projects: the others are served."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.gitrepo import make_remote
from support.stage import Stage, make_stage

__all__ = ["make_stage"]


@pytest.mark.parametrize("broken", ["no repository", "an empty repository", "gone"])
def test_a_broken_project_does_not_keep_the_daemon_from_starting(
    make_stage: Callable[..., Stage], tmp_path: Path, broken: str
) -> None:
    """READY is said, the trouble is in the log, and the daemon takes a reload and a stop as ever."""
    stage = make_stage()
    place = tmp_path / "broken"
    if broken == "no repository":
        place.mkdir()
    elif broken == "an empty repository":
        make_remote(place)
    stage.config["projects"]["broken"] = {"repository": str(place)}
    stage.start(hook=False)
    assert stage.status()["daemon"]["running"] is True
    if broken == "no repository":
        assert "watching broken" in stage.daemon.tail()
    stage.daemon.stop()
