"""`releasd yank`: what is served of a version, what is to be done there, and the release that goes past it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from releasd.model import JobState, StepName
from releasd.store import open_store
from support.cli import Terminal
from support.gitrepo import make_remote, make_work
from support.pypirules import PypiRules
from support.store import NOW, build, claim, enqueue, plan, run_steps, url_of, wheel
from support.uploadrules import Stored

OURS, STRANGE = "demo-1.0.0-py3-none-any.whl", "demo-1.0.0-py2-none-any.whl"
PYPROJECT = '[project]\nname = "demo"\nversion = "1.0.0"\n'


def put(index: PypiRules, name: str, digest: str) -> None:
    """Have the index list a file."""
    version = name.split("-")[1]
    index._files[name] = Stored(
        filename=name, project="demo", version=version, filetype="bdist_wheel", sha256=digest * 64, size=1, at=0.0
    )


@pytest.fixture
def index(tmp_path: Path) -> Iterator[PypiRules]:
    """Return an index that serves our wheel, a strange one of the same version, and one of another version."""
    with PypiRules(tmp_path / "index") as rules:
        for name, digest in ((OURS, "a"), (STRANGE, "b"), ("demo-0.9-py3-none-any.whl", "c")):
            put(rules, name, digest)
        yield rules


@pytest.fixture
def terminal(tmp_path: Path, index: PypiRules) -> Terminal:
    """Return a shell of an operator whose daemon released demo 1.0.0 and is down; a fix was not pushed yet."""
    remote = make_remote(tmp_path / "demo.git")
    work = make_work(tmp_path / "work", remote)
    work.commit("chore: begin", {"pyproject.toml": PYPROJECT})
    work.tag("v1.0.0", message="v1.0.0")
    work.commit("docs: more", {"more.txt": "more"})
    work.push()
    state = tmp_path / "state"
    state.mkdir()
    with open_store(url_of(state)) as store:
        enqueue(store, project="demo")
        job = claim(store)
        store.set_plan(job.id, job.token, plan("1.0.0", "demo"), NOW)
        build(store, job, wheel("a", OURS))
        run_steps(store, job, StepName.ANNOUNCE)
        store.finish(job.id, job.token, JobState.SUCCEEDED, "released", NOW)
    file = tmp_path / "releasd.toml"
    file.write_text(
        f'[daemon]\nstate = "{state}"\nruntime = "{tmp_path}/run"\n'
        f'[projects.demo]\nrepository = "{remote}"\npublish = ["test"]\n'
        f'[indexes.test]\npublish_url = "{index.publish_url}"\nsimple_url = "{index.simple_url}"\n'
    )
    return Terminal(tmp_path, tmp_path, {"RELEASD_CONFIG": str(file)})


def test_yank_lists_what_is_served_with_its_state_by_the_ledger(terminal: Terminal) -> None:
    """Ours and what is not ours of that version, in any of its spellings; nothing of another."""
    for spelling in ("1.0.0", "v1.0.0", "1.0"):
        said = terminal.run("yank", "demo", spelling, "--json")
        assert said.code == 0, said.err
        (place,) = said.document["indexes"]
        assert {file["filename"]: file["state"] for file in place["files"]} == {OURS: "released", STRANGE: "foreign"}
        assert place["steps"]
    assert terminal.run("yank", "demo", "1.0.0", "--json").document["job"] == 1


def test_yank_plans_the_release_that_goes_past_it(terminal: Terminal) -> None:
    """The next version is at least a patch, even where no commit asks for one, and the command is named."""
    forward = terminal.run("yank", "demo", "1.0.0", "--json").document["forward"]
    assert forward["command"] == "releasd release demo --bump patch"
    assert [(each["version"], each["tag"], each["bump"]) for each in forward["releases"]] == [
        ("1.0.1", "v1.0.1", "patch")
    ]


def test_yank_does_not_plan_less_than_the_commits_ask_for(terminal: Terminal, tmp_path: Path) -> None:
    """A feature is waiting: going past the version is a minor release."""
    work = make_work(tmp_path / "other", tmp_path / "demo.git")
    work.sync()
    work.commit("feat: wait", {"feature.txt": "1"})
    work.push("main")
    forward = terminal.run("yank", "demo", "1.0.0", "--json").document["forward"]
    assert (forward["command"], forward["releases"][0]["version"]) == ("releasd release demo --bump minor", "1.1.0")


def test_yank_says_it_to_people_with_their_reason(terminal: Terminal) -> None:
    """The steps, the reason for them, what yanking does not do, and the way on."""
    said = terminal.run("yank", "demo", "1.0.0", "--reason", "loses data").out
    for words in (
        OURS,
        "foreign",
        'give the reason "loses data"',
        "stay taken",
        "1.0.1",
        "releasd release demo --bump patch",
    ):
        assert words in said


def test_yank_of_a_version_that_is_nowhere(terminal: Terminal) -> None:
    """Wrong usage: neither an index nor the store knows it."""
    said = terminal.run("yank", "demo", "7.7.7")
    assert (said.code, said.out) == (2, "")
    assert "there is no demo 7.7.7" in said.err


def test_yank_of_what_is_no_version(terminal: Terminal, index: PypiRules) -> None:
    """A typing error gets no instructions, not even while an index that could know the version is down."""
    index.fail_next(503, 9, method="GET")
    said = terminal.run("yank", "demo", "1.0.O")
    assert (said.code, said.out) == (2, "")
    assert "1.0.O is no version" in said.err


def test_yank_of_an_unknown_project(terminal: Terminal) -> None:
    """The projects that there are are named."""
    said = terminal.run("yank", "nope", "1.0.0")
    assert said.code == 2
    assert "configured: demo" in said.err


def test_an_index_that_is_down_is_said_and_is_one(terminal: Terminal, index: PypiRules) -> None:
    """The steps are the same without its answer, but nobody takes silence for absence."""
    index.fail_next(503, 9, method="GET")
    said = terminal.run("yank", "demo", "1.0.0", "--json")
    assert said.code == 1
    (place,) = said.document["indexes"]
    assert "503" in place["error"]
    assert place["steps"]


def test_without_a_ledger_nothing_is_called_foreign(terminal: Terminal, tmp_path: Path) -> None:
    """A new machine knows of no release: what is served is neither ours nor a stranger's."""
    for file in (tmp_path / "state").iterdir():
        file.unlink()
    (place,) = terminal.run("yank", "demo", "1.0.0", "--json").document["indexes"]
    assert {file["state"] for file in place["files"]} == {"unknown"}
