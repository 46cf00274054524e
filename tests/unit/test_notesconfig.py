"""The table `[notes]`: all that it can say, and every way in which it can be wrong."""

import datetime as dt

import pytest

from releasd.core.project import load
from releasd.core.releasenotes import changelog_form, render
from releasd.core.version import decide
from releasd.errors import ConfigError
from releasd.model import ChangelogForm, NotesStyle, NotesType
from support.facts import LAST, facts

REMOTE = "git@gitlab.example:g/demo.git"
FULL = """
[notes]
format = "template"
template = "docs/notes.jinja"
contributors = true
forge = "gitlab"
issue_url = "https://tickets.example/{id}"

[[notes.types]]
type = "Feat"
section = "What is new"

[[notes.types]]
type = "fix"
scope = "docs"
hidden = true
"""


def own(text: str) -> dict[str, str]:
    """Return a repository's files: a `.releasd.toml` with this text."""
    return {".releasd.toml": text}


def notes(text: str, *messages: str, **files: str) -> str:
    """Return the notes of commits, oldest first, under this configuration."""
    found = facts(*messages, files=own(text) | files, remote_url=REMOTE)
    config = load(found.files)
    decision = decide(found, config, None)
    day = dt.date(2026, 1, 2)
    return render(decision, config, last=LAST, remote_url=REMOTE, date=day, commits=found.commits, files=found.files)


def test_every_key_is_understood() -> None:
    """All that `[notes]` can say arrives."""
    assert load(own(FULL)).notes_style == NotesStyle(
        format="template",
        template="docs/notes.jinja",
        contributors=True,
        types=(NotesType(type="feat", section="What is new"), NotesType(type="fix", scope="docs", hidden=True)),
        forge="gitlab",
        urls={"issue": "https://tickets.example/{id}"},
    )
    assert load({"pyproject.toml": "[tool.releasd.notes]\ncontributors = true\n"}).notes_style.contributors


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("notes = 1", "notes: a table"),
        ('[notes]\nformat = "rst"', "notes.format: default or keep-a-changelog or template"),
        ('[notes]\nformat = "template"', "notes.template: a path"),
        ('[notes]\ntemplate = "x"', "notes.template: a path"),
        ('[notes]\nformat = "template"\ntemplate = "../x"', "notes.template: the path"),
        ('[notes]\ncontributors = "yes"', "notes.contributors: true or false"),
        ('[notes]\nforge = "svn"', "notes.forge: github or"),
        ('[notes]\nissue_url = "{base.x}"', "notes.issue_url: an address"),
        ("[notes]\ncommit_url = 7", "notes.commit_url: a text"),
        ("[notes]\ncolour = 1", "notes.colour: is not known"),
        ("[notes]\ntypes = 7", "notes.types: tables"),
        ('[[notes.types]]\nsection = "x"', "notes.types[0].type: is missing"),
        ('[[notes.types]]\ntype = "x"\nsection = "a\\n## b"', "notes.types[0].section: a title"),
        ('[[notes.types]]\ntype = "x"\nhide = true', "notes.types[0].hide: is not known"),
        ('analysis = "semantic-release"\n[notes]\ncontributors = true', "notes.contributors: not for semantic-release"),
    ],
)
def test_every_mistake_is_named(text: str, problem: str) -> None:
    """File, key, and what is allowed."""
    with pytest.raises(ConfigError) as wrong:
        load(own(text))
    assert any(line.startswith(f".releasd.toml: {problem}") for line in wrong.value.problems), wrong.value.problems


def test_types_decide_what_is_shown_where_and_in_which_order() -> None:
    """As presetConfig.types: by type and scope, sections in this order; what releases or breaks is never lost."""
    text = (
        '[notes]\ntypes = [{ type = "docs", section = "Pages" }, { type = "feat", section = "News" },'
        ' { type = "fix", scope = "ci", hidden = true }, { type = "perf", section = "News" }]\n'
    )
    made = notes(
        text, "fix: c", "feat: a", "docs: d", "fix(ci): hidden", "perf: p", "chore: no", "fix(ci)!: b", "test: no"
    )
    titles = [line for line in made.splitlines() if line.startswith("### ")]
    assert titles == ["### Pages", "### News", "### Bug Fixes", "### BREAKING CHANGES"]
    assert "hidden" not in made
    assert "no (" not in made
    assert made.index("* a (") < made.index("* p (")
    assert "* **ci:** b (" in made


def test_types_hold_for_keep_a_changelog_too() -> None:
    """Own titles come first, in their order; the others where that format has them."""
    text = '[notes]\nformat = "keep-a-changelog"\ntypes = [{ type = "docs", section = "Pages" }]\n'
    made = notes(text, "fix: c", "docs: d", "feat: a")
    assert [line for line in made.splitlines() if line.startswith("### ")] == ["### Pages", "### Added", "### Fixed"]


def test_links_are_those_of_the_forge() -> None:
    """By the host's name, or as the project says; issues where it says."""
    made = notes('[notes]\nissue_url = "https://tickets.example/{id}"\n', "feat: a #3\n\nCloses o/r#4")
    assert "(https://gitlab.example/g/demo/-/compare/v1.2.3...v1.3.0)" in made
    assert "[#3](https://tickets.example/3)" in made
    assert "[o/r#4](https://tickets.example/4)" in made
    assert "/commits/" in notes('[notes]\nforge = "bitbucket"\n', "feat: a")
    assert "https://other.example/x/y/commit/" in notes('repository_url = "https://other.example/x/y"\n', "feat: a")


def test_a_template_has_to_be_there() -> None:
    """It is read from the commit that is released; a missing one is named."""
    text = '[notes]\nformat = "template"\ntemplate = "n.jinja"\n'
    assert notes(text, "feat: a", **{"n.jinja": "V {{ version }}"}) == "V 1.3.0\n"
    with pytest.raises(ConfigError) as missing:
        notes(text, "feat: a")
    assert "notes.template: n.jinja is not in the repository" in missing.value.problems[0]


def test_the_changelogs_form_follows_the_notes() -> None:
    """That of npm where its notes are written, Keep a Changelog's with a link to what is next, else the default."""
    forms = {
        text: changelog_form(load(own(text)), remote_url=REMOTE, tag="v2.0.0")
        for text in ('changelog_title = "# T"', 'analysis = "semantic-release"', '[notes]\nformat = "keep-a-changelog"')
    }
    assert list(forms.values()) == [
        ChangelogForm(title="# T"),
        ChangelogForm(kind="semantic-release"),
        ChangelogForm(kind="keep-a-changelog", unreleased_url="https://gitlab.example/g/demo/-/compare/v2.0.0...HEAD"),
    ]
