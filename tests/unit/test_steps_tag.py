"""`tag`: the claim of the version, in one push, whatever others pushed meanwhile."""

import pytest

from releasd.errors import Conflict, Fenced, GitError, Replan, Transient
from releasd.steps import tag
from support.fakeports import PYPROJECT, Scene

MAIN, TAG = "refs/heads/main", "refs/tags/v1.1.0"


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def release(scene: Scene) -> str:
    """Return the release commit, made."""
    return scene.release_commit()


def test_nothing_is_adopted_where_no_tag_is(scene: Scene, release: str) -> None:
    """Before the push the remote has no such tag."""
    assert tag.observe(scene.context()) is None


def test_fast_forward(scene: Scene, release: str) -> None:
    """Where nobody pushed meanwhile, branch and annotated tag go up in one push."""
    evidence = tag.apply(scene.context())
    assert evidence == {"tag": "v1.1.0", "commit": release, "tip": release, "merged": False}
    assert scene.remote.refs[MAIN] == release
    assert scene.remote.objects[scene.remote.refs[TAG]].target == release
    assert [set(push) for push in scene.remote.pushes] == [{MAIN, TAG}]


def test_the_own_push_is_noted_before_it_is_public(scene: Scene, release: str) -> None:
    """The release commit must not release itself, and no crash may fall between the push and the note."""
    tag.apply(scene.context())
    assert scene.journal.own == [release]
    assert scene.journal.calls == ["own_push", "tag.own_push_noted", "fence", "tag.pushed"]


def test_what_an_earlier_attempt_pushed_is_adopted(scene: Scene, release: str) -> None:
    """After a crash right behind the push, the next attempt sees tag and commit and pushes nothing."""
    tag.apply(scene.context())
    assert tag.observe(scene.context()) == {"tag": "v1.1.0", "commit": release}
    assert len(scene.remote.pushes) == 1


def test_a_lightweight_tag_at_our_commit_is_adopted(scene: Scene, release: str) -> None:
    """A tag without an object of its own counts by the commit that it names."""
    scene.remote.tag("v1.1.0", release)
    assert tag.observe(scene.context()) == {"tag": "v1.1.0", "commit": release}


def test_a_tag_elsewhere_is_a_conflict(scene: Scene, release: str) -> None:
    """Somebody else's tag of this name is never overwritten; both commits are named."""
    scene.remote.tag("v1.1.0", scene.tip)
    with pytest.raises(Conflict, match=f"{scene.tip[:12]}, not at our {release[:12]}"):
        tag.observe(scene.context())
    assert scene.remote.pushes == []


def test_a_branch_that_went_on_gets_a_merge(scene: Scene, release: str) -> None:
    """The tagged commit is exactly what was built, and is reachable from the branch beside what was pushed."""
    newer = scene.remote.commit("docs: say so", {"README.md": b"hello"})
    evidence = tag.apply(scene.context())
    merge = scene.remote.objects[scene.remote.refs[MAIN]]
    assert evidence == {"tag": "v1.1.0", "commit": release, "tip": scene.remote.refs[MAIN], "merged": True}
    assert merge.parents == (newer, release)
    assert merge.message == "Merge release v1.1.0 into main"
    assert merge.files["README.md"] == b"hello"
    assert b"1.1.0" in merge.files["pyproject.toml"]
    assert scene.remote.objects[scene.remote.refs[TAG]].target == release


def test_a_merge_is_not_our_own_push(scene: Scene, release: str) -> None:
    """The merge brings commits of others, which want a release of their own: it must not count as handled."""
    scene.remote.commit("docs: say so", {"README.md": b"hello"})
    tag.apply(scene.context())
    assert scene.journal.own == []


def test_a_merge_conflict_plans_again(scene: Scene, release: str) -> None:
    """When others changed what the release commit changes, the release starts again from the new tip."""
    scene.remote.commit("fix: name", {"pyproject.toml": PYPROJECT.replace(b"1.0.0", b"9.9.9")})
    with pytest.raises(Replan, match="conflicts with what was pushed to main"):
        tag.apply(scene.context())
    assert scene.remote.pushes == []
    assert TAG not in scene.remote.refs


def test_a_rewritten_branch_plans_again(scene: Scene, release: str) -> None:
    """A branch without the planned commit is not merged into."""
    scene.remote.refs.pop(MAIN)
    scene.remote.commit("feat: another history", {"x": b"y"})
    with pytest.raises(Replan, match="main was rewritten"):
        tag.apply(scene.context())
    assert scene.remote.pushes == []


def test_a_push_in_between_is_looked_at_again(scene: Scene, release: str) -> None:
    """Losing the race costs one more look, not the release."""
    raced = []

    def race(point: str) -> None:
        if point == "tag.own_push_noted" and not raced:
            raced.append(scene.remote.commit("docs: faster", {"README.md": b"hello"}))

    scene.at_fault = race
    assert tag.apply(scene.context())["merged"] is True
    assert scene.remote.objects[scene.remote.refs[MAIN]].parents == (raced[0], release)
    assert "looking again" in scene.output("tag")


def test_a_branch_that_never_rests_is_put_off(scene: Scene, release: str) -> None:
    """After five lost races the attempt is put off, with nothing tagged."""

    def race(point: str) -> None:
        if point == "tag.own_push_noted":
            number = len(scene.faults)
            scene.remote.commit("docs: faster", {f"file{number}": b"hello"})

    scene.at_fault = race
    with pytest.raises(Transient, match="main moved 5 times"):
        tag.apply(scene.context())
    assert scene.faults.count("tag.own_push_noted") == tag.TRIES
    assert TAG not in scene.remote.refs


def test_a_tag_that_appears_in_between_is_a_conflict(scene: Scene, release: str) -> None:
    """The remote's refusal is the claim of the version: who came first has it."""
    scene.at_fault = lambda point: scene.remote.tag("v1.1.0", scene.tip) if point == "tag.own_push_noted" else None
    with pytest.raises(Conflict, match=r"v1\.1\.0 is on the remote"):
        tag.apply(scene.context())
    assert scene.remote.refs[MAIN] == scene.tip


def test_our_own_tag_that_appears_in_between_is_adopted(scene: Scene, release: str) -> None:
    """A push whose answer was lost, seen again as a refusal, is recognised as ours."""

    def another_attempt(point: str) -> None:
        if point == "tag.own_push_noted":
            scene.remote.tag("v1.1.0", release)
            scene.remote.commit("docs: and more", {"README.md": b"x"})

    scene.at_fault = another_attempt
    assert tag.apply(scene.context()) == {"tag": "v1.1.0", "commit": release}


def test_a_release_commit_that_is_on_the_branch_already_only_needs_its_tag(scene: Scene, release: str) -> None:
    """The branch is not moved when it contains the release commit."""
    scene.remote.refs[MAIN] = release
    newer = scene.remote.commit("docs: after", {"README.md": b"x"})
    assert tag.apply(scene.context())["tip"] == newer
    assert scene.remote.refs[MAIN] == newer


def test_a_lost_claim_pushes_nothing(scene: Scene, release: str) -> None:
    """The fence stands right before the push."""
    scene.journal.lost = True
    with pytest.raises(Fenced):
        tag.apply(scene.context())
    assert scene.remote.pushes == []


@pytest.mark.parametrize("failure", [Transient("away"), GitError("denied")])
def test_what_the_remote_says_is_passed_on(scene: Scene, release: str, failure: Exception) -> None:
    """Away is `Transient`, denied is permanent: the class is git's verdict."""
    scene.remote.failure = failure
    with pytest.raises(type(failure)):
        tag.observe(scene.context())
    with pytest.raises(type(failure)):
        tag.apply(scene.context())


def test_the_tag_witnesses_the_audit_log(scene: Scene, release: str) -> None:
    """Notes and the chain's head stand in the tag, so that the repository can prove the log."""
    tag.apply(scene.context())
    message = scene.remote.objects[scene.remote.refs[TAG]].message
    assert message == f"v1.1.0\n\n# 1.1.0 (2026-11-23)\n\n* more\n\nReleasd-Audit: 7:{'a' * 64}\n"
