"""Hostile commit messages: nothing in them is executed, no output is without a bound, no section can be forged."""

import datetime as dt
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releasd.core.changelog import written
from releasd.core.project import load
from releasd.core.releasenotes import changelog_form, render
from releasd.core.version import decide
from releasd.model import Commit, Facts
from support.facts import LAST, commit_id

REMOTE = "https://github.com/o/r"
TEMPLATE = "# {{ version }}\n{% for c in commits if c.shown %}\n* {{ c.scope|default('', true)|md }}: {{ c.subject|md }}\n{% for b in c.breaking %}\n  * {{ b|md }}\n{% endfor %}{% endfor %}\n"  # fmt: skip # noqa: E501 - one template
FORMATS = {
    "default": {},
    "keep-a-changelog": {".releasd.toml": '[notes]\nformat = "keep-a-changelog"\ncontributors = true\n'},
    "template": {".releasd.toml": '[notes]\nformat = "template"\ntemplate = "t"\n', "t": TEMPLATE},
    "semantic-release": {
        ".releaserc": json.dumps(
            {"plugins": ["@semantic-release/commit-analyzer", "@semantic-release/release-notes-generator"]}
        )
    },
}
OWN = ("default", "keep-a-changelog", "template")
TEXTS = (
    "==FIELD== ==END==",
    "{{7*7}} {{ version.__class__ }} ${7*7} $(touch x) `touch x` #{7*7} <%= 7*7 %>",
    "{% raw %} {% include '/etc/passwd' %} {# x #}",
    "{{> header}} {{#each commits}} {{{version}}}",
    "<script>alert(1)</script> <!-- <h2>9.9.9</h2> <details>",
    "a \u202egnp.exe\u202c \u200b\u2066\ufeff\u2028## 9.9.9 (2026-01-01)",
    "a\0b \x1b[31m \x07 \r## 9.9.9",
    "## 9.9.9 (2026-01-01)",
    "[9.9.9]: https://evil.example",
    "``` unclosed",
    "{version} {tag} {notes}",
)
SHAPES = (
    "feat: {}",
    "feat({}): x",
    "{}",
    "feat!: {}",
    "feat: x\n\nBREAKING CHANGE: {}",
    "feat: x\n\nBREAKING CHANGE: a\n{}\n\n### Features\n\n* forged\n---\nSetext\n===",
    "feat: x\n\nCo-authored-by: {} <a@b.c>",
    "feat: x\n\nCloses #1\nReviewed-by: {}",
)


def notes_of(message: str, kind: str, author: str = "Ann <a@x>") -> str:
    """Return the notes of a release of this commit and an honest one."""
    commits = (
        Commit(id=commit_id(2), message=message, author=author),
        Commit(id=commit_id(1), message="fix: honest", author="Bob <b@x>"),
    )
    facts = Facts(repository="/r", ref="a" * 40, branch="main", last=LAST, commits=commits, remote_url=REMOTE)
    config = load(FORMATS[kind])
    decision = decide(facts, config, None)
    day = dt.date(2026, 1, 2)
    return render(decision, config, last=LAST, remote_url=REMOTE, date=day, commits=commits, files=FORMATS[kind])


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("text", TEXTS)
def test_nothing_in_a_message_is_executed(kind: str, shape: str, text: str) -> None:
    """What looks like a template, a shell's or a framing is text, in every format; the honest commit is there."""
    made = notes_of(shape.format(text), kind)
    assert "49" not in made
    assert "<class" not in made
    assert "root:" not in made
    assert "honest" in made


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("text", TEXTS)
def test_a_commit_cannot_forge_a_section(kind: str, shape: str, text: str) -> None:
    """Own formats: headings and links at a line's start are the format's own, and nothing hides or moves text."""
    made = notes_of(shape.format(text), kind)
    lines = made.split("\n")
    headings = [line.lstrip() for line in lines if line.lstrip().startswith("#")]
    titles = ("Features", "Bug Fixes", "BREAKING CHANGES", "Other Changes", "Added", "Changed", "Fixed", "Contributors")
    known = {f"### {title}" for title in titles}
    assert [line for line in headings[1:] if line not in known] == []
    assert len(headings) == len(set(headings))
    assert not any(line.lstrip().startswith("[9.9.9]:") for line in lines)
    assert not any(set(line.strip()) in ({"="}, {"-"}) for line in lines if line.strip())
    assert all(char.isprintable() or char == "\n" for char in made)
    outside = "".join(part for place, part in enumerate(made.split("`")) if place % 2 == 0)
    assert "<script" not in outside.replace("\\<", "")
    assert "<!--" not in outside.replace("\\<", "")


@pytest.mark.parametrize("kind", OWN)
def test_a_forged_version_does_not_keep_a_release_out_of_the_changelog(kind: str) -> None:
    """Neither the notes before nor those of this release can pass for another version's entry."""
    made = notes_of("feat: x\n\nBREAKING CHANGE: y\n## 9.9.9\n# [3.0.0]", kind)
    form = changelog_form(load(FORMATS[kind]), remote_url=REMOTE, tag="v2.0.0")
    once = written("# Changelog\n", made, form)
    for version in ("9.9.9", "3.0.0"):
        text = made.replace("2.0.0", version)
        assert written(once, text, form) != once, version


@pytest.mark.parametrize(
    ("kind", "shape", "size"),
    [*((kind, shape, 200_000) for kind in OWN for shape in SHAPES), ("default", SHAPES[4], 10_000_000)],
)
def test_a_huge_message_makes_small_notes_soon(kind: str, shape: str, size: int) -> None:
    """Megabytes in a subject, a scope, a breaking change or a name: what is written is what a person may read."""
    began = time.monotonic()
    made = notes_of(shape.format("<{x}> `#1 " * (size // 10)), kind)
    assert len(made) < 100_000
    assert time.monotonic() - began < 30


def test_a_huge_name_is_cut() -> None:
    """An author is text from the repository like any other."""
    made = notes_of("feat: a", "keep-a-changelog", author="x" * 1_000_000)
    assert len(made) < 100_000


@given(st.text(max_size=300), st.sampled_from(SHAPES), st.sampled_from(OWN))
@settings(deadline=None)
def test_no_message_makes_a_line_of_its_own(text: str, shape: str, kind: str) -> None:
    """Whatever the text, each line is a heading, a bullet, a bullet's continuation, a link of ours, or blank."""
    made = notes_of(shape.replace("{}", text), kind)
    for line in made.split("\n"):
        assert line == "" or line.startswith(("# [", "# 1", "# 2", "## [", "### ", "* ", "- ", "  ", "[1.", "[2.")), (
            line
        )
