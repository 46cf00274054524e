# ruff: noqa: E501 - a table of cases is read as a table
"""What `plan` shows is what the release holds: notes and files, in every form, with real git."""

from dataclasses import dataclass

import pytest

from releasd.adapters.git import GitRepo
from releasd.app.inspect import Asked, previews
from support.gitrepo import git
from support.lab import PACKAGE, Lab

URL = "https://gitlab.example.org/g/demo"
TEMPLATE = "## {{ version }}: {% for c in commits if c.shown %}{{ c.subject|md }}; {% endfor %}\n{{ compare_url }}\n"
OWN = f'repository_url = "{URL}"\n[notes]\n'
KEPT = (
    "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- written by hand\n\n## [1.0.0] - 2025-01-01\n\n- begun\n\n"
    f"[unreleased]: {URL}/-/compare/v1.0.0...HEAD\n"
)
PLAIN = "# Changelog\n\nBy hand.\n\n## 1.0.0 (2025-01-01)\n\n* begun\n"


@dataclass(frozen=True)
class Form:
    """A project's configuration with its changelog, and what its release has to hold."""

    files: dict[str, str]
    wanted: tuple[str, ...]


FORMS = {
    "default": Form(
        {".releasd.toml": f"{OWN}contributors = true\n", "CHANGELOG.md": PLAIN},
        (f"# [1.1.0]({URL}/-/compare/v1.0.0...v1.1.0) (2026-", "### Contributors\n\n* Ada\n* Bob", "By hand.\n\n# [1"),
    ),
    "keep-a-changelog": Form(
        {".releasd.toml": f'{OWN}format = "keep-a-changelog"\n', "CHANGELOG.md": KEPT},
        ("## [Unreleased]\n\n## [1.1.0] - 2026-", "- written by hand\n- more (", f"[1.1.0]: {URL}/-/compare/v1.0.0...v1"),
    ),
    "a new changelog": Form({".releasd.toml": f'{OWN}format = "keep-a-changelog"\n'}, ("[unreleased]: ",)),
    "template": Form(
        {".releasd.toml": f'{OWN}format = "template"\ntemplate = "docs/notes.md.jinja"\n', "docs/notes.md.jinja": TEMPLATE},
        ("## 1.1.0: more; https://gitlab",),
    ),
    "types": Form(
        {".releasd.toml": f'{OWN}types = [{{ type = "feat", section = "What is new" }}]\n'}, ("### What is new\n\n* more",)
    ),
    "semantic-release": Form(
        {
            ".releaserc": '{"plugins": ["@semantic-release/commit-analyzer", "@semantic-release/release-notes-generator", '
            '["@semantic-release/changelog", {"changelogTitle": "# Log"}]], "repositoryUrl": "git@alias:g/demo"}',
            "CHANGELOG.md": "# Log\r\n\r\nBy hand.\r\n\r\nMore.\r\n",
        },
        ("# Log\n\n# [1.1.0](https://alias/g/demo/compare/v1.0.0...v1.1.0) (2026-", "By hand.\r\n"),
    ),
    "without a page": Form(
        {".releaserc": '{"plugins": ["@semantic-release/commit-analyzer", "@semantic-release/release-notes-generator", '
         '"@semantic-release/changelog"]}'},
        ("# 1.1.0 (2026-", "* more "),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_what_plan_shows_is_what_is_released(lab: Lab, name: str) -> None:
    """Every file of the preview is, byte for byte, that of the release commit, which changes no other."""
    form = FORMS[name]
    lab.push("chore: configure", {**PACKAGE, **form.files})
    lab.push("feat: more\n\nCo-authored-by: Bob <bob@x>")
    day = lab.clock.now().date()
    asked = Asked(repo=lab.work.path, ref="HEAD", date=day)
    (seen,) = previews(asked, {"RELEASD_CONFIG": str(lab.folder / "none")})
    lab.enqueue()
    job = lab.run()
    lab.assert_released(job, "1.1.0")
    changed = git(lab.remote, "diff", "--name-only", "v1.1.0^", "v1.1.0").split()
    assert sorted(changed) == sorted(change.path for change in seen.changes)
    committed = GitRepo(lab.remote).read("v1.1.0", changed)
    assert {path: data.decode() for path, data in committed.items()} == {c.path: c.new for c in seen.changes}
    plan = lab.store.job(job.id).plan
    assert plan is not None
    assert plan.notes == seen.document["notes"]
    text = committed["CHANGELOG.md"].decode()
    assert [part for part in form.wanted if part not in text] == []


def test_crlf_is_kept(lab: Lab) -> None:
    """No line of a changelog with CRLF ends otherwise after the release."""
    lab.push("chore: configure", {**PACKAGE, "CHANGELOG.md": PLAIN.replace("\n", "\r\n")})
    lab.assert_released(lab.release(), "1.1.0")
    text = GitRepo(lab.remote).read("v1.1.0", ("CHANGELOG.md",))["CHANGELOG.md"]
    assert b"* more (" in text
    assert b"\n" not in text.replace(b"\r\n", b"")


def test_an_unknown_plugin_is_refused_by_name_and_ignored_by_policy(lab: Lab) -> None:
    """The job fails with the plug-in's name and the way out; with the operator's leave it is released."""
    plugins = '{"plugins": ["@semantic-release/commit-analyzer", "acme-plugin"]}'
    lab.push("chore: configure", {**PACKAGE, ".releaserc": plugins})
    refused = lab.release()
    assert refused.state == "failed"
    assert "acme-plugin" in refused.reason
    assert "unknown_plugins" in refused.reason
    lab.configure(unknown_plugins="ignore")
    lab.assert_released(lab.release("fix: again"), "1.1.0")
