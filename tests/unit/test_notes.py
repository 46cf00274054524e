"""Release notes: semantic-release's shape, and text that cannot break it."""

import datetime as dt
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.core.notes import render_notes
from releasd.core.pages import pages, web_url_of
from releasd.core.version import decide
from releasd.model import Bump, LastRelease, ProjectConfig, ReleaseRule
from support.facts import LAST, commit_id, facts

DAY = dt.date(2026, 1, 2)
WEB = "https://example.org/o/r"


def notes(
    *messages: str, web_url: str | None = None, last: LastRelease | None = LAST, rules: Sequence[ReleaseRule] = ()
) -> str:
    found = facts(*messages, last=last)
    decision = decide(found, ProjectConfig(release_rules=tuple(rules)), None)
    return render_notes(decision, last=last, pages=pages(web_url or ""), date=DAY, commits=found.commits)


def test_the_whole_shape() -> None:
    """Heading with compare link, sorted sections, sorted bullets with commit links, breaking changes last."""
    text = notes(
        "feat(b): second",
        "feat(a): first (#5)",
        "fix: repair\n\nCloses #7, o/other#8",
        "docs: not shown",
        "refactor!: rename\n\nBREAKING CHANGE: use the new name\nin all places",
        web_url=WEB,
    )

    def link(number: int) -> str:
        return f"([{commit_id(number)[:7]}]({WEB}/commit/{commit_id(number)}))"

    assert (
        text
        == f"""# [2.0.0]({WEB}/compare/v1.2.3...v2.0.0) (2026-01-02)

### Bug Fixes

* repair {link(3)}, closes [#7]({WEB}/issues/7) [o/other#8](https://example.org/o/other/issues/8)

### Code Refactoring

* rename {link(5)}

### Features

* **a:** first ([#5]({WEB}/issues/5)) {link(2)}
* **b:** second {link(1)}

### BREAKING CHANGES

* use the new name
  in all places
"""
    )


def test_without_a_web_address_there_are_no_links() -> None:
    """A repository without a forge gets plain names."""
    assert (
        notes("fix(x): a\n\nCloses #1") == "## 1.2.4 (2026-01-02)\n\n### Bug Fixes\n\n* **x:** a (0000001), closes #1\n"
    )


def test_the_first_release_compares_with_nothing() -> None:
    """There is no tag to link to."""
    assert notes("feat: a", last=None, web_url=WEB).startswith("# 0.1.0 (2026-01-02)\n")


def test_no_release_has_no_notes() -> None:
    """Nothing is invented."""
    assert notes("docs: a") == ""


def test_a_reverted_pair_is_left_out() -> None:
    """What is not in the release is not in its notes."""
    text = notes("feat: a", "fix: b", f'Revert "feat: a"\n\nThis reverts commit {commit_id(1)}.')
    assert "### Features" not in text
    assert "Reverts" not in text


def test_the_revert_of_a_released_commit_is_shown() -> None:
    """It is what the release is about."""
    text = notes('Revert "feat: a"\n\nThis reverts commit ' + "9" * 40)
    assert '### Reverts\n\n* Revert "feat: a" (0000001)' in text


def test_a_commit_that_a_custom_rule_releases_is_shown() -> None:
    """Notes are never blank: one rule table drives version and notes."""
    rule = ReleaseRule(release=Bump.PATCH, match={"type": "docs"})
    assert "### Documentation\n\n* a (0000001)" in notes("docs: a", rules=[rule])


def test_a_breaking_change_without_a_type_is_shown() -> None:
    """A commit without a type has its own section, and its note is among the breaking changes."""
    text = notes("gone\n\nBREAKING CHANGE: it is")
    assert "### Other Changes\n\n* gone" in text
    assert "### BREAKING CHANGES\n\n* it is" in text


def test_what_a_squash_commit_holds_is_shown_once_each() -> None:
    """Title and parts, under their own sections, with the footers of each."""
    text = notes(
        "feat: login (#12)\n\n* feat: login\n\n* fix(ui): typo\n\nCloses #7\n\n* docs: not shown\n\n* fix(ui): typo\n\n"
        "* refactor!: names\n\nBREAKING CHANGE: other names\n\nSee merge request a/b!1"
    )
    assert text == (
        "# 2.0.0 (2026-01-02)\n\n### Bug Fixes\n\n* **ui:** typo (0000001), closes #7\n\n"
        "### Code Refactoring\n\n* names (0000001)\n\n### Features\n\n* login (#12) (0000001)\n\n"
        "### BREAKING CHANGES\n\n* other names\n"
    )


def test_a_part_that_was_taken_back_is_not_shown() -> None:
    """Neither it nor its revert; what is left of the squash commit is."""
    text = notes("Work (#1)\n\n* feat: a\n* fix: b", 'Revert "feat: a"')
    assert text == "## 1.2.4 (2026-01-02)\n\n### Bug Fixes\n\n* b (0000001)\n"


def test_a_skipped_revert_hides_nothing() -> None:
    """What the version counts is what the notes show."""
    text = notes("feat: a", f'Revert "feat: a"\n\nThis reverts commit {commit_id(1)}.\n[skip release]')
    assert "### Features\n\n* a (0000001)" in text


def test_a_notes_further_lines_cannot_become_headings() -> None:
    """Neither `#` lines nor lines of dashes below a text, nor a line that looks like a release."""
    text = notes("feat!: a\n\nBREAKING CHANGE: b\n# [9.9.9] (2020-01-01)\n===\n\n## c\n")
    assert "\n  \\# [9.9.9]" in text
    assert "\n  \\===" in text
    assert "\n  \\## c" in text


@given(
    st.lists(
        st.text(alphabet=st.one_of(st.characters(), st.sampled_from("#*-=\n\r\t\x00\x1b\u2028`[]")), max_size=60),
        min_size=1,
        max_size=4,
    )
)
def test_no_text_of_a_commit_breaks_the_structure(texts: list[str]) -> None:
    """Headings are only ours, and no control character gets through."""
    text = notes(*(f"feat({t}): {t}\n\nBREAKING CHANGE: {t}\n{t}" for t in texts))
    lines = text.split("\n")
    ours = ("# [", "# 2.0.0 (", "### Features", "### Other Changes", "### BREAKING CHANGES")
    assert all(line.startswith(ours) for line in lines if line.lstrip().startswith("#"))
    assert all(line.startswith(("#", "* ", "  ")) for line in lines if line)
    assert all(line.isprintable() for line in lines)


REMOTES = [
    ("git@github.com:o/r.git", "https://github.com/o/r"),
    ("git.example.org:group/sub/r", "https://git.example.org/group/sub/r"),
    ("ssh://git@git.example.org:2222/o/r.git", "https://git.example.org/o/r"),
    ("git://git.example.org/o/r.git/", "https://git.example.org/o/r"),
    ("https://user:token@git.example.org/o/r.git", "https://git.example.org/o/r"),
    ("https://git.example.org:8443/o/r", "https://git.example.org:8443/o/r"),
    ("http://127.0.0.1:3000/o/r.git", "http://127.0.0.1:3000/o/r"),
    ("https://[::1]:3000/o/r?x#y", "https://[::1]:3000/o/r"),
    ("/srv/git/r.git", None),
    ("../r", None),
    ("./a:b", None),
    ("file:///srv/git/r.git", None),
    ("git@alias:o/r.git", None),
    ("ssh://alias/o/r.git", None),
    ("git@host.example.org:/srv/git/r.git", None),
    ("ssh://host.example.org/~/r.git", None),
    ("https://git.example.org", None),
    ("https://git.example.org:port/o/r", None),
    ("C:\\r", None),
    ("", None),
]


@pytest.mark.parametrize(("remote", "page"), REMOTES)
def test_a_forges_page_is_found_from_its_remote(remote: str, page: str | None) -> None:
    """Without credentials, without dead links; None where there is no page."""
    assert web_url_of(remote) == page


@given(st.text())
def test_no_remote_makes_it_fail(remote: str) -> None:
    """Whatever the remote is called, there is a page or none."""
    page = web_url_of(f"https://user:secret@{remote}")
    assert page is None or "secret@" not in page
