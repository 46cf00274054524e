"""A history made to do harm: messages, authors, tags and names of folders, through the whole of `plan`."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from releasd.app.inspect import Asked, plan
from releasd.errors import ConfigError
from support.gitrepo import Work, git, make_remote, make_work

MESSAGES = (
    b"fix: nul\0feat!: after it",
    b"fix: broken \xff\xfe\xc3( bytes \xed\xa0\x80",
    "fix: \u202etxt.exe\u202c \u200b\u2066\ufeff zero".encode(),
    b"fix: ==FIELD== ==END== \x1e\x1f %H%x00%n",
    b"fix: $(touch x) `touch x` ;touch x|touch x&&touch x ${IFS}\"'\\",
    b'fix: "]\n[project]\nversion = """9.9.9"""\n\n--- \nname = \'\'\'x',
    b"\xff\xfffeat: of no type",
)
TAGS = ("v1.0.0;touch", "v9$(touch)", "v9`x`.0.0", "v'9.0.0'", 'v"9".0.0', "v9.0.0|x", "v9.0.0\u202e", "v9.0.0&&x")
FOLDERS = ("a;touch x", "b$(touch x)", "c`touch x`", "d'\"]", "e = '''", "f[g]*?", ":(top)h", "%x00%H", "ü x")
REFUSED = ("f\\n", "-rf", "ü\u202e", "../up", "/etc", "a//b", "")
DATE = dt.date(2026, 1, 2)


def commit(work: Work, message: bytes, tree: str) -> None:
    """Put a commit on main as it is, which `git commit` would not make of this message and this author."""
    parent = git(work.path, "rev-parse", "HEAD")
    who = b"A \"]' $(touch x) \xff <a;touch x@example.org> 1767225600 +0000"
    raw = b"tree %s\nparent %s\nauthor %s\ncommitter %s\n\n" % (tree.encode(), parent.encode(), who, who)
    made = git(work.path, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=raw + message)
    git(work.path, "update-ref", "refs/heads/main", made)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Return a working copy whose 1.0.0 is released, and tags that look nearly like releases on top of it."""
    made = make_work(tmp_path / "work", make_remote(tmp_path / "demo.git"))
    made.commit("feat: begin", {"pyproject.toml": '[project]\nname = "demo"\nversion = "1.0.0"\n'})
    made.tag("v1.0.0")
    return made


def planned(work: Work, **asked: Any) -> dict[str, Any]:
    """Return the document as a consumer reads it."""
    document = plan(Asked(repo=work.path, ref="main", date=DATE, **asked), {})
    found: dict[str, Any] = json.loads(json.dumps(document, default=list))
    return found


@pytest.mark.parametrize("analysis", ["conventional-commits", "semantic-release"])
def test_a_message_or_a_tag_changes_what_is_released(work: Work, analysis: str) -> None:
    """Every message is one commit, asking for what its first line says; no tag but a version's is a release."""
    tree = git(work.path, "rev-parse", "HEAD^{tree}")
    for message in MESSAGES:
        commit(work, message, tree)
    for tag in TAGS:
        git(work.path, "update-ref", f"refs/tags/{tag}", "HEAD")
    before = sorted(work.path.iterdir())
    document = planned(work, analysis=analysis)
    assert (document["last"]["tag"], document["next"]["version"]) == ("v1.0.0", "1.0.1")
    assert [each["bump"] for each in document["commits"]] == ["none", *["patch"] * 6]
    assert document["commits"][-1]["subject"] == "nul"  # git's own messages end there
    assert document["files"] == [{"path": "pyproject.toml", "old": "1.0.0", "new": "1.0.1"}]
    assert "\x1b" not in document["notes"]
    assert sorted(work.path.iterdir()) == before


def test_the_name_of_a_folder_means_anything_to_git_or_a_shell(work: Work) -> None:
    """A package's folder may be called anything: its commits are found, and no others."""
    text = "\n".join(f"[packages.p{number}]\npath = {json.dumps(folder)}" for number, folder in enumerate(FOLDERS))
    work.commit("chore: packages", {".releasd.toml": text})
    for number, folder in enumerate(FOLDERS):
        work.commit(f"feat: in {number}", {f"{folder}/file": "x"})
    document = planned(work)
    subjects = [[each["subject"] for each in package["commits"]] for package in document["packages"]]
    assert sorted(subjects) == [[f"in {number}"] for number in range(len(FOLDERS))]
    alone = planned(work, package="p5")
    assert [each["subject"] for each in alone["commits"]] == ["in 5"]


@pytest.mark.parametrize("folder", REFUSED)
def test_a_folder_that_reads_as_something_else_is_taken(work: Work, folder: str) -> None:
    """What looks like an option, leaves the repository or cannot be shown as it is, is a mistake that is named."""
    work.commit("feat: packages", {".releasd.toml": f"[packages.a]\npath = {json.dumps(folder)}\n"})
    with pytest.raises(ConfigError) as caught:
        planned(work)
    assert any("packages.a.path" in problem for problem in caught.value.problems)


def test_a_plan_in_a_folder_of_the_work_tree_sees_no_package(work: Work) -> None:
    """Packages' paths are meant from the repository's root, wherever the plan is asked for."""
    work.commit("feat: both", {".releasd.toml": '[packages.a]\npath = "in/a"\n', "in/a/x": "1"})
    document = plan(Asked(repo=work.path / "in" / "a", ref="main", date=DATE), {})
    assert [package["bump"] for package in document["packages"]] == ["minor"]
