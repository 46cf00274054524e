"""What ports.Git promises, held against the git program and against the fake that the step tests use."""

import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from releasd.adapters.git import clone_or_open
from releasd.errors import GitError, Replan
from releasd.model import Tag
from releasd.ports import Git
from support.fakegit import FakeGit, FakeRemote
from support.gitrepo import ISOLATED, make_remote, make_work

AT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
MAIN = "refs/heads/main"


@dataclass(frozen=True)
class World:
    """A remote, a maintainer who pushes to it, and a way to make the daemon's clones of it."""

    commit: Callable[[str, Mapping[str, bytes]], str]
    tag: Callable[[str, str], None]
    clone: Callable[[], Git]


def _real(folder: Path) -> World:
    work = make_work(folder / "work", make_remote(folder / "remote.git"))
    numbers = iter(range(100))

    def commit(message: str, files: Mapping[str, bytes]) -> str:
        work.sync()
        made = work.commit(message, files)
        work.push()
        return made

    def tag(name: str, target: str) -> None:
        work.tag(name, target)
        work.push(f"refs/tags/{name}")

    return World(commit, tag, lambda: clone_or_open(folder / f"clone{next(numbers)}.git", str(work.remote)))


def _fake(_: Path) -> World:
    remote = FakeRemote()
    return World(remote.commit, remote.tag, lambda: FakeGit(remote))


@pytest.fixture(params=[_real, _fake], ids=["git", "fake"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    for name, value in ISOLATED.items():
        monkeypatch.setenv(name, value)
    return request.param(tmp_path)


def test_fetch_returns_the_tip_and_brings_history(world: World) -> None:
    """A fetch gives the branch's tip, and log goes from it back to a commit, newest first."""
    first = world.commit("feat: one", {"a": b"1"})
    second = world.commit("fix: two\n\nbody", {"a": b"2"})
    third = world.commit("docs: three", {"b": b"3"})
    git = world.clone()
    assert git.fetch("main") == third
    assert [commit.id for commit in git.log(third, since=first)] == [third, second]
    assert [commit.message for commit in git.log(third, since=None)] == ["docs: three", "fix: two\n\nbody", "feat: one"]
    assert git.log(third, since=None)[0].parents == (second,)
    assert git.log(first, since=third) == ()


def test_resolve_of_what_is_not_there_is_none(world: World) -> None:
    """An unknown name is an answer, not an error."""
    tip = world.commit("feat: one", {"a": b"1"})
    git = world.clone()
    git.fetch("main")
    assert git.resolve(tip) == tip
    assert git.resolve("refs/releasd/none") is None
    assert git.resolve("0" * 39 + "1") is None


def test_only_tags_of_that_history_are_merged(world: World) -> None:
    """A tag counts where its commit is reachable, and names its commit."""
    first = world.commit("feat: one", {"a": b"1"})
    second = world.commit("fix: two", {"a": b"2"})
    world.tag("v1.0.0", first)
    world.tag("v1.0.1", second)
    git = world.clone()
    git.fetch("main")
    assert git.tags_merged(first) == (Tag(name="v1.0.0", commit=first),)
    assert git.tags_merged(second) == (Tag(name="v1.0.0", commit=first), Tag(name="v1.0.1", commit=second))


def test_some_tags_are_asked_about_without_the_others(world: World) -> None:
    """Names alone come of all tags; what is asked about is left out where it is not reachable or not there."""
    first = world.commit("feat: one", {"a": b"1"})
    second = world.commit("fix: two", {"a": b"2"})
    for name, commit in (("v1.0.0", first), ("v1.0.1", second), ("v0.9.0", first)):
        world.tag(name, commit)
    git = world.clone()
    git.fetch("main")
    assert git.tag_names() == ("v0.9.0", "v1.0.0", "v1.0.1")
    assert git.tags_merged(first, ("v1.0.1", "v1.0.0", "v9")) == (Tag(name="v1.0.0", commit=first),)
    assert git.tags_merged(second, ()) == ()


def test_files_are_read_at_a_commit_and_missing_ones_left_out(world: World) -> None:
    """Reading gives the bytes of that commit, whatever came later, and leaves out what was not there."""
    first = world.commit("feat: one", {"a": b"1\r\n\x00\n missing\n", "sub/b c": b""})
    world.commit("fix: two", {"a": b"2", "later": b"x"})
    git = world.clone()
    git.fetch("main")
    found = git.read(first, ["sub/b c", "later", "sub", "a", "a\nb", "./a"])
    assert found == {"sub/b c": b"", "a": b"1\r\n\x00\n missing\n"}
    assert git.files(first) == {"a": False, "sub/b c": False}
    assert git.read(first, []) == {}


def test_an_unknown_commit_is_an_error_not_an_empty_answer(world: World) -> None:
    """Nothing is said about a commit that is not there: an empty answer would read as "no files"."""
    git = world.clone()
    for ask in (lambda: git.read("f" * 40, ["a"]), lambda: git.files("f" * 40), lambda: git.log("f" * 40, since=None)):
        with pytest.raises(GitError):
            ask()


def test_fetch_of_an_empty_remote_or_a_missing_branch_is_a_clear_error(world: World) -> None:
    """Both are mistakes of a person, so they are permanent and say which it is."""
    with pytest.raises(GitError, match="no commits"):
        world.clone().fetch("main")
    world.commit("feat: one", {"a": b"1"})
    with pytest.raises(GitError, match="cannot fetch develop"):
        world.clone().fetch("develop")


def test_a_commit_is_the_same_whoever_writes_it(world: World) -> None:
    """The same input gives the same name in two clones; another time gives another; only the named files differ."""
    tip = world.commit("feat: one", {"a": b"1", "b": b"keep"})
    one, two = world.clone(), world.clone()
    for git in (one, two):
        git.fetch("main")
    files = {"a": b"new", "dir/c": b"added"}
    made = one.write_commit(parents=[tip], files=files, message="chore(release): 1", at=AT)
    assert made == two.write_commit(parents=[tip], files=files, message="chore(release): 1", at=AT)
    assert made != one.write_commit(parents=[tip], files=files, message="chore(release): 1", at=AT.replace(second=7))
    assert one.read(made, ["a", "b", "dir/c"]) == {**files, "b": b"keep"}
    assert one.log(made, since=tip)[0].message == "chore(release): 1"
    assert one.commit_time(made) == int(AT.timestamp())
    assert one.is_ancestor(tip, made)
    assert not one.is_ancestor(made, tip)


def test_a_private_ref_can_be_set_and_deleted_twice(world: World) -> None:
    """Setting and deleting are idempotent, as a step that runs again needs."""
    tip = world.commit("feat: one", {"a": b"1"})
    git = world.clone()
    git.fetch("main")
    for _ in range(2):
        git.set_ref("refs/releasd/jobs/1", tip)
        assert git.resolve("refs/releasd/jobs/1") == tip
    for _ in range(2):
        git.set_ref("refs/releasd/jobs/1", None)
        assert git.resolve("refs/releasd/jobs/1") is None


def _release(git: Git, tip: str, version: str) -> dict[str, str]:
    commit = git.write_commit(parents=[tip], files={"VERSION": version.encode()}, message=version, at=AT)
    tag = git.write_tag(name=version, commit=commit, message=version, at=AT)
    return {MAIN: commit, f"refs/tags/{version}": tag}


def test_a_release_is_pushed_and_seen_with_its_peeled_tag(world: World) -> None:
    """After a push the remote shows branch, tag and the tag's commit; the same push again changes nothing."""
    tip = world.commit("feat: one", {"a": b"1"})
    git = world.clone()
    git.fetch("main")
    git.can_push("main")
    updates = _release(git, tip, "v1")
    for _ in range(2):
        git.push(updates, expect={MAIN: tip})
        seen = git.remote_refs(MAIN, "refs/tags/v1")
        assert seen == {**updates, "refs/tags/v1^{}": updates[MAIN]}
    assert git.remote_refs("refs/tags/v2") == {}
    other = world.clone()
    assert other.fetch("main") == updates[MAIN]
    assert other.tags_merged(updates[MAIN]) == (Tag(name="v1", commit=updates[MAIN]),)


def test_of_two_racing_releases_one_is_planned_again(world: World) -> None:
    """Two clones release from the same tip: the second gets Replan with the ref, and nothing of it is on the remote."""
    tip = world.commit("feat: one", {"a": b"1"})
    one, two = world.clone(), world.clone()
    for git in (one, two):
        git.fetch("main")
    won = _release(one, tip, "v1")
    one.push(won, expect={MAIN: tip})
    with pytest.raises(Replan, match=MAIN):
        two.push(_release(two, tip, "v2"), expect={MAIN: tip})
    assert two.remote_refs("refs/tags/v2", MAIN) == {MAIN: won[MAIN]}


def test_an_existing_tag_is_never_overwritten(world: World) -> None:
    """The version was claimed by someone else: Replan names the tag, and the branch stays where it was."""
    tip = world.commit("feat: one", {"a": b"1"})
    world.tag("v1", tip)
    git = world.clone()
    git.fetch("main")
    with pytest.raises(Replan, match="refs/tags/v1"):
        git.push(_release(git, tip, "v1"), expect={MAIN: tip})
    assert git.remote_refs(MAIN, "refs/tags/v1") == {MAIN: tip, "refs/tags/v1": tip}


def test_a_push_that_would_lose_commits_is_refused(world: World) -> None:
    """Even at the expected value, an update that does not contain it is an error: a lease alone would force it."""
    first = world.commit("feat: one", {"a": b"1"})
    second = world.commit("fix: two", {"a": b"2"})
    git = world.clone()
    git.fetch("main")
    with pytest.raises(GitError, match="not a descendant"):
        git.push(_release(git, first, "v1"), expect={MAIN: second})
    assert git.remote_refs(MAIN, "refs/tags/v1") == {MAIN: second}


def test_merge_joins_both_sides_or_says_conflict(world: World) -> None:
    """Changes to different files are joined with both as parents; to the same file, None."""
    tip = world.commit("feat: one", {"a": b"1\n", "b": b"1\n"})
    git = world.clone()
    git.fetch("main")
    ours = git.write_commit(parents=[tip], files={"a": b"ours\n"}, message="ours", at=AT)
    theirs = git.write_commit(parents=[tip], files={"b": b"theirs\n"}, message="theirs", at=AT)
    joined = git.merge(ours, theirs, message="join", at=AT)
    assert joined is not None
    assert joined == git.merge(ours, theirs, message="join", at=AT)
    assert git.read(joined, ["a", "b"]) == {"a": b"ours\n", "b": b"theirs\n"}
    assert git.log(joined, since=None)[0].parents == (ours, theirs)
    against = git.write_commit(parents=[tip], files={"a": b"against\n"}, message="against", at=AT)
    assert git.merge(ours, against, message="join", at=AT) is None
    unrelated = git.write_commit(parents=[], files={"z": b""}, message="other root", at=AT)
    assert git.merge(ours, unrelated, message="join", at=AT) is None


def test_an_archive_has_the_tracked_files(world: World, tmp_path: Path) -> None:
    """The tar holds the commit's files with their bytes, replaces an older one, and leaves nothing else behind."""
    tip = world.commit("feat: one", {"a": b"1", "sub/b": b"2"})
    git = world.clone()
    git.fetch("main")
    dest = tmp_path / "out" / "source.tar"
    dest.parent.mkdir()
    dest.write_bytes(b"old")
    git.archive(tip, dest)
    with tarfile.open(dest) as tar:
        found = {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}
    assert found == {"a": b"1", "sub/b": b"2"}
    assert list(dest.parent.iterdir()) == [dest]


def test_a_pack_leaves_out_what_is_there(world: World) -> None:
    """The more files the other side has, the less is packed; names that mean nothing here do not count."""
    large = bytes(range(256)) * 40
    first = world.commit("feat: one", {"a": large})
    second = world.commit("fix: two", {"b": b"2"})
    git = world.clone()
    git.fetch("main")
    whole = b"".join(git.pack(second, []))
    rest = b"".join(git.pack(second, [first]))
    assert 0 < len(rest) < len(whole)
    assert b"".join(git.pack(second, ["0" * 40, "HEAD", "--all", "", first])) == rest
    assert len(b"".join(git.pack(second, ["1" * 40]))) >= len(whole)
