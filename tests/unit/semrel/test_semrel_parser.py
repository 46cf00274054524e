"""Messages taken apart as the presets do: versioning-facts.md §2.2, line by line."""

import pytest

from releasd.core.semrel.options import Options
from releasd.core.semrel.parser import Note, parse, parser

ANGULAR, CONVENTIONAL = Options(), Options(preset="conventionalcommits")

HEADERS = [
    ("feat(a(b)): c", ("feat", "a(b)", "c")),
    ("feat: ", ("feat", None, None)),
    (" feat: x", (None, None, None)),
    ("feat : x", (None, None, None)),
    ("feat (x): y", (None, None, None)),
    ("🎉 feat: x", (None, None, None)),
    ("fix-up: x", (None, None, None)),
    ("feat!: x", (None, None, None)),
    (": x", (None, None, "x")),
    ("feat(): x", ("feat", None, "x")),
]


@pytest.mark.parametrize(("header", "fields"), HEADERS)
def test_the_angular_header_is_read_as_angular_does(header: str, fields: tuple[str | None, ...]) -> None:
    """Colon and one space; the scope is greedy; `!` is not known."""
    found = parse(header, ANGULAR)
    assert (found.type, found.scope, found.subject) == fields


def test_the_conventional_preset_knows_the_bang() -> None:
    """`feat!: x` makes a note of its subject; `feat!(x): a` is not of the form."""
    assert parse("feat(a)!: x", CONVENTIONAL).notes == (Note("BREAKING CHANGE", "x"),)
    assert parse("feat!(x): a", CONVENTIONAL).type is None


NOTES = [
    ("BREAKING CHANGE: x", ["x"]),
    ("breaking change for users", ["for users"]),
    ("BREAKING CHANGE:", [""]),
    ("BREAKING CHANGE #12", ["#12"]),
    ("* BREAKING CHANGE: x", ["x"]),
    ("| BREAKING CHANGE: x", ["x"]),
    ("   BREAKING CHANGE: x", ["x"]),
    ("**BREAKING CHANGE:** x", ["** x"]),
    ("BREAKING CHANGES: x", []),
    ("BREAKING: x", []),
    ("- BREAKING CHANGE: x", []),
    ("## BREAKING CHANGE", []),
    ("**BREAKING CHANGE**: x", []),
    ("BREAKING CHANGE", []),
    ("a BREAKING CHANGE: x", []),
    ("BREAKING CHANGE: a\nb\n\nc", ["a\nb\n\nc"]),
    ("BREAKING CHANGE: a\nb\ncloses #1\nc", ["a\nb"]),
    ("BREAKING CHANGE: a\nBREAKING CHANGE: b", ["a", "b"]),
    ("---\nBREAKING CHANGE: x", []),
    ("--\nBREAKING CHANGE: x", ["x"]),
]


@pytest.mark.parametrize(("line", "notes"), NOTES)
def test_notes_are_found_where_npm_finds_them(line: str, notes: list[str]) -> None:
    """Case does not count, the place in the body does not count, a line of dashes swallows all."""
    assert [note.text for note in parse(f"fix: x\n\n{line}", ANGULAR).notes] == notes


def test_a_field_line_can_change_the_type() -> None:
    """`-type-` and a line below it append to the commit's own type."""
    assert parse("docs: x\n\n-type-\nfix", ANGULAR).type == "docs\nfix"


def test_references_keep_owner_repository_and_action() -> None:
    """After an action word only what follows such words counts; each reference counts once."""
    found = parse("fix: x (#1)\n\nCloses o/r#2, #3 and see #4\n\nfixes #2.", ANGULAR).references
    assert [(each.action, each.owner, each.repository, each.issue) for each in found] == [
        (None, None, None, "1"),
        ("Closes", "o", "r", "2"),
        ("Closes", None, None, "3"),
        ("Closes", None, None, "4"),
    ]


def test_the_body_ends_at_the_first_reference_or_note() -> None:
    """What follows is footer."""
    found = parse("fix: x\r\n\r\nbody\r\nCloses #1\r\nmore", ANGULAR)
    assert (found.body, found.footer) == ("body", "Closes #1\nmore")


def test_gpg_lines_are_not_there() -> None:
    """Lines that start with `gpg:` are dropped before anything is read."""
    assert parse("gpg: Signature made\nfeat: x\n gpg: y", ANGULAR).header == "feat: x"


def test_mentions_are_listed_as_they_come() -> None:
    """Repeated ones are repeated."""
    assert parse("fix: @a\n\n@b-c @a", ANGULAR).mentions == ("a", "b-c", "a")


REVERTS = [
    ('Revert "feat: a"\n\nThis reverts commit 1234567.', ANGULAR, ("feat: a", "1234567")),
    ("revert: feat: a\n\nThis reverts commit 1234567", ANGULAR, ("feat: a", "1234567")),
    ("revert: feat: a\n\nThis reverts commit 1234567", CONVENTIONAL, None),
    ('Revert "feat: a"\n\nThis reverts commit 123456.', ANGULAR, None),
    ('Revert "feat: a"\n\nThis reverts commit 123456.', CONVENTIONAL, ("feat: a", "123456")),
    ('Reapply "feat: a"\n\nThis reverts commit 1234567.', ANGULAR, None),
    ('Revert "a" \n b\nThis reverts commit 1234567.', ANGULAR, ('a" \n b', "1234567")),
]


@pytest.mark.parametrize(("message", "options", "revert"), REVERTS)
def test_reverts_are_seen_as_each_preset_sees_them(
    message: str, options: Options, revert: tuple[str, str] | None
) -> None:
    """The angular preset wants 7 to 40 characters, conventionalcommits a dot behind them."""
    expected = dict(zip(("header", "hash"), revert, strict=True)) if revert else None
    assert parse(message, options).revert == expected


BROKEN = ["fix: x\n\nBREAKING CHANGE: y\n---", "fix: x\n\n-notes-\ny", "fix: @x\n\n-mentions-\ny"]


@pytest.mark.parametrize("message", BROKEN)
def test_what_npm_fails_on_is_read_and_named(message: str) -> None:
    """No message of a contributor's can stop a release."""
    assert parse(message, ANGULAR).broken
    assert parse(message, ANGULAR).type == "fix"


def test_an_option_of_the_project_replaces_the_presets() -> None:
    """Expressions are texts, with JavaScript's meaning; null switches one off."""
    options = Options(
        parser_opts={
            "headerPattern": r"^:(?<emoji>\w+): (?<subject>.+)$",
            "headerCorrespondence": ["emoji", "subject"],
            "noteKeywords": ["ÄNDERUNG"],
            "fieldPattern": None,
            "commentChar": "#",
        }
    )
    found = parse(":bug: x\n# no\n---\nänderung: y", options)
    assert (found.values["emoji"], found.subject) == ("bug", "x")
    assert found.notes == (Note("änderung", "y"),)


HOSTILE = {
    "blanks in a revert": 'Revert "x' + " " * 400_000 + "This reverts commit 1234567",
    "quotes in a revert": "Revert " + '" ' * 200_000,
    "brackets": "feat(" + "): " * 200_000 + "\r",
    "words that close": "fix: x\n\nfix" + " " * 300_000 + "a\rb #1",
    "prefixes in one word": "fix: x\n\n" + "gh-" * 200_000 + "!",
    "numbers": "fix: x\n\n" + "#" * 400_000,
    "addresses": "fix: x\n\n" + "http://" * 100_000 + " #1",
    "notes": "feat: x\n\n" + "BREAKING CHANGE: x\n" * 20_000,
    "long": "feat: x\n\n" + "word " * 2_000_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_messages_take_linear_time(text: str) -> None:
    """Each of these takes hours, or all of the stack, where time or depth grows with the square of the length."""
    read = parser(ANGULAR, {"issuePrefixes": ["#", "gh-"]})
    assert read(text).header
