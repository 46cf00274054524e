"""Notes as semantic-release writes them: the shapes, the odd cases, and hostile texts."""

import datetime as dt

import pytest

from releasd.core.semrel.notes import NextRelease, render, subject_of
from releasd.errors import ConfigError
from releasd.model import Commit, LastRelease, NotesOptions

URL = "git@github.com:o/r.git"
DAY = dt.date(2026, 1, 2)
HASH = "0123456789abcdef0123456789abcdef01234567"
LINK = f"([0123456](https://github.com/o/r/commit/{HASH}))"


def notes(
    *messages: str, last: str | None = "v1.0.0", version: str = "1.1.0", url: str = URL, **options: object
) -> str:
    """Return the notes of commits that all have the same name."""
    return render(
        [Commit(id=HASH, message=message) for message in messages],
        options=NotesOptions(**options),  # type: ignore[arg-type]
        last=LastRelease(tag=last, version="1.0.0", commit="x") if last else None,
        next=NextRelease(version=version, tag=f"v{version}"),
        repository_url=url,
        date=DAY,
    )


def test_angular_notes_have_its_sections_and_blank_lines() -> None:
    """Heading with the comparison, sections by title, two blank lines between them, the breaking changes last."""
    text = notes("fix(api): b\n\nCloses #3", "feat: a", "docs: hidden", "chore: c\n\nBREAKING CHANGE: d\ne")
    assert text == (
        "# [1.1.0](https://github.com/o/r/compare/v1.0.0...v1.1.0) (2026-01-02)\n\n\n"
        f"### Bug Fixes\n\n* **api:** b {LINK}, closes [#3](https://github.com/o/r/issues/3)\n\n\n"
        f"### chore\n\n* c {LINK}\n\n\n"
        f"### Features\n\n* a {LINK}\n\n\n"
        "### BREAKING CHANGES\n\n* d\ne\n"
    )


def test_conventionalcommits_notes_put_breaking_changes_first() -> None:
    """One blank line between sections, in the order of the preset's types."""
    text = notes("fix: b", "feat!: a", preset="conventionalcommits")
    assert text == (
        "## [1.1.0](https://github.com/o/r/compare/v1.0.0...v1.1.0) (2026-01-02)\n\n"
        f"### ⚠ BREAKING CHANGES\n\n* a\n\n### Features\n\n* a {LINK}\n\n### Bug Fixes\n\n* b {LINK}\n"
    )


@pytest.mark.parametrize(("version", "mark"), [("1.0.1", "##"), ("1.1.0", "#"), ("2.0.0", "#"), ("2.0.1-beta.1", "##")])
def test_angular_heading_is_smaller_for_a_patch(version: str, mark: str) -> None:
    """A version whose last number is not 0 has two marks."""
    assert notes("feat: a", version=version).startswith(f"{mark} [{version}](")


def test_a_first_release_has_no_comparison() -> None:
    """Without a release before there is nothing to compare with."""
    assert notes(last=None) == "# 1.1.0 (2026-01-02)\n"


def test_own_types_and_urls_are_honoured() -> None:
    """`presetConfig` names sections and gives the addresses."""
    config = {
        "types": [{"type": "docs", "section": "Papers"}, {"type": "feat", "hidden": True}],
        "issueUrlFormat": "https://i.example/{{id}}",
        "commitUrlFormat": "{{host}}/{{owner}}/-/c/{{hash}}",
        "userUrlFormat": "u/{{user}}",
    }
    text = notes("docs: see #3 by @me", "feat: x", last=None, preset="conventionalcommits", preset_config=config)
    assert "### Papers\n\n* see [#3](https://i.example/3) by [@me](u/me) ([0123456](https://github.com/o/-/c/" in text
    assert "feat" not in text


def test_a_revert_and_its_commit_cancel_each_other() -> None:
    """Both are left out, as the analyzer leaves them out."""
    revert = f'Revert "feat: a"\n\nThis reverts commit {HASH}.'
    assert "###" not in notes(revert, "feat: a")


def test_skip_release_hides_nothing() -> None:
    """`[skip release]` is for the analysis only."""
    assert "x [skip release]" in notes("feat: x [skip release]")


@pytest.mark.parametrize("key", ["finalizeContext", "formatDate", "skip", "whatever"])
def test_functions_of_the_writer_are_refused_by_name(key: str) -> None:
    """What only JavaScript could give is named, not dropped."""
    with pytest.raises(ConfigError, match=key):
        notes("feat: a", writer_opts={key: "x"})


@pytest.mark.parametrize("key", ["mainTemplate", "groupBy", "partials", "commitsSort"])
def test_options_of_the_wrong_kind_are_refused_by_name(key: str) -> None:
    """What npm's writer would fail on is a mistake of the configuration."""
    with pytest.raises(ConfigError, match="cannot be honoured") as refused:
        notes("feat: a", writer_opts={key: 7})
    assert f"writerOpts.{key}: " in refused.value.problems[0]


@pytest.mark.parametrize("preset", ["angular", "conventionalcommits"])
def test_without_a_page_there_are_no_links(preset: str) -> None:
    """Where npm would print links that lead nowhere, for a local path or an unresolved alias, there are none."""
    found = render(
        [Commit(id=HASH, message="feat(x): a #3 by @me\n\nCloses #4")],
        options=NotesOptions(preset=preset),
        last=LastRelease(tag="v1.0.0", version="1.0.0", commit="x"),
        next=NextRelease(version="1.1.0", tag="v1.1.0"),
        repository_url=None,
        date=dt.date(2026, 1, 2),
    )
    assert "](" not in found
    assert "a #3 by @me" in found
    assert found.rstrip().endswith("#4")


def test_an_issue_prefix_that_is_an_expression_is_refused() -> None:
    """As an expression is how npm reads it, and it could run for ever."""
    with pytest.raises(ConfigError, match="cannot be honoured"):
        notes("feat: a", preset="conventionalcommits", preset_config={"issuePrefixes": ["(a+)+$"]})


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        ("a", "a"),
        ("a\nb\n\nc", "a b"),
        ("\n \na  \nb\t", "a b"),
        ("a\r\nb\r\n\r\nc", "a b"),
        ("", ""),
        ("a\u00a0\n\u3000\nb", "a\u00a0 \u3000 b"),
    ],
)
def test_subject_is_gits(message: str, subject: str) -> None:
    """Only ASCII white space ends a line or a paragraph for git."""
    assert subject_of(message) == subject


@pytest.mark.parametrize(
    "subject",
    [
        "==FIELD== and ==END==",
        "a\0b",
        "\u202ertl\u202c\u200b",
        "<script>alert(1)</script>",
        "{{commits}} {{> header}} {{~this}}",
        "$& $1 $$ $` $'",
        "](javascript:x) *_`",
    ],
)
def test_hostile_subjects_are_text(subject: str) -> None:
    """No text of a commit means anything to a template: it comes out as it went in, as with npm."""
    for preset in ("angular", "conventionalcommits"):
        assert f"* {subject} {LINK}" in notes(f"feat: {subject}", preset=preset)


@pytest.mark.parametrize("part", ["`", "@a", "a-@", "é", "l\u0301", "l·é", "각", "\0", "{{", "🥰"])
def test_long_subjects_take_linear_time(part: str) -> None:
    """A megabyte of what could make an expression or the collation slow is done within the test's time."""
    subject = part * (1_000_000 // len(part))
    assert len(notes(f"feat: {subject}", "feat: é", "feat: b")) > len(subject)
