"""`sync` and `version`: the clone is fresh, and the release commit is made once, under a private ref."""

from dataclasses import replace

import pytest

from releasd.errors import Fenced, GitError, Permanent, Replan, Transient
from releasd.model import FileEdit, StepName
from releasd.steps import sync, version
from support.fakeports import PYPROJECT, Scene

PRIVATE = "refs/releasd/jobs/3"


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_sync_always_looks(scene: Scene) -> None:
    """Only a fetch knows the newest state, so nothing is adopted from memory."""
    assert sync.observe(scene.context()) is None


def test_sync_fetches_what_was_pushed_meanwhile(scene: Scene) -> None:
    """A commit on top of the planned one is fetched and is no reason to stop."""
    newer = scene.remote.commit("docs: say so")
    assert sync.apply(scene.context()) == {"tip": newer}
    assert scene.git.resolve(newer) == newer


def test_sync_of_a_rewritten_branch_plans_again(scene: Scene) -> None:
    """When the planned commit is no longer on the branch, its plan is void."""
    scene.remote.refs.pop("refs/heads/main")
    scene.remote.commit("feat: another history")
    with pytest.raises(Replan, match=f"main was rewritten: {scene.tip[:12]}"):
        sync.apply(scene.context())


def test_sync_passes_on_why_the_remote_cannot_be_reached(scene: Scene) -> None:
    """A remote that is away may come back: the error stays `Transient`."""
    scene.remote.failure = Transient("no route to host")
    with pytest.raises(Transient, match="no route"):
        sync.apply(scene.context())


def test_version_sees_nothing_before_it_ran(scene: Scene) -> None:
    """Without the private ref there is nothing to adopt."""
    assert version.observe(scene.context()) is None


def test_version_commits_edits_and_changelog_on_top_of_the_planned_commit(scene: Scene) -> None:
    """The release commit has the planned commit as its parent, the new version, and the notes in the changelog."""
    evidence = version.apply(scene.context())
    commit = evidence["commit"]
    files = scene.git.read(commit, ("pyproject.toml", "CHANGELOG.md"))
    assert evidence["files"] == ["CHANGELOG.md", "pyproject.toml"]
    assert files["pyproject.toml"] == PYPROJECT.replace(b"1.0.0", b"1.1.0")
    assert b"# 1.1.0 (2026-11-23)\n\n* more\n" in files["CHANGELOG.md"]
    made = scene.remote.objects[commit]
    assert made.parents == (scene.tip,)
    assert made.message == "chore(release): 1.1.0 [skip ci]\n\n# 1.1.0 (2026-11-23)\n\n* more\n"


def test_version_leaves_the_remote_alone(scene: Scene) -> None:
    """The release commit lives under a private ref of the daemon's own clone until `tag`."""
    before = dict(scene.remote.refs)
    commit = version.apply(scene.context())["commit"]
    assert scene.git.refs[PRIVATE] == commit
    assert scene.remote.refs == before
    assert scene.remote.pushes == []


def test_version_adopts_the_commit_that_an_earlier_attempt_made(scene: Scene) -> None:
    """After a crash behind the effect, the next attempt finds the commit and makes no other."""
    evidence = version.apply(scene.context())
    assert version.observe(scene.context()) == evidence


def test_version_does_not_adopt_another_commit(scene: Scene) -> None:
    """What an older plan, or a person, left under the private ref is replaced by what this plan gives."""
    scene.git.set_ref(PRIVATE, scene.tip)
    assert version.observe(scene.context()) is None
    commit = version.apply(scene.context())["commit"]
    assert scene.git.refs[PRIVATE] == commit != scene.tip


@pytest.fixture
def made(scene: Scene) -> str:
    """Return the release commit, made and in the journal."""
    evidence = version.apply(scene.context())
    scene.journal.evidences[StepName.VERSION] = evidence
    commit: str = evidence["commit"]
    return commit


@pytest.mark.parametrize("lost", ["nothing", "ref", "commit", "replaced"])
def test_the_release_commit_is_there_whenever_it_is_needed(scene: Scene, made: str, lost: str) -> None:
    """A ref that went with a failure, or a commit that went with the clone, is made again just as it was."""
    if lost in {"ref", "commit"}:
        scene.git.set_ref(PRIVATE, None)
    if lost == "commit":
        del scene.remote.objects[made]
    if lost == "replaced":
        scene.git.set_ref(PRIVATE, scene.tip)
    version.ensure(scene.context())
    assert scene.git.resolve(PRIVATE) == made


def test_a_release_commit_that_would_be_another_is_not_used(scene: Scene, made: str) -> None:
    """What was built is of the old commit: another one is never tagged in its place, and the way on is named."""
    scene.git.set_ref(PRIVATE, None)
    scene.plan = replace(scene.plan, notes="other notes")
    with pytest.raises(Permanent, match=f"{made[:12]} is lost") as caught:
        version.ensure(scene.context())
    assert caught.value.advice == "plan it again: releasd retry 3 --from version"
    assert PRIVATE not in scene.git.refs


def test_a_release_commit_on_a_rewritten_branch_is_planned_again(scene: Scene, made: str) -> None:
    """A clone that was made again does not have the planned commit, and the remote has it no more."""
    scene.git.set_ref(PRIVATE, None)
    scene.remote.refs.pop("refs/heads/main")
    scene.remote.commit("feat: another history")
    del scene.remote.objects[scene.tip]
    with pytest.raises(Replan, match=f"main was rewritten: {scene.tip[:12]}"):
        version.ensure(scene.context())


def test_a_lost_claim_sets_no_ref(scene: Scene, made: str) -> None:
    """An attempt that was taken over leaves the clone to the one that took it."""
    scene.git.set_ref(PRIVATE, None)
    scene.journal.lost = True
    with pytest.raises(Fenced):
        version.ensure(scene.context())
    assert PRIVATE not in scene.git.refs


def test_version_made_twice_is_the_same_commit(scene: Scene) -> None:
    """The commit is a function of the plan: a second attempt, at another time, makes the same object."""
    first = version.apply(scene.context())["commit"]
    scene.clock.sleep(86400)
    assert version.apply(scene.context())["commit"] == first


def test_version_edits_every_file_of_the_plan(scene: Scene) -> None:
    """Version file and lock file are changed in one commit."""
    scene.remote.commit(
        "feat: lock",
        {"uv.lock": b'version = 1\n\n[[package]]\nname = "demo"\nversion = "1.0.0"\nsource = { editable = "." }\n'},
    )
    tip = scene.git.fetch("main")
    edits = (*scene.plan.edits, FileEdit(path="uv.lock", kind="uv-lock:demo", old="1.0.0", new="1.1.0"))
    scene.plan = replace(scene.plan, commit=tip, edits=edits)
    commit = version.apply(scene.context())["commit"]
    files = scene.git.read(commit, ("uv.lock", "pyproject.toml"))
    assert all(b'version = "1.1.0"' in data for data in files.values())


def test_version_without_a_changelog_writes_none(scene: Scene) -> None:
    """A project that keeps no changelog gets none."""
    scene.plan = replace(scene.plan, changelog="")
    assert version.apply(scene.context())["files"] == ["pyproject.toml"]


def test_version_adds_to_the_changelog_that_is_there(scene: Scene) -> None:
    """What people wrote stays below the new entry."""
    tip = scene.remote.commit("docs: log", {"CHANGELOG.md": b"# Changelog\n\n## 1.0.0\n\n* first\n"})
    scene.git.fetch("main")
    scene.plan = replace(scene.plan, commit=tip)
    commit = version.apply(scene.context())["commit"]
    text = scene.git.read(commit, ("CHANGELOG.md",))["CHANGELOG.md"].decode()
    assert text.index("# Changelog") < text.index("1.1.0") < text.index("## 1.0.0")


def test_version_is_fenced_before_the_ref_is_set(scene: Scene) -> None:
    """An attempt whose claim was taken over leaves no ref behind."""
    scene.journal.lost = True
    with pytest.raises(Fenced):
        version.apply(scene.context())
    assert PRIVATE not in scene.git.refs


def test_version_of_a_changelog_that_is_no_text_is_a_permanent_failure(scene: Scene) -> None:
    """A file that cannot be read as text is named, with the edit that fixes it; it is no defect of ours."""
    tip = scene.remote.commit("docs: log", {"CHANGELOG.md": b"\xff\xfe\0"})
    scene.git.fetch("main")
    scene.plan = replace(scene.plan, commit=tip)
    with pytest.raises(Permanent, match=r"CHANGELOG\.md") as caught:
        version.apply(scene.context())
    assert caught.value.advice


def test_a_step_after_version_needs_its_commit(scene: Scene) -> None:
    """Without the commit in the journal nothing is built from a guess; the way on is named."""
    with pytest.raises(Permanent, match="not in the journal") as caught:
        _ = scene.context().release_commit
    assert caught.value.advice == "releasd retry 3"
    scene.journal.evidences[StepName.VERSION] = {"commit": 7}
    with pytest.raises(Permanent):
        _ = scene.context().release_commit


def test_version_on_a_commit_that_is_gone(scene: Scene) -> None:
    """A planned commit that the clone does not have is git's error, not a crash."""
    scene.plan = replace(scene.plan, commit="0" * 40)
    with pytest.raises(GitError):
        version.apply(scene.context())
