"""Builds that go wrong leave no trace; builds on several hosts, and of a package in Rust."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from support.packages import MAKE, MATURIN
from support.parts import eventually
from support.ports import own_port
from support.sshd import Sshd, sshd
from support.stage import Stage, over_ssh
from support.tools import require_tool
from support.truth import assert_audited, assert_released, assert_untouched

__all__ = ["sshd"]

BAD_BUILDS = {
    "fails": ("echo broken; exit 3", {}, "exit status 3"),
    "hangs": ("echo waiting; sleep 600 & sleep 600", {"timeout": 1}, "longer than its limit"),
    "writes no files": ("echo done", {}, "left no file"),
    "writes another version": (f"sed -i 's/1.1.0/9.9.9/' pyproject.toml; {MAKE}", {}, "not what was planned"),
    "does not import": (f"echo 'raise SystemExit(5)' >> src/demo/__init__.py; {MAKE}", {}, "does not import"),
}


@pytest.mark.parametrize("case", BAD_BUILDS)
def test_bad_build_leaves_no_trace(stage: Stage, case: str) -> None:
    """The job fails and says why: no tag, no commit, no file on the index, no private ref, no process, no folder."""
    script, settings, words = BAD_BUILDS[case]
    stage.build_with(script, **settings)
    stage.start()
    stage.push("feat: more")
    main = stage.main()
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert words in job["reason"]
    assert_untouched(stage, main)
    stage.assert_clean()
    assert_audited(stage)


def test_failed_build_is_mended_by_the_next_push(stage: Stage) -> None:
    """A build that failed is a push that failed: the next push releases both, under the version never used."""
    stage.start()
    stage.push("feat: more", {"src/demo/__init__.py": "raise ValueError('broken by a push')\n"})
    assert stage.wait_over(job=1)["state"] == "failed"
    shown = stage.run("log", "1", "--step", "check").stdout
    assert "broken by a push" in shown
    stage.push("fix: mended", {"src/demo/__init__.py": "ANSWER = 43\n"})
    assert_released(stage, stage.wait_over(job=2), "1.1.0")


TURN = "touch {0}/{1}; while [ ! -e {0}/{2} ]; do sleep 0.05; done; "


def test_targets_are_built_at_once_on_their_hosts(stage: Stage, sshd: Sshd, tmp_path: Path) -> None:
    """Two targets, each on the host with its label, here and over SSH: each waits until the other has begun."""
    stage.config["hosts"]["far"] = over_ssh(sshd, stage, labels=["far"])
    only = {"wheel": "rm $RELEASD_OUT/*.tar.gz", "sdist": "rm $RELEASD_OUT/*.whl"}
    stage.build_with(TURN.format(tmp_path, "a", "b") + f"{MAKE}; {only['wheel']}", labels=["local"])
    stage.build_with(TURN.format(tmp_path, "b", "a") + f"{MAKE}; {only['sdist']}", labels=["far"])
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0")
    assert {build["name"]: build["host"] for build in job["builds"]} == {"build0": "here", "build1": "far"}


def test_unreachable_host_is_passed_over(stage: Stage, sshd: Sshd) -> None:
    """Of two hosts with the label the first does not answer: the other does the job, and the log says so."""
    stage.config["hosts"] = {
        "gone": over_ssh(sshd, stage, labels=["far"], port=own_port()),
        "far": over_ssh(sshd, stage, labels=["far"]),
        **stage.config["hosts"],
    }
    stage.build_with(MAKE, labels=["far"])
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0")
    assert [build["host"] for build in job["builds"]] == ["far"]
    assert "gone is passed over" in stage.log_text(job["id"])


def test_no_host_could_ever_match(stage: Stage) -> None:
    """A label that nobody has fails at once and says so: nothing waits for nothing."""
    stage.build_with(MAKE, labels=["amiga"])
    stage.start()
    stage.push("feat: more")
    main = stage.main()
    job = stage.wait_over()
    assert (job["state"], "amiga" in job["reason"]) == ("failed", True)
    assert_untouched(stage, main)


def test_maturin_package(make_stage: Callable[..., Stage]) -> None:
    """A package in Rust by the default recipe: wheel and sdist, and every file with a version kept in step."""
    require_tool("cargo")
    stage = make_stage(MATURIN)
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over(timeout=150)
    files = {each["filename"] for each in job["artifacts"]}
    assert len(files) == 2, job["reason"]
    assert any(name.startswith("demo-1.1.0-cp39-abi3-") for name in files)
    assert_released(stage, job, "1.1.0", files=files)
    assert 'version = "1.1.0"' in stage.git("show", "v1.1.0:Cargo.toml")
    for lock in ("Cargo.lock", "uv.lock"):
        packages = tomllib.loads(stage.git("show", f"v1.1.0:{lock}"))["package"]
        assert {each["name"]: each["version"] for each in packages}["demo"] == "1.1.0"
    assert 'version = "0.22.6"' in stage.git("show", "v1.1.0:Cargo.lock")


def test_build_environment_is_small(stage: Stage, tmp_path: Path) -> None:
    """A build sees what DESIGN.md grants it, and nothing of the daemon's environment."""
    stage.build_with(f"env > {tmp_path}/seen; {MAKE}", env={"EXTRA": "given"})
    stage.start(CANARY="of the daemon")
    stage.push("feat: more")
    stage.wait_over()
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines() if "=" in line)
    assert seen["EXTRA"] == "given"
    assert seen["RELEASD_VERSION"] == "1.1.0"
    assert "CANARY" not in seen
    assert {name for name in seen if name.startswith("RELEASD_")} == {
        "RELEASD_OUT",
        "RELEASD_INPUTS",
        "RELEASD_PROJECT",
        "RELEASD_VERSION",
        "RELEASD_TAG",
    }


def test_build_folder_cannot_be_made(stage: Stage, tmp_path: Path) -> None:
    """A build folder that cannot be made is said at preflight, before anything is built."""
    (tmp_path / "file").write_text("in the way")
    stage.config["hosts"]["here"]["workdir"] = str(tmp_path / "file/builds")
    stage.workdir = tmp_path / "nothing"
    stage.start()
    stage.push("feat: more")
    main = stage.main()
    job = eventually(lambda: [job for job in stage.jobs() if "preflight" in job["reason"]], "a reason")[0]
    assert [step["name"] for step in job["steps"]] == ["preflight"]
    assert_untouched(stage, main)
