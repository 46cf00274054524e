"""What a release looks like in a chat, in a mail, to a script."""

import json

import pytest

from releasd.core import announcing
from releasd.model import AnnouncedFile, Announcement, Bump

NOTES = "# 1.1.0\n\n### Features\n\n* **api:** faster ([abc](https://git.example.org/c/abc)) <!channel> & more\n"
NEWS = Announcement(
    project="demo", distribution="demo", version="1.1.0", pep440="1.1.0", tag="v1.1.0", commit="c" * 40,
    bump=Bump.MINOR, notes=NOTES, indexes=("pypi",),
    files=(AnnouncedFile(filename="demo-1.1.0.tar.gz", sha256="a" * 64, size=5),),
)  # fmt: skip


def test_slack_gets_its_own_markup() -> None:
    """Headings and strong words are bold, items have dots, links are links, and no commit can call a channel."""
    assert json.loads(announcing.slack(NEWS)) == {
        "text": "*demo 1.1.0* is released\n*1.1.0*\n\n*Features*\n\n"
        "• *api:* faster (<https://git.example.org/c/abc|abc>) &lt;!channel&gt; &amp; more"
    }


def test_a_link_that_is_no_web_address_is_words() -> None:
    """What leads nowhere is not made a link."""
    news = Announcement(**{**_fields(), "notes": "see [x](javascript:alert)"})
    assert json.loads(announcing.slack(news))["text"].endswith("see x")


def test_matrix_gets_a_notice() -> None:
    """The notes are plain text: what they hold is shown and not run."""
    assert json.loads(announcing.matrix(NEWS)) == {
        "msgtype": "m.notice",
        "body": f"demo 1.1.0 is released\n{NOTES.strip()}",
    }


@pytest.mark.parametrize("form", [announcing.slack, announcing.matrix])
def test_long_notes_are_cut(form: object) -> None:
    """A chat refuses what is too long, so it gets the beginning."""
    news = Announcement(**{**_fields(), "notes": "x" * 100_000})
    assert callable(form)
    assert announcing.LONGEST_CHAT < len(form(news)) < announcing.LONGEST_CHAT + 200
    assert "…" in form(news).decode()


def test_a_mail_says_what_and_where() -> None:
    """Version, tag, commit, indexes, notes and digests, as text."""
    assert announcing.text(NEWS) == (
        f"demo 1.1.0 is released.\n\nTag: v1.1.0\nCommit: {'c' * 40}\nPublished to: pypi\n\n{NOTES}\n"
        f"{'a' * 64}  demo-1.1.0.tar.gz\n"
    )


def test_a_mail_of_a_release_that_is_only_tagged() -> None:
    """Without index and files there is nothing to say of them."""
    news = Announcement(**{**_fields(), "indexes": (), "files": ()})
    assert announcing.text(news).endswith(f"Commit: {'c' * 40}\n\n{NOTES}")
    assert "Published" not in announcing.text(news)


def test_a_script_is_told_by_variables() -> None:
    """All that it may need, and nothing of the daemon's own."""
    assert announcing.variables(NEWS) == {
        "RELEASD_PROJECT": "demo", "RELEASD_DISTRIBUTION": "demo", "RELEASD_VERSION": "1.1.0",
        "RELEASD_PEP440": "1.1.0", "RELEASD_TAG": "v1.1.0", "RELEASD_COMMIT": "c" * 40,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("version", "pre"), [("1.1.0", False), ("1.1.0b1", True), ("1.1.0.dev3", True), ("1.1.0.post1", False)]
)
def test_a_pre_release_is_known_by_its_version(version: str, pre: bool) -> None:  # noqa: FBT001
    """As installers see it; the channel of a maintenance branch makes none."""
    assert announcing.is_prerelease(version) is pre


def _fields() -> dict[str, object]:
    return {name: getattr(NEWS, name) for name in Announcement.__slots__}
