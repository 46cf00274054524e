"""Keep a Changelog, contributors, and templates of the project's own."""

import datetime as dt
from dataclasses import replace

import pytest

from releasd.core.formats import Release, contributors, escaped, keep_a_changelog, one_line, release_of
from releasd.core.notestemplate import render_template
from releasd.core.pages import pages
from releasd.core.rules import verdicts
from releasd.errors import ConfigError
from releasd.model import Bump, Commit, Decision, LastRelease, NotesStyle

HASH = "0123456789abcdef0123456789abcdef01234567"
DECISION = Decision(bump=Bump.MINOR, version="1.1.0", pep440="1.1.0", tag="v1.1.0", reason="", verdicts=())


def release(*messages: str, url: str = "https://github.com/o/r") -> Release:
    """Return a release of commits with these messages."""
    made = [
        Commit(id=f"{place:07x}{HASH[7:]}", message=text, author="Ann <a@x>") for place, text in enumerate(messages)
    ]
    found = release_of(
        replace(DECISION, verdicts=verdicts(made, ())),
        last=LastRelease(tag="v1.0.0", version="1.0.0", commit="x"),
        pages=pages(url),
        date=dt.date(2026, 1, 2),
        commits=made,
    )
    assert found is not None
    return found


def test_keep_a_changelog() -> None:
    """Its heading, its six kinds of changes in its order, and nothing that is not for people."""
    made = release("fix: c\n\nCloses #3", "feat(api): a", "docs: d", "perf!: p\n\nBREAKING CHANGE: slow\nway gone")
    link = f"https://github.com/o/r/commit/{{}}{HASH[7:]}"
    assert keep_a_changelog(made) == (
        "## [1.1.0] - 2026-01-02\n\n"
        f"### Added\n\n- **api:** a ([0000001]({link.format('0000001')}))\n\n"
        f"### Changed\n\n- p ([0000003]({link.format('0000003')}))\n  - **Breaking:** slow way gone\n\n"
        f"### Fixed\n\n- c ([0000000]({link.format('0000000')}), closes [#3](https://github.com/o/r/issues/3))\n\n"
        "[1.1.0]: https://github.com/o/r/compare/v1.0.0...v1.1.0\n"
    )


def test_nothing_to_release_has_no_release() -> None:
    """A decision without a version has nothing to write."""
    nothing = Decision(bump=Bump.NONE, version=None, pep440=None, tag=None, reason="", verdicts=())
    assert release_of(nothing, last=None, pages=None, date=dt.date(2026, 1, 2), commits=()) is None


def test_contributors_are_named_once() -> None:
    """Authors and `Co-authored-by`, each address once, however it is written."""
    text = "feat: a\n\nCo-authored-by: Bob <B@x.org>\nco-authored-by: Bobby <b@X.org>\nCo-authored-by: <c@x>"
    found = contributors(
        [Commit(id=HASH, message=text, author="Zoe <z@x>"), Commit(id=HASH, message="b", author="ann")]
    )
    assert found == ("ann", "Bob", "Zoe")
    assert "### Contributors\n\n- Ann\n" in keep_a_changelog(release("feat: a"), style=NotesStyle(contributors=True))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\0b\nc\u2028d", "ab c d"),
        ("\u202ea\u200bb\u2066", "ab"),
        ("क\u094d\u200dष", "क\u094d\u200dष"),
        ("a\udc80b", "ab"),
        ("  x  ", "x"),
    ],
)
def test_one_line(text: str, line: str) -> None:
    """What moves, hides or ends text is taken away; joiners within words stay."""
    assert one_line(text) == line


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("<b>*x*</b> [a](b)", "\\<b\\>\\*x\\*\\</b\\> \\[a\\](b)"),
        ("snake_case _x_ `a*b` *", "snake_case \\_x\\_ `a*b` \\*"),
        ("# heading", "\\# heading"),
        ("1. list", "1\\. list"),
        ("--- rule", "\\--- rule"),
        ("- item", "\\- item"),
        ("#12 fixed", "#12 fixed"),
        ("`open", "\\`open"),
    ],
)
def test_markdown_is_escaped(text: str, markdown: str) -> None:
    """Signs of markdown and HTML are shown, not acted on; code stays code."""
    assert escaped(text) == markdown


def test_a_template_makes_notes() -> None:
    """Everything about the release can be named, and loops and filters work."""
    template = (
        "# {{ version }} {{ date }} {{ previous_tag }}\n"
        "{% for kind, commits in commits|selectattr('shown')|groupby('type') %}\n"
        "## {{ kind|title }}\n"
        "{% for commit in commits %}\n"
        "{{ loop.index }}. {{ commit.subject|md }} {{ commit['short'] ~ '!' }} {{ commit.issues[0].number or '' }}\n"
        "{% endfor %}\n"
        "{% endfor %}\n"
        "{{ contributors|join(', ') }}{{ 1 + 1 }}{{ none }}\n"
    )
    made = release("feat: <a>\n\nCloses #1", "docs: d", "fix: b\n\nfixes #2")
    assert render_template(template, made) == (
        "# 1.1.0 2026-01-02 v1.0.0\n## Feat\n1. \\<a\\> 0000000! #1\n## Fix\n1. b 0000002! #2\nAnn2\n"
    )


TEXT = "a" * 1000


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(999) %}" * 3 + "{% endfor %}" * 3,
        "{% macro f(n) %}{{ f(n - 1) }}{{ f(n - 1) }}{% endmacro %}{{ f(1) }}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{{ 'x' * 10**9 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ 'x'.ljust(1000000000) }}",
        "{{ range(10**9) }}",
        "{{ lipsum(10000) }}",
        "{% set x = '" + TEXT + "' %}" + "{% set x = x ~ x %}" * 60,
        "{% set x = '" + TEXT + "' %}" + "{% set x = x + x %}" * 60,
        "{% set x %}" + TEXT + "{% endset %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 60,
        "{% set x = '" + TEXT + "' %}" + "{% set x = [x, x]|join %}" * 60,
        "{% set x = ['a'] %}" + "{% set x = [x, x] %}" * 60 + "{{ x }}",
        "{% for a in range(1000) %}{% for b in range(1000) %}" + TEXT + "{% endfor %}{% endfor %}",
        "{% for a in range(9) %}" * 30 + "{% endfor %}" * 30,
        "{% for a in commits recursive %}{{ loop(commits) }}{% endfor %}",
        "{{ version.__class__.__mro__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ commits|map(attribute='subject.__class__')|join }}",
        "{{ commits.append(1) }}",
        "{{ commits[0].clear() }}",
        "{% include 'x' %}",
        "{{ nothing }}",
        "{{ 1 / 0 }}",
        "{% for",
        "x" * 100_001,
    ],
)
def test_a_template_cannot_do_harm(template: str) -> None:
    """What is wrong, reaches for Python, or makes much out of little is a mistake of the configuration, soon."""
    with pytest.raises(ConfigError, match="template"):
        render_template(template, release("feat: a"))
