"""Which globs are matched here, and what they match."""

import pytest

from releasd.core.packages import pathspecs
from releasd.core.pathspecs import areas


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("pkg/**", b"pkg/a/b.c", 1),
        ("pkg/**", b"pkg", 0),
        ("pkg/**", b"pkg2/a", 0),
        ("pkg", b"pkg/a", 1),
        ("pkg", b"pkg", 1),
        ("pkg", b"pkgs/a", 0),
        ("**/x", b"x", 1),
        ("**/x", b"a/b/x", 1),
        ("**/x", b"a/bx", 0),
        ("a/**/x", b"a/x", 1),
        ("a/**/x", b"a/b/c/x", 1),
        ("a/*.c", b"a/b/d.c", 0),
        ("a/*", b"a/b\nc", 1),
        ("?", b"/", 0),
        ("\\*", b"*", 1),
        ("\\*", b"a", 0),
        ("**", b"any/thing", 1),
        ("ü/**", "ü/x".encode(), 1),
        ("a.b", b"aXb", 0),
    ],
)
def test_a_glob_matches_what_git_does_not_match(glob: str, path: bytes, expected: int) -> None:
    """Globs mean what they mean to git: a folder's name alone is all that is in it, `*` stays within a folder."""
    found = areas([pathspecs([glob])])
    assert found
    assert len(found.of(path)) == expected


@pytest.mark.parametrize("glob", ["[ab]", "a**", "a***/b", "a/", "/a", "a//b", "./a", "a/../b", "a\\", "a/**b"])
def test_a_glob_is_guessed_at(glob: str) -> None:
    """Where it is not certain what git takes a glob for, nothing here matches it."""
    assert areas([pathspecs([glob])]) is None
    assert areas([pathspecs(["x"], [glob])]) is None


def test_a_pathspec_of_another_form_is_guessed_at() -> None:
    """Only the two forms that packages have are known."""
    assert areas([(":(icase)a",)]) is None
    assert areas([pathspecs([], ["a/**"])]) is None


def test_what_an_area_leaves_out_is_left_out_of_the_others() -> None:
    """An exclusion holds for its own area alone, and a path may be in several."""
    found = areas([pathspecs(["**"], ["pkg/**"]), pathspecs(["pkg/**", "docs"]), pathspecs(["*/x"])])
    assert found
    assert found.of(b"pkg/x") == (1, 2)
    assert found.of(b"docs/x") == (0, 1, 2)
    assert found.of_all([b"pkg/a", b"pkg/b/x"]) == {1}


def test_a_path_is_looked_at_for_ever() -> None:
    """A glob of many stars could be made to take hours here; it is git's, whose calls have a time limit."""
    assert areas([pathspecs(["*a*a*a"])]) is None
    assert areas([pathspecs(["**/*.py"])]) is not None
