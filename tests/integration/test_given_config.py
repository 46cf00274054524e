"""`--config FILE` beside the repository's own configurations: the given file wins, wholly."""

import json
from pathlib import Path

import pytest

from support.cli import Terminal
from support.gitrepo import make_remote, make_work

OWN = """
tag_format = "own-{version}"
changelog = "OWN.md"
major_on_zero = false
repository_url = "https://own.example/o/r"
version_files = ["own.txt:own {version}"]
[[release_rules]]
type = "docs"
release = "major"
[notes]
format = "template"
template = "own.jinja"
"""
FILES = {
    ".releasd.toml": OWN,
    "pyproject.toml": '[project]\nname = "demo"\nversion = "1.0.0"\n[tool.releasd]\ntag_format = "py-{version}"\n',
    ".releaserc": json.dumps({"tagFormat": "rc-${version}"}),
    "package.json": json.dumps({"version": "1.0.0", "release": {"tagFormat": "package-${version}"}}),
    "own.txt": "own 1.0.0\n",
    "own.jinja": "OWN {{ version }}",
}
URL = "https://given.example/o/r"
ANALYZER, NOTES = "@semantic-release/commit-analyzer", "@semantic-release/release-notes-generator"
JSON = json.dumps({"tagFormat": "given-${version}", "repositoryUrl": URL, "plugins": [ANALYZER, NOTES]})
YAML = f"tagFormat: given-${{version}}\nrepositoryUrl: {URL}\nplugins: ['{ANALYZER}', '{NOTES}']\n"
TOML = f'tag_format = "given-{{version}}"\nrepository_url = "{URL}"\nchangelog = ""\n'


@pytest.mark.parametrize(("name", "text"), [("g.toml", TOML), ("g.json", JSON), ("g.yaml", YAML), ("g.yml", YAML)])
@pytest.mark.parametrize("command", ["plan", "replay"])
def test_the_given_file_wins(tmp_path: Path, name: str, text: str, command: str) -> None:
    """No tag format, rule, changelog, version file or notes of any of the repository's own configurations is left."""
    work = make_work(tmp_path / "work", make_remote(tmp_path / "demo.git"))
    work.commit("feat: begin", FILES)
    for form in ("given", "own", "py", "rc", "package"):
        work.tag(f"{form}-1.0.0")
    work.commit("docs: only words")
    work.commit("fix: more")
    if command == "replay":
        work.tag("given-1.0.1")
    (tmp_path / name).write_text(text)
    home = tmp_path / "home"
    home.mkdir()
    options = ("--notes",) if command == "replay" else ()
    document = Terminal(home, work.path).run(command, "--config", str(tmp_path / name), "--json", *options).document
    if command == "replay":
        assert document["tag_format"] == "given-{version}"
        document = document["releases"][-1]
        assert (document["predicted"], document["agree"]) == ("1.0.1", True)
    else:
        assert document["next"]["tag"] == "given-1.0.1"
        assert "OWN.md" not in str(document["files"])
        assert "own.txt" not in [file["path"] for file in document["files"]]
    assert f"{URL}/compare/given-1.0.0...given-1.0.1" in document["notes"]
    assert "OWN" not in document["notes"]
