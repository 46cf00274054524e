"""Editors for package.json, setup.cfg, lock files and files of any kind: one value changes, no other byte."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.files import apply_edit, detect, wanted_paths
from releasd.errors import ConfigError
from releasd.model import FileEdit, ProjectConfig

PACKAGE = '{\n\t"name": "x",\r\n  "dependencies": {"version": "1.2.3"},  \n  "version" : "1.2.3" }'
LOCK = """{
  "name": "x",
  "version": "1.2.3",
  "lockfileVersion": 3,
  "packages": {
    "": { "name": "x", "version": "1.2.3" },
    "packages/inner": { "version": "0.1.0" },
    "node_modules/other": { "version": "1.2.3", "resolved": "…" }
  }
}
"""
SETUP = "# top\n[options]\nversion = 1.2.3\n\n[metadata]\nname = x\nVersion = 1.2.3\t\n\n[tool]\nversion: 1.2.3\n"
POETRY_LOCK = """[[package]]
name = "My-Proj"
version = "1.2.3"
develop = true

[package.source]
type = "directory"
url = "../lib"

[[package]]
name = "my-proj"
version = "1.2.3"

[package.source]
type = "directory"
url = "../other"

[metadata]
content-hash = "0"
"""


def config(*version_files: str) -> ProjectConfig:
    """Return a configuration of releasd's own that names these files."""
    return ProjectConfig(source=".releasd.toml", version_files=version_files)


def after(files: dict[str, str], *named: str, version: str = "2.0.0", pep440: str | None = None) -> dict[str, str]:
    """Return the files that change, with all edits made."""
    made = dict(files)
    for edit in detect(files, config(*named), version=version, pep440=pep440 or version).edits:
        made[edit.path] = apply_edit(edit, made[edit.path])
    return {path: text for path, text in made.items() if files[path] != text}


def test_package_json_keeps_layout_and_other_versions() -> None:
    """Only the package's own version moves; tabs, blanks and line ends stay."""
    assert after({"package.json": PACKAGE}, "package.json") == {
        "package.json": PACKAGE.replace('"version" : "1.2.3"', '"version" : "2.0.0"')
    }


def test_a_byte_order_mark_stays() -> None:
    """Windows' editors write one, and npm takes it."""
    assert after({"package.json": "\ufeff" + PACKAGE}, "package.json")["package.json"].startswith("\ufeff{\n\t")


def test_the_lock_follows_in_both_its_places() -> None:
    """The lock has it at the top and for the root package; what others have by chance stays."""
    changed = after({"package.json": PACKAGE, "package-lock.json": LOCK}, "package.json")["package-lock.json"]
    differing = [new for old, new in zip(LOCK.splitlines(), changed.splitlines(), strict=True) if old != new]
    assert differing == ['  "version": "2.0.0",', '    "": { "name": "x", "version": "2.0.0" },']


def test_a_workspace_package_moves_its_own_entry_in_the_lock_above() -> None:
    """The lock at the root has each package of the workspace under its folder."""
    files = {"packages/inner/package.json": '{"version": "0.1.0"}', "package-lock.json": LOCK}
    changed = after(files, "packages/inner/package.json")["package-lock.json"]
    assert changed == LOCK.replace('"0.1.0"', '"2.0.0"')


def test_npm_gets_semver_and_setup_cfg_the_python_spelling() -> None:
    """The same release is 2.0.0-beta.1 to npm and 2.0.0b1 to Python."""
    files = {"package.json": PACKAGE, "setup.cfg": SETUP}
    changed = after(files, *files, version="2.0.0-beta.1", pep440="2.0.0b1")
    assert '"version" : "2.0.0-beta.1"' in changed["package.json"]
    assert changed["setup.cfg"] == SETUP.replace("Version = 1.2.3\t", "Version = 2.0.0b1\t")


@pytest.mark.parametrize("value", ["attr: x.__version__", "file: VERSION"])
def test_a_dynamic_setup_cfg_is_named(value: str) -> None:
    """Where setup.cfg takes the version from elsewhere there is nothing in it to edit, and that is said."""
    files = {"setup.cfg": f"[metadata]\nversion = {value}\n"}
    found = detect(files, config("setup.cfg"), version="2.0.0", pep440="2.0.0")
    assert not found.edits
    assert "version_files" in found.warnings[0]


def test_without_version_files_setup_cfg_or_package_json_is_found() -> None:
    """A project with neither pyproject.toml nor Cargo.toml needs no configuration either."""
    assert set(after({"setup.cfg": SETUP, "pyproject.toml": "[build-system]\n"})) == {"setup.cfg"}
    assert set(after({"package.json": PACKAGE, "package-lock.json": LOCK})) == {"package.json", "package-lock.json"}
    assert after({"package.json": PACKAGE, "pyproject.toml": '[project]\nversion = "1.0.0"\n'}).keys() == {
        "pyproject.toml"
    }


def test_another_projects_poetry_lock_follows() -> None:
    """Where a project of the repository takes this one from its folder, the entry moves; its namesake stays."""
    files = {
        "lib/pyproject.toml": '[tool.poetry]\nname = "my_proj"\nversion = "1.2.3"\n',
        "app/poetry.lock": POETRY_LOCK,
    }
    changed = after(files, "lib/pyproject.toml")["app/poetry.lock"]
    assert changed == POETRY_LOCK.replace('"1.2.3"', '"2.0.0"', 1)


def test_a_pattern_moves_every_line_that_it_matches() -> None:
    """A pattern says where the version stands; other versions on the same page are not its business."""
    text = "pip install x==1.2.3\r\nneeds y==1.2.3\npip install x==1.2.3 # again\n"
    assert after({"README.md": text}, "README.md:x=={version}") == {"README.md": text.replace("x==1.2.3", "x==2.0.0")}


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        ("^version = {version}$", "version = 1.2.3", "version = 2.0.0"),
        (r"x-{version}-py3", "x-1.2.3-py3-none-any.whl", "x-2.0.0-py3-none-any.whl"),
        (r"(a|b), {version}", "é 😀 b, 1.2.3, 4.5.6", "é 😀 b, 2.0.0, 4.5.6"),
        ("x{version}", "x1.2.3-beta.1.tar.gz", "x2.0.0.tar.gz"),
        ("x{version}", "x1.2.3b1", "x2.0.0"),
    ],
)
def test_patterns_are_expressions(pattern: str, line: str, expected: str) -> None:
    """Anchors, groups, and what stands around the version are honoured, whatever characters there are."""
    assert after({"a.txt": f"{line}\n"}, f"a.txt:{pattern}") == {"a.txt": f"{expected}\n"}


def test_a_marker_names_its_line_and_a_pair_the_lines_between() -> None:
    """release-please's markers mean here what they mean there."""
    text = (
        "v 1.2.3\nv 1.2.3 # x-releasd-version\n// x-release-please-start-version\na 1.2.3\nb 1.2.3\n"
        "// x-release-please-end\nc 1.2.3\n1.2.3 <!-- x-release-please-version -->"
    )
    lines = text.splitlines()
    changed = after({"v.txt": text}, "v.txt")["v.txt"].splitlines()
    assert [at for at, line in enumerate(changed) if line != lines[at]] == [1, 3, 4, 7]


@pytest.mark.parametrize(
    ("files", "named", "why"),
    [
        ({"package.json": "{}"}, "package.json", "no version"),
        ({"package.json": "{"}, "package.json", "not valid JSON"),
        ({"package.json": "[" * 100_000}, "package.json", "not valid JSON"),
        ({"package.json": '{"version": 1}'}, "package.json", "no version"),
        ({"a.txt": "1.2.3"}, "a.txt", "marker"),
        ({"a.txt": "x"}, "a.txt:{version}", "no version where"),
        ({"a.txt": "1.2.3"}, "a.txt:({version}", "pattern"),
        ({"a.txt": "1.2.3\n" * 400}, "a.txt:x{version}", "over 300 lines"),
        ({}, "a.txt:{version}", "not in the repository"),
        ({"setup.cfg": "version = 1"}, "setup.cfg", "cannot be read"),
        ({"setup.cfg": "[metadata]\nversion = 1\nversion = 2"}, "setup.cfg", "cannot be read"),
    ],
)
def test_what_cannot_be_edited_is_an_error_with_a_way_out(files: dict[str, str], named: str, why: str) -> None:
    """Releasing with a version file left behind would be worse than not releasing."""
    with pytest.raises(ConfigError, match=why) as caught:
        after(files, named)
    assert caught.value.advice


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (FileEdit(path="package.json", kind="package", old="1.0.0", new="2.0.0"), PACKAGE),
        (FileEdit(path="l", kind="package-lock:", old="1.0.0", new="2.0.0"), LOCK),
        (FileEdit(path="setup.cfg", kind="setup-cfg", old="1.0.0", new="2.0.0"), SETUP),
        (FileEdit(path="setup.cfg", kind="setup-cfg", old="1.2.3", new="2"), "[metadata]\nversion =\n  1.2.3\n"),
        (FileEdit(path="a", kind="marker", old="1.0.0", new="2.0.0"), "1.2.3 x-releasd-version"),
        (FileEdit(path="a", kind="pattern:{version}", old="1.0.0", new="2.0.0"), "1.2.3"),
        (FileEdit(path="poetry.lock", kind="poetry-lock:x,", old="1.0.0", new="2.0.0"), POETRY_LOCK),
        (FileEdit(path="p", kind="package", old="1", new="2"), '{"version": "1", "version": {"a": 1}}'),
    ],
)
def test_a_file_that_changed_since_the_plan_is_not_edited(edit: FileEdit, text: str) -> None:
    """The edit was made for what the file held; anything else is planned again."""
    with pytest.raises(ConfigError):
        apply_edit(edit, text)


def test_a_key_that_is_twice_moves_where_it_counts() -> None:
    """JSON's readers take the last of two: so does the edit."""
    text = '{"version": "0.0.1", "version": "1.2.3"}'
    assert json.loads(after({"package.json": text}, "package.json")["package.json"]) == {"version": "2.0.0"}


def test_what_another_tools_configuration_names_wrongly_is_a_warning() -> None:
    """A file in semantic-release's commands that is not there is no reason to refuse the whole release."""
    foreign = ProjectConfig(source=".releaserc", version_files=("gone.txt:{version}", "package.json", "a.txt"))
    found = detect({"package.json": PACKAGE, "a.txt": ""}, foreign, version="2.0.0", pep440="2.0.0")
    assert [edit.path for edit in found.edits] == ["package.json"]
    assert ["gone.txt" in found.warnings[0], "a.txt" in found.warnings[1]] == [True, True]


def test_the_locks_of_npm_are_read_only_where_they_matter() -> None:
    """They can be megabytes long."""
    paths = ("package.json", "package-lock.json", "pyproject.toml", "docs/x.txt")
    assert "package-lock.json" not in wanted_paths(paths, ProjectConfig())
    assert {"package-lock.json", "docs/x.txt"} <= set(
        wanted_paths(paths, config("package.json", "docs/x.txt:{version}"))
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(
    others=st.dictionaries(st.text(max_size=8), JSON, max_size=4),
    indent=st.none() | st.integers(0, 4),
    pad=st.text(" \n\r\t"),
)
def test_any_package_json_changes_in_its_version_alone(others: dict[str, object], indent: int | None, pad: str) -> None:
    """Whatever else stands in the file, the value moves and all other characters stay."""
    document = {**others, "version": "1.2.3", "z": [{"version": "1.2.3"}]}
    text = pad + json.dumps(document, indent=indent) + pad
    changed = after({"package.json": text}, "package.json")["package.json"]
    assert json.loads(changed) == {**document, "version": "2.0.0"}
    assert changed.replace("2.0.0", "1.2.3") == text.replace("2.0.0", "1.2.3")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60), st.text(alphabet="ab.*+?()[]{}|^$\\", max_size=8))
def test_no_text_and_no_pattern_breaks_the_editor(text: str, pattern: str) -> None:
    """Either there is an edit that can be made, or an error for people."""
    files = {"a.txt": f"{text}\nx 1.2.3"}
    asked = config(f"a.txt:{pattern}{{version}}")
    try:
        edits = detect(files, asked, version="2.0.0", pep440="2.0.0").edits
    except ConfigError:
        return
    assert edits
    assert all("2.0.0" in apply_edit(edit, files[edit.path]) for edit in edits)
