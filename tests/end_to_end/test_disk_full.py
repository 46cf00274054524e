"""A disk that is full: said as such, nothing public, nothing lost, and completed when there is room again."""

import os
import subprocess
from pathlib import Path

import pytest

from support.parts import eventually
from support.stage import Stage
from support.tools import require_tool
from support.truth import assert_released

BIG = 'test -e {0}/go || head -c 30000000 /dev/urandom > "$RELEASD_OUT/{1}"; python3 make.py'


def start_with_small_disk(stage: Stage, folder: Path, *, megabytes: int) -> None:
    """Start the daemon where `folder` is a file system of that size, which is gone when the daemon is."""
    unshare = (require_tool("unshare"), "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
    if subprocess.run((*unshare, "true"), check=False, capture_output=True, timeout=10).returncode:
        message = "mount namespaces are not allowed here: a full disk cannot be tested"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    folder.mkdir(exist_ok=True)
    stage.write_config()
    stage.install_hook(stage.remote)
    mount = f'mount -t tmpfs -o size={megabytes}m tmpfs "$0" && exec "$@"'
    stage.daemon.start(*unshare, "sh", "-c", mount, str(folder))


def seen_by_daemon(stage: Stage, folder: Path) -> Path:
    """Return where the daemon's view of a folder can be seen from outside of its namespace."""
    return Path(f"/proc/{stage.daemon.process.pid}/root{folder}")


def test_host_is_full(stage: Stage, tmp_path: Path) -> None:
    """The build fills the host's disk: the job waits and says why; with room again the release completes."""
    stage.build_with(BIG.format(tmp_path, "big.bin"))
    # preflight wants 256 MB free, so the disk is a little larger than that, and filled by the build.
    stage.config["projects"]["demo"]["builds"][0]["run"] = stage.config["projects"]["demo"]["builds"][0]["run"].replace(
        "30000000", "400000000"
    )
    start_with_small_disk(stage, stage.workdir, megabytes=260)
    stage.push("feat: more")
    main = stage.main()
    job = stage.wait_for(lambda job: job["not_before"])
    assert "build is tried again" in job["reason"]
    assert "space" in job["reason"] or "full" in job["reason"]
    assert (stage.main(), stage.index.stats()) == (main, {})
    (tmp_path / "go").touch()
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0")
    assert not list(seen_by_daemon(stage, stage.workdir).iterdir())


def test_daemon_is_full(stage: Stage, tmp_path: Path) -> None:
    """What the build made does not fit on the daemon's own disk: the same, and the database is unharmed."""
    stage.build_with(BIG.format(tmp_path, "demo-1.1.0.zip"), artifacts=["*"])
    start_with_small_disk(stage, stage.state, megabytes=20)
    outside, stage.state = stage.state, seen_by_daemon(stage, stage.state)
    stage.push("feat: more")
    main = stage.main()
    job = stage.wait_for(lambda job: job["not_before"])
    assert "build is tried again" in job["reason"]
    assert "space" in job["reason"] or "full" in job["reason"]
    assert (stage.main(), stage.index.stats()) == (main, {})
    (tmp_path / "go").touch()
    assert_released_in_namespace(stage)
    eventually(lambda: not list((stage.state / "scratch").iterdir()), "scratch is empty")
    stage.state = outside


def assert_released_in_namespace(stage: Stage) -> None:
    """Fail unless the release is whole; the audit file is read by the daemon's process id, not by a command."""
    job = stage.wait_over()
    assert (job["state"], job["version"]) == ("succeeded", "1.1.0"), job["reason"]
    assert {name: each["sha256"] for name, each in stage.index.stats().items()} == {
        each["filename"]: each["sha256"] for each in job["artifacts"]
    }
    assert stage.tags().keys() == {"v1.0.0", "v1.1.0"}
