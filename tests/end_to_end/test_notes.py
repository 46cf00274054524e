"""Notes and changelog from a push to the release: what a maintainer saw in `plan` is what everyone gets."""

from collections.abc import Callable

from support.cli import Terminal
from support.packages import QUICK
from support.stage import Stage

URL = "https://codeberg.org/me/demo"
OWN = f'repository_url = "{URL}"\n{QUICK[".releasd.toml"]}[notes]\nformat = "keep-a-changelog"\ncontributors = true\n'
CHANGELOG = f"# Changelog\n\n## [Unreleased]\n\n- by hand\n\n[unreleased]: {URL}/compare/v1.0.0...HEAD\n"


def test_the_changelog_is_as_plan_showed_it(make_stage: Callable[..., Stage]) -> None:
    """Each line that the diff of `releasd plan` adds is in the tagged changelog, and the tag's text is its notes."""
    stage = make_stage(QUICK)
    stage.start()
    stage.work.commit("chore: configure", {".releasd.toml": OWN, "CHANGELOG.md": CHANGELOG})
    stage.work.commit("feat: more")
    home = stage.folder / "home"
    home.mkdir()
    terminal = Terminal(home, stage.work.path)
    diff = terminal.run("plan").out
    notes = terminal.run("notes").out
    stage.push_main()
    job = stage.wait_over()
    assert job["state"] == "succeeded", job["reason"]
    text = stage.git("show", "v1.1.0:CHANGELOG.md")
    begin = diff.index("+++ b/CHANGELOG.md")
    added = [line[1:] for line in diff[begin:].splitlines()[1:] if line.startswith("+")]
    assert f"[1.1.0]: {URL}/compare/v1.0.0...v1.1.0" in added
    assert [line for line in added if line and line not in text] == []
    assert text.index("## [Unreleased]") < text.index("## [1.1.0]") < text.index("- by hand")
    assert notes.strip().splitlines()[0] in text
    assert "### Contributors\n\n- Ada" in text
