"""The changelog: new notes in, nothing else touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.changelog import prepend, put_on_top

NOTES = "# [1.3.0](https://example.org/compare/v1.2.3...v1.3.0) (2026-01-02)\n\n### Features\n\n* x\n"
OLD = "## 1.2.3 (2025-01-01)\n\n### Bug Fixes\n\n* y\n"
INTRO = "# Changelog\n\nAll notable changes.\n"


@pytest.mark.parametrize("existing", [None, "", "\n \n", "\ufeff"])
def test_a_missing_or_empty_changelog_gets_a_title(existing: str | None) -> None:
    """A new file starts as people expect it."""
    assert prepend(existing, NOTES) == f"# Changelog\n\n{NOTES}"


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        (OLD, f"{NOTES}\n{OLD}"),
        (f"{INTRO}\n{OLD}", f"{INTRO}\n{NOTES}\n{OLD}"),
        (INTRO, f"{INTRO}\n{NOTES}"),
        ("# Changelog", f"# Changelog\n\n{NOTES}"),
        (f"# Changelog\n{OLD}", f"# Changelog\n\n{NOTES}\n{OLD}"),
        (f"{INTRO}\n## [Unreleased]\n\n- z\n\n{OLD}", f"{INTRO}\n## [Unreleased]\n\n- z\n\n{NOTES}\n{OLD}"),
        (f"{INTRO}\n## [Unreleased]\n\n- z\n", f"{INTRO}\n## [Unreleased]\n\n- z\n\n{NOTES}"),
        (f"{INTRO}\n## Spring release\n\n- z\n", f"{INTRO}\n{NOTES}\n## Spring release\n\n- z\n"),
        ("Just text\n", f"{NOTES}\nJust text\n"),
        ("# [1.2.0](x) (2025)\n\n* z\n", f"{NOTES}\n# [1.2.0](x) (2025)\n\n* z\n"),
        ("# v1.2.0\n\n* z\n", f"{NOTES}\n# v1.2.0\n\n* z\n"),
        (f"{INTRO}\n## [1.3.0-beta.1]\n\n* z\n", f"{INTRO}\n{NOTES}\n## [1.3.0-beta.1]\n\n* z\n"),
        (f"{INTRO}\n## 11.3.0\n\n* z\n", f"{INTRO}\n{NOTES}\n## 11.3.0\n\n* z\n"),
    ],
)
def test_notes_go_above_the_newest_version(existing: str, expected: str) -> None:
    """Title, introduction and an "Unreleased" section stay on top; the rest stays below."""
    assert prepend(existing, NOTES) == expected


def test_the_same_version_is_not_added_twice() -> None:
    """A second attempt writes the same file, also after someone edited the entry."""
    once = prepend(f"{INTRO}\n{OLD}", NOTES)
    assert prepend(once, NOTES) == once
    edited = once.replace("* x", "* x, reworded by hand")
    assert prepend(edited, NOTES) == edited


def test_line_ends_stay() -> None:
    """A changelog with CRLF gets its notes with CRLF."""
    result = prepend(f"{INTRO}\n{OLD}".replace("\n", "\r\n"), NOTES)
    assert result == f"{INTRO}\n{NOTES}\n{OLD}".replace("\n", "\r\n")


def test_a_byte_order_mark_stays_in_front() -> None:
    """Some editors write one; it means nothing anywhere else."""
    assert prepend(f"\ufeff{INTRO}\n{OLD}", NOTES) == f"\ufeff{INTRO}\n{NOTES}\n{OLD}"
    assert prepend(f"\ufeff{OLD}", NOTES) == f"\ufeff{NOTES}\n{OLD}"


@given(
    st.lists(
        st.sampled_from(["# Changelog", "## [Unreleased]", "## 1.2.3", "### Features", "* x", "", "text", "# [1.3.0]"])
    )
)
def test_no_line_is_lost_and_a_second_time_changes_nothing(lines: list[str]) -> None:
    """Every hand-written line is there afterwards, in its order."""
    existing = "\n".join(lines)
    once = prepend(existing, NOTES)
    kept = iter(once.split("\n"))
    assert all(line in kept for line in lines if line)
    assert prepend(once, NOTES) == once


@pytest.mark.parametrize(
    ("existing", "title", "expected"),
    [
        (None, None, NOTES),
        (None, "# Log", f"# Log\n\n{NOTES}"),
        ("", None, NOTES),
        (OLD, None, f"{NOTES}\n{OLD}"),
        (f"# Log\n\n{OLD}", "# Log", f"# Log\n\n{NOTES}\n{OLD}"),
        (f"intro\n\n{OLD}\n\n", "# Log", f"# Log\n\n{NOTES}\nintro\n\n{OLD}"),
        (f"\ufeff# Log\n{OLD}", "# Log", f"# Log\n\n{NOTES}\n{OLD}"),
    ],
)
def test_notes_on_top_as_semantic_release_puts_them(existing: str | None, title: str | None, expected: str) -> None:
    """Above everything but the title; what people wrote below stays as it is."""
    assert put_on_top(existing, NOTES, title=title) == expected
    assert put_on_top(expected, NOTES, title=title) == expected


def test_a_release_without_notes_leaves_the_changelog_alone() -> None:
    """There is nothing to put there."""
    assert put_on_top(OLD, " \n") == OLD
