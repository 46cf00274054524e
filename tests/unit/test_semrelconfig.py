"""semantic-release's configuration: found where it is looked for, and nothing in it silently dropped."""

import json
from typing import Any

import pytest

from releasd.core import project
from releasd.core.semrelconfig import Npm, SemRelConfig, pipeline, read
from releasd.core.semrelconfig.documents import find
from releasd.errors import ConfigError
from releasd.model import Bump, Gate, NotesOptions, ReleaseBranch, ReleaseRule

ANALYZER, NOTES, GIT, NPM = pipeline.ANALYZER, pipeline.NOTES, pipeline.GIT, pipeline.NPM
EXEC, CHANGELOG = pipeline.EXEC, pipeline.CHANGELOG
YAML = """
branches:
  - main
  - 1.x
  - name: beta
    prerelease: true
    channel: false
tagFormat: rel-${version}
repositoryUrl: https://forge.example.org/a/b.git
plugins:
  - - "@semantic-release/commit-analyzer"
    - preset: ConventionalCommits
      presetConfig: {types: []}
      releaseRules: [{type: docs, scope: "api*", release: patch}, {breaking: true, release: major}]
      parserOpts: {noteKeywords: [BREAKING]}
  - - "@semantic-release/release-notes-generator"
    - {preset: conventionalcommits, presetConfig: {types: []}, linkCompare: false, host: "https://x.example.org"}
  - ["@semantic-release/changelog", {changelogFile: ./docs/CHANGES.md, changelogTitle: "# Changes"}]
  - ["@semantic-release/exec", {prepareCmd: "cargo set-version ${nextRelease.version}", verifyConditionsCmd: make lint}]
  - - "@semantic-release/git"
    - assets: [pyproject.toml]
      message: "release: ${nextRelease.version}\\n\\n${nextRelease.notes}"
  - "@semantic-release/github"
"""


def rc(**values: Any) -> dict[str, str]:
    """Return a repository's files: a `.releaserc` with these options."""
    return {".releaserc": json.dumps(values)}


def understood(files: dict[str, str], **policy: Any) -> SemRelConfig:
    """Return what the files' configuration says; there is one."""
    config = read(files, **policy)
    assert config is not None
    return config


def problems(files: dict[str, str], **policy: Any) -> str:
    """Return the problems for which the files' configuration is refused."""
    with pytest.raises(ConfigError) as caught:
        read(files, **policy)
    assert caught.value.advice
    return "\n".join(caught.value.problems)


def test_a_whole_configuration_is_understood() -> None:
    """All that a project says in YAML arrives in releasd's words, with nothing to warn about but the gate."""
    config = project.load({".releaserc.yml": YAML, "pyproject.toml": '[project]\nname = "p"\nversion = "1"\n'})
    assert config.source == ".releaserc.yml"
    assert (config.analysis, config.first_version, config.tag_format) == (
        "semantic-release",
        "1.0.0",
        "rel-{version}",
    )
    assert config.semantic_release.preset == "conventionalcommits"
    assert config.semantic_release.parser_opts == {"noteKeywords": ["BREAKING"]}
    assert config.semantic_release.release_rules == (
        {"type": "docs", "scope": "api*", "release": "patch"},
        {"breaking": True, "release": "major"},
    )
    assert config.release_rules == (
        ReleaseRule(release=Bump.PATCH, match={"type": "docs", "scope": "api*"}),
        ReleaseRule(release=Bump.MAJOR, breaking=True),
    )
    assert config.branches == (
        ReleaseBranch(name="main"),
        ReleaseBranch(name="1.x"),
        ReleaseBranch(name="beta", prerelease=True, channel=False),
    )
    assert config.notes == NotesOptions(
        preset="conventionalcommits", preset_config={"types": []}, link_compare=False, host="https://x.example.org"
    )
    assert (config.changelog, config.changelog_title) == ("docs/CHANGES.md", "# Changes")
    assert config.commit_message == "release: {version}\n\n{notes}"
    assert config.version_files == ("Cargo.toml", "pyproject.toml")
    assert config.gates == (Gate(name="exec-verify-conditions", run="make lint"),)
    assert config.repository_url == "https://forge.example.org/a/b.git"
    assert [warning for warning in config.warnings if "runs as the gate" not in warning] == []


@pytest.mark.parametrize(
    ("files", "source"),
    [
        ({".releaserc": "{}", ".releaserc.json": "{}"}, ".releaserc"),
        ({".releaserc": "  \n", ".releaserc.yaml": "{}"}, ".releaserc.yaml"),
        ({".releaserc.yml": "debug: 1", ".config/releaserc": "{}"}, ".releaserc.yml"),
        ({"package.json": '{"release": {}}', ".releaserc": "{}"}, "`release` in package.json"),
        ({"package.json": '{"release": null}', ".releaserc": "{}"}, ".releaserc"),
        ({"package.json": '{"releases": {}}', ".config/releaserc.json": "{}"}, ".config/releaserc.json"),
        ({".releaserc.json": "{}", "release.config.js": "x"}, ".releaserc.json"),
    ],
)
def test_the_first_place_of_cosmiconfig_counts(files: dict[str, str], source: str) -> None:
    """Where several files are there, the one that semantic-release reads is read; the others are named."""
    config = understood(files)
    assert config.source == source
    others = [path for path, text in files.items() if text.strip() and path not in (source, "package.json")]
    assert [path for path in others if not any(f"{path} is not read" in line for line in config.warnings)] == []


@pytest.mark.parametrize("name", [".releaserc.js", ".config/releaserc.mjs", "release.config.cjs", "release.config.ts"])
def test_a_program_is_refused_with_the_way_out(name: str) -> None:
    """Nothing of a repository is run to learn how to release it; the advice makes a file that can be read."""
    with pytest.raises(ConfigError, match="program") as caught:
        read({name: "module.exports = {}"})
    assert name in caught.value.advice
    assert ".releaserc.json" in caught.value.advice


def test_no_configuration_is_none() -> None:
    """A package.json for other things, broken or not, is no configuration; one that may be is named."""
    assert read({}) is None
    assert read({"package.json": "{}"}) is None
    assert read({"package.json": "{"}) is None
    assert find({"package.json": '{"release": '})[1][0].startswith("package.json: ")


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', 'a: "\\udfff"'])
def test_half_a_character_is_refused(text: str) -> None:
    """It could be written nowhere: not to git, not to the store, not to a terminal."""
    with pytest.raises(ConfigError, match="half a character"):
        read({".releaserc.json" if text.startswith("{") else ".releaserc": text})


@pytest.mark.parametrize("text", ["[]", "x", "1", "- a", '"main"'])
def test_a_configuration_is_a_table(text: str) -> None:
    """A list or a text says nothing."""
    with pytest.raises(ConfigError, match="no table"):
        read({".releaserc": text})


def test_defaults_are_semantic_releases() -> None:
    """With nothing said: angular, tag v…, default branches, notes, npm and GitHub, no changelog, no commit."""
    config = understood(rc())
    assert (config.tag_format, config.changelog, config.message, config.branches) == ("v{version}", "", None, ())
    assert (config.analyzer.preset, config.analyzer.release_rules) == ("angular", None)
    assert config.notes == NotesOptions()
    assert [forge.kind for forge in config.forges] == ["github"]
    assert config.npm == (Npm(root="", publish=True),)
    assert config.warnings == ()


def test_options_at_the_root_are_every_plugins() -> None:
    """`preset` beside `plugins` reaches analyzer and notes; a plug-in's own option wins."""
    config = understood(rc(preset="conventionalcommits", plugins=[ANALYZER, [NOTES, {"preset": "angular"}]]))
    assert config.analyzer.preset == "conventionalcommits"
    assert config.notes is not None
    assert config.notes.preset == "angular"
    assert not config.warnings


def test_options_named_like_steps_replace_and_extend() -> None:
    """The form from before `plugins`: a list replaces a step's plug-ins, a table adds to their options."""
    config = understood(
        rc(
            prepare=[{"path": CHANGELOG, "changelogFile": "C.md"}, GIT],
            analyzeCommits={"preset": "conventionalcommits"},
            publish=False,
            verifyConditions=[],
        )
    )
    assert (config.changelog, config.assets[0], config.analyzer.preset, config.forges) == (
        "C.md",
        "CHANGELOG.md",
        "conventionalcommits",
        (),
    )


def test_shareable_configurations_lie_under_the_projects_own() -> None:
    """Known ones are built in; their keys give way to the project's, whole keys at a time."""
    config = understood(rc(extends="semantic-release-npm-github", tagFormat="r${version}"))
    assert config.tag_format == "r{version}"
    assert config.analyzer.release_rules is not None
    assert [rule["type"] for rule in config.analyzer.release_rules] == ["chore", "docs", "refactor", "style"]
    both = understood(rc(extends=["semantic-release-npm-github", "@semantic-release/gitlab-config"]))
    assert ([forge.kind for forge in both.forges], both.tag_format) == (["gitlab"], "{version}")


def test_writer_options_are_honoured_or_named_one_by_one() -> None:
    """What is data sorts and groups the notes; what could only be a function is named, and the rest stands."""
    told = {"commitsSort": ["subject"], "transform": "x", "groupBy": "scope", "noteGroupsSort": 1}
    config = understood(rc(plugins=[ANALYZER, [NOTES, {"writerOpts": told}]]))
    assert config.notes is not None
    assert config.notes.writer_opts == {"commitsSort": ["subject"], "groupBy": "scope", "transform": "x"}
    assert [key for key in told if any(f"writerOpts.{key}" in line for line in config.warnings)] == [
        "transform",
        "noteGroupsSort",
    ]


@pytest.mark.parametrize("name", ["./base.json", "@acme/release-config", 7, {"a": 1}])
def test_an_unknown_shareable_configuration_is_refused_by_name(name: Any) -> None:
    """What it says would decide about the release; it is neither fetched nor guessed."""
    assert str(name) in problems(rc(extends=["semantic-release-npm-github", name]))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"tagFormat": "v"}, "tagFormat: a tag name with ${version}"),
        ({"tagFormat": "${version}${version}"}, "tagFormat:"),
        ({"tagFormat": "v${version.major}"}, "${version.major} is not filled in"),
        ({"tagFormat": "v<% print(1) %>${version}"}, "is not filled in"),
        ({"tagFormat": 1}, "tagFormat:"),
        ({"branches": [{"prerelease": True}]}, "branches[0]: a name"),
        ({"branches": [1]}, "branches[0]: a name"),
        ({"branches": [{"name": "x", "range": 1}]}, "branches[0].range: a text"),
        ({"branches": [{"name": "x", "channel": []}]}, "branches[0].channel: a text, true or false"),
        ({"repositoryUrl": 1}, "repositoryUrl: a text"),
        ({"plugins": [1]}, "plugins[0]"),
        ({"plugins": [["a", 1]]}, "plugins[0]"),
        ({"plugins": [["a", {}, {}]]}, "plugins[0]"),
        ({"plugins": {"a": 1}}, "plugins[0]"),
        ({"prepare": [7], "plugins": []}, "prepare[0]"),
        ({"preset": "eslint"}, "the preset 'eslint' is not known"),
        ({"config": "my-preset"}, "the preset 'my-preset' is not known"),
        ({"plugins": [[ANALYZER, {"preset": []}]]}, f"{ANALYZER}: preset: a text"),
        ({"plugins": [[ANALYZER, {"releaseRules": "./rules.js"}]]}, "a file or package is not loaded"),
        ({"plugins": [[ANALYZER, {"releaseRules": [{"type": "x"}]}]]}, "releaseRules: a list of rules"),
        ({"plugins": [[ANALYZER, {"releaseRules": [{"release": "huge"}]}]]}, "releaseRules: a list of rules"),
        ({"plugins": [[ANALYZER, {"parserOpts": {"headerPattern": "("}}]]}, "parserOpts.headerPattern"),
        ({"plugins": [[ANALYZER, {"parserOpts": {"noteKeywords": [1]}}]]}, "parserOpts.noteKeywords: a list of texts"),
        ({"plugins": [[NOTES, {"parserOpts": {"noteKeywords": [1]}}]]}, f"{NOTES}: parserOpts.noteKeywords"),
        ({"plugins": [ANALYZER, ANALYZER]}, "is there twice"),
        ({"plugins": [[CHANGELOG, {"changelogFile": "../x"}]]}, "changelogFile: a path"),
        ({"plugins": [[GIT, {"assets": [1]}]]}, "assets: paths"),
        ({"plugins": [[EXEC, {"prepareCmd": ["x"]}]]}, "prepareCmd: a command"),
        ({"plugins": [[EXEC, {"execCwd": "/etc"}]]}, "execCwd: a path"),
        ({"plugins": [[EXEC, {"analyzeCommitsCmd": "x"}]]}, "analyzeCommitsCmd: the version is decided from commits"),
        ({"plugins": [ANALYZER, "semantic-release-gitmoji"]}, "semantic-release-gitmoji: it may decide the version"),
        ({"plugins": [NOTES, "./analyze.js"]}, "./analyze.js: it may decide the version"),
        ({"analyzeCommits": "./analyze.js"}, "./analyze.js: it may decide the version"),
        ({"branches": []}, "branches: at least one"),
    ],
)
def test_mistakes_are_named_with_what_is_allowed(values: dict[str, Any], problem: str) -> None:
    """What would make the version or the tag wrong stops, with file and key."""
    told = problems(rc(**values))
    assert problem in told
    assert told.startswith(".releaserc: ")


def test_all_mistakes_come_at_once() -> None:
    """Nobody fixes a file one error at a time."""
    assert len(problems(rc(tagFormat="v", preset="x", branches=[1], repositoryUrl=2)).splitlines()) == 5


def test_other_plugins_are_named_refused_or_ignored_by_policy() -> None:
    """Nothing is known about what they do: by default one that decides the version stops, others are named."""
    files = rc(plugins=[ANALYZER, NOTES, "acme-plugin", "semantic-release-slack-bot"])
    assert [line for line in understood(files).warnings if "acme-plugin" in line]
    assert [line for line in understood(files).warnings if "slack-bot" in line]
    assert "acme-plugin" in problems(files, policy="refuse")
    later = rc(plugins=[ANALYZER, NOTES], success=["acme-plugin"])
    assert [line for line in understood(later).warnings if "acme-plugin is not known, and not run" in line]
    deciding = rc(plugins=["semantic-release-gitmoji"])
    assert any("may differ" in line for line in understood(deciding, policy="ignore").warnings)


def test_the_replace_plugins_plain_replacements_become_version_files() -> None:
    """`to` is a text around the version; where it refers back to `from`, it is named instead."""
    files = rc(
        plugins=[
            ANALYZER,
            NOTES,
            [
                "semantic-release-replace-plugin",
                {
                    "replacements": [
                        {
                            "files": ["src/x/__init__.py"],
                            "from": "__version__ = .*",
                            "to": '__version__ = "${nextRelease.version}"',
                        },
                        {"files": ["a.md"], "from": "x", "to": "v${nextRelease.version}."},
                        {"files": ["b.md"], "from": "(x)", "to": "$1${nextRelease.version}"},
                    ]
                },
            ],
        ]
    )
    config = understood(files)
    assert config.version_files == ("src/x/__init__.py", "a.md:v{version}\\.")
    assert [line for line in config.warnings if "replacements[2]" in line]


def test_package_json_moves_only_where_semantic_release_commits_it() -> None:
    """Without the git plug-in its version is nowhere in the repository, and it stays so; that is said."""
    package = {"package.json": '{"version": "1.0.0"}'}
    assert understood(package | rc(plugins=[ANALYZER, NOTES, NPM, GIT])).version_files == ("package.json",)
    several = [[NPM, {"pkgRoot": root, "npmPublish": False}] for root in (".", "client")]
    both = understood(package | rc(plugins=[ANALYZER, NOTES, *several, [GIT, {"assets": ["**/package.json"]}]]))
    assert (both.version_files, both.npm[1]) == (
        ("package.json", "client/package.json"),
        Npm(root="client", publish=False),
    )
    alone = understood(package | rc(plugins=[ANALYZER, NOTES, NPM]))
    assert alone.version_files == ()
    assert any("package.json is left as it is" in line for line in alone.warnings)


def test_assets_are_globs_that_may_exclude() -> None:
    """`!` takes a file out; it does not take every other file in."""
    files = {"pyproject.toml": "", "sub/Cargo.toml": "", "x/setup.cfg": ""}
    config = understood(
        files | rc(plugins=[ANALYZER, NOTES, [GIT, {"assets": ["./pyproject.toml", ["**/*.toml", "!sub/*"]]}]])
    )
    assert config.version_files == ("pyproject.toml",)
    assert understood(files | rc(plugins=[ANALYZER, NOTES, [GIT, {"assets": False}]])).version_files == ()


def test_a_commit_message_that_needs_more_than_values_is_named() -> None:
    """The default message takes its place."""
    config = understood(rc(plugins=[ANALYZER, NOTES, [GIT, {"message": "x <%= new Date() %>"}]]))
    assert config.message is None
    assert any("message is not honoured" in line for line in config.warnings)


def test_preset_config_without_a_preset_does_nothing() -> None:
    """The generator loads angular then, and hands nothing on to it: no commit is ignored, no type renamed."""
    told = {"presetConfig": {"ignoreCommits": "^feat", "types": []}}
    alone = understood(rc(plugins=[ANALYZER, [NOTES, told]]))
    named = understood(rc(plugins=[ANALYZER, [NOTES, {"preset": "conventionalcommits", **told}]]))
    assert alone.notes is not None
    assert named.notes is not None
    assert alone.notes.preset_config == {}
    assert named.notes.preset_config == told["presetConfig"]


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("owner/repo", "https://github.com/owner/repo.git"),
        ("github:owner/repo#main", "https://github.com/owner/repo.git#main"),
        ("gitlab:group/sub/repo", "https://gitlab.com/group/sub/repo.git"),
        ("bitbucket:o/r.git", "https://bitbucket.org/o/r.git"),
        ("git@work:o/r.git", "git@work:o/r.git"),
        ("https://h.example/o/r", "https://h.example/o/r"),
        ("../o/r", "../o/r"),
        ("/srv/git/r", "/srv/git/r"),
    ],
)
def test_the_repository_is_named_as_npm_names_it(written: str, url: str) -> None:
    """`repositoryUrl`, else package.json's `repository` in both forms; shortcuts become addresses, all else stays."""
    assert understood(rc(repositoryUrl=written)).repository_url == url
    for told in (written, {"type": "git", "url": written}):
        files = {**rc(), "package.json": json.dumps({"repository": told})}
        found = read(files)
        assert found is not None
        assert found.repository_url == url


def test_a_project_without_a_url_leaves_it_to_git() -> None:
    """Nothing is made up; a package.json that cannot be read is for others to complain about."""
    for package in ("{", "[]", '{"repository": 7}', '{"repository": {"directory": "x"}}'):
        found = read({**rc(), "package.json": package})
        assert found is not None
        assert found.repository_url is None


@pytest.mark.parametrize("name", ["semantic-release-gitmoji", "acme-plugin"])
def test_unknown_plugins_are_refused_or_ignored_by_policy(name: str) -> None:
    """The daemon refuses them by name and says what to do; told to ignore them it warns, also where they decide."""
    files = rc(plugins=[ANALYZER, NOTES, name])
    with pytest.raises(ConfigError) as refused:
        project.load(files, unknown_plugins="refuse")
    assert name in refused.value.problems[0]
    assert 'policy.unknown_plugins = "ignore"' in refused.value.problems[0]
    config = project.load(files, unknown_plugins="ignore")
    assert any(name in line for line in config.warnings)


def test_a_plan_tells_of_what_the_daemon_would_refuse() -> None:
    """`releasd plan` knows no operator's policy: it shows the plan, and says what the policy decides."""
    config = project.load(rc(plugins=[ANALYZER, NOTES, "acme-plugin"]))
    assert any("acme-plugin is not known" in line and "policy.unknown_plugins" in line for line in config.warnings)
