"""Rebuild and compare, smoke commands, and the recipe of a compiled package, each through a whole release."""

import json
from collections.abc import Callable
from typing import Any

from support.packages import MAKE, QUICK
from support.stage import Stage
from support.truth import assert_released, assert_untouched

RANDOM = f"echo \"KEY = '$(od -An -N8 -tx1 /dev/urandom | tr -d ' ')'\" >> src/demo/__init__.py; {MAKE}"


def two_hosts(stage: Stage, reproduce: str) -> None:
    """Have two hosts with folders of their own, and every build done on both."""
    stage.config["hosts"]["there"] = {"workdir": str(stage.far_workdir), "slots": 1}
    stage.config["projects"]["demo"]["policy"] = {"reproduce": reproduce}


def reproduced(job: dict[str, Any], build: str = "dist") -> dict[str, Any]:
    """Return what the journal keeps of a build's second run."""
    check = next(step for step in job["steps"] if step["name"] == "check")
    evidence = check["evidence"]
    found: dict[str, Any] = (json.loads(evidence) if isinstance(evidence, str) else evidence)["reproduced"][build]
    return found


def test_a_reproducible_package_is_released(stage: Stage) -> None:
    """Two hosts with different folders give the same bytes, and the journal says so."""
    two_hosts(stage, "require")
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0")
    hosts = {build["name"]: build["host"] for build in job["builds"]}
    assert set(hosts) == {"dist", "dist-again"}
    assert hosts["dist"] != hosts["dist-again"]
    assert reproduced(job) == {"host": hosts["dist-again"], "other_host": True, "differences": []}


def test_a_package_with_chance_in_it_is_not_released(stage: Stage) -> None:
    """`require`: nothing is public, and the message says which member differs."""
    two_hosts(stage, "require")
    stage.build_with(RANDOM)
    stage.start()
    stage.push("feat: more")
    main = stage.main()
    job = stage.wait_over()
    assert job["state"] == "failed"
    assert "a second build did not give the same bytes" in job["reason"]
    assert "demo-1.1.0-py3-none-any.whl: demo/__init__.py: its bytes differ" in job["reason"]
    assert_untouched(stage, main)


def test_a_package_with_chance_in_it_is_reported(stage: Stage) -> None:
    """`report`: the release goes on, and log and journal have the difference."""
    two_hosts(stage, "report")
    stage.build_with(RANDOM)
    stage.start()
    stage.push("feat: more")
    job = stage.wait_over()
    assert_released(stage, job, "1.1.0")
    assert "demo/__init__.py: its bytes differ" in "".join(reproduced(job, "build0")["differences"])
    assert "demo/__init__.py: its bytes differ" in stage.log_text(job["id"])


SMOKE = "python -c 'import demo; raise SystemExit(demo.ANSWER != 42)'"


def test_the_projects_own_smoke_command(make_stage: Callable[..., Stage]) -> None:
    """It runs with the installed wheel's interpreter, in a folder without the sources."""
    settings = f'smoke = """test -z "$(ls)" && {SMOKE}"""\n' + QUICK[".releasd.toml"]
    stage = make_stage({**QUICK, ".releasd.toml": settings})
    stage.start()
    stage.push("feat: more")
    assert_released(stage, stage.wait_over(), "1.1.0")


def test_a_smoke_command_that_fails_leaves_no_trace(stage: Stage) -> None:
    """A wheel that imports and does not work is not released; the operator's command counts."""
    stage.config["projects"]["demo"]["smoke"] = SMOKE
    stage.start()
    stage.push("feat: more", {"src/demo/__init__.py": "ANSWER = 43\n"})
    main = stage.main()
    job = stage.wait_over()
    assert "the smoke command fails with demo-1.1.0" in job["reason"]
    assert_untouched(stage, main)


def test_a_swept_in_file_is_found_before_the_tag(make_stage: Callable[..., Stage]) -> None:
    """An sdist with a file that is in no commit is refused, by its name."""
    package = dict(QUICK)
    package["make.py"] = package["make.py"].replace('{"PKG-INFO": about,', '{"PKG-INFO": about, ".env": "TOKEN=1",')
    stage = make_stage(package)
    stage.start()
    stage.push("feat: more")
    main = stage.main()
    job = stage.wait_over()
    assert "it holds files that are not in the release commit: .env" in job["reason"]
    assert_untouched(stage, main)
