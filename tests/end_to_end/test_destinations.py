"""Several destinations in order: an index, an index of another make, and a folder; the same bytes end up in each."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.pypiserver import Pypiserver, pypi_server
from support.s3server import S3Server, add_bucket, s3_server
from support.stage import TOKEN, Job, Stage
from support.truth import assert_published, assert_released

__all__ = ["s3_server"]


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Pypiserver]:
    """Return an index of another make, all of this test."""
    with pypi_server(tmp_path / "second") as server:
        yield server


def three(stage: Stage, second: Pypiserver) -> Path:
    """Have the stage publish to its own index, then to pypiserver, then into a folder; return the folder."""
    mirror = stage.folder / "mirror"
    mirror.mkdir()
    token = stage.folder / "second-token"
    token.touch(mode=0o600)
    token.write_text(second.token.reveal())
    stage.config["secrets"]["second-token"] = f"file:{token}"
    stage.config["indexes"] |= {
        "second": {"publish_url": second.publish_url, "simple_url": second.simple_url, "secret": "second-token"},
        "mirror": {"kind": "folder", "path": str(mirror)},
    }
    stage.config["projects"]["demo"]["publish"] = ["local", "second", "mirror"]
    return mirror


def sums(folder: Path, version: str) -> dict[str, str]:
    """Return the digests of the files of a version that a folder holds, by name."""
    found = [path for path in folder.glob("demo-*") if re.match(rf"demo-{re.escape(version)}[-.]", path.name)]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def sealed(job: Job) -> dict[str, str]:
    """Return the digests of what was built, by name."""
    return {each["filename"]: each["sha256"] for each in job["artifacts"]}


def evidence(job: Job, step: str) -> dict[str, dict[str, object]]:
    """Return what a step says of each destination."""
    found: dict[str, dict[str, object]] = next(each["evidence"] for each in job["steps"] if each["name"] == step)
    return found


def test_release_to_three_destinations_is_the_same_in_each(stage: Stage, second: Pypiserver) -> None:
    """Each gets every file once, in the order that is configured, and each installs what it serves."""
    mirror = three(stage, second)
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over(timeout=120)
    assert_released(stage, job, "1.1.0")
    assert sums(second.folder, "1.1.0") == sums(mirror / "demo", "1.1.0") == sealed(job)
    assert set((mirror / "demo").iterdir()) == {mirror / "demo" / name for name in (*sealed(job), "index.html")}
    well = {"files": 2, "installed": "demo==1.1.0"}
    assert evidence(job, "verify")["indexes"] == dict.fromkeys(("local", "second", "mirror"), well)
    output = stage.log_text(job["id"])
    assert second.token.reveal() not in output
    assert TOKEN not in output


def test_failure_on_the_first_leaves_the_others_untouched(stage: Stage, second: Pypiserver) -> None:
    """What the first does not take reaches no other; once it does, a retry completes all of them."""
    mirror = three(stage, second)
    (stage.folder / "token").write_text("pypi-wrong")
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over(timeout=120)
    assert job["state"] == "failed"
    assert (stage.index.stats(), list(second.folder.iterdir()), list(mirror.iterdir())) == ({}, [], [])
    (stage.folder / "token").write_text(TOKEN)
    assert stage.run("retry", str(job["id"])).returncode == 0
    job = stage.wait_for(lambda job: job["state"] == "succeeded", timeout=120)
    assert_published(stage, job)
    assert sums(second.folder, job["version"]) == sums(mirror / "demo", job["version"]) == sealed(job)


def test_daemon_killed_behind_each_destination_goes_on_at_the_next(stage: Stage, second: Pypiserver) -> None:
    """What one has is not sent again, what the others lack they get, and all get the bytes that were sealed once."""
    mirror = three(stage, second)
    stage.start(RELEASD_FAULT="publish.uploaded")
    stage.push("feat: more")
    has: list[tuple[int, int, int]] = []
    for _ in range(3):
        stage.daemon.wait_killed(timeout=120)
        has.append(tuple(map(len, (stage.index.stats(), sums(second.folder, "1.1.0"), sums(mirror / "demo", "1.1.0")))))
        stage.start(hook=False, **({"RELEASD_FAULT": "publish.uploaded"} if len(has) < 3 else {}))
    job = stage.wait_over(timeout=120)
    assert has == [(2, 0, 0), (2, 2, 0), (2, 2, 2)]
    assert_released(stage, job, "1.1.0")
    assert sums(second.folder, "1.1.0") == sums(mirror / "demo", "1.1.0") == sealed(job)


def test_release_to_a_private_bucket_is_proven_by_its_bytes(stage: Stage, s3_server: S3Server) -> None:
    """A bucket gets files and page, its downloads are what was built, and its key is in nothing that was written."""
    add_bucket(stage, s3_server, "end-to-end")
    stage.config["projects"]["demo"]["publish"] = ["local", "bucket"]
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over(timeout=120)
    assert_released(stage, job, "1.1.0")
    client = s3_server.client()
    names = [each["Key"] for each in client.list_objects_v2(Bucket="end-to-end")["Contents"]]
    assert names == sorted(f"python/demo/{name}" for name in (*sealed(job), "index.html"))
    for name, digest in sealed(job).items():
        body = client.get_object(Bucket="end-to-end", Key=f"python/demo/{name}")["Body"].read()
        assert hashlib.sha256(body).hexdigest() == digest
    hidden = s3_server.key.reveal().split(":")[1]
    assert hidden not in stage.daemon.said() + stage.log_text(job["id"]) + str(stage.events()) + str(job)
