"""The commands of semantic-release's exec plug-in: what releasd does instead, and that no commit reaches a shell."""

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.semrelconfig import SemRelConfig, commands, read, template
from releasd.errors import ConfigError

EXEC = "@semantic-release/exec"


def executed(**options: Any) -> SemRelConfig:
    """Return what a configuration with these options of exec says."""
    plugins = ["@semantic-release/commit-analyzer", "@semantic-release/release-notes-generator", [EXEC, options]]
    config = read({".releaserc": json.dumps({"plugins": plugins})})
    assert config is not None
    return config


@pytest.mark.parametrize(
    ("command", "files"),
    [
        (
            """sed -i 's/^version = ".*"/version = "${nextRelease.version}"/' Cargo.toml pyproject.toml""",
            ["Cargo.toml", "pyproject.toml"],
        ),
        (
            "sed -i '' -e 's|__version__ = .*|__version__ = \"${nextRelease.version}\"|' src/x/__init__.py",
            ["src/x/__init__.py"],
        ),
        ("perl -pi -e 's/^version = .*/version = \"${nextRelease.version}\"/' Cargo.toml", ["Cargo.toml"]),
        (
            "sed -i.bak -E \"s/release = '.*'/release = '${nextRelease.version}'/\" docs/conf.py",
            ["docs/conf.py:release = '{version}'"],
        ),
        ("cargo set-version --workspace ${nextRelease.version} && cargo update -w", ["Cargo.toml"]),
        ("poetry version ${ nextRelease.version }; poetry lock", ["pyproject.toml"]),
        ("uv version <%= nextRelease.version %>\nuv lock", ["pyproject.toml"]),
        ("npm version ${nextRelease.version} --no-git-tag-version", ["package.json"]),
        ("toml set --toml-path pyproject.toml project.version ${nextRelease.version}", ["pyproject.toml"]),
        ("npm pkg set version=${nextRelease.version}", ["package.json"]),
        ("echo ${nextRelease.version} > VERSION", ["VERSION:{version}"]),
        ("printf 'v${nextRelease.version}\\n' > sub/V.txt", ["sub/V.txt:v{version}"]),
        ("echo \"__version__ = '${nextRelease.version}'\" > x/_v.py", ["x/_v.py:__version__ = '{version}'"]),
    ],
)
def test_the_usual_ways_to_set_a_version_become_version_files(command: str, files: list[str]) -> None:
    """Nothing is run: the file is edited by releasd, in its own careful way; there is nothing to warn about."""
    config = executed(prepareCmd=command)
    assert config.version_files == tuple(files)
    assert config.hooks == ()
    assert config.warnings == ()


@pytest.mark.parametrize(
    "command",
    [
        "./bump.sh ${nextRelease.version}",
        "sed -i 's/x/${nextRelease.version}/' $(find . -name '*.toml')",
        "sed -i 's/x/v${nextRelease.version}/' ../outside.txt",
        "sed -i 's/x/v${nextRelease.version}/' /etc/hosts",
        "sed -i 's/x/v${nextRelease.version}/' *.md",
        "sed 's/version/version${nextRelease.version}/' Cargo.toml",
        "sed -i 's/\\(v\\).*/\\1${nextRelease.version}/' a.txt",
        "sed -i 's/.*/${nextRelease.version}/' a.txt",
        "sed -i 's/a/b${nextRelease.gitTag}/' a.txt",
        "sed -i 's/unbalanced/${nextRelease.version} a.txt",
        "echo ${nextRelease.version} | tee VERSION",
        "echo ${nextRelease.version} > a:b.txt",
        "make release VERSION=${nextRelease.version} || true",
        "uv lock && ./other",
        "${nextRelease.version}",
    ],
)
def test_any_other_command_is_named_and_not_run(command: str) -> None:
    """What it does is not known; the person is told what to write instead."""
    config = executed(prepareCmd=command)
    assert [hook.step for hook in config.hooks] == ["prepare"]
    (warning,) = config.warnings
    assert "prepareCmd is not run" in warning
    assert "version_files" in warning


@pytest.mark.parametrize(
    "placeholder",
    [
        *("${nextRelease.notes}", "<%= nextRelease.notes %>", "${commits[0].message}", "${lastRelease.version}"),
        *("<%- nextRelease.version %>x<% while(1); %>", "${process.env.TOKEN}", "${nextRelease.version + 1}", "${}"),
        *("${Date.now()}", "${branch}", "${options.repositoryUrl}"),
    ],
)
@pytest.mark.parametrize("key", ["prepareCmd", "publishCmd", "verifyReleaseCmd", "successCmd", "failCmd"])
def test_a_command_with_any_other_value_is_refused(key: str, placeholder: str) -> None:
    """A commit message, a secret or a program's result is put into no command."""
    config = executed(**{key: f"echo {placeholder}"})
    assert (config.hooks, config.gates, config.version_files) == ((), (), ())
    (warning,) = config.warnings
    assert f"{key} is refused, and not run: " in warning


def test_checks_without_values_become_gates() -> None:
    """They run on a build host, without secrets, and that is said."""
    config = executed(verifyConditionsCmd="make lint", verifyReleaseCmd="make test", execCwd="sub dir")
    assert [(gate.name, gate.run) for gate in config.gates] == [
        ("exec-verify-conditions", "cd 'sub dir'\nmake lint"),
        ("exec-verify-release", "cd 'sub dir'\nmake test"),
    ]
    assert all("runs as the gate" in warning for warning in config.warnings)


@pytest.mark.parametrize("command", ['test -n "$TOKEN"', "echo ${nextRelease.version}"])
def test_checks_of_secrets_or_of_the_version_are_named(command: str) -> None:
    """A gate has no secrets, and runs before there is a version."""
    config = executed(verifyConditionsCmd=command)
    assert config.gates == ()
    assert "verifyConditionsCmd is not run" in config.warnings[0]


def test_builds_and_uploads_are_releasds_own() -> None:
    """The person is told that they are not run, and why that is no loss."""
    config = executed(publishCmd="rm -rf dist && python -m build && twine upload dist/*")
    assert config.hooks == ()
    assert ["builds by itself" in config.warnings[0], "publishes by itself" in config.warnings[1]] == [True, True]


def test_a_folder_moves_the_files_with_it() -> None:
    """`execCwd` is where the command would run."""
    assert executed(prepareCmd="poetry version ${nextRelease.version}", execCwd="lib").version_files == (
        "lib/pyproject.toml",
    )


def test_every_step_that_cmd_alone_runs_in_is_refused_for_the_analysis() -> None:
    """`cmd` runs in every step, the one that decides the version among them."""
    with pytest.raises(ConfigError, match="analyzeCommitsCmd"):
        executed(cmd="make")


VALUE = st.text(st.characters(codec="utf-8"), max_size=30)


@given(st.dictionaries(st.sampled_from(sorted(set(template.IN_COMMANDS.values()))), VALUE))
def test_no_value_brings_a_shell_anything_to_act_on(values: dict[str, str]) -> None:
    """Either the line holds only harmless characters in its values' places, or there is no line."""
    line = "|".join(f"${{{name}}}" for name in template.IN_COMMANDS)
    parsed = template.parse(line, template.IN_COMMANDS)
    harmless = set(string.ascii_letters + string.digits + "._/+@-|")
    try:
        made = template.command_line(parsed, values)
    except ConfigError:
        assert set("".join(values.values())) - harmless or "|" in "".join(values.values())
    else:
        assert set(made) <= harmless
        assert made.count("|") == line.count("|")


@given(st.text(st.sampled_from("${}<%=-> nextRelease.versio'\"\\;&|`()\n"), max_size=60))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    """A template puts in only what it may; what it shows to people is one line."""
    try:
        parsed = template.parse(text, template.IN_COMMANDS)
    except ValueError:
        return
    assert set(parsed.names) <= {"version"}
    assert "\n" not in commands.shown(parsed)
    assert "\n" not in "".join(commands.understand(parsed).rest)


@given(st.text(st.sampled_from("sedi -'/versionV.t;&>|$\"\\ "), max_size=50))
def test_no_command_makes_a_file_outside_of_the_repository(text: str) -> None:
    """Whatever is written, an entry is a path that stays inside."""
    parsed = template.parse(f"sed -i 's/version/version{text}${{nextRelease.version}}/' {text}", template.IN_COMMANDS)
    for entry in commands.understand(parsed).files:
        path = entry.partition(":")[0]
        assert not path.startswith(("/", "-", "~"))
        assert ".." not in path.split("/")
