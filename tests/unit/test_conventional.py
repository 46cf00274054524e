"""Reading one commit message by Conventional Commits 1.0.0."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.conventional import Revert, parse

# (header, type, scope, subject, breaking): versioning-facts.md §2.2, the specification where the presets differ.
HEADERS = [
    ("feat: add x", "feat", None, "add x", False),
    ("fix(core): repair", "fix", "core", "repair", False),
    ("feat!: drop x", "feat", None, "drop x", True),
    ("feat(api)!: drop x", "feat", "api", "drop x", True),
    ("chore!: x", "chore", None, "x", True),
    ("FEAT: x", "feat", None, "x", False),
    ("Feat: x", "feat", None, "x", False),
    ("feat(a(b)): c", "feat", "a(b)", "c", False),
    ("feat(a): call f(x): y", "feat", "a", "call f(x): y", False),
    ("feat(): x", "feat", None, "x", False),
    ("feat(a/b, c): x", "feat", "a/b, c", "x", False),
    ("feat:   x", "feat", None, "x", False),
    ("fix-up: x", "fix-up", None, "x", False),
    ("feat:x", None, None, "feat:x", False),
    ("feat : x", None, None, "feat : x", False),
    ("feat (a): x", None, None, "feat (a): x", False),
    ("feat!(a): x", None, None, "feat!(a): x", False),
    (":bug: repair", None, None, ":bug: repair", False),
    ("Merge branch 'main' into x", None, None, "Merge branch 'main' into x", False),
    ("no type at all", None, None, "no type at all", False),
    ("", None, None, "", False),
]


@pytest.mark.parametrize(("message", "kind", "scope", "subject", "breaking"), HEADERS)
def test_header_is_taken_apart_as_the_specification_says(
    message: str, kind: str | None, scope: str | None, subject: str, *, breaking: bool
) -> None:
    """Type, optional scope, optional `!`, a colon and a space; anything else has no type."""
    parsed = parse(message)
    assert (parsed.type, parsed.scope, parsed.subject, parsed.breaking) == (kind, scope, subject, breaking)


BREAKING_BODIES = [
    ("BREAKING CHANGE: gone", ("gone",)),
    ("BREAKING-CHANGE: gone", ("gone",)),
    ("some text\n\nBREAKING CHANGE: gone", ("gone",)),
    ("some text\nBREAKING CHANGE: gone\nand more\n\nand text", ("gone\nand more\n\nand text",)),
    ("text\n\n---------\n\nBREAKING CHANGE: gone", ("gone",)),
    ("---\nBREAKING CHANGE: gone", ("gone",)),
    ("BREAKING CHANGE: gone\n---\nupdated-dependencies:\n- x", ("gone",)),
    ("BREAKING CHANGE: one\nBREAKING CHANGE: two", ("one", "two")),
    ("BREAKING CHANGE: gone\nSigned-off-by: A", ("gone",)),
    ("Signed-off-by: A\nBREAKING CHANGE: gone", ("gone",)),
    ("BREAKING CHANGE:\ngone on the next line", ("gone on the next line",)),
    ("BREAKING CHANGE:", ("x",)),
    ("BREAKING CHANGE: gone\n\nSee merge request group/proj!12", ("gone",)),
    ("BREAKING CHANGE: gone\n\n(cherry picked from commit 0123456789)", ("gone",)),
    ("Co-authored-by: A <a@b.c>\nSigned-off-by: B <b@c.d>\n\n\nBREAKING-CHANGE: gone\n\n\n", ("gone",)),
    ("text\r\n\r\nBREAKING CHANGE: gone\r\nSigned-off-by: B <b@c.d>", ("gone",)),
    ("```\ncode\n\nBREAKING CHANGE: gone", ("gone",)),
]


@pytest.mark.parametrize(("body", "notes"), BREAKING_BODIES)
def test_breaking_change_is_found_wherever_a_line_starts_with_it(body: str, notes: tuple[str, ...]) -> None:
    """Both spellings count at the start of any line, also after `---`; the next footer ends the note."""
    parsed = parse(f"fix: x\n\n{body}")
    assert parsed.breaking
    assert parsed.breaking_notes == notes


@pytest.mark.parametrize(
    "body",
    [
        "```\nBREAKING CHANGE: a\n```",
        "```text``` and prose\n\nBREAKING CHANGE: a\n\n```\ncode\n```",
        "<details>\n\nBREAKING CHANGE: a\n</details>",
    ],
)
def test_no_fence_hides_a_breaking_change(body: str) -> None:
    """The specification knows no quoting, and a stray fence must not lose a real footer."""
    assert parse(f"docs: x\n\n{body}").breaking
    assert parse(f"Work (#1)\n\n* docs: x\n\n{body}").parts[0].breaking


NOT_BREAKING = [
    "breaking change: gone",
    "Breaking Change: gone",
    "this makes a\nbreaking change for users",
    "* BREAKING CHANGE: gone",
    "  BREAKING CHANGE: gone",
    "**BREAKING CHANGE:** gone",
    "BREAKING CHANGES: gone",
    "## BREAKING CHANGE",
    "BREAKING CHANGE for users",
    "**BREAKING CHANGE**: gone",
    "BREAKING CHANGE:gone",
    "BREAKING CHANGE #12",
    "BREAKING CHANGE\uff1a gone",
    "BREAKING: gone",
    "BREAKING_CHANGE: gone",
]


@pytest.mark.parametrize("body", NOT_BREAKING)
def test_what_only_resembles_a_breaking_change_is_none_but_is_hinted_at(body: str) -> None:
    """Prose, lower case and bullets make no major release, and the near miss is told."""
    parsed = parse(f"fix: x\n\n{body}")
    assert not parsed.breaking
    assert parsed.near_miss is not None
    assert "BREAKING CHANGE: " in parsed.near_miss


@pytest.mark.parametrize(
    "header",
    [
        "feat:x",
        "Feature : x",
        "fix (a): b",
        "perf(a) : b",
        "feat!(x): a",
        "\u2728 feat: a",
        "\u26a1\ufe0f fix: a",
        ":sparkles: feat: a",
        "feat\uff1ax",
        "fix\uff08a\uff09\uff1a b",
        "feat(a) b",
        "[fix] a",
        "[feat]: a",
    ],
)
def test_a_header_that_misses_the_form_narrowly_says_so(header: str) -> None:
    """A lost feature is worth a hint, because the person meant a release."""
    assert "is not written" in (parse(header).near_miss or "")


def test_a_wide_exclamation_mark_is_shown_as_the_one_that_counts() -> None:
    """The form that is named keeps the breaking change that was meant."""
    assert "`type(scope)!: subject`" in (parse("feat\uff01\uff1a x").near_miss or "")


@pytest.mark.parametrize("header", ["fix the build", "Fixes a bug", "[WIP] feat", "features: more", "performance: x"])
def test_prose_is_no_near_miss(header: str) -> None:
    """A hint at every second commit would be read by nobody."""
    assert parse(header).near_miss is None


def test_an_exclamation_mark_with_a_footer_gives_the_footer_as_note() -> None:
    """The subject stands in for the note only where no footer explains the change."""
    assert parse("feat!: x\n\nBREAKING CHANGE: why").breaking_notes == ("why",)
    assert parse("feat!: x").breaking_notes == ("x",)


def test_footers_keep_their_order_and_their_continued_lines() -> None:
    """A footer's value runs until the next footer; `: ` and ` #` both separate."""
    parsed = parse("fix: x\n\nbody: no footer\nin the body\n\nReviewed-by: Z\n and Y\nRefs #12")
    assert parsed.footers[-2:] == (("Reviewed-by", "Z\n and Y"), ("Refs", "#12"))


def test_windows_line_ends_change_nothing() -> None:
    """A message with CRLF says the same as with LF."""
    message = "feat(a)!: b\n\nbody\n\nBREAKING CHANGE: c\nd\n\nCloses #1"
    assert parse(message.replace("\n", "\r\n")) == parse(message)


REVERTS = [
    ('Revert "feat: a"\n\nThis reverts commit 0123456789abcdef.', Revert("feat: a", "0123456789abcdef")),
    ("revert: feat: a\n\nThis reverts commit ABCDEF1.", Revert("feat: a", "abcdef1")),
    (
        'Revert "feat: a (#11)" (#12)\n\nThis reverts commit abcdef1.',
        Revert("feat: a (#11)", "abcdef1"),
    ),
    ('Reapply "feat: a"\n\nThis reverts commit abcdef1.', Revert("feat: a", "abcdef1", again=True)),
    ('Revert "feat: a"', Revert("feat: a", "")),
    ("revert: feat: a\n\nbecause", Revert("feat: a", "")),
    ("revert: feat: a\n\nRefs: 676104e, A215868", Revert("feat: a", "676104e", ("a215868",))),
    ('Revert "feat: a" (#13)\n\nReverts own-er/re.po#12', Revert("feat: a", "", requests=("12",))),
    ('Revert "feat: a (#12)" (#13)', Revert("feat: a (#12)", "")),
    ("Revert \"Merge branch 'x'\"\n\nThis reverts merge request !12", Revert("Merge branch 'x'", "", requests=("12",))),
    ('Revert "Merged in x (pull request #3)"', Revert("Merged in x (pull request #3)", "")),
    (
        'Revert "Merge x"\n\nThis reverts commit abcdef1, reversing\nchanges made to 1234567.',
        Revert("Merge x", "abcdef1", mainline="1234567"),
    ),
    (
        'Revert "feat: a"\n\nThis reverts commit abcdef1.\n(cherry picked from commit 7654321)',
        Revert("feat: a", "abcdef1"),
    ),
    ("Revert the feature", None),
    ("feat: a\n\nThis reverts commit abcdef1.", None),
]


@pytest.mark.parametrize(("message", "revert"), REVERTS)
def test_a_revert_names_what_it_takes_back(message: str, revert: Revert | None) -> None:
    """Every spelling of git and the forges: by full and short names, by number, by subject; prose is none."""
    assert parse(message).revert == revert


def test_only_closing_verbs_refer_to_issues() -> None:
    """`closes #1, #2` closes two; a mere mention closes none."""
    parsed = parse("fix: x (#9), see #8\n\nCloses #1, #2. Fixed: o/r#3\nSee #4")
    assert parsed.references == ("#1", "#2", "o/r#3")


@given(st.text())
def test_no_message_makes_the_parser_fail(message: str) -> None:
    """Whatever a commit says, it is read; a breaking change always has a note or an empty subject."""
    parsed = parse(message)
    assert parsed.breaking is bool(parsed.breaking_notes)
    assert "\n" not in parsed.header


@given(
    st.lists(st.sampled_from(["BREAKING CHANGE: ", "a: b", "---", "\n", "feat(", ")", "!: ", "#1", 'Revert "', " "]))
)
def test_no_mixture_of_marks_makes_the_parser_fail(parts: list[str]) -> None:
    """The grammar's own marks in any order are read, and a breaking line is never lost."""
    message = "fix: x\n\n" + "".join(parts) + "\nBREAKING CHANGE: kept"
    parsed = parse(message)
    assert any("kept" in note for each in (parsed, *parsed.parts) for note in each.breaking_notes)


HOSTILE = ["feat(", "(", ")", "a", " ", "\n", "a: b\n", "fix ", "close #1,", "-", '"', "[skip ", "a.b/", "breaking\n"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("part", HOSTILE)
def test_a_hostile_message_of_ten_megabytes_is_read(part: str) -> None:
    """Time is linear: quadratic reading of ten megabytes would take hours, not the two minutes of the limit."""
    for head in ("", "feat(", "fix: x\n", 'revert "', "feat "):
        parse(head + part * (2_000_000 // len(part)))
