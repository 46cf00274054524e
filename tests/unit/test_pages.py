# ruff: noqa: E501 - a table of addresses is read as a table
"""The pages of forges that notes link to."""

import pytest

from releasd.core.pages import FORGES, form_problem, hostname_of, pages, resolved, ssh_host


@pytest.mark.parametrize(
    ("remote", "compare", "commit", "issue"),
    [
        ("git@github.com:o/r.git", "https://github.com/o/r/compare/v1...v2", "/commit/abc", "https://github.com/o/r/issues/7"),
        ("https://gitlab.com/g/s/r.git", "https://gitlab.com/g/s/r/-/compare/v1...v2", "/-/commit/abc", "https://gitlab.com/g/s/r/-/issues/7"),
        ("ssh://git@gitlab.corp.example:2222/g/r.git", "https://gitlab.corp.example/g/r/-/compare/v1...v2", "/-/commit/abc", "https://gitlab.corp.example/g/r/-/issues/7"),
        ("https://codeberg.org/o/r", "https://codeberg.org/o/r/compare/v1...v2", "/commit/abc", "https://codeberg.org/o/r/issues/7"),
        ("https://gitea.example:3000/o/r.git", "https://gitea.example:3000/o/r/compare/v1...v2", "/commit/abc", "https://gitea.example:3000/o/r/issues/7"),
        ("git@bitbucket.org:o/r.git", "https://bitbucket.org/o/r/branches/compare/v2%0Dv1", "/commits/abc", "https://bitbucket.org/o/r/issues/7"),
        ("git@git.sr.ht:~user/r", "https://git.sr.ht/~user/r/refs/v2", "/commit/abc", None),
        ("https://git.kernel.org/pub/scm/git/git.git", "https://git.kernel.org/pub/scm/git/git.git/log/?qt=range&q=v1..v2", "/commit/?id=abc", None),
    ],
)  # fmt: skip
def test_pages_of_each_forge(remote: str, compare: str, commit: str, issue: str | None) -> None:
    """Every forge has paths of its own."""
    found = pages(remote)
    assert found is not None
    assert found.compare("v1", "v2") == compare
    assert found.commit("abc") == found.base + commit
    assert found.issue("7") == issue


def test_the_operator_can_name_the_forge() -> None:
    """A host's name does not always tell."""
    found = pages("https://git.corp.example/o/r", forge="gitlab")
    assert found is not None
    assert found.commit("abc") == "https://git.corp.example/o/r/-/commit/abc"
    assert found.issue("a/b#3") == "https://git.corp.example/a/b/-/issues/3"
    assert found.user("ann") == "https://git.corp.example/ann"


@pytest.mark.parametrize("forge", FORGES)
def test_every_forge_can_be_named(forge: str) -> None:
    """Each has a comparison and a commit's page below the repository's own."""
    found = pages("https://git.corp.example/o/r", forge=forge)
    assert found is not None
    assert found.compare("v1", "v2").startswith(found.base)
    assert found.commit("abc").startswith(found.base)


def test_a_project_can_give_its_own_forms() -> None:
    """They name the places, and nothing else: no attribute, no item, no format."""
    urls = {"compare": "{host}/diff?from={old}&to={new}", "issue": "https://tickets.example/{id}"}
    found = pages("git@forge.example:o/r", urls=urls)
    assert found is not None
    assert found.compare("v1", "a&b") == "https://forge.example/diff?from=v1&to=a%26b"
    assert (found.issue("7"), found.commit("c")) == ("https://tickets.example/7", "https://forge.example/o/r/commit/c")
    assert form_problem("issue", urls["issue"]) is None


@pytest.mark.parametrize(
    "form",
    [
        "{base.__class__}", "{base}/{0}", "{base}/{id!r}", "{base}/{old}", "javascript:alert(1)", "{base}/a b", "{base}/)",
        "{base}/{id", "/x/{id}", "{base}/<b>", "{base}/\u202e", "{base}/]", "",
    ],
)  # fmt: skip
def test_forms_that_could_break_out_are_refused(form: str) -> None:
    """An address of the project's own is http, has known places, and nothing that ends a link."""
    assert form_problem("issue", form) is not None


def test_tags_cannot_break_a_link() -> None:
    """Brackets, spaces and signs of a query are escaped in addresses."""
    found = pages("https://github.com/o/r")
    assert found is not None
    assert found.compare("a(b)", "c#d%") == "https://github.com/o/r/compare/a%28b%29...c%23d%25"


@pytest.mark.parametrize(
    "remote",
    [
        "/srv/git/r",
        "file:///srv/r",
        "work:o/r",
        "ssh://work/o/r",
        "git@github.com-work:o/r",
        "git@h.example:o/r)x(",
        "",
    ],
)
def test_what_has_no_page_has_no_pages(remote: str) -> None:
    """A local path, or an alias that nobody resolved, is not linked to."""
    assert pages(remote) is None


@pytest.mark.parametrize(
    ("remote", "host", "answer"),
    [
        ("work:o/r.git", "work", "github.com:o/r.git"),
        ("git@work:o/r.git", "work", "git@github.com:o/r.git"),
        ("ssh://git@work:22/o/r", "work", "ssh://git@github.com:22/o/r"),
        ("git+ssh://work/o/r", "work", "git+ssh://github.com/o/r"),
        ("https://work/o/r", None, "https://work/o/r"),
        ("/srv/r", None, "/srv/r"),
        ("git@github.com:o/r", None, "git@github.com:o/r"),
        ("-oProxyCommand=x:o/r", None, "-oProxyCommand=x:o/r"),
        ("a$(x):o/r", None, "a$(x):o/r"),
    ],
)
def test_an_ssh_alias_is_resolved(remote: str, host: str | None, answer: str) -> None:
    """The caller asks ssh about the host of an ssh remote, and only of such; no option reaches ssh."""
    assert ssh_host(remote) == host
    assert resolved(remote, "ssh.github.com" if host else None) == answer


def test_the_host_name_is_read_from_what_ssh_says() -> None:
    """`ssh -G` prints one setting a line, in lower case."""
    assert hostname_of("user git\nhostname github.com\nport 22\n") == "github.com"
    assert hostname_of("user git\n") is None
