"""Core metadata as PyPI judges it: what it would answer with a 400 is found before the tag."""

import pytest

from releasd.core.judging.metadata import judge, licence_files
from releasd.core.judging.verdict import Expected
from releasd.model import IndexRules

EXPECTED = Expected(distribution="my-demo", version="1.2.0")
OWN = Expected(distribution="my-demo", version="1.2.0", rules=IndexRules(pypi_rules=False))
HEAD = "Metadata-Version: 2.4\nName: my-demo\nVersion: 1.2.0\n"
TABLE = "Markdown\n========\n\n| a | b |\n"


def told(more: str, expected: Expected = EXPECTED) -> str:
    """Return what is wrong with good metadata and these lines more, as one text."""
    return "; ".join(problem.what for problem in judge((HEAD + more).encode(), expected))


@pytest.mark.parametrize(
    "more",
    [
        "",
        "Summary: short\nAuthor-email: Me <me@example.org>\nRequires-Python: >=3.9\nRequires-Dist: packaging>=2\n",
        "License-Expression: MIT OR Apache-2.0\nLicense-File: LICENSE\nClassifier: Typing :: Typed\n",
        "Project-URL: Home, https://example.org/x\nHome-page: http://example.org\n",
        "Description-Content-Type: text/markdown\n\n| a `broken` table\n*and* [more](",
        "Description-Content-Type: text/x-rst\n\nTitle\n=====\n\n* a list\n",
        "\nplain words\n",
    ],
)
def test_metadata_as_backends_write_it(more: str) -> None:
    """Nothing that PyPI takes is held up here; Markdown always renders."""
    assert told(more) == ""


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("Classifier: Topic :: Nonsense\n", "the classifier 'Topic :: Nonsense' is not known"),
        ("Classifier: Private :: Do Not Upload\n", "'Private :: Do Not Upload' is not known"),
        ("Classifier: Natural Language :: Ukranian\n", "'Natural Language :: Ukranian' is deprecated"),
        ("License-Expression: Nonsense-9\n", "license-expression"),
        ("License-Expression: MIT\nLicense: MIT\n", "both License and License-Expression"),
        ("License-File: ../LICENSE\n", "license-file"),
        ("Requires-Python: three\n", "requires-python"),
        ("Requires-Dist: x @ https://example.org/x.whl\n", "depends on an address"),
        ("Requires-Dist: not a requirement!\n", "requires-dist"),
        ("Author-email: me\n", "author-email: 'me' is no e-mail address"),
        ("Home-page: javascript:alert(1)\n", "no web address"),
        ("Project-URL: Home, ftp://example.org\n", "no web address"),
        (f"Project-URL: {'x' * 33}, https://example.org\n", "needs 1 to 32 characters"),
        (f"Summary: {'x' * 513}\n", "more than 512 characters"),
        ("Nonsense: x\n", "nonsense"),
        ("Description-Content-Type: text/html\n\n<p>x</p>", "description-content-type"),
        ("Description-Content-Type: text/x-rst\n\n.. nonsense:: x\n", "its long description does not render"),
        ("\nTitle\n===\n\n`broken\n", "does not render; without a content type it is read as reStructuredText"),
        ("Description-Content-Type: text/x-rst\n\n.. include:: /etc/passwd\n", "does not render"),
    ],
)
def test_metadata_that_pypi_refuses(more: str, words: str) -> None:
    """Each is named by its field and value, before anything is public."""
    assert words in told(more)


def test_a_local_version_is_for_indexes_of_ones_own() -> None:
    """`1.2.0+cuda` is refused by PyPI and taken by an index with other rules."""
    text = HEAD.replace("1.2.0", "1.2.0+cuda").encode()
    assert [p.what for p in judge(text, Expected(distribution="my-demo", version="1.2.0+cuda"))] == [
        "indexes refuse the local version 1.2.0+cuda"
    ]
    own = Expected(distribution="my-demo", version="1.2.0+cuda", rules=OWN.rules)
    assert list(judge(text, own)) == []


def test_what_an_index_of_ones_own_may_take() -> None:
    """Direct dependencies and private classifiers are PyPI's rules, not the format's."""
    more = "Requires-Dist: x @ https://example.org/x.whl\nClassifier: Private :: Do Not Upload\n"
    assert told(more, OWN) == ""
    assert "is not known" in told("Classifier: Topic :: Nonsense\n", OWN)


def test_every_problem_has_a_cause_and_a_fix() -> None:
    """Nobody is left alone with a complaint."""
    found = list(judge(b"Metadata-Version: 2.4\nName: x\nVersion: y\nClassifier: z\nHome-page: h\n", EXPECTED))
    assert len(found) >= 4
    assert all(problem.what and problem.fix for problem in found)


def test_licence_files_count_from_version_2_4_on() -> None:
    """Older metadata has the field without PEP 639's promise of where the file is."""
    assert licence_files(b"Metadata-Version: 2.4\nLicense-File: A\nLicense-File: b/C\n") == ("A", "b/C")
    assert licence_files(b"Metadata-Version: 2.1\nLicense-File: A\n") == ()
    assert licence_files(b"License-File: A\n") == ()
