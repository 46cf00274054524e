"""Version files: what is found in them, and that an edit changes one value and no other byte."""

import tomllib

import pytest

from releasd.core.files import apply_edit, detect, wanted_paths
from releasd.errors import ConfigError
from releasd.model import FileEdit, ProjectConfig

PEP621 = """# a comment
[project]
name = "My_Proj"    # kept
version = "1.2.3"   # the version
dependencies = ["other==1.2.3"]

[tool.other]
version = "1.2.3"
"""
ROOT = """[workspace]
members = ["crates/*"]
exclude = ["crates/old"]

[workspace.package]
version = "1.2.3"  # for all

[workspace.dependencies]
core = { path = "crates/core", version = "=1.2.3" }
serde = { version = "1.2.3" }
"""
CORE = """[package]
name = "core"
version.workspace = true

[dependencies]
util = { path = "../util", version = "1.2" }
xtask = { path = "../xtask", version = "0.1" }
inner = { path = "../old/inner", version = "1.2.3" }

[target.'cfg(unix)'.dependencies.renamed]
path = "../util"
package = "util"
version = "^1.2.3"
"""
UTIL = '[package]\nname = "util"\nversion = "1.2.3"\n'
XTASK = '[package]\nname = "xtask"\nversion = "0.1.0"\n'
CARGO_LOCK = """version = 3

[[package]]
name = "core"
version = "1.2.3"
dependencies = [
 "util 0.5.0",
 "util 1.2.3",
]

[[package]]
name = "util"
version = "0.5.0"
source = "registry+https://example.org/index"

[[package]]
name = "util"
version = "1.2.3"

[[package]]
name = "vendored"
version = "1.2.3"
"""
UV_LOCK = """version = 1
requires-python = ">=3.11"

[[package]]
name = "my-proj"
version = "1.2.3"
source = { editable = "." }
dependencies = [
    { name = "other" },
]

[package.metadata]
requires-dist = [{ name = "other", specifier = "==1.2.3" }]

[[package]]
name = "other"
version = "1.2.3"
source = { registry = "https://example.org/simple" }
"""
WORKSPACE = {
    "Cargo.toml": ROOT,
    "crates/core/Cargo.toml": CORE,
    "crates/util/Cargo.toml": UTIL,
    "crates/xtask/Cargo.toml": XTASK,
    "crates/old/Cargo.toml": UTIL.replace("util", "old"),
    "crates/old/inner/Cargo.toml": UTIL.replace("util", "inner"),
    "elsewhere/Cargo.toml": UTIL.replace("util", "elsewhere"),
    "Cargo.lock": CARGO_LOCK,
}


def changed(
    files: dict[str, str],
    *,
    version: str = "2.0.0",
    pep440: str | None = None,
    config: ProjectConfig = ProjectConfig(),  # noqa: B008 - frozen
) -> dict[str, list[tuple[str, str]]]:
    """Return the lines that differ after all edits, per file: {path: [(old, new)]}."""
    after = dict(files)
    for edit in detect(files, config, version=version, pep440=pep440 or version).edits:
        after[edit.path] = apply_edit(edit, after[edit.path])
    return {path: _different(files[path], after[path]) for path in files if files[path] != after[path]}


def _different(before: str, after: str) -> list[tuple[str, str]]:
    lines = zip(before.splitlines(keepends=True), after.splitlines(keepends=True), strict=True)
    return [(old.strip(), new.strip()) for old, new in lines if old != new]


def test_only_the_projects_own_version_moves_in_pyproject_and_uv_lock() -> None:
    """Other tables, dependencies and comments keep every byte."""
    assert changed({"pyproject.toml": PEP621, "uv.lock": UV_LOCK}) == {
        "pyproject.toml": [('version = "1.2.3"   # the version', 'version = "2.0.0"   # the version')],
        "uv.lock": [('version = "1.2.3"', 'version = "2.0.0"')],
    }


def test_the_right_entry_of_uv_lock_moves() -> None:
    """The project's own entry is the one whose source is this folder, under its normalised name."""
    (edit,) = (
        e
        for e in detect(
            {"pyproject.toml": PEP621, "uv.lock": UV_LOCK}, ProjectConfig(), version="2.0.0", pep440="2.0.0"
        ).edits
        if e.path == "uv.lock"
    )
    after = {each["name"]: each["version"] for each in tomllib.loads(apply_edit(edit, UV_LOCK))["package"]}
    assert after == {"my-proj": "2.0.0", "other": "1.2.3"}


def test_python_files_get_the_python_spelling_and_cargo_gets_semver() -> None:
    """The same release is 2.0.0b1 to Python and 2.0.0-beta.1 to Cargo."""
    files = {"pyproject.toml": PEP621, "Cargo.toml": UTIL}
    assert changed(files, version="2.0.0-beta.1", pep440="2.0.0b1") == {
        "pyproject.toml": [('version = "1.2.3"   # the version', 'version = "2.0.0b1"   # the version')],
        "Cargo.toml": [('version = "1.2.3"', 'version = "2.0.0-beta.1"')],
    }


def test_a_workspace_moves_as_one() -> None:
    """Shared version, members that share it, path requirements and the lock move; others stay as they are."""
    assert changed(WORKSPACE) == {
        "Cargo.toml": [
            ('version = "1.2.3"  # for all', 'version = "2.0.0"  # for all'),
            (
                'core = { path = "crates/core", version = "=1.2.3" }',
                'core = { path = "crates/core", version = "=2.0.0" }',
            ),
        ],
        "crates/core/Cargo.toml": [
            ('util = { path = "../util", version = "1.2" }', 'util = { path = "../util", version = "2.0" }'),
            ('version = "^1.2.3"', 'version = "^2.0.0"'),
        ],
        "crates/util/Cargo.toml": [('version = "1.2.3"', 'version = "2.0.0"')],
        "Cargo.lock": [
            ('version = "1.2.3"', 'version = "2.0.0"'),
            ('"util 1.2.3",', '"util 2.0.0",'),
            ('version = "1.2.3"', 'version = "2.0.0"'),
        ],
    }


def test_a_lock_entry_that_is_not_ours_stays() -> None:
    """A vendored crate and one from a registry have the same version by chance."""
    files = WORKSPACE
    (edit,) = (
        e for e in detect(files, ProjectConfig(), version="2.0.0", pep440="2.0.0").edits if e.path == "Cargo.lock"
    )
    packages = tomllib.loads(apply_edit(edit, CARGO_LOCK))["package"]
    assert [(p["name"], p["version"]) for p in packages] == [
        ("core", "2.0.0"),
        ("util", "0.5.0"),
        ("util", "2.0.0"),
        ("vendored", "1.2.3"),
    ]


def test_a_path_dependency_is_a_member_without_being_listed() -> None:
    """Cargo takes path dependencies inside the tree into the workspace."""
    root = (
        '[workspace]\n[package]\nname = "a"\nversion = "1.0.0"\n[dependencies]\nb = { path = "b", version = "1.0.0" }\n'
    )
    files = {"Cargo.toml": root, "b/Cargo.toml": '[package]\nname = "b"\nversion = "1.0.0"\n'}
    assert set(changed(files)) == {"Cargo.toml", "b/Cargo.toml"}


def test_a_maturin_project_may_keep_its_manifest_elsewhere() -> None:
    """`tool.maturin.manifest-path` names the crate that holds the version."""
    pyproject = '[project]\nname = "x"\ndynamic = ["version"]\n[tool.maturin]\nmanifest-path = "rust/Cargo.toml"\n'
    files = {"pyproject.toml": pyproject, "rust/Cargo.toml": UTIL, "rust/Cargo.lock": CARGO_LOCK}
    assert set(changed(files)) == {"rust/Cargo.toml", "rust/Cargo.lock"}
    assert detect(files, ProjectConfig(), version="2.0.0", pep440="2.0.0").warnings == ()


def test_the_crate_that_maturin_builds_leads_the_workspace() -> None:
    """The distribution's version is that crate's; the others are versioned by someone else."""
    maturin = '[tool.maturin]\nmanifest-path = "crates/xtask/Cargo.toml"\n'
    files = WORKSPACE | {"pyproject.toml": f'[project]\nname = "x"\ndynamic = ["version"]\n{maturin}'}
    assert set(changed(files)) == {"crates/xtask/Cargo.toml", "crates/core/Cargo.toml"}


def test_a_member_of_a_uv_workspace_moves_in_the_workspaces_lock() -> None:
    """The lock stands above the member that is released."""
    lock = UV_LOCK.replace('editable = "."', 'editable = "packages/a"')
    config = ProjectConfig(version_files=("packages/a/pyproject.toml",))
    files = {"packages/a/pyproject.toml": PEP621, "uv.lock": lock}
    assert set(changed(files, config=config)) == {"packages/a/pyproject.toml", "uv.lock"}


@pytest.mark.parametrize("requirement", [">=1.2, <3", "*", "0.9", "1.2.30", ">=1.2.3"])
def test_a_requirement_that_is_no_single_version_stays(requirement: str) -> None:
    """Ranges were written by a person on purpose."""
    core = CORE.replace('version = "1.2" }', f'version = "{requirement}" }}')
    assert changed(WORKSPACE | {"crates/core/Cargo.toml": core})["crates/core/Cargo.toml"] == [
        ('version = "^1.2.3"', 'version = "^2.0.0"')
    ]


def test_a_short_requirement_on_a_prerelease_is_written_in_full() -> None:
    """Cargo's `2.0` does not take 2.0.0-beta.1."""
    lines = changed(WORKSPACE, version="2.0.0-beta.1", pep440="2.0.0b1")["crates/core/Cargo.toml"]
    assert lines[0][1] == 'util = { path = "../util", version = "2.0.0-beta.1" }'


def test_a_version_written_with_escapes_is_refused_not_mangled() -> None:
    """What cannot be changed alone is not changed at all, and the message says how to write it."""
    text = '[project]\nname = "x"\nversion = "1\\u002e2.3"\n'
    edit = FileEdit(path="pyproject.toml", kind="pyproject", old="1.2.3", new="2.0.0")
    with pytest.raises(ConfigError, match="cannot be edited safely") as caught:
        apply_edit(edit, text)
    assert "plain string" in caught.value.advice


def test_a_pyproject_without_any_version_is_a_warning() -> None:
    """Such as one that only configures tools."""
    found = detect({"pyproject.toml": "[tool.ruff]\n"}, ProjectConfig(), version="2.0.0", pep440="2.0.0")
    assert (found.edits, len(found.warnings)) == ((), 1)


def test_poetrys_own_table_is_edited_where_there_is_no_other() -> None:
    """Older Poetry projects keep the version in `tool.poetry`."""
    files = {"pyproject.toml": "[tool.poetry]\nname = 'x'\nversion = '1.2.3'\n"}
    assert changed(files) == {"pyproject.toml": [("version = '1.2.3'", "version = '2.0.0'")]}


def test_a_python_file_named_in_the_configuration_is_edited() -> None:
    """Only the line `__version__ = …`, annotated or not, in either kind of quotes."""
    module = "# __version__ = '0'\n__version__: str = '1.2.3'  # x\nother = '1.2.3'\n"
    config = ProjectConfig(version_files=("pkg/__init__.py",))
    assert changed({"pkg/__init__.py": module}, config=config) == {
        "pkg/__init__.py": [("__version__: str = '1.2.3'  # x", "__version__: str = '2.0.0'  # x")]
    }


def test_files_that_hold_the_new_version_already_are_left_alone() -> None:
    """No empty edit is planned."""
    assert changed({"pyproject.toml": PEP621.replace("1.2.3", "2.0.0")}) == {}


def test_a_dynamic_version_is_a_warning_that_names_the_way_out() -> None:
    """`plan` still works in such a repository, and says what is missing."""
    files = {"pyproject.toml": '[project]\nname = "x"\ndynamic = ["version"]\n'}
    found = detect(files, ProjectConfig(), version="2.0.0", pep440="2.0.0")
    assert found.edits == ()
    assert "version_files" in found.warnings[0]


def test_a_workspace_of_independent_versions_is_a_warning() -> None:
    """Nobody said which of them the release is."""
    files = WORKSPACE | {"Cargo.toml": '[workspace]\nmembers = ["crates/*"]\n'}
    found = detect(files, ProjectConfig(), version="2.0.0", pep440="2.0.0")
    assert found.edits == ()
    assert "[workspace.package]" in found.warnings[0]


@pytest.mark.parametrize("path", ["pyproject.toml", "Cargo.toml"])
def test_malformed_toml_names_file_and_line(path: str) -> None:
    """A person finds the mistake without searching."""
    with pytest.raises(ConfigError) as caught:
        detect({path: "[package]\nname = x\n"}, ProjectConfig(), version="2.0.0", pep440="2.0.0")
    assert path in caught.value.problems[0]
    assert "line 2" in caught.value.problems[0]


def test_deep_nesting_is_a_clear_error() -> None:
    """A hostile file ends the plan, not the process."""
    with pytest.raises(ConfigError, match="nested too deeply"):
        detect({"pyproject.toml": "a = " + "[" * 100_000}, ProjectConfig(), version="2.0.0", pep440="2.0.0")


def test_configured_files_that_cannot_be_used_are_all_named() -> None:
    """Every mistake at once."""
    config = ProjectConfig(version_files=("gone.py", "notes.txt"))
    with pytest.raises(ConfigError) as caught:
        detect({"notes.txt": "1.2.3"}, config, version="2.0.0", pep440="2.0.0")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["gone.py", "notes.txt"]


@pytest.mark.parametrize("count", [0, 2])
def test_a_python_file_needs_exactly_one_version_line(count: int) -> None:
    """No guess which line is meant."""
    config = ProjectConfig(version_files=("a.py",))
    with pytest.raises(ConfigError, match="__version__"):
        detect({"a.py": "__version__ = '1'\n" * count}, config, version="2.0.0", pep440="2.0.0")


EDITS = [
    (FileEdit(path="pyproject.toml", kind="pyproject", old="9.9.9", new="2.0.0"), PEP621),
    (FileEdit(path="Cargo.toml", kind="cargo:util", old="9.9.9", new="2.0.0"), UTIL),
    (FileEdit(path="Cargo.lock", kind="cargo-lock:util", old="9.9.9", new="2.0.0"), CARGO_LOCK),
    (FileEdit(path="uv.lock", kind="uv-lock:my-proj", old="9.9.9", new="2.0.0"), UV_LOCK),
    (FileEdit(path="uv.lock", kind="uv-lock:nobody", old="1.2.3", new="2.0.0"), UV_LOCK),
    (FileEdit(path="a.py", kind="python", old="9.9.9", new="2.0.0"), "__version__ = '1.2.3'\n"),
]


@pytest.mark.parametrize(("edit", "text"), EDITS)
def test_an_edit_made_for_another_text_is_refused(edit: FileEdit, text: str) -> None:
    """A plan that no longer fits the file changes nothing."""
    with pytest.raises(ConfigError):
        apply_edit(edit, text)


ALL = {"pyproject.toml": PEP621, "uv.lock": UV_LOCK, **WORKSPACE}


@pytest.mark.parametrize(
    "path", sorted({e.path for e in detect(ALL, ProjectConfig(), version="2.0.0", pep440="2.0.0").edits})
)
def test_line_ends_and_everything_else_survive(path: str) -> None:
    """With CRLF the same lines change and every line end stays; changing back gives the same bytes."""
    files = {name: text.replace("\n", "\r\n") for name, text in ALL.items()}
    (edit,) = (e for e in detect(files, ProjectConfig(), version="2.0.0", pep440="2.0.0").edits if e.path == path)
    after = apply_edit(edit, files[path])
    assert after.count("\r\n") == after.count("\n") == files[path].count("\n")
    assert _different(ALL[path], apply_edit(edit, ALL[path])) == _different(files[path], after)
    assert after.replace("2.0.0", "1.2.3").replace('"2.0"', '"1.2"') == files[path]


def test_only_what_planning_needs_is_read() -> None:
    """Names of the root, every manifest of Cargo's, and what the configuration names."""
    paths = (
        "src/x.py",
        "pyproject.toml",
        "a/pyproject.toml",
        "a/b/Cargo.toml",
        "Cargo.lock",
        "uv.lock",
        ".releaserc.yml",
        "CHANGES.md",
        "v.py",
        "package.json",
    )
    config = ProjectConfig(changelog="CHANGES.md", version_files=("v.py",))
    assert wanted_paths(paths, config) == (
        "pyproject.toml",
        "a/b/Cargo.toml",
        "Cargo.lock",
        "uv.lock",
        ".releaserc.yml",
        "CHANGES.md",
        "v.py",
        "package.json",
    )
