"""Several destinations in order: what the first one refuses, the second never sees."""

from datetime import datetime

from support.mirror import mirror
from support.parts import IndexProcess
from support.stage import Stage
from support.truth import assert_published, assert_tagged

__all__ = ["mirror"]


def test_every_destination_serves_the_same_bytes(stage: Stage, mirror: IndexProcess) -> None:
    """Both have each file once with the sealed digest, and `status` says how each file came there."""
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert job["state"] == "succeeded", job["reason"]
    sealed = {each["filename"]: each["sha256"] for each in job["artifacts"]}
    for index in (stage.index, mirror):
        assert {name: stored["sha256"] for name, stored in index.stats().items()} == sealed
    assert [each["index"] for each in job["destinations"]] == ["local", "mirror"]
    for each in job["destinations"]:
        assert each["proven_at"]
        assert {file["filename"]: file["sha256"] for file in each["files"]} == sealed
        assert all(file["state"] == "verified" and file["uploaded_at"] for file in each["files"])
    shown = stage.run("status", str(job["id"])).stdout
    assert "local 2 verified proven" in shown
    assert_tagged(stage, job, "1.1.0")


def test_a_quota_met_in_the_middle_keeps_the_second_untouched(stage: Stage, mirror: IndexProcess) -> None:
    """One file is refused: the others are there and shown, the mirror has nothing, a retry sends only what lacks."""
    quota = "400 Project size too large. Limit for project 'demo' total size is 10 GB."
    stage.index.fault("status", method="POST", status=400, text=quota, skip=1, times=1)
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert mirror.stats() == {}
    (local,) = job["destinations"]
    assert sorted(file["state"] for file in local["files"]) == ["planned", "served"]
    assert any("Project size too large" in (file["error"] or "") for file in local["files"])
    assert local["closes_at"]
    assert "what lacks is taken until" in stage.run("status", str(job["id"])).stdout
    assert stage.run("retry", "1").returncode == 0
    job = stage.wait_for(lambda job: job["state"] == "succeeded")
    assert_published(stage, job)
    assert {stored["stored"] for stored in stage.index.stats().values()} == {1}
    assert len(mirror.stats()) == 2


def test_a_gate_stands_between(stage: Stage, mirror: IndexProcess) -> None:
    """The gate sees the released version installed from the first; while it fails the second gets nothing."""
    stage.config["indexes"]["local"]["gate"] = (
        f'python -c "import demo" && test "$RELEASD_VERSION" = 1.1.0 && test -e {stage.folder}/open'
    )
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert "the gate of local failed" in job["reason"]
    assert mirror.stats() == {}
    (stage.folder / "open").touch()
    assert stage.run("retry", "1").returncode == 0
    job = stage.wait_for(lambda job: job["state"] == "succeeded")
    assert job["destinations"][0]["evidence"]["gate"] == "passed"
    assert len(mirror.stats()) == 2


def test_one_bad_answer_in_ten_needs_no_person(stage: Stage, mirror: IndexProcess) -> None:
    """502 now and then on either index: the release completes by itself, each file is there once."""
    for index, skip in ((stage.index, 1), (mirror, 0)):
        index.fault("status", method="POST", status=502, skip=skip, times=1)
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert job["state"] == "succeeded", job["reason"]
    assert all(file["state"] == "verified" for each in job["destinations"] for file in each["files"])


def test_a_token_that_expires_between_two_files_is_rotated_and_the_release_completed(
    stage: Stage, mirror: IndexProcess
) -> None:
    """One file is public, the job says how to rotate the token; after that `retry` sends only what lacks."""
    stage.index.fault("status", method="POST", status=403, text="403 Invalid or expired token", skip=1, times=99)
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert any("Make a new token" in step["advice"] for step in job["steps"])
    assert "Make a new token" in stage.run("status", "1").stdout
    (local,) = job["destinations"]
    assert sorted(file["state"] for file in local["files"]) == ["planned", "served"]
    assert mirror.stats() == {}
    stage.index.stop()
    stage.index.start()  # takes the token again
    assert stage.run("retry", "1").returncode == 0
    job = stage.wait_for(lambda job: job["state"] == "succeeded")
    assert_published(stage, job)
    assert {stored["stored"] for stored in stage.index.stats().values()} == {1}


def test_an_index_that_asks_for_time_gets_it(stage: Stage) -> None:
    """429 with Retry-After: the job waits for as long, says so, and completes by itself."""
    stage.index.fault("status", method="POST", status=429, retry_after="15")
    stage.start()
    stage.push("feat: more")
    job = stage.wait_for(lambda job: job["not_before"])
    (publish,) = (step for step in job["steps"] if step["name"] == "publish")
    ended, due = (datetime.fromisoformat(text) for text in (publish["finished_at"], job["not_before"]))
    assert (due - ended).total_seconds() >= 14.9
    job = stage.wait_over()
    assert_published(stage, job)
