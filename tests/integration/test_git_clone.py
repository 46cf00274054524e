"""What the daemon does in its own clone: making it again after a crash, writing objects, archives."""

import json
import os
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from releasd.adapters.git import clone_or_open
from releasd.errors import DiskFull, GitError, Transient
from support.gitrepo import AT, ISOLATED, MAIN, Work, clone_of, git, make_remote, make_work, release_from
from support.tools import lacking


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ISOLATED.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def pushed(tmp_path: Path) -> Work:
    work = make_work(tmp_path / "work", make_remote(tmp_path / "remote.git"))
    work.commit("feat: one", {"a": "1"})
    work.push()
    return work


@pytest.mark.parametrize("broken", ["HEAD", "config", "objects", "refs"])
def test_a_broken_clone_is_made_again(pushed: Work, broken: str) -> None:
    """Whatever a crash took away, the clone is whole again, knows its remote, and no half-made folder stays."""
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    target = repo.path / broken
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.write_bytes(b"")
    (repo.path.parent / ".clone.git.x.new").mkdir()
    assert clone_of(pushed).fetch("main") == tip
    assert not list(repo.path.parent.glob(".clone.git.*"))


def test_a_sound_clone_is_kept_and_follows_a_changed_remote(pushed: Work, tmp_path: Path) -> None:
    """Opening again keeps objects and refs; a new `repository` in the configuration is used from then on."""
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    repo.set_ref("refs/releasd/jobs/1", tip)
    pushed.remote.rename(tmp_path / "moved.git")
    again = clone_or_open(repo.path, str(tmp_path / "moved.git"))
    assert again.resolve("refs/releasd/jobs/1") == tip
    assert again.fetch("main") == tip


def test_a_folder_of_someone_else_is_not_deleted(tmp_path: Path) -> None:
    """A folder that holds other things is left alone and named."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(GitError, match="not a git repository"):
        clone_or_open(tmp_path, "/nowhere")
    assert (tmp_path / "thesis.txt").exists()


def test_a_broken_clone_inside_a_repository_does_not_touch_that(pushed: Work) -> None:
    """Git would look for a repository in the parents, and the daemon's folder may lie inside one."""
    path = pushed.path / "state" / "clone.git"
    clone_or_open(path, str(pushed.remote)).fetch("main")
    (path / "HEAD").unlink()
    before = git(pushed.path, "for-each-ref")
    assert clone_or_open(path, str(pushed.remote)).fetch("main") == pushed.head()
    assert git(pushed.path, "for-each-ref") == before


def test_locks_of_a_killed_git_go_away_once_they_are_old(pushed: Work) -> None:
    """A fresh lock is somebody's and makes the call `Transient`; an old one is removed when the clone is opened."""
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    lock = repo.path / "refs" / "releasd" / "x.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with pytest.raises(Transient) as caught:
        clone_of(pushed).set_ref("refs/releasd/x", tip)
    assert f"rm {lock}" in caught.value.advice
    os.utime(lock, (1, 1))
    clone_of(pushed).set_ref("refs/releasd/x", tip)
    assert not lock.exists()


def test_only_regular_files_are_edited_and_their_mode_stays(pushed: Work) -> None:
    """An executable stays one; a symbolic link, a folder and a path outside the tree are refused."""
    (pushed.path / "tool").write_text("old")
    (pushed.path / "tool").chmod(0o755)
    (pushed.path / "link").symlink_to("a")
    git(pushed.path, "add", "tool", "link")
    tip = pushed.commit("feat: tools", {"dir/x": "1"})
    pushed.push()
    repo = clone_of(pushed)
    repo.fetch("main")
    made = repo.write_commit(parents=[tip], files={"tool": b"new", "fresh": b""}, message="x", at=AT)
    modes = {line.split()[3]: line.split()[0] for line in git(repo.path, "ls-tree", made).splitlines()}
    assert (modes["tool"], modes["fresh"], modes["link"]) == ("100755", "100644", "120000")
    for path in ("link", "dir", "a/b", "../out", "/etc/x", ".git/config"):
        with pytest.raises(GitError, match=re.escape(path.removesuffix("/b"))):
            repo.write_commit(parents=[tip], files={path: b"x"}, message="x", at=AT)


@pytest.mark.parametrize("name", ["with space", "v1\ntagger Eve <e@x> 0 +0000", "a..b", ""])
def test_a_tag_with_an_impossible_name_is_refused(pushed: Work, name: str) -> None:
    """No name can smuggle a header into the tag object."""
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    with pytest.raises(GitError):
        repo.write_tag(name=name, commit=tip, message="x", at=AT)


def test_hooks_and_signing_of_the_user_stay_out(pushed: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A global wish for hooks, signatures or further tags is for people: the names are the same without it."""
    repo = clone_of(pushed)
    plain = release_from(repo, repo.fetch("main"))
    trap = tmp_path / "hooks"
    trap.mkdir()
    for name in ("reference-transaction", "pre-push"):
        (trap / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
        (trap / name).chmod(0o755)
    (tmp_path / "gitconfig").write_text(
        f"[core]\nhooksPath={trap}\n[commit]\ngpgSign=true\n[tag]\ngpgSign=true\n[push]\nfollowTags=true\n"
        "pushOption=x\n[safe]\nbareRepository=explicit\n[user]\nuseConfigOnly=true\n[i18n]\ncommitEncoding=latin1\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    tip = repo.fetch("main")
    repo.set_ref("refs/releasd/x", tip)
    assert release_from(repo, tip) == plain
    repo.can_push("main")
    assert not (tmp_path / "ran").exists()


def test_an_archive_is_exactly_what_is_tracked(pushed: Work, tmp_path: Path) -> None:
    """No attribute of the repository drops or rewrites a file that a build may need; modes and links stay."""
    (pushed.path / "link").symlink_to("a")
    (pushed.path / "tool").write_text("x")
    (pushed.path / "tool").chmod(0o755)
    git(pushed.path, "add", "link", "tool")
    attributes = "tests export-ignore\ntests/** export-ignore\nversion export-subst\n"
    files = {".gitattributes": attributes, "tests/t": "t", "version": "$Format:%H$", "crlf": "a\r\nb\n"}
    tip = pushed.commit("feat: attributes", files)
    pushed.push()
    repo = clone_of(pushed)
    repo.fetch("main")
    repo.archive(tip, tmp_path / "source.tar")
    with tarfile.open(tmp_path / "source.tar") as tar:
        found = {entry.name: entry for entry in tar if not entry.isdir()}
        texts = {name: tar.extractfile(name).read().decode() for name in files}
    assert sorted(found) == sorted(repo.files(tip))
    assert texts == files
    assert (found["tool"].mode, found["a"].mode, found["link"].linkname) == (0o755, 0o644, "a")
    assert found["a"].mtime == repo.commit_time(tip)


def test_a_full_disk_is_said_to_be_full(pushed: Work) -> None:
    """Without room git fails like anything else; the cause is told apart, for it is tried again."""
    if not Path("/dev/full").exists():
        lacking("this system has no /dev/full")
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    with pytest.raises(DiskFull):
        repo._git("archive", "--format=tar", "--output=/dev/full", tip, action="archive")


def test_an_archive_that_fails_leaves_nothing(pushed: Work, tmp_path: Path) -> None:
    """A half-written tar never appears, under any name."""
    (tmp_path / "out").mkdir()
    with pytest.raises(GitError):
        clone_of(pushed).archive("f" * 40, tmp_path / "out" / "source.tar")
    assert list((tmp_path / "out").iterdir()) == []


def test_tidying_keeps_what_was_just_written(pushed: Work) -> None:
    """Packing up does not take objects that no ref names yet."""
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    updates = release_from(repo, tip)
    repo.tidy()
    repo.push(updates, expect={MAIN: tip})
    assert git(pushed.remote, "rev-parse", "main") == updates[MAIN]


def test_what_is_written_survives_a_power_cut(pushed: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git waits for the disk with every object and ref, ours and those fetched, as its own trace tells."""
    trace = tmp_path / "trace"
    (tmp_path / "gitconfig").write_text(f"[trace2]\n\teventTarget = {trace}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    commit = repo.write_commit(parents=(tip,), files={"a": b"2"}, message="chore(release): 1.0.0", at=AT)
    repo.write_tag(name="v1.0.0", commit=commit, message="v1.0.0", at=AT)
    repo.set_ref("refs/releasd/jobs/1", commit)
    told = [json.loads(line) for line in trace.read_text().splitlines()]
    flushed = {data["sid"] for data in told if data.get("category") == "fsync"}
    started = [data for data in told if data["event"] == "start" and data["sid"] in flushed]
    durable = {part for data in started for part in data["argv"]}
    assert {"unpack-objects", "hash-object", "write-tree", "commit-tree", "mktag", "update-ref"} <= durable
