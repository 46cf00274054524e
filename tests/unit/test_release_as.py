"""`Release-As: 2.0.0`: a commit that says which version comes next."""

from dataclasses import replace

import pytest

from releasd.core.rules import release_as, verdicts
from releasd.core.version import decide
from releasd.errors import ConfigError
from releasd.model import Bump, Decision, ProjectConfig, ReleaseLine
from support.facts import commit_id, commits, facts


def decided(*messages: str, forced: Bump | None = None) -> Decision:
    return decide(facts(*messages), ProjectConfig(), forced)


@pytest.mark.parametrize("token", ["Release-As", "release-as", "RELEASE-AS"])
def test_a_footer_says_the_version(token: str) -> None:
    """Whatever the commits ask for, and the reason names the commit."""
    decision = decided("feat: a", f"chore: next\n\n{token}: 3.0.0", "docs: b")
    assert (decision.version, decision.tag, decision.bump) == ("3.0.0", "v3.0.0", Bump.MAJOR)
    assert decision.reason == f"3.0.0: next ({commit_id(2)[:7]}) asks for it (Release-As)"


@pytest.mark.parametrize(("version", "bump"), [("1.2.4", Bump.PATCH), ("1.3.0", Bump.MINOR), ("2.0.0", Bump.MAJOR)])
def test_the_bump_is_what_the_version_says(version: str, bump: Bump) -> None:
    """It is told from the version, not from the commits."""
    decision = decided(f"docs: x\n\nRelease-As: {version}\nSigned-off-by: A <a@b.c>")
    assert (decision.version, decision.bump) == (version, bump)


def test_the_newest_wins() -> None:
    """A later commit corrects an earlier one."""
    assert decided("docs: a\n\nRelease-As: 5.0.0", "docs: b\n\nRelease-As: 4.0.0").version == "4.0.0"


@pytest.mark.parametrize("wrong", ["v2.0.0", "2.0", "02.0.0", "2.0.0+build", "next", "2.0.0; rm -rf /", "2" * 400])
def test_what_is_no_version_does_not_count_and_says_so(wrong: str) -> None:
    """Strict Semantic Versioning only; the verdict has the hint, in one line."""
    (verdict,) = verdicts(commits(f"fix: a\n\nRelease-As: {wrong}"), ())
    assert verdict.release_as is None
    assert "is no version such as 2.0.0" in verdict.why
    assert len(verdict.why) < 200
    assert decided(f"fix: a\n\nRelease-As: {wrong}").version == "1.2.4"


NOT_COUNTED = [
    ("docs: a\n\nRelease-As: 5.0.0\n\n[skip release]",),
    ("docs: a\n\nRelease-As: 5.0.0", f'Revert "docs: a"\n\nThis reverts commit {commit_id(1)}.'),
    ("docs: a\n\nin prose, Release-As: 5.0.0",),
    ("docs: a\n\ntext above\nRelease-As: 5.0.0",),
]


@pytest.mark.parametrize("messages", NOT_COUNTED)
def test_what_does_not_count_asks_for_no_version(messages: tuple[str, ...]) -> None:
    """Skipped or reverted commits, and prose."""
    assert release_as(verdicts(commits(*messages), ())) is None
    assert decided(*messages).version is None


@pytest.mark.parametrize("version", ["1.2.3", "1.2.2", "1.2.3-rc.1", "0.9.0"])
def test_a_version_that_is_not_above_the_last_is_refused(version: str) -> None:
    """The message names the commit, and the advice says what to do."""
    with pytest.raises(ConfigError) as caught:
        decided(f"docs: x\n\nRelease-As: {version}")
    assert commit_id(1)[:7] in caught.value.message
    assert "Release-As: VERSION above 1.2.3" in (caught.value.advice or "")


def test_an_operators_word_stands_above_it() -> None:
    """`releasd release --bump` is newer than any commit."""
    assert decided("docs: x\n\nRelease-As: 9.0.0", forced=Bump.PATCH).version == "1.2.4"


def test_a_commit_within_a_squash_commit_can_say_it() -> None:
    """The last one of the message."""
    assert decided("Work (#1)\n\n* docs: a\n\nRelease-As: 3.0.0\n\n* fix: b").version == "3.0.0"


def test_the_first_release_can_be_named() -> None:
    """There is nothing that it would have to be above."""
    decision = decide(facts("chore: x\n\nRelease-As: 0.3.0", last=None), ProjectConfig(), None)
    assert decision.version == "0.3.0"


@pytest.mark.parametrize(
    ("prerelease", "asked", "form"),
    [
        (None, "2.0.0-beta.1", "X.Y.Z"),
        ("beta", "2.0.0", "X.Y.Z-beta.N"),
        ("beta", "2.0.0-alpha.1", "X.Y.Z-beta.N"),
        ("beta", "2.0.0-beta", "X.Y.Z-beta.N"),
    ],
)
def test_a_version_that_the_branch_does_not_release_is_refused(prerelease: str | None, asked: str, form: str) -> None:
    """A pre-release on main would be asked for again after its own tag, for ever."""
    seen = replace(facts(f"feat: a\n\nRelease-As: {asked}"), line=ReleaseLine(prerelease=prerelease))
    with pytest.raises(ConfigError, match=f"main releases only {form}") as caught:
        decide(seen, ProjectConfig(), None)
    assert f"Release-As: {form}" in caught.value.advice


def test_a_pre_release_branch_takes_a_pre_release_of_its_own() -> None:
    """The footer moves the channel on."""
    seen = replace(facts("feat: a\n\nRelease-As: 2.0.0-beta.3"), line=ReleaseLine(prerelease="beta"))
    assert decide(seen, ProjectConfig(), None).version == "2.0.0-beta.3"
