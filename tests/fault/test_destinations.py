"""SIGKILL around every destination of a release that goes to two: ledger, indexes and `status` agree afterwards."""

import pytest

from releasd.app.fault import VARIABLE
from releasd.steps.faultpoints import OF_DESTINATIONS
from support.mirror import mirror
from support.parts import IndexProcess
from support.stage import Stage
from support.truth import assert_tagged

__all__ = ["mirror"]

POINTS = ("publish.uploaded:1", "publish.uploaded:2", *OF_DESTINATIONS)


@pytest.mark.parametrize("point", POINTS)
def test_killed_between_destinations(point: str, stage: Stage, mirror: IndexProcess) -> None:
    """Each file is uploaded once to each index, with the sealed bytes, and its record says verified."""
    stage.start(**{VARIABLE: point})
    stage.push("feat: more")
    stage.daemon.wait_killed()
    stage.assert_host_clean()
    stage.start()
    job = stage.wait_over()
    assert job["state"] == "succeeded", job["reason"]
    assert_tagged(stage, job, "1.1.0")
    sealed = {each["filename"]: each["sha256"] for each in job["artifacts"]}
    for index, destination in zip((stage.index, mirror), job["destinations"], strict=True):
        stats = index.stats()
        assert {name: stored["sha256"] for name, stored in stats.items()} == sealed
        assert {stored["stored"] for stored in stats.values()} == {1}
        assert {file["filename"]: file["sha256"] for file in destination["files"]} == sealed
        assert {file["state"] for file in destination["files"]} == {"verified"}
