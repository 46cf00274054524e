"""The release commit's message: the project's own template, or semantic-release's form."""

import datetime as dt

import pytest

from releasd.core.plan import Policy, plan
from releasd.model import Plan, ProjectConfig
from releasd.steps.version import message
from support.facts import facts

FILES = {
    "pyproject.toml": '[project]\nname = "p"\nversion = "1.2.3"\n[build-system]\nbuild-backend = "hatchling.build"\n'
}


def planned(template: str | None, commit: str = "feat: a") -> Plan:
    """Return the plan of a release whose message has this template."""
    config = ProjectConfig(name="p", commit_message=template)
    made = plan(facts(commit, files=FILES), config, Policy(project="p"), dt.datetime(2026, 1, 2, tzinfo=dt.UTC))
    assert isinstance(made, Plan)
    return made


def test_the_default_is_semantic_releases() -> None:
    """`chore(release): V [skip ci]`, a blank line, and the notes."""
    first, _, notes = message(planned(None)).partition("\n\n")
    assert first == "chore(release): 1.3.0 [skip ci]"
    assert notes.startswith("#")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("release {tag} ({bump}) on {branch}", "release v1.3.0 (minor) on main\n"),
        ("{last_version} → {version}, since {last_tag}\n\n", "1.2.3 → 1.3.0, since v1.2.3\n"),
        ("{unknown} {{x}} {channel}{version}", "{unknown} {{x}} 1.3.0\n"),
    ],
)
def test_a_projects_own_message_is_filled_in(template: str, expected: str) -> None:
    """Known names are replaced, everything else is text."""
    assert message(planned(template)) == expected


def test_what_a_commit_says_is_not_filled_in_again() -> None:
    """A subject with a name in braces stays what its author wrote."""
    assert "* {version} {tag}" in message(planned("{notes}", "feat: {version} {tag}"))
