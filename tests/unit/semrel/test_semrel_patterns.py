"""Globs and expressions: exact, and never slow for ever."""

import pytest

from releasd.core.semrel import jsregex, micromatch
from releasd.core.semrel.options import Options, check, problems
from releasd.errors import ConfigError

GLOBS = [
    ("*", "feat", True),
    ("*", "a/b", False),
    ("a**", "a/b", False),
    ("**", "a/b", True),
    ("*", ".hidden", False),
    ("FEAT", "feat", False),
    ("{a,b}", "b", True),
    ("!(x)", "y", True),
    ("!x", "x", False),
    ("!x", "a\nb", False),  # an expression's dot, which crosses no line's end
    ("[!a]", "b", False),  # not a shell: only ^ inverts a set
    ("[^a]", "b", True),
    ("+([0-9])?(.{+([0-9]),x}).x", "1.2.x", True),
    ("+([0-9])?(.{+([0-9]),x}).x", "1.x", True),
    ("+([0-9])?(.{+([0-9]),x}).x", "main", False),
    ("???", "😀a", True),  # units of UTF-16
    ("a(b)", "a(b)", True),
    ("*", "", False),
    ("(a", "(a", True),
]


@pytest.mark.parametrize(("glob", "text", "expected"), GLOBS)
def test_globs_match_as_measured(glob: str, text: str, expected: bool) -> None:  # noqa: FBT001 - a column
    """What micromatch 4.0.8 answered."""
    assert micromatch.matches(glob, text) is expected


SLOW = [
    ("*a" * 20 + "b", "a" * 2000),
    ("(a+)+b", "a" * 2000),
    ("+(a|b|ab)c", "ab" * 1000),
    ("!(*a*a*a*a)", "a" * 2000),
    ("**/a/**/b/**", "a/" * 1000),
]


@pytest.mark.parametrize(("glob", "text"), SLOW)
def test_no_glob_takes_exponential_time(glob: str, text: str) -> None:
    """Each of these takes longer than anybody waits, by plain backtracking."""
    assert micromatch.matches(glob, text) in (True, False)


def test_an_expression_that_backtracks_for_ever_ends() -> None:
    """Nested repetitions take time in proportion to the text."""
    assert jsregex.matcher(r"^(\w+\s?)*$")("a" * 5000 + "!") is None
    assert jsregex.matcher(r"^(a|a|a)*$")("a" * 3000 + "b") is None


def test_a_match_that_takes_too_long_is_given_up() -> None:
    """The limit is an error that names the expression, not a daemon that hangs."""
    with pytest.raises(ConfigError, match="too long"):
        jsregex.matcher(r"(?:x|.?)*?(a?){50}$!")("a" * 100_000)


REFUSED = [
    (r"(a)\1", "back reference"),
    (r"(?<n>a)\k<n>", "back reference"),
    ("a{9999}", "counts to more"),
    ("((a{999}){999}){9}", "too long"),
    ("(", "lacks a )"),
    (")", "too many"),
    ("[b-a]", "backwards"),
    ("*", "repeats nothing"),
    ("(" * 60 + ")" * 60, "nested"),
    ("x" * 10_001, "longer"),
]


@pytest.mark.parametrize(("source", "why"), REFUSED)
def test_what_cannot_be_honoured_is_refused_with_the_reason(source: str, why: str) -> None:
    """Before anything runs, when the configuration is read."""
    found = problems(Options(parser_opts={"headerPattern": source}))
    assert len(found) == 1
    assert found[0].startswith("parserOpts.headerPattern: ")
    assert why in found[0]


WRONG = [
    (Options(preset="atom"), "preset: "),
    (Options(release_rules=("module",)), "releaseRules[0]: "),
    (Options(release_rules=({"type": "feat"},)), "releaseRules[0]: "),
    (Options(release_rules=({"release": "huge"},)), "releaseRules[0].release: "),
    (Options(release_rules=({"scope": "", "release": "patch"},)), "releaseRules[0]: "),
    (Options(release_rules=({"scope": r"(a)\1", "release": "patch"},)), "releaseRules[0]: "),
    (Options(release_rules=({"committer": {"name": "x"}, "release": "patch"},)), "releaseRules[0].committer: "),
    (Options(parser_opts={"notesPattern": "x"}), "parserOpts.notesPattern: "),
    (Options(parser_opts={"noteKeywords": "x"}), "parserOpts.noteKeywords: "),
    (Options(parser_opts={"headerPattern": 5}), "parserOpts.headerPattern: "),
    (Options(parser_opts={"headerCorrespondence": ["notes"]}), "parserOpts.headerCorrespondence: "),
    (Options(parser_opts={"commentChar": 5}), "parserOpts.commentChar: "),
]


@pytest.mark.parametrize(("options", "start"), WRONG)
def test_wrong_options_are_named(options: Options, start: str) -> None:
    """The key comes first, then what is allowed."""
    found = problems(options)
    assert len(found) == 1
    assert found[0].startswith(start)
    with pytest.raises(ConfigError):
        check(options)
