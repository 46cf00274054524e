"""A disk that is full: said as such, nothing public, nothing lost, and completed when there is room again."""

import os
import subprocess
from pathlib import Path

from support.parts import eventually
from support.stage import Job, Stage
from support.tools import lacking, require_tool
from support.truth import assert_published, assert_released

BIG = 'test -e {0}/go || head -c 30000000 /dev/urandom > "$RELEASD_OUT/{1}"; python3 make.py'


def start_with_small_disk(stage: Stage, folder: Path, *, megabytes: int) -> None:
    """Start the daemon where `folder` is a file system of that size, which is gone when the daemon is."""
    unshare = (require_tool("unshare"), "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
    if subprocess.run((*unshare, "true"), check=False, capture_output=True, timeout=10).returncode:
        lacking("mount namespaces are not allowed here: a full disk cannot be tested")
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
    # preflight wants 256 MB free: the disk is a little larger than that, and filled by the build.
    stage.build_with(BIG.format(tmp_path, "big.bin").replace("30000000", "400000000"))
    start_with_small_disk(stage, stage.workdir, megabytes=260)
    stage.push("feat: more")
    main = stage.main()
    job = stage.wait_for(lambda job: job["not_before"])
    assert "waits: no able host can be reached: here" in job["reason"]
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
    stage.push("feat: more")
    main = stage.main()
    # Asked through the daemon: SQLite does not open a database in another namespace.
    job = eventually(lambda: asked(stage, "not_before"), "the job waits", pause=0.2)
    assert "build is tried again" in job["reason"]
    assert "the daemon's own disk is full" in job["reason"]
    assert (stage.main(), stage.index.stats()) == (main, {})
    (tmp_path / "go").touch()
    job = eventually(lambda: asked(stage, "finished_at"), "the job is over", pause=0.2)
    assert (job["state"], job["version"]) == ("succeeded", "1.1.0"), job["reason"]
    assert stage.tags().keys() == {"v1.0.0", "v1.1.0"}
    assert_published(stage, job)
    scratch = seen_by_daemon(stage, stage.state / "scratch")
    eventually(lambda: not list(scratch.iterdir()), "scratch is empty")


def asked(stage: Stage, key: str) -> Job | None:
    """Return the job once the daemon says that it has `key`."""
    job = stage.status_of(1)
    return job if job[key] else None
