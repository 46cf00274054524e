# ruff: noqa: E501 - a table of cases is read as a table
"""Keep a Changelog: the heading on top, what people wrote, and the list of links at the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.changelog import keep, written
from releasd.model import ChangelogForm

COMPARE = "https://github.com/o/r/compare"
NOTES = f"## [1.2.0] - 2026-01-02\n\n### Added\n\n- new\n\n### Fixed\n\n- bug\n\n[1.2.0]: {COMPARE}/v1.1.0...v1.2.0\n"
HEAD = f"{COMPARE}/v1.2.0...HEAD"
INTRO = "# Changelog\n\nAll notable changes.\n\n"
OLD = "## [1.1.0] - 2025-01-01\n\n### Added\n\n- old, reworded by hand\n\n"
LINKS = f"[unreleased]: {COMPARE}/v1.1.0...HEAD\n[1.1.0]: {COMPARE}/v1.0.0...v1.1.0\n"
NEW = "## [1.2.0] - 2026-01-02\n\n### Added\n\n- new\n\n### Fixed\n\n- bug\n\n"
NEW_LINKS = f"[unreleased]: {HEAD}\n[1.2.0]: {COMPARE}/v1.1.0...v1.2.0\n[1.1.0]: {COMPARE}/v1.0.0...v1.1.0\n"


def test_the_release_goes_below_unreleased_and_into_the_list() -> None:
    """`[Unreleased]` stays on top and compares with the new tag; the new link is above the older ones."""
    existing = f"{INTRO}## [Unreleased]\n\n{OLD}{LINKS}"
    expected = f"{INTRO}## [Unreleased]\n\n{NEW}{OLD}{NEW_LINKS}"
    assert keep(existing, NOTES, unreleased_url=HEAD) == expected
    assert keep(expected, NOTES, unreleased_url=HEAD) == expected


def test_what_people_wrote_under_unreleased_is_released() -> None:
    """It moves to the release, before what the commits say, each part under its own title."""
    by_hand = "A word on top.\n\n### Security\n\n- care\n\n### Added\n\n- by hand\n  over two lines\n\n"
    existing = f"{INTRO}## [Unreleased]\n\n{by_hand}{OLD}{LINKS}"
    released = (
        "## [1.2.0] - 2026-01-02\n\nA word on top.\n\n### Security\n\n- care\n\n"
        "### Added\n\n- by hand\n  over two lines\n- new\n\n### Fixed\n\n- bug\n\n"
    )
    assert keep(existing, NOTES, unreleased_url=HEAD) == f"{INTRO}## [Unreleased]\n\n{released}{OLD}{NEW_LINKS}"


def test_a_new_changelog_says_what_it_follows() -> None:
    """The introduction of keepachangelog.com, an empty "Unreleased", the release, and both links."""
    made = keep(None, NOTES, unreleased_url=HEAD)
    assert made.startswith("# Changelog\n\nAll notable changes to this project")
    assert made.endswith(f"## [Unreleased]\n\n{NEW}[unreleased]: {HEAD}\n[1.2.0]: {COMPARE}/v1.1.0...v1.2.0\n")
    assert keep(" \n", NOTES, title="# Changes").startswith("# Changes\n\n## [Unreleased]\n\n## [1.2.0]")


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        (f"{INTRO}{OLD}", f"{INTRO}{NEW}{OLD}[1.2.0]: {COMPARE}/v1.1.0...v1.2.0\n"),
        ("## [Unreleased]\n", f"## [Unreleased]\n\n{NEW}[unreleased]: {HEAD}\n[1.2.0]: {COMPARE}/v1.1.0...v1.2.0\n"),
        (f"{INTRO}{OLD}{LINKS}".replace("unreleased", "Unreleased"), f"{INTRO}{NEW}{OLD}{NEW_LINKS}".replace("unreleased", "Unreleased")),
        (f"{INTRO}{OLD}[x]: y\n[1.1.0]: z\n", f"{INTRO}{NEW}{OLD}[x]: y\n[1.2.0]: {COMPARE}/v1.1.0...v1.2.0\n[1.1.0]: z\n"),
    ],
)  # fmt: skip
def test_changelogs_that_lack_a_part(existing: str, expected: str) -> None:
    """No "Unreleased" is invented where people have none; other links and spellings stay."""
    assert keep(existing, NOTES, unreleased_url=HEAD) == expected


def test_without_pages_there_are_no_links() -> None:
    """A repository without a page gets the heading alone, and links that are there stay."""
    plain = NOTES.partition("\n[1.2.0]:")[0]
    made = keep(f"{INTRO}## [Unreleased]\n\n{OLD}{LINKS}", plain)
    assert made == f"{INTRO}## [Unreleased]\n\n{NEW}{OLD}{LINKS}"


def test_line_ends_stay() -> None:
    """A changelog with CRLF stays one."""
    existing = f"{INTRO}## [Unreleased]\n\n- by hand\n\n{OLD}{LINKS}".replace("\n", "\r\n")
    made = keep(existing, NOTES, unreleased_url=HEAD)
    assert "\n" not in made.replace("\r\n", "")
    assert made.replace("\r\n", "\n") == keep(existing.replace("\r\n", "\n"), NOTES, unreleased_url=HEAD)


def test_the_form_decides() -> None:
    """Plan, preview and the release commit all go through the form that the plan holds."""
    existing = f"{INTRO}## [Unreleased]\n\n- by hand\n\n{OLD}"
    kept = written(existing, NOTES, ChangelogForm(kind="keep-a-changelog"))
    default = written(existing, NOTES, ChangelogForm())
    npm = written(existing, NOTES, ChangelogForm(kind="semantic-release"))
    assert kept.index("## [1.2.0]") < kept.index("- by hand")
    assert default.index("- by hand") < default.index("## [1.2.0]") < default.index("## [1.1.0]")
    assert npm.startswith("## [1.2.0]")


LINES = ("# Changelog", "## [Unreleased]", "## [1.1.0] - 2025", "### Added", "- x", "", "text", "[1.1.0]: y", "```")


@given(st.lists(st.sampled_from(LINES)))
def test_no_line_is_lost_and_a_second_time_changes_nothing(lines: list[str]) -> None:
    """Every hand-written line is there afterwards, whatever the file looks like; headings of one title may join."""
    once = keep("\n".join(lines), NOTES, unreleased_url=HEAD)
    kept = once.split("\n")
    for line in set(lines) - {"", "### Added"}:
        assert kept.count(line) >= lines.count(line), line
    assert keep(once, NOTES, unreleased_url=HEAD) == once
