"""Somebody else pushes while the release is being built."""

from pathlib import Path

from support.gitrepo import git
from support.stage import Stage
from support.truth import assert_released

SLOW = "touch {0}/started; while [ ! -e {0}/go ]; do sleep 0.05; done; python3 make.py"


def begun(stage: Stage, folder: Path) -> str:
    """Start a release whose build waits for the file `go`; return main's commit."""
    stage.build_with(SLOW.format(folder))
    stage.start()
    stage.push("feat: more", {"src/demo/more.py": "MORE = 1\n"})
    stage.wait_file(folder / "started")
    return stage.main()


def test_moved_main_is_merged(stage: Stage, tmp_path: Path) -> None:
    """The release commit is joined to the new tip by a merge; the tag is at exactly what was built."""
    planned = begun(stage, tmp_path)
    stage.push("docs: meanwhile", {"README.md": "words\n"})
    tip = stage.main()
    (tmp_path / "go").touch()
    job = stage.wait_over(job=1)
    assert_released(stage, job, "1.1.0")
    assert stage.git("rev-parse", "v1.1.0^") == planned
    assert set(stage.git("rev-parse", "main^1", "main^2").split()) == {tip, stage.tags()["v1.1.0"]}
    changed = stage.git("diff", "--name-only", planned, "v1.1.0").split()
    assert set(changed) == {"CHANGELOG.md", "pyproject.toml"}, "the tag holds more than the release"
    assert stage.git("show", "main:README.md") == "words"
    assert 'version = "1.1.0"' in stage.git("show", "main:pyproject.toml")
    last = stage.wait_for(lambda job: job["id"] > 1 and job["state"] == "succeeded")
    assert last["version"] is None, "the docs: commit, or the merge, released something"


def test_fix_pushed_meanwhile_is_the_next_release(stage: Stage, tmp_path: Path) -> None:
    """What came in by the merge is not in the first release, and is released by the second."""
    begun(stage, tmp_path)
    stage.push("fix: meanwhile", {"src/demo/late.py": "LATE = 1\n"})
    (tmp_path / "go").touch()
    assert_released(stage, stage.wait_over(job=1), "1.1.0")
    last = stage.wait_for(lambda job: job["version"] == "1.1.1" and job["state"] == "succeeded")
    assert_released(stage, last, "1.1.1")
    assert "late.py" not in stage.git("ls-tree", "-r", "--name-only", "v1.1.0")
    assert "meanwhile" in stage.git("show", "v1.1.1:CHANGELOG.md")
    assert stage.tags().keys() == {"v1.0.0", "v1.1.0", "v1.1.1"}


def test_conflict_is_planned_again(stage: Stage, tmp_path: Path) -> None:
    """A change of the very lines that the release changes: planned again from the new tip, with nothing made public."""
    begun(stage, tmp_path)
    pyproject = (stage.work.path / "pyproject.toml").read_text()
    stage.push("fix: by hand", {"pyproject.toml": pyproject.replace("1.0.0", "1.0.5")})
    tip = stage.main()
    (tmp_path / "go").touch()
    job = stage.wait_for(lambda job: job["version"] == "1.1.0" and job["state"] == "succeeded")
    assert_released(stage, job, "1.1.0")
    assert stage.git("rev-parse", "v1.1.0^") == tip
    assert stage.tags().keys() == {"v1.0.0", "v1.1.0"}
    assert all(each["state"] in {"succeeded", "superseded"} for each in stage.jobs())
    changelog = stage.git("show", "v1.1.0:CHANGELOG.md")
    assert "more" in changelog
    assert "by hand" in changelog


def test_rewritten_main_is_planned_again(stage: Stage, tmp_path: Path) -> None:
    """The planned commit was taken off main by force: it is not released, what main holds now is."""
    begun(stage, tmp_path)
    stage.work.sync()
    git(stage.work.path, "reset", "--quiet", "--hard", "v1.0.0")
    stage.work.commit("fix: instead", {"src/demo/instead.py": "INSTEAD = 1\n"})
    stage.push_main("--force")
    (tmp_path / "go").touch()
    job = stage.wait_for(lambda job: job["version"] == "1.0.1" and job["state"] == "succeeded")
    assert_released(stage, job, "1.0.1")
    assert stage.tags().keys() == {"v1.0.0", "v1.0.1"}
