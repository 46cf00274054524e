"""release-please's several packages, as releasd's."""

import json
from typing import Any

import pytest

from releasd.core import importers, project
from releasd.core.importers import Imported
from releasd.errors import ConfigError
from releasd.model import ProjectConfig

CONFIG = "release-please-config.json"
PAIR = (("a", "b"), ("b", "a"))


def imported(packages: dict[str, Any], files: dict[str, str] | None = None, **common: Any) -> Imported:
    """Return the translation of release-please's configuration of these packages."""
    (found,) = importers.find({CONFIG: json.dumps({**common, "packages": packages}), **(files or {})})
    return found


def configs(found: Imported) -> dict[str, ProjectConfig]:
    """Return what releasd reads of each package in the file that is made."""
    config = project.load({project.FILE: importers.to_toml(found)})
    return {each.package.name: each for each in config.packages if each.package}


def test_each_package_has_its_own_tags_files_and_changelog() -> None:
    """Components come from options or manifests, paths stand in the folder, and what all say stands once at the top."""
    found = imported(
        {
            "packages/web": {"release-type": "node", "extra-files": ["src/version.ts"], "bump-minor-pre-major": True},
            "crates/core": {"release-type": "rust", "changelog-path": "HISTORY.md", "include-v-in-tag": False},
            "docs": {"component": "@x/docs", "skip-changelog": True, "tag-separator": "@"},
        },
        {
            "packages/web/package.json": '{"name": "@scope/web", "version": "1.0.0"}',
            "crates/core/Cargo.toml": '[package]\nname = "demo-core"\nversion = "1.0.0"\n',
        },
        **{"initial-version": "0.1.0", "pull-request-footer": "x"},
    )
    read = configs(found)
    assert {name: config.tag_format for name, config in read.items()} == {
        "web": "web-v{version}",
        "demo-core": "demo-core-{version}",
        "x-docs": "@x/docs@v{version}",
    }
    assert read["web"].version_files == ("packages/web/package.json", "packages/web/src/version.ts")
    assert {config.initial_version for config in read.values()} == {"0.1.0"}
    assert [read[name].changelog for name in ("web", "demo-core", "x-docs")] == [
        "packages/web/CHANGELOG.md",
        "crates/core/HISTORY.md",
        "",
    ]
    assert (read["web"].major_on_zero, read["demo-core"].major_on_zero) == (False, True)
    assert "initial_version" in found.values
    assert [line for line in found.left if "pull-request" in line] == [
        "pull-request-footer: releasd makes no pull requests: a push releases"
    ]


def test_the_root_package_beside_others_gets_every_commit() -> None:
    """So it is with release-please; in releasd a package's folder alone would leave the others' out."""
    root = configs(imported({".": {"include-component-in-tag": False}, "sub": {"component": "sub"}}))["root"]
    assert root.package
    assert root.package.areas == ((":(top,glob)**",),)
    assert (root.tag_format, root.changelog) == ("v{version}", "CHANGELOG.md")


def test_two_packages_with_the_same_tags_are_told_apart() -> None:
    """Tags alone say what was released, so the second gets tags of its own, and the import says so."""
    found = imported({"a": {}, "b": {}}, **{"include-component-in-tag": False})
    assert [config.tag_format for config in configs(found).values()] == ["v{version}", "b-v{version}"]
    assert any(line.startswith("packages.b.tag_format: ") for line in found.left)


def test_linked_versions_become_a_group_and_a_workspace_dependencies() -> None:
    """Names in manifests say what depends on what; another plug-in is left by its name."""
    found = imported(
        {"a": {"release-type": "node"}, "b": {"release-type": "node"}, "c": {"component": "c"}},
        {
            "a/package.json": '{"name": "@x/a"}',
            "b/package.json": '{"name": "@x/b", "dependencies": {"@x/a": "^1.0.0", "left-pad": "1"}}',
        },
        plugins=[
            "node-workspace",
            {"type": "linked-versions", "groupName": "all of them", "components": ["a", "c", "nobody"]},
            "sentence-case",
        ],
    )
    tables = found.values["packages"]
    assert (tables["b"]["depends"], tables["a"]["group"], tables["c"]["group"]) == (["a"], "all-of-them", "all-of-them")
    assert "group" not in tables["b"]
    assert [line.partition(": ")[0] for line in found.left if line.startswith("plugins")] == [
        "plugins.node-workspace",
        "plugins.linked-versions",
        "plugins.sentence-case",
    ]
    assert configs(found)["b"].package


def test_packages_that_depend_on_each_other_keep_what_is_no_circle() -> None:
    """A circle is refused, so the import leaves the dependency that would close it."""
    files = {f"{one}/package.json": json.dumps({"name": one, "devDependencies": {other: "1"}}) for one, other in PAIR}
    found = imported({"a": {}, "b": {}}, files, **{"release-type": "node", "plugins": ["node-workspace"]})
    assert [table.get("depends") for table in found.values["packages"].values()] == [["b"], None]
    assert any("go round in a circle" in line for line in found.left)
    assert set(configs(found)) == {"a", "b"}


@pytest.mark.parametrize("path", ["../up", "/abs", ":(top)x", ""])
def test_a_package_that_releasd_refuses_is_left_by_name(path: str) -> None:
    """The others are translated."""
    found = imported({path: {"component": "odd"}, "b": {"component": "b"}})
    assert set(configs(found)) - {"odd"} == {"b"}
    assert "odd" in configs(found) or any(line.startswith(f"packages.{path}: ") for line in found.left)


def test_a_malformed_manifest_is_named() -> None:
    """Its name would be missing in the tags."""
    with pytest.raises(ConfigError) as caught:
        imported({"a": {"release-type": "node"}, "b": {}}, {"a/package.json": "{"})
    assert "a/package.json" in caught.value.problems[0]


def test_only_manifests_of_packages_are_read_besides() -> None:
    """A repository may have thousands of others."""
    files = {CONFIG: json.dumps({"packages": {"a": {}, ".": {}}})}
    assert importers.further(files) == {
        *("a/package.json", "a/Cargo.toml", "a/pyproject.toml"),
        *("package.json", "Cargo.toml", "pyproject.toml"),
    }
    assert importers.further({}) == frozenset()


def test_a_python_package_with_more_files_still_edits_its_pyproject() -> None:
    """`version_files` replaces what releasd finds by itself, so the manifest has to be in it."""
    files = {"pyproject.toml": '[project]\nname = "x"\nversion = "1.0.0"\n'}
    found = imported({".": {"release-type": "python", "extra-files": ["README.md"]}}, files)
    assert found.values["version_files"] == ["pyproject.toml", "README.md"]
    assert found.values["tag_format"] == "x-v{version}"
