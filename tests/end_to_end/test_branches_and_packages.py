"""The daemon over several branches, and over several packages in one repository; and the operator's own word."""

from collections.abc import Callable, Mapping

from support.packages import QUICK
from support.stage import Stage
from support.truth import assert_told

MakeStage = Callable[..., Stage]


def package(name: str) -> Mapping[str, str]:
    """Return the quick package in a folder of its own, under another name."""
    texts = {path: text.replace("demo", name) for path, text in QUICK.items() if path != ".releasd.toml"}
    return {f"{name}/{path.replace('src/demo', f'src/{name}')}": text for path, text in texts.items()}


MONO = {
    ".releasd.toml": """
[[builds]]
name = "dist"
run = "python3 make.py"
tools = ["python3"]

[packages.core]
path = "core"

[packages.tool]
path = "tool"
depends = ["core"]
""",
    **package("core"),
    **package("tool"),
}


def test_one_push_releases_the_packages_that_it_touches(make_stage: MakeStage) -> None:
    """Dependency first, then the dependant; both are on the index, and the pusher is told of both."""
    stage = make_stage(package=MONO)
    for name in ("core", "tool"):
        stage.work.tag(f"{name}-v1.0.0", message="first")
    stage.work.push()
    stage.start()
    said = stage.push("feat: more", {"core/src/core/more.py": "MORE = 1\n"})
    assert_told(said, "demo/core 1.1.0 will be released to local", "demo/tool 1.0.1 will be released to local")
    stage.wait_for(lambda job: job["package"] == "tool" and job["state"] == "succeeded")
    released = [(job["package"], job["tag"]) for job in stage.jobs() if job["version"] and job["state"] == "succeeded"]
    assert sorted(released) == [("core", "core-v1.1.0"), ("tool", "tool-v1.0.1")]
    assert set(stage.tags()) >= {"core-v1.1.0", "tool-v1.0.1"}
    assert stage.git("merge-base", "--is-ancestor", "core-v1.1.0", "tool-v1.0.1") == ""
    shown = stage.run("status").stdout
    assert "demo/core" in shown


def test_packages_of_a_group_are_released_under_one_version(make_stage: MakeStage) -> None:
    """A change in one of them moves both, from the highest version that one has; the files and the index agree."""
    grouped = (
        MONO[".releasd.toml"]
        .replace('depends = ["core"]', 'group = "all"')
        .replace('path = "core"', 'path = "core"\ngroup = "all"')
    )
    stage = make_stage(package={**MONO, ".releasd.toml": grouped})
    stage.work.tag("core-v1.0.0", message="first")
    stage.work.tag("tool-v1.2.0", message="ahead")
    stage.work.push()
    stage.start()
    said = stage.push("feat: more", {"core/src/core/more.py": "MORE = 1\n"})
    assert_told(said, "demo/core 1.3.0 will be released", "demo/tool 1.3.0 will be released")
    stage.wait_for(lambda job: job["package"] == "tool" and job["state"] == "succeeded")
    assert set(stage.tags()) >= {"core-v1.3.0", "tool-v1.3.0"}
    for name in ("core", "tool"):
        assert 'version = "1.3.0"' in stage.git("show", f"main:{name}/pyproject.toml")
    assert {name.split("-")[1] for name in stage.index.stats()} == {"1.3.0", "1.3.0.tar.gz"}


def test_an_operator_bumps_one_package(make_stage: MakeStage) -> None:
    """`release --package` moves that one alone; a bump for all is refused with the command that works."""
    stage = make_stage(package=MONO)
    for name in ("core", "tool"):
        stage.work.tag(f"{name}-v1.0.0", message="first")
    stage.work.push()
    stage.start()
    done = stage.run("release", "demo", "--package", "tool", "--bump", "minor", "--wait")
    assert done.returncode == 0, done.stderr
    refused = stage.run("release", "demo", "--bump", "minor", "--wait")
    assert refused.returncode == 1
    assert "--package core --bump minor" in " ".join(refused.stderr.split())
    assert "tool-v1.1.0" in stage.tags()
    assert "core-v1.1.0" not in stage.tags()


def test_a_channel_is_released_from_its_branch(stage: Stage) -> None:
    """A push to beta is a pre-release, in Python's spelling on the index; main is untouched."""
    stage.config["projects"]["demo"]["branches"] = ["beta"]
    stage.start()
    main = stage.main()
    stage.work.commit("feat: more", {"src/demo/more.py": "MORE = 1\n"})
    stage.work.push("HEAD:refs/heads/beta")
    job = stage.wait_for(lambda job: job["branch"] == "beta" and job["state"] == "succeeded")
    assert (job["version"], job["tag"]) == ("1.1.0-beta.1", "v1.1.0-beta.1")
    assert {each["filename"] for each in stage.status_of(job["id"])["artifacts"]} == {
        "demo-1.1.0b1-py3-none-any.whl",
        "demo-1.1.0b1.tar.gz",
    }
    assert stage.main() == main
