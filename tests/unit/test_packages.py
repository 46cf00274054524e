"""`[packages.NAME]`: what is read, what is refused, and in which order packages stand."""

import pytest

from releasd.core.files import apply_edit, detect, wanted_paths
from releasd.core.plan import recipe
from releasd.core.project import load
from releasd.errors import ConfigError
from releasd.model import Package, ProjectConfig

MONO = """
changelog = "NEWS.md"
shared = ["common/**"]
[packages.cli]
path = "packages/cli"
depends = ["core"]
version_files = ["pyproject.toml", "src/cli.py"]
[packages.core]
path = "packages/core"
tag_format = "core@{version}"
depends = ["base"]
group = "g"
[packages.base]
path = "."
group = "g"
[[packages.base.builds]]
name = "dist"
run = "make"
"""


def read(text: str, **files: str) -> dict[str, ProjectConfig]:
    config = load({".releasd.toml": text, **files})
    return {each.package.name: each for each in config.packages if each.package}


def package(config: ProjectConfig) -> Package:
    assert config.package is not None
    return config.package


def test_packages_come_after_what_they_depend_on() -> None:
    """Jobs are queued in this order."""
    assert list(read(MONO)) == ["base", "core", "cli"]


def test_what_belongs_to_a_package() -> None:
    """Its folder without those of other groups, what is shared, and through others what it depends on."""
    found = read(MONO)
    base = (":(top,glob)**", ":(top,exclude,glob)packages/cli/**", ":(top,exclude,glob)packages/core/**")
    assert package(found["cli"]).areas == ((":(top,glob)packages/cli/**",), (":(top,glob)common/**",))
    assert package(found["cli"]).depends == ("base", "core")
    assert set(package(found["cli"]).indirect) == {base, (":(top,glob)packages/core/**",)}
    assert set(package(found["core"]).areas) == {(":(top,glob)packages/core/**",), base, (":(top,glob)common/**",)}
    assert package(found["core"]).group == ("base-v{version}",)


def test_a_package_takes_the_repositorys_keys_and_its_own_come_first() -> None:
    """Paths begin in its folder; the tag format has its name."""
    found = read(MONO)
    assert found["cli"].changelog == "packages/cli/NEWS.md"
    assert (found["cli"].tag_format, found["core"].tag_format) == ("cli-v{version}", "core@{version}")
    assert found["cli"].version_files == ("packages/cli/pyproject.toml", "packages/cli/src/cli.py")


def test_a_build_starts_in_the_packages_folder() -> None:
    """Also where the folder's name means something to a shell."""
    text = '[[builds]]\nname = "d"\nrun = "make"\n[packages.a]\npath = "it\'s here"\n[packages.b]\npath = "."\n'
    found = read(text)
    assert found["a"].builds[0].run == "cd 'it'\"'\"'s here'\nmake"
    assert found["b"].builds[0].run == "make"


def test_each_package_says_which_crates_it_publishes() -> None:
    """A package without Rust beside one with it: the repository's `crates` stands for none of them."""
    found = read('crates = true\n[packages.a]\npath = "a"\ncrates = true\n[packages.b]\npath = "b"\n')
    assert (found["a"].crates, found["b"].crates) == (("*",), ())
    files = {"a/Cargo.toml": '[package]\nname = "a-core"\nversion = "1.0.0"\n', "b/Cargo.toml": "[workspace]\n"}
    (build,) = recipe(files, found["a"], ())
    assert build.run.startswith("cd a\n")
    assert "-p a-core" in build.run


def test_the_distribution_is_the_packages_own() -> None:
    """The name on the index comes from the pyproject.toml in its folder."""
    found = read(MONO, **{"packages/core/pyproject.toml": '[project]\nname = "acme-core"\n'})
    assert found["core"].name == "acme-core"


def test_the_files_of_every_package_are_read_and_only_its_own_are_edited() -> None:
    """A version of another package does not move."""
    files = {
        ".releasd.toml": '[packages.a]\npath = "a"\n[packages.b]\npath = "b"\n',
        "a/pyproject.toml": '[project]\nname = "a"\nversion = "1.0.0"\n',
        "b/package.json": '{"version": "2.0.0"}',
        "b/package-lock.json": "{}",
        "b/other.txt": "",
    }
    config = load(files)
    assert set(wanted_paths(tuple(files), config)) == set(files) - {"b/other.txt"}
    by_name = {package(each).name: each for each in config.packages}
    edits = detect(files, by_name["a"], version="1.1.0", pep440="1.1.0").edits
    assert [(edit.path, edit.old, edit.new) for edit in edits] == [("a/pyproject.toml", "1.0.0", "1.1.0")]


OVERLAPPING = """
[packages.a]
path = "a"
tag_format = "{version}"
[packages.b]
path = "b"
tag_format = "{version}-b"
"""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[packages.a]\n", "packages.a.path: is missing"),
        ('[packages.a]\npath = "../a"\n', "packages.a.path: the package's folder"),
        ('[packages.a]\npath = "a"\nshared = ["x"]\n', "packages.a.shared: is not known"),
        ('[packages.a]\npath = "a"\ndepends = ["b"]\n', "packages.a.depends: there is no package b"),
        ('[packages.a]\npath = "a"\n[packages.b]\npath = "a"\n', "packages.path: a is there twice"),
        ('[packages.a]\npath = "a"\npaths = [":(top)**"]\n', "packages.a.paths: a list of globs"),
        ('[packages."a b"]\npath = "a"\n', "packages.a b: a short name"),
        ("packages = 1\n", "packages: tables"),
        ('shared = "x"\n', "shared: a list of globs"),
        (
            '[packages.a]\npath = "a"\ndepends = ["b"]\n[packages.b]\npath = "b"\ndepends = ["a"]\n',
            "packages.depends: ",
        ),
        (
            "".join(f'[packages.{name}]\npath = "{name}"\ntag_format = "v{{version}}"\n' for name in "ab"),
            "packages.tag_format: v{version} is there twice",
        ),
        (
            OVERLAPPING,
            "packages.a.tag_format: tags of b ({version}-b) would count as its own",
        ),
    ],
)
def test_a_mistake_is_named(text: str, problem: str) -> None:
    """Where it stands and what is allowed."""
    with pytest.raises(ConfigError) as caught:
        load({".releasd.toml": text})
    assert any(problem in told for told in caught.value.problems), caught.value.problems


CARGO = {
    "Cargo.toml": '[workspace]\nmembers = ["core", "cli"]\n[workspace.package]\nversion = "1.0.0"\n',
    "core/Cargo.toml": '[package]\nname = "core"\nversion = "1.0.0"\n',
    "cli/Cargo.toml": '[package]\nname = "cli"\nversion = "1.0.0"\n[dependencies]\n'
    'core = { path = "../core", version = "1.0.0" }\n',
    "Cargo.lock": '[[package]]\nname = "cli"\nversion = "1.0.0"\n\n[[package]]\nname = "core"\nversion = "1.0.0"\n',
    ".releasd.toml": '[packages.core]\npath = "core"\n[packages.cli]\npath = "cli"\n',
}


def test_a_member_of_a_cargo_workspace_moves_alone() -> None:
    """Its manifest, what requires it by path, and its entry of the lock; not the workspace, nor the other member."""
    config = next(each for each in load(CARGO).packages if package(each).name == "core")
    edits = detect(CARGO, config, version="1.1.0", pep440="1.1.0").edits
    assert {(edit.path, edit.kind) for edit in edits} == {
        ("core/Cargo.toml", "cargo-member:core"),
        ("cli/Cargo.toml", "cargo-member:core"),
        ("Cargo.lock", "cargo-lock:core"),
    }
    texts = dict(CARGO)
    for edit in edits:
        texts[edit.path] = apply_edit(edit, texts[edit.path])
    assert texts["cli/Cargo.toml"] == CARGO["cli/Cargo.toml"].replace('version = "1.0.0" }', 'version = "1.1.0" }')
    assert 'name = "cli"\nversion = "1.0.0"' in texts["Cargo.lock"]
    assert 'name = "core"\nversion = "1.1.0"' in texts["Cargo.lock"]
    assert texts["Cargo.toml"] == CARGO["Cargo.toml"]


def test_the_repositorys_gates_and_branches_hold_for_every_package() -> None:
    """Its gates run in its root, before the package's own, which run in the package's folder."""
    gate = '[[gates]]\nname = "lint"\nrun = "make lint"\n'
    text = f'branches = ["trunk"]\n{gate}[packages.a]\npath = "a"\n[[packages.a.gates]]\nname = "t"\nrun = "make t"\n'
    config = read(text)["a"]
    assert [gate.run for gate in config.gates] == ["make lint", "cd a\nmake t"]
    assert [branch.name for branch in config.branches] == ["trunk"]


def test_a_folder_whose_name_means_something_to_a_glob() -> None:
    """It is meant by its name alone."""
    assert package(read("[packages.a]\npath = 'x[id]'\n")["a"]).areas == ((":(top,glob)x\\[id\\]/**",),)


def test_a_member_that_inherits_the_workspaces_version_is_no_package_of_its_own() -> None:
    """Its version would be every other crate's, too; what to do is said."""
    files = CARGO | {"core/Cargo.toml": '[package]\nname = "core"\nversion.workspace = true\n'}
    config = next(each for each in load(files).packages if package(each).name == "core")
    with pytest.raises(ConfigError, match="inherits the workspace's version"):
        detect(files, config, version="1.1.0", pep440="1.1.0")
