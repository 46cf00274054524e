"""SIGKILL around every destination of a release that goes to two: ledger, indexes and `status` agree afterwards."""

import hashlib

import pytest

from releasd.app.fault import VARIABLE
from releasd.steps.faultpoints import OF_DESTINATIONS
from support.mirror import mirror
from support.parts import IndexProcess
from support.s3server import S3Server, add_bucket, s3_server
from support.stage import Stage
from support.truth import assert_tagged

__all__ = ["mirror", "s3_server"]

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


BEHIND = {"sent": "publish.uploaded:2", "proven": "publish.proven:2", "bucket": "publish.uploaded:3"}


@pytest.mark.parametrize("kind", BEHIND)
def test_killed_behind_a_folder_and_a_bucket(kind: str, stage: Stage, s3_server: S3Server) -> None:
    """Files and page are there and nothing else is, with the sealed bytes, and each record says verified."""
    folder = stage.folder / "shown"
    folder.mkdir()
    add_bucket(stage, s3_server, f"killed-{kind}")
    stage.config["indexes"]["folder"] = {"kind": "folder", "path": str(folder)}
    stage.config["projects"]["demo"]["publish"] = ["local", "folder", "bucket"]
    stage.start(**{VARIABLE: BEHIND[kind]})
    stage.push("feat: more")
    stage.daemon.wait_killed(timeout=120)
    stage.start()
    job = stage.wait_over(timeout=120)
    assert job["state"] == "succeeded", job["reason"]
    assert_tagged(stage, job, "1.1.0")
    sealed = {each["filename"]: each["sha256"] for each in job["artifacts"]}
    assert {path.name: _sha256(path.read_bytes()) for path in (folder / "demo").glob("demo-*")} == sealed
    assert {path.name for path in (folder / "demo").iterdir()} == {*sealed, "index.html"}
    objects = _objects(s3_server, f"killed-{kind}")
    assert objects.pop("index.html")
    assert objects == sealed
    assert [each["index"] for each in job["destinations"]] == ["local", "folder", "bucket"]
    for destination in job["destinations"]:
        assert {file["filename"]: file["sha256"] for file in destination["files"]} == sealed
        assert {file["state"] for file in destination["files"]} == {"verified"}


def _objects(server: S3Server, bucket: str) -> dict[str, str]:
    """Return the digest of each object's bytes, by its name in the project's folder."""
    client = server.client()
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]]
    found = {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    return {key.removeprefix("python/demo/"): _sha256(data) for key, data in found.items()}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
