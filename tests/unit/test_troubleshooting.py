"""Every failure that is known is recognised by the real words, and the document says what the table says."""

from collections import Counter
from pathlib import Path

import pytest

from releasd.core.troubleshooting import TABLE, Known, document, recognise
from releasd.core.troubleshooting.uploads import UPLOADS

DOCUMENT = Path(__file__).parents[2] / "docs/troubleshooting.md"
CASES = [
    pytest.param(known, words, id=f"{known.name}-{n}") for known in TABLE for n, words in enumerate(known.examples)
]


@pytest.mark.parametrize(("known", "words"), CASES)
def test_the_real_words_are_recognised(known: Known, words: str) -> None:
    """Each example is answered with its own entry, in an error and, of builds, in the midst of an output."""
    assert recognise(words, upload=known.scope == "upload") is known
    if known.scope == "output":
        assert recognise("wheel on big: its command ended with exit status 1", f"compiling\n{words}\nend") is known


def test_every_entry_names_an_example_a_cause_and_a_fix() -> None:
    """Nothing is in the table that is not tried above."""
    assert [known.name for known in TABLE if not (known.examples and known.cause and known.fix)] == []
    assert [name for name, times in Counter(known.name for known in TABLE).items() if times > 1] == []


def test_every_upload_failure_has_a_class() -> None:
    """An uploader's words decide whether it is tried again, so each entry says so; no other entry does."""
    assert [known for known in TABLE if (known.error is not None) != (known in UPLOADS)] == []


@pytest.mark.parametrize(
    "words", ["No releasable commits", "PyPI 403 Forbidden", "Linux build failed", "Version not updated"]
)
def test_the_workflows_own_section_is_covered(words: str) -> None:
    """Each heading of the hand-run workflow's troubleshooting stands in the document, so that it is found by search."""
    assert words in DOCUMENT.read_text()


def test_an_unknown_failure_is_answered_with_nothing() -> None:
    """No guess is better than a wrong one; an uploader's loose words mean nothing in a build."""
    assert recognise("the moon is in the wrong house", "connection of pipes: ok") is None


def test_the_general_gives_way_to_the_particular() -> None:
    """That the build failed is known, too, but what its output says is what helps."""
    failed = "wheel on bigblack: its command ended with exit status 127"
    found = recognise(failed, "sh: 3: cargo: not found")
    assert found is not None
    assert found.name == "cargo-missing"
    general = recognise(failed)
    assert general is not None
    assert general.name == "build-failed"


def test_the_document_is_made_of_the_table() -> None:
    """`make docs` writes it; nobody edits it by hand."""
    assert DOCUMENT.read_text() == document()
