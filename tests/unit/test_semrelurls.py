"""Remotes' URLs as release-notes-generator reads them."""

import pytest

from releasd.core.semrel.urls import place


@pytest.mark.parametrize(
    ("url", "host", "owner", "repository"),
    [
        ("https://github.com/o/r.git", "https://github.com", "o", "r"),
        ("git@github.com:o/r.git", "https://github.com", "o", "r"),
        ("alias:o/r", "https://alias", "o", "r"),
        ("ssh://git@h.example:2222/g/s/r.git", "https://h.example", "g", "s/r"),
        ("https://u:p@h.example:8443/o/r", "https://h.example:8443", "o", "r"),
        ("https://h.example:443/o/r", "https://h.example", "o", "r"),
        ("http://H.example/o/r", "http://h.example", "o", "r"),
        ("ssh://git@GitHub.com/o/r", "https://GitHub.com", "o", "r"),
        ("git@h.example:/srv/r.git", "https://h.example", None, "srv/r"),
        ("file:///srv/git/r.git", "https:", "srv", "git/r"),
        ("https://h.example/a/../b/c d/é", "https://h.example", "b", "c%20d/%C3%A9"),
        ("https://bücher.example/o/r", "https://xn--bcher-kva.example", "o", "r"),
        ("https://h.example", "https://h.example", None, None),
        ("/srv/git/r", "https:", None, None),
    ],
)
def test_host_owner_and_repository(url: str, host: str, owner: str | None, repository: str | None) -> None:
    """The parts that links are made of, literal as npm makes them."""
    found = place(url)
    assert (found.host, found.owner, found.repository) == (host, owner, repository)


@pytest.mark.parametrize(
    ("url", "issue", "commit", "prefixes"),
    [
        ("https://github.com/o/r", "issues", "commit", ("#", "gh-")),
        ("https://gitlab.com/o/r", "issues", "commit", ("#",)),
        ("https://bitbucket.org/o/r", "issue", "commits", ("#",)),
        ("https://gitea.example/o/r", "issues", "commit", ("#", "gh-")),
    ],
)
def test_words_of_the_forge(url: str, issue: str, commit: str, prefixes: tuple[str, ...]) -> None:
    """The generator knows three forges by their exact host; all others have GitHub's words."""
    forge = place(url).forge
    assert (forge.issue, forge.commit, tuple(forge.issue_prefixes)) == (issue, commit, prefixes)
