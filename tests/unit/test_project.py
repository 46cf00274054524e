"""A repository's own configuration, and every way in which it can be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.project import duration, load
from releasd.core.project import path as inside
from releasd.errors import ConfigError
from releasd.model import (
    BuildSpec,
    Bump,
    Gate,
    NotesOptions,
    ProjectConfig,
    ReleaseBranch,
    ReleaseRule,
    SemanticReleaseOptions,
)

PYPROJECT = '[project]\nname = "My_Proj"\nversion = "1.0.0"\n'
FULL = """
analysis = "semantic-release"
preset = "conventionalcommits"
branches = ["main", { name = "beta", prerelease = true }]
major_on_zero = false
repository_url = "https://forge.example.org/a/b"
changelog_title = "# Changes"
commit_message = "release: {version}\\n\\n{notes}"
name = "other"
tag_format = "rel-{version}"
initial_version = "1.0.0"
changelog = "docs/CHANGES.md"
version_files = ["pyproject.toml", "src/x/__init__.py", "README.md:x=={version}"]
targets = ["linux-x86_64", "macos-arm64"]
smoke = "x --version"
sdist_generated = ["src/x/_version.py"]
crates = ["x-core", "x"]

[[release_rules]]
type = "docs"
scope = "api*"
release = "patch"

[[release_rules]]
breaking = true
release = false

[[builds]]
name = "wheel"
run = "make wheel"
labels = ["linux"]
tools = ["make"]
artifacts = ["*.whl"]
env = { CFLAGS = "-O2" }
timeout = "2h"

[[gates]]
name = "tests"
run = "make test"
timeout = 90
"""
EXPECTED = ProjectConfig(
    source=".releasd.toml",
    name="other",
    tag_format="rel-{version}",
    initial_version="1.0.0",
    changelog="docs/CHANGES.md",
    analysis="semantic-release",
    semantic_release=SemanticReleaseOptions(
        preset="conventionalcommits",
        release_rules=(
            {"type": "docs", "scope": "api*", "release": "patch"},
            {"breaking": True, "release": False},
        ),
    ),
    notes=NotesOptions(preset="conventionalcommits"),
    branches=(ReleaseBranch(name="main"), ReleaseBranch(name="beta", prerelease=True)),
    major_on_zero=False,
    repository_url="https://forge.example.org/a/b",
    changelog_title="# Changes",
    commit_message="release: {version}\n\n{notes}",
    version_files=("pyproject.toml", "src/x/__init__.py", "README.md:x=={version}"),
    targets=("linux-x86_64", "macos-arm64"),
    smoke="x --version",
    sdist_generated=("src/x/_version.py",),
    crates=("x-core", "x"),
    release_rules=(
        ReleaseRule(release=Bump.PATCH, match={"type": "docs", "scope": "api*"}),
        ReleaseRule(release=Bump.NONE, breaking=True),
    ),
    builds=(
        BuildSpec(
            name="wheel",
            run="make wheel",
            labels=("linux",),
            tools=("make",),
            artifacts=("*.whl",),
            env={"CFLAGS": "-O2"},
            timeout=7200.0,
        ),
    ),
    gates=(Gate(name="tests", run="make test", timeout=90.0),),
)


def test_every_key_is_understood() -> None:
    """All that `.releasd.toml` can say arrives in the configuration."""
    assert load({".releasd.toml": FULL, "pyproject.toml": PYPROJECT}) == EXPECTED


def test_the_same_keys_work_in_pyproject() -> None:
    """`[tool.releasd]` is the same table; the distribution's name comes from `[project]`."""
    config = load({"pyproject.toml": PYPROJECT + '[tool.releasd]\ntag_format = "{version}"\n'})
    assert (config.tag_format, config.name, config.source) == (
        "{version}",
        "My_Proj",
        "[tool.releasd] in pyproject.toml",
    )


def test_with_nothing_configured_the_defaults_hold() -> None:
    """No file is needed to plan a release."""
    assert load({}) == ProjectConfig()
    assert load({"pyproject.toml": PYPROJECT}) == ProjectConfig(name="My_Proj")
    assert load({"pyproject.toml": "[tool.poetry]\nname = 'p'\n"}) == ProjectConfig(name="p")


def test_a_second_configuration_is_named_not_silently_dropped() -> None:
    """Only one of the two places counts, and the person is told which does not."""
    config = load({".releasd.toml": "", "pyproject.toml": PYPROJECT + "[tool.releasd]\n"})
    assert ".releasd.toml" in config.warnings[0]


@pytest.mark.parametrize(
    ("name", "content"),
    [(".releaserc", "{}"), (".releaserc.yml", "debug: true"), (".config/releaserc.json", "{}"), (".releaserc", "")],
)
def test_semantic_releases_configuration_decides_where_there_is_no_other(name: str, content: str) -> None:
    """Its file chooses its analysis, its first version and what it calls its own."""
    config = load({name: content, "pyproject.toml": PYPROJECT})
    assert (config.source, config.analysis, config.first_version) == (name, "semantic-release", "1.0.0")
    assert config.name == "My_Proj"


@pytest.mark.parametrize(
    "files", [{"package.json": "{}"}, {"package.json": "[]"}, {".releasd.toml": "", ".releaserc": ""}]
)
def test_no_warning_where_nothing_is_dropped(files: dict[str, str]) -> None:
    """A package.json without a `release` key, or a configuration of releasd's own, is no reason to warn."""
    assert load(files).warnings == ()


@pytest.mark.parametrize(
    ("path", "text", "tag_format"),
    [
        ("--config.toml", 'tag_format = "a{version}"', "a{version}"),
        ("--config.json", '{"tagFormat": "b${version}"}', "b{version}"),
        ("--config.yml", 'tagFormat: "c${version}"', "c{version}"),
    ],
)
def test_a_configuration_given_by_hand_counts_before_all_others(path: str, text: str, tag_format: str) -> None:
    """Whatever the commit has, `--config` decides; the distribution's name is still the commit's."""
    others = {".releasd.toml": "x = 1", ".releaserc": "[", "package.json": '{"release": {}}'}
    config = load({path: text, **others, "pyproject.toml": PYPROJECT + "[tool.releasd]\n"})
    assert (config.source, config.tag_format, config.name) == (path, tag_format, "My_Proj")


def test_a_broken_package_json_is_a_warning_only() -> None:
    """The file is not releasd's, so that it cannot stop a plan."""
    assert "package.json" in load({"package.json": '{"release": '}).warnings[0]


WRONG = [
    ("tag_format = 1", "tag_format: a text"),
    ('tag_format = "v"', "tag_format: a tag name with {version}"),
    ('initial_version = "1.0"', "initial_version: a version like 0.1.0"),
    ('initial_version = "1.0.0-beta.1"', "initial_version: a version like 0.1.0"),  # or every later one is it again
    ('initial_version = "0.1.0+x"', "initial_version: a version like 0.1.0"),
    ('changelog = "../x"', "changelog: a path inside the repository"),
    ('version_files = "pyproject.toml"', "version_files: a list of paths"),
    ('version_files = ["/etc/passwd"]', "version_files: a list of paths"),
    ('version_files = ["a.txt:no place"]', "version_files: a list of paths"),
    ('version_files = ["../a.txt:{version}"]', "version_files: a list of paths"),
    ('analysis = "angular"', "analysis: conventional-commits or semantic-release"),
    ('preset = "angular"', 'preset: only with analysis = "semantic-release"'),
    ('analysis = "semantic-release"\npreset = "eslint"', "preset: angular or conventionalcommits"),
    ('branches = "main"', "branches: a list of names"),
    ("branches = [1]", "branches: a list of names"),
    ("branches = [{ channel = 'x' }]", "branches[0].name: is missing"),
    ("branches = [{ name = 'x', range = 1 }]", "branches[0].range: a text"),
    ("branches = [{ name = 'x', other = 1 }]", "branches[0].other: is not known"),
    ("major_on_zero = 0", "major_on_zero: true or false"),
    ('commit_message = "{secrets}"', "commit_message: a text; it may name {version},"),
    ('targets = ["amiga-m68k"]', "targets: a list of linux-x86_64, linux-aarch64,"),
    ("targets = [[]]", "targets: a list of linux-x86_64,"),
    ("smoke = ['x']", "smoke: a shell script"),
    ('sdist_generated = ["/etc/*"]', "sdist_generated: a list of patterns"),
    ('crates = ["../x"]', "crates: true, or a list of the names of crates"),
    ('crates = "x"', "crates: true, or a list of the names of crates"),
    ('name = "-"', "name: the distribution's name"),
    ('tagformat = "v"', "tagformat: is not known; analysis, branches,"),
    ("release_rules = {}", "release_rules: tables, each under its own [[release_rules]]"),
    ("[[release_rules]]\ntype = 'docs'", 'release_rules[0].release: is missing; "major"'),
    ("[[release_rules]]\nrelease = 'big'", 'release_rules[0].release: "major"'),
    ("[[release_rules]]\nrelease = true", 'release_rules[0].release: "major"'),
    ("[[release_rules]]\nrelease = 'minor'\nbreaking = 'yes'", "release_rules[0].breaking: true or false"),
    ("[[release_rules]]\nrelease = 'minor'\nauthor = 'x'", "release_rules[0].author: is not known; breaking,"),
    ("[[release_rules]]\nrelease = 'minor'\ntype = 1", "release_rules[0].type: a pattern"),
    ("[[builds]]\nrun = 'x'", "builds[0].name: is missing"),
    ("[[builds]]\nname = 'x'", "builds[0].run: is missing"),
    ("[[builds]]\nname = 'a b'\nrun = 'x'", "builds[0].name: a short name"),
    ("[[builds]]\nname = 'a'\nrun = 'x'\ntimeout = '1 day'", "builds[0].timeout: a time like"),
    ("[[builds]]\nname = 'a'\nrun = 'x'\nartifacts = ['../*']", "builds[0].artifacts: a list of patterns"),
    ("[[builds]]\nname = 'a'\nrun = 'x'\nenv = { RELEASD_OUT = '/' }", "builds[0].env: a table of texts"),
    ("[[builds]]\nname = 'a'\nrun = 'x'\nenv = 1", "builds[0].env: a table of texts"),
    ("[[builds]]\nname = 'a'\nrun = 'x'\nenv = { A = 1 }", "builds[0].env: a table of texts"),
    ("[[builds]]\nname = 'a'\nrun = 'x'\n[[builds]]\nname = 'a'\nrun = 'y'", "builds: a is there twice"),
    ("[[gates]]\nname = 'a'\nrun = 'x'\nlabels = 'linux'", "gates[0].labels: a list"),
    ("[[gates]]\nname = 'a'\nrun = 'x'\ntools = []", "gates[0].tools: is not known"),
]


@pytest.mark.parametrize(("toml", "problem"), WRONG)
def test_a_mistake_names_file_key_and_what_is_allowed(toml: str, problem: str) -> None:
    """One line per mistake that a person can act on."""
    with pytest.raises(ConfigError) as caught:
        load({".releasd.toml": toml})
    assert [p for p in caught.value.problems if p.startswith(f".releasd.toml: {problem}")]
    assert caught.value.exit_code == 2


def test_all_mistakes_come_at_once() -> None:
    """Nobody fixes a file one error at a time."""
    with pytest.raises(ConfigError) as caught:
        load({"pyproject.toml": "[tool.releasd]\nx = 1\nchangelog = 2\n[[tool.releasd.builds]]\ntimeout = 0\n"})
    keys = [problem.removeprefix("pyproject.toml: tool.releasd.").split(":")[0] for problem in caught.value.problems]
    assert sorted(keys) == ["builds[0].name", "builds[0].run", "builds[0].timeout", "changelog", "x"]


@pytest.mark.parametrize("name", [".releasd.toml", "pyproject.toml"])
def test_malformed_toml_names_file_and_line(name: str) -> None:
    """The place of the mistake is part of the message."""
    with pytest.raises(ConfigError, match="line 2") as caught:
        load({name: 'a = "x"\nb = \n'})
    assert name in caught.value.problems[0]


def test_a_tool_table_of_the_wrong_kind_is_a_mistake() -> None:
    """`releasd = 1` under `[tool]` is no configuration."""
    with pytest.raises(ConfigError, match="a table"):
        load({"pyproject.toml": "[tool]\nreleasd = 1\n"})


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30m", 1800.0),
        ("90s", 90.0),
        ("2h", 7200.0),
        (5, 5.0),
        (0.5, 0.5),
        ("0s", None),
        ("5", None),
        ("1h30m", None),
        (-1, None),
        (True, None),
        (float("inf"), None),
        (float("nan"), None),
        ("", None),
        ([], None),
    ],
)
def test_durations_are_a_number_and_a_unit_or_seconds(value: object, seconds: float | None) -> None:
    """Anything else is a mistake, never a guess."""
    assert duration(value) == seconds


@given(st.text())
def test_no_path_leaves_the_repository(value: str) -> None:
    """What passes is relative, without `..`, without `.git`."""
    safe = inside(value)
    assert safe is None or (not safe.startswith("/") and not {"..", "", ".git"} & set(safe.split("/")))


def test_the_changelog_can_be_switched_off() -> None:
    """An empty path means that none is written."""
    assert load({".releasd.toml": 'changelog = ""'}).changelog == ""
