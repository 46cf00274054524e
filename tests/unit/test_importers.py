"""Other tools' configurations: the essential is translated, and whatever is not is in the list of what was left."""

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core import importers, project
from releasd.core.conventional import parse
from releasd.core.files import apply_edit, detect
from releasd.core.importers import Imported
from releasd.core.rules import bump_of
from releasd.errors import ConfigError
from releasd.model import Bump, ProjectConfig

PSR = """
[project]
name = "x"
version = "1.2.3"

[tool.semantic_release]
tag_format = "rel-{version}"
version_toml = ["pyproject.toml:project.version"]
version_variables = ["src/x/__init__.py:__version__", "docs/conf.py:release"]
allow_zero_version = true
major_on_zero = false
build_command = "python -m build"
commit_message = "chore: {version} [skip ci]"

[tool.semantic_release.branches.main]
match = "(main|master)"

[tool.semantic_release.branches.beta]
match = "beta"
prerelease = true
prerelease_token = "b"

[tool.semantic_release.commit_parser_options]
minor_tags = ["feat", "add"]
patch_tags = ["fix", "docs"]

[tool.semantic_release.changelog.default_templates]
changelog_file = "docs/CHANGES.md"

[tool.semantic_release.remote]
type = "gitea"
"""
COMMITIZEN = """
commitizen:
  name: cz_conventional_commits
  tag_format: v$version
  version_provider: commitizen
  version: 1.2.3
  major_version_zero: true
  bump_message: "bump: $current_version to $new_version"
  version_files:
    - pyproject.toml:^version
    - src/x/__init__.py
    - README.md:pip install
    - docs/*.md
    - notes.txt
  gpg_sign: true
  changelog_file: docs/CHANGES.md
"""
CLIFF = r"""
[changelog]
body = "…"
[git]
conventional_commits = true
tag_pattern = "v[0-9].*"
commit_parsers = [
  { message = "^feat", group = "Features" },
  { message = "^chore\\(release\\)", skip = true },
  { message = "^ci", skip = true },
  { body = ".*security", group = "Security" },
  { message = "^doc.*x", skip = true },
]
[bump]
initial_tag = "v0.2.0"
breaking_always_bump_major = false
custom_minor_increment_regex = "add|improve"
"""
PLEASE = {
    "$schema": "…",
    "bump-minor-pre-major": True,
    "include-component-in-tag": False,
    "changelog-sections": [],
    "packages": {
        ".": {
            "release-type": "simple",
            "changelog-path": "HISTORY.md",
            "extra-files": ["README.md", {"type": "yaml", "path": "chart.yaml", "jsonpath": "$.version"}],
            "pull-request-title-pattern": "x",
        },
    },
}


def only(files: dict[str, str]) -> tuple[Imported, ProjectConfig]:
    """Return the one translated configuration, and what releasd reads in the file made of it."""
    (imported,) = importers.find(files)
    config = project.load({".releasd.toml": importers.to_toml(imported)})
    return imported, config


def left(imported: Imported) -> list[str]:
    """Return the names of what was left, without the reasons."""
    return [line.partition(": ")[0] for line in imported.left]


def bumps(config: ProjectConfig, *messages: str) -> list[Bump]:
    """Return what each commit asks for under the configuration's rules."""
    return [bump_of(parse(message), config.release_rules)[0] for message in messages]


def test_python_semantic_release() -> None:
    """Tags, versions, branches, rules, files, message and changelog are translated; the forge is left."""
    imported, config = only({"pyproject.toml": PSR})
    assert (config.tag_format, config.initial_version, config.major_on_zero) == ("rel-{version}", "0.1.0", False)
    assert (config.changelog, config.commit_message) == ("docs/CHANGES.md", "chore: {version} [skip ci]")
    assert [(branch.name, branch.prerelease) for branch in config.branches] == [
        ("main", None),
        ("master", None),
        ("beta", "b"),
    ]
    assert bumps(config, "add: x", "docs: x", "perf: x", "feat: x") == [Bump.MINOR, Bump.PATCH, Bump.NONE, Bump.MINOR]
    assert config.builds == ()
    assert left(imported) == ["remote"]
    files = {
        "pyproject.toml": PSR,
        "src/x/__init__.py": '__version__ = "1.2.3"',
        "docs/conf.py": 'prerelease = "1.2.3"\nrelease = "1.2.3"',
    }
    edits = detect(files, config, version="2.0.0", pep440="2.0.0").edits
    after = {edit.path: apply_edit(edit, files[edit.path]) for edit in edits}
    assert after["docs/conf.py"] == 'prerelease = "1.2.3"\nrelease = "2.0.0"'
    assert set(after) == set(files)


def test_a_build_of_its_own_becomes_a_build() -> None:
    """A command that is no build backend's is kept, with its files taken from dist."""
    text = "[tool.semantic_release]\nbuild_command = 'make wheels'\n"
    _, config = only({"pyproject.toml": text})
    assert config.builds[0].run == 'make wheels\ncp dist/* "$RELEASD_OUT"/'


def test_commitizen() -> None:
    """The rule of commitizen's own for refactor is written down; expressions become patterns; what is vague is left."""
    imported, config = only({".cz.yaml": COMMITIZEN})
    assert (config.tag_format, config.major_on_zero, config.changelog) == ("v{version}", False, "docs/CHANGES.md")
    assert config.commit_message == "bump: {last_version} to {version}"
    assert config.version_files == (
        "pyproject.toml",
        "src/x/__init__.py",
        "README.md:(?:pip install).*?{version}",
    )
    assert bumps(config, "refactor: x", "docs: x") == [Bump.PATCH, Bump.NONE]
    assert sorted(left(imported)) == ["gpg_sign", "version", "version_files", "version_files"]


def test_git_cliff() -> None:
    """Any conventional commit is a patch, as git-cliff has it, but those that are skipped."""
    imported, config = only({"cliff.toml": CLIFF})
    assert (config.tag_format, config.initial_version, config.major_on_zero) == ("v{version}", "0.2.0", False)
    assert bumps(config, "docs: x", "add: x", "feat: x", "ci: x", "chore(release): 1", "chore: x", "hello") == [
        *(Bump.PATCH, Bump.MINOR, Bump.MINOR, Bump.NONE, Bump.NONE, Bump.PATCH, Bump.NONE),
    ]
    assert left(imported) == ["git.commit_parsers[4]", "git.commit_parsers", "changelog.body"]


def test_release_please() -> None:
    """The root package is translated; requests and sections are left by name."""
    imported, config = only({"release-please-config.json": json.dumps(PLEASE)})
    assert (config.tag_format, config.major_on_zero, config.initial_version) == ("v{version}", False, "1.0.0")
    assert (config.changelog, config.version_files) == ("HISTORY.md", ("version.txt:{version}", "README.md"))
    assert sorted(left(imported)) == [
        "changelog-sections",
        "extra-files",
        "pull-request-title-pattern",
    ]


@pytest.mark.parametrize(
    ("values", "tag"),
    [
        ({"package-name": "x"}, "x-v{version}"),
        ({"component": "x", "tag-separator": "@", "include-v-in-tag": False}, "x@{version}"),
        ({}, "v{version}"),
    ],
)
def test_release_pleases_tags(values: dict[str, Any], tag: str) -> None:
    """The component stands before the version unless that is switched off; one that is not named is told."""
    imported, config = only({"release-please-config.json": json.dumps({"packages": {".": values}})})
    assert config.tag_format == tag
    assert ("include-component-in-tag" in left(imported)) is (not values)


def test_several_tools_are_all_found() -> None:
    """A person chooses between them."""
    found = importers.find({"pyproject.toml": PSR, ".cz.yaml": COMMITIZEN, "cliff.toml": CLIFF})
    assert [imported.tool for imported in found] == ["python-semantic-release", "commitizen", "git-cliff"]


@pytest.mark.parametrize("path", sorted(importers.paths()))
def test_a_malformed_file_is_named(path: str) -> None:
    """An import says which file it could not read."""
    text = "{" if path.endswith((".json", ".yaml")) else "[x"
    if path == ".release-please-manifest.json":
        assert importers.find({path: text}) == ()
        return
    with pytest.raises(ConfigError) as caught:
        importers.find({path: text})
    assert path in caught.value.problems[0]


def test_what_was_left_stands_in_the_file_too() -> None:
    """As comments, on one line each, whatever is in the option."""
    (imported,) = importers.find({".cz.json": json.dumps({"commitizen": {"x\n[evil]": "1", "tag_format": "a b"}})})
    text = importers.to_toml(imported)
    assert tomllib.loads(text).keys() == {"tag_format", "release_rules"}
    assert all(line.startswith("#") for line in text.splitlines()[:4])


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = {
    "python-semantic-release": (
        *("tag_format", "version_toml", "version_variables", "branches", "commit_parser_options", "commit_parser"),
        *("changelog", "build_command", "commit_message", "major_on_zero", "branch", "remote", "unheard_of"),
    ),
    "commitizen": (
        *("name", "tag_format", "version_files", "version_provider", "version", "bump_message", "changelog_file"),
        *("major_version_zero", "update_changelog_on_bump", "customize", "unheard_of"),
    ),
    "git-cliff": ("git", "bump", "changelog", "unheard_of"),
    "release-please": (
        *("packages", "release-type", "extra-files", "initial-version", "changelog-path", "component"),
        *("tag-separator", "versioning", "bump-minor-pre-major", "skip-changelog", "unheard_of"),
    ),
}
TABLES = st.sampled_from(sorted(KEYS)).flatmap(
    lambda tool: st.tuples(st.just(tool), st.dictionaries(st.sampled_from(KEYS[tool]), ANYTHING, max_size=6))
)


@given(TABLES)
def test_any_table_makes_a_file_that_is_read_and_names_what_is_unknown(case: tuple[str, dict[str, Any]]) -> None:
    """No value breaks an import, none makes a file that releasd refuses, and no unknown option is lost."""
    tool, table = case
    place: dict[str, tuple[str, Any]] = {
        "python-semantic-release": ("pyproject.toml", {"tool": {"semantic_release": table}}),
        "commitizen": (".cz.json", {"commitizen": table}),
        "git-cliff": ("cliff.toml", table),
        "release-please": ("release-please-config.json", table),
    }
    path, document = place[tool]
    imported = importers.TOOLS[tool]({path: _text(path, document)})
    assert imported is not None
    assert project.load({".releasd.toml": importers.to_toml(imported)}).source == ".releasd.toml"
    assert "unheard_of" not in _without_none(table) or "unheard_of" in left(imported)


def _text(path: str, document: Any) -> str:
    import tomlkit  # noqa: PLC0415 - for this one case

    return tomlkit.dumps(_without_none(document)) if path.endswith(".toml") else json.dumps(document)


def _without_none(value: Any) -> Any:
    """Return a value without nulls, which TOML has not."""
    if isinstance(value, dict):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    return [_without_none(each) for each in value if each is not None] if isinstance(value, list) else value
