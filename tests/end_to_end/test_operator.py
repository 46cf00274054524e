"""What an operator asks for: release, cancel, retry, log."""

import json
import subprocess
import sys
from pathlib import Path

from support.parts import strays
from support.stage import Stage
from support.truth import assert_released, assert_untouched

SLOW = "echo begun; touch {0}/started; while [ ! -e {0}/go ]; do sleep 0.05; done; python3 make.py"


def test_release_with_a_bump_is_waited_for(stage: Stage) -> None:
    """`release --bump major --wait` releases a commit that asks for nothing, exit code 0; then there is nothing: 3."""
    stage.start()
    done = stage.run("release", "demo", "--wait")
    assert (done.returncode, stage.tags().keys()) == (3, {"v1.0.0"}), done.stdout + done.stderr
    done = stage.run("release", "demo", "--bump", "major", "--wait", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_released(stage, json.loads(done.stdout), "2.0.0")


def test_release_that_fails_is_exit_code_1(stage: Stage) -> None:
    """`release --wait` of a broken build ends with 1, and with the reason and what to look at."""
    stage.build_with("exit 9")
    stage.start()
    done = stage.run("release", "demo", "--bump", "minor", "--wait")
    assert done.returncode == 1
    assert "exit status 9" in done.stderr
    assert "releasd log 1" in done.stderr
    unknown = stage.run("release", "other", "--wait")
    assert (unknown.returncode, "configured: demo" in unknown.stderr) == (2, True)


def test_cancel_ends_the_build_at_once(stage: Stage, tmp_path: Path) -> None:
    """Its processes and its folder are gone, nothing was made public, and a retry completes the same version."""
    stage.build_with(f"touch {tmp_path}/started; sleep 611 & " + SLOW.format(tmp_path))
    stage.start()
    stage.push("feat: more")
    main = stage.main()
    stage.wait_file(tmp_path / "started")
    assert strays(str(stage.workdir))
    seen = stage.status()
    assert seen["daemon"] == {"running": True, "pid": stage.daemon.process.pid}
    assert [(job["id"], job["state"], job["version"]) for job in seen["jobs"]] == [(1, "running", "1.1.0")]
    assert [(build["host"], build["state"]) for build in seen["jobs"][0]["builds"]] == [("here", "started")]
    assert (seen["jobs"][0]["steps"][-1]["name"], seen["jobs"][0]["steps"][-1]["state"]) == ("build", "started")
    done = stage.run("cancel", "1")
    assert done.returncode == 0, done.stderr
    job = stage.wait_over()
    assert job["state"] == "cancelled"
    stage.assert_clean()
    assert_untouched(stage, main)
    (tmp_path / "go").touch()
    assert stage.run("retry", "1").returncode == 0
    job = stage.wait_for(lambda job: job["state"] in {"succeeded", "failed"})
    assert_released(stage, job, "1.1.0")


def test_log_is_followed_live(stage: Stage, tmp_path: Path) -> None:
    """`log --follow` shows a build's line while the build still runs, and ends with the release."""
    stage.build_with(SLOW.format(tmp_path))
    stage.start()
    stage.push("feat: more")
    stage.wait_file(tmp_path / "started")
    command = (sys.executable, "-m", "releasd.cli", "log", "demo", "--follow")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=stage.environ) as follower:
        assert follower.stdout is not None
        lines = iter(follower.stdout)
        assert any(line == "begun\n" for line in lines)
        assert not (tmp_path / "go").exists()
        (tmp_path / "go").touch()
        rest = "".join(lines)
    assert follower.returncode == 0
    assert "verify" in rest or "local" in rest


def test_retry_of_what_is_done_or_unknown_is_refused(stage: Stage) -> None:
    """A released job is not released again, and a job that is not there is named; exit code 2 or 1, with advice."""
    stage.start()
    stage.push("feat: more")
    stage.wait_over()
    for arguments in (("retry", "1"), ("cancel", "1"), ("retry", "99"), ("log", "99"), ("status", "99")):
        done = stage.run(*arguments)
        assert done.returncode in {1, 2}, (arguments, done.stdout)
        assert done.stderr.startswith("releasd: "), (arguments, done.stderr)
        assert "Traceback" not in done.stderr
