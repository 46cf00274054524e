"""A project's own configuration on a real repository: semantic-release's read as it is, other tools' imported."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.gitrepo import ISOLATED, Work, git, make_remote, make_work

RELEASERC = """
branches: [main]
plugins:
  - "@semantic-release/commit-analyzer"
  - "@semantic-release/release-notes-generator"
  - ["@semantic-release/exec", {prepareCmd: "echo ${nextRelease.version} > VERSION", successCmd: "touch ran"}]
  - ["@semantic-release/git", {assets: [VERSION, package.json]}]
  - "@semantic-release/npm"
"""
COMMITIZEN = '[project]\nname = "p"\nversion = "1.1.0"\n[tool.commitizen]\ntag_format = "v$version"\ngpg_sign = true\n'


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Return a working copy."""
    return make_work(tmp_path / "work", make_remote(tmp_path / "remote.git"))


def releasd(work: Work, *args: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line in a process of its own."""
    command = (sys.executable, "-m", "releasd.cli", *args, "--repo", str(work.path))
    environment = {**os.environ, **ISOLATED, "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def as_json(work: Work, *args: str, status: int = 0) -> dict[str, Any]:
    """Return what a command prints with `--json`."""
    ran = releasd(work, *args, "--json")
    assert ran.returncode == status, ran.stdout + ran.stderr
    document: dict[str, Any] = json.loads(ran.stdout)
    return document


def test_semantic_releases_configuration_needs_no_change(work: Work) -> None:
    """Plan says what npm's would release, edits the file that its command would write, runs nothing, names the rest."""
    files = {".releaserc": RELEASERC, "VERSION": "1.0.0\n", "package.json": '{ "version": "1.0.0" }\n'}
    work.commit("feat: one", files)
    work.tag("v1.0.0")
    work.commit("fix: two")
    found = as_json(work, "plan")
    assert found["next"]["version"] == "1.0.1"
    assert [(file["path"], file["new"]) for file in found["files"]] == [("VERSION", "1.0.1"), ("package.json", "1.0.1")]
    assert [line for line in found["warnings"] if "successCmd is not run" in line]
    assert not (work.path / "ran").exists()


def test_a_configuration_given_by_hand_counts_before_the_commits_own(work: Work, tmp_path: Path) -> None:
    """`--config` in semantic-release's form is not outranked by a `.releasd.toml`, and may name files of its own."""
    work.commit("feat: one", {".releasd.toml": 'tag_format = "x{version}"', "VERSION": "1.0.0\n"})
    work.tag("v1.0.0")
    work.commit("fix: two")
    given = tmp_path / "given.yaml"
    given.write_text(RELEASERC)
    found = as_json(work, "plan", "--config", str(given))
    assert found["next"]["tag"] == "v1.0.1"
    assert [file["path"] for file in found["files"]] == ["VERSION"]


def test_a_javascript_configuration_stops_with_the_way_out(work: Work) -> None:
    """Exit code 2, and the command that makes a file which can be read."""
    work.commit("feat: one", {"release.config.mjs": "export default {}"})
    found = as_json(work, "plan", status=2)
    assert "release.config.mjs" in found["error"]
    assert ".releaserc.json" in found["advice"]


def test_an_import_writes_shows_and_proves(work: Work) -> None:
    """The file is written, what was left is named, and replay compares with the releases that there were."""
    work.commit("feat: one", {"pyproject.toml": COMMITIZEN})
    work.tag("v1.0.0")
    work.commit("refactor: two")
    work.tag("v1.0.1")
    work.commit("feat: three")
    work.tag("v1.1.0")
    found = as_json(work, "init", "--import")
    assert Path(found["file"]) == work.path / ".releasd.toml"
    assert (found["tool"], [line.partition(":")[0] for line in found["left"]]) == ("commitizen", ["gpg_sign"])
    assert [release["agree"] for release in found["replay"]["releases"][-2:]] == [True, True]
    again = as_json(work, "init", "--import", status=2)
    assert "already" in again["error"]


def test_an_import_for_people_names_both_lists(work: Work) -> None:
    """What was translated, what was not, and how replay went are all on the screen."""
    work.commit("feat: one", {"pyproject.toml": COMMITIZEN})
    ran = releasd(work, "init", "--import")
    assert ran.returncode == 0, ran.stderr
    assert "tag_format → tag_format = v{version}" in ran.stdout
    assert "not translated:" in ran.stdout
    assert "replay: there is no past release" in ran.stdout
    assert "next: commit it" in ran.stdout


def test_an_import_of_several_packages_is_proven_package_by_package(work: Work) -> None:
    """Names come from manifests at HEAD, and each package's past releases are compared on their own."""
    config = {"packages": {"web": {"release-type": "node"}, "docs": {"component": "docs"}}}
    manifest = {"web/package.json": '{"name": "@scope/web", "version": "1.0.0"}\n'}
    work.commit("feat: one", {"release-please-config.json": json.dumps(config), "docs/a": "1", **manifest})
    work.tag("web-v1.0.0")
    work.tag("docs-v1.0.0")
    work.commit("feat: two", {"web/b": "2"})
    work.tag("web-v1.1.0")
    found = as_json(work, "init", "--import")
    assert [(each["package"], each["agreed"], each["disagreed"]) for each in found["packages"]] == [
        ("docs", 1, 0),
        ("web", 2, 0),
    ]
    (work.path / ".releasd.toml").unlink()
    said = releasd(work, "init", "--import").stdout
    assert "replay of web: 2 of 2 past releases come out as they were" in said


def test_an_import_names_no_file_that_a_plan_would_refuse(work: Work) -> None:
    """release-please skips a file without its marker; releasd refuses it, so it is left, in a package as well."""
    web = {"component": "web", "release-type": "node", "extra-files": ["README.md", "a.js"]}
    files = {"web/package.json": '{"name": "w", "version": "1.0.0"}\n', "web/README.md": "1.0.0\n", "docs/a": ""}
    config = json.dumps({"packages": {"web": web, "docs": {"component": "docs"}}})
    work.commit("feat: one", {"release-please-config.json": config, **files, "web/a.js": "1.0.0 // x-releasd-version"})
    work.tag("web-v1.0.0")
    found = as_json(work, "init", "--import")
    assert any(line.startswith("version_files: web/README.md: has to be ") for line in found["left"])
    assert {each["became"] for each in found["translated"]} >= {"version_files: a.js", "version_files: package.json"}
    work.commit("fix: two", {".releasd.toml": (work.path / ".releasd.toml").read_text(), "web/b": "b"})
    edited = as_json(work, "plan", "--package", "web")["files"]
    assert [each["path"] for each in edited] == ["web/package.json", "web/a.js"]


def test_an_import_without_past_releases_names_the_tags_that_there_are(work: Work) -> None:
    """The tool's own default may not be what the tags look like."""
    config = {"packages": {".": {"component": "demo"}}}
    work.commit("feat: one", {"release-please-config.json": json.dumps(config)})
    work.tag("v1.0.0")
    assert "1 like v{version}" in releasd(work, "init", "--import").stdout


def test_the_command_that_an_import_names_works_before_the_commit(work: Work) -> None:
    """It judges by the new file, where plan and replay alone read HEAD and say that this is not the same."""
    work.commit("feat: one", {"pyproject.toml": COMMITIZEN})
    work.tag("v1.0.0")
    work.commit("docs: nothing")
    work.tag("v1.0.1")
    said = releasd(work, "init", "--import").stdout
    file = str(work.path / ".releasd.toml")
    assert f"and why: releasd replay --repo {work.path} --config {file}\n" in said
    assert as_json(work, "replay", "--config", file)["warnings"] == []
    for command in ("plan", "replay"):
        (warning,) = as_json(work, command, status={"plan": 3}.get(command, 0))["warnings"]
        assert warning.startswith(".releasd.toml in the work tree is not what is committed")
        assert warning in releasd(work, command).stdout.replace("\n", " ")
    work.commit("chore: configure", {".releasd.toml": (work.path / ".releasd.toml").read_text()})
    assert as_json(work, "plan", status=3)["warnings"] == []


@pytest.mark.parametrize(
    ("path", "before", "after", "differs"),
    [
        (".releasd.toml", 'tag_format = "v{version}"\n', 'tag_format = "v{version}"\r\n', False),
        (".releaserc", "{}", '{"branches": ["main"]}', True),
        ("pyproject.toml", "", "[tool.other]\n", False),
        ("pyproject.toml", "[tool.releasd]\n", "[tool.releasd]\nchangelog = ''\n", True),
        ("package.json", "{}", '{"name": "x"}', False),
        ("package.json", "{}", '{"release": {}}', True),
        ("package.json", "{}", "{", False),
    ],
)
def test_plan_warns_of_rules_that_are_not_committed(
    work: Work, path: str, before: str, after: str, *, differs: bool
) -> None:
    """Only where what it says of releases is another."""
    work.commit("feat: one", {path: before})
    (work.path / path).write_bytes(after.encode())
    found = [warning for warning in as_json(work, "plan")["warnings"] if "in the work tree" in warning]
    assert [warning.split()[0] for warning in found] == [path] * differs
    assert "in the work tree" not in str(as_json(work, "plan", "--ref", "main")["warnings"])


@pytest.mark.parametrize(
    ("files", "tool", "why"),
    [
        ({"a": ""}, "--import", "no configuration"),
        ({".releaserc": "{}"}, "--import", "no configuration"),
        ({"pyproject.toml": COMMITIZEN}, "--import=git-cliff", "no configuration of git-cliff"),
        ({"pyproject.toml": COMMITIZEN, "cliff.toml": ""}, "--import", "configurations of commitizen, git-cliff"),
        ({"cliff.toml": "["}, "--import", "not valid TOML"),
    ],
)
def test_an_import_that_cannot_be_says_why(work: Work, files: dict[str, str], tool: str, why: str) -> None:
    """Nothing is written, the exit code is that of wrong usage, and there is a next step."""
    work.commit("feat: one", files)
    found = as_json(work, "init", tool, status=2)
    assert why in found["error"]
    assert found["advice"]
    assert not (work.path / ".releasd.toml").exists()


LINKED = '[project]\nname = "demo"\nversion = "1.0.0"\n'


@pytest.mark.parametrize(
    ("link", "target", "text", "problem"),
    [
        ("pyproject.toml", "real/pyproject.toml", LINKED, "pyproject.toml: is a symbolic link to real/pyproject.toml"),
        ("CHANGELOG.md", "docs/news.md", "# News\n", "CHANGELOG.md: is a symbolic link to docs/news.md"),
        ("CHANGELOG.md", "", b"# caf\xe9\n", "CHANGELOG.md: is not UTF-8 (byte 5)"),
    ],
)
def test_a_plan_refuses_what_no_release_can_be_written_into(
    work: Work, link: str, target: str, text: str | bytes, problem: str
) -> None:
    """The daemon would fail where it writes the release; a link is read as its target, so the mistake is its own."""
    work.commit("feat: one", {"pyproject.toml": LINKED, "real/a": ""} if link != "pyproject.toml" else {})
    work.tag("v1.0.0")
    (work.path / link).unlink(missing_ok=True)
    if target:
        (work.path / link).symlink_to(target)
        git(work.path, "add", link)
    work.commit("fix: two", {target or link: text})
    found = as_json(work, "plan", status=2)
    assert found["error"] == f"a release could not be written\n  {problem}"
    assert "version_files" in found["advice"]
