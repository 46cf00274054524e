"""SIGKILL at any time, again and again, of the daemon and of the index: one release comes of it, whole."""

import random

import pytest

from support.packages import MAKE
from support.parts import eventually
from support.sshd import Sshd, sshd
from support.stage import Stage, over_ssh
from support.truth import assert_released

__all__ = ["sshd"]

KILLS = 5


@pytest.mark.parametrize("seed", range(6))
def test_killed_again_and_again(stage: Stage, seed: int) -> None:
    """Five kills, each a random while after READY: the release completes once the daemon is let live."""
    chance = random.Random(seed)
    stage.start()
    stage.push("feat: more")
    for _ in range(KILLS):
        over = eventually_over(stage, chance.uniform(0.0, 1.2))
        stage.daemon.kill()
        stage.daemon.start()
        if over:
            break
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0", repeated=True)
    assert len(stage.jobs()) == 1


def eventually_over(stage: Stage, seconds: float) -> bool:
    """Let the daemon run for so long; return whether the job was over by then."""
    try:
        stage.wait_over(timeout=seconds)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("point", ["version.recorded", "build.sealed", "tag.pushed", "publish.uploaded"])
def test_second_push_while_dead(stage: Stage, point: str) -> None:
    """Killed in the first release; the second push comes while nobody listens: both commits are released, in order."""
    stage.start(RELEASD_FAULT=point)
    stage.push("feat: more")
    stage.daemon.wait_killed()
    if point in {"tag.pushed", "publish.uploaded"}:
        stage.work.sync()
    stage.push("fix: less")
    stage.daemon.start()
    last = stage.wait_for(lambda job: job["id"] == 2 and job["state"] == "succeeded")
    for each in stage.jobs():
        if each["version"] is not None and each["state"] == "succeeded":
            assert_released(stage, each, each["version"])
    assert last["version"] is not None
    for subject in ("more", "less"):
        assert subject in stage.git("show", "main:CHANGELOG.md")
    claimed = {job["version"] for job in stage.jobs() if job["state"] == "succeeded"}
    assert stage.tags().keys() == {"v1.0.0", *(f"v{version}" for version in claimed)}


def test_index_dies_in_the_middle_of_an_upload(stage: Stage) -> None:
    """The first file is taken, the index dies during the second: what it lacks is sent when it is back, and no more."""
    stage.index.fault("hang", method="POST", seconds=30, skip=1)
    stage.start()
    stage.push("feat: more")
    eventually(lambda: len(stage.index.stats()) == 1, "one file of two")
    stage.index.stop(kill=True)
    stage.wait_for(lambda job: job["not_before"])
    stage.index.start()
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0", repeated=True)


def test_daemon_and_index_die_together(stage: Stage) -> None:
    """A power cut takes both during the upload: the sealed bytes go up, and nothing is built again."""
    stage.index.fault("hang", method="POST", seconds=30, skip=1)
    stage.start()
    stage.push("feat: more")
    eventually(lambda: len(stage.index.stats()) == 1, "one file of two")
    stage.daemon.kill()
    stage.index.stop(kill=True)
    sealed = {each["filename"]: each["sha256"] for each in stage.job(1)["artifacts"]}
    stage.index.start()
    stage.daemon.start()
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0", repeated=True)
    assert {each["filename"]: each["sha256"] for each in job["artifacts"]} == sealed
    assert [build["attempts"] for build in job["builds"]] == [1]


@pytest.mark.parametrize("where", ["here", "far"])
def test_kill_during_a_build_leaves_nothing_on_the_host(stage: Stage, sshd: Sshd, where: str) -> None:
    """The leash: a build whose daemon is gone ends itself, its background processes and its folder too."""
    stage.config["hosts"]["far"] = over_ssh(sshd, stage, labels=["far"])
    started, go = stage.folder / "started", stage.folder / "go"
    labels = ["far"] if where == "far" else ["local"]
    stage.build_with(f"sleep 611 & touch {started}; test -e {go} || sleep 612; {MAKE}", labels=labels)
    stage.start()
    stage.push("feat: more")
    stage.wait_file(started)
    stage.daemon.kill()
    stage.assert_host_clean()
    go.touch()
    stage.daemon.start()
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0")
    assert [build["host"] for build in job["builds"]] == [where]


@pytest.mark.parametrize("point", ["tag.started", "tag.own_push_noted", "tag.pushed", "tag.applied"])
def test_killed_while_joining_a_moved_main(stage: Stage, point: str) -> None:
    """Main moved, so the tag comes with a merge; killed around that push there is one merge, one tag, one release."""
    started, go = stage.folder / "started", stage.folder / "go"
    stage.build_with(f"touch {started}; while [ ! -e {go} ]; do sleep 0.05; done; {MAKE}")
    stage.start(RELEASD_FAULT=point)
    stage.push("feat: more")
    stage.wait_file(started)
    stage.push("docs: meanwhile", {"README.md": "words\n"})
    tip = stage.main()
    go.touch()
    stage.daemon.wait_killed()
    stage.daemon.start()
    assert_released(stage, stage.wait_over(job=1), "1.1.0")
    stage.wait_for(lambda job: job["id"] > 1 and job["state"] == "succeeded")
    assert stage.git("rev-list", "--merges", "--count", "main") == "1"
    assert stage.git("rev-parse", "main^1") == tip
    assert stage.tags().keys() == {"v1.0.0", "v1.1.0"}
