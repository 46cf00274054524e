"""Whole histories through git: what is streamed equals what git itself says, range by range."""

from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from releasd.adapters.git import GitRepo
from releasd.adapters.git.stream import records, texts
from releasd.core.ancestry import History, in_log_order
from releasd.core.replay import pairs, releases_in
from releasd.errors import GitError
from support.gitrepo import git, make_remote, make_work
from support.histories import Made, line, make_history, random_graph


@pytest.mark.parametrize("seed", range(12))
def test_ranges_and_their_order_are_git_logs(tmp_path: Path, seed: int) -> None:
    """For any graph, merges, several roots and equal times included, each pair has the commits of `git log A..B`."""
    folder = make_history(tmp_path / "graph.git", random_graph(seed, 90))
    repo = GitRepo(folder)
    found = releases_in(repo.dated_tags(), "v{version}")
    history = History(repo.walk(past.commit for past in found), (past.commit for past in found))
    judged = pairs(history, found)
    assert len(judged) == len(git(folder, "tag").splitlines()) > 10
    for pair in judged:
        excluded = (f"^{pair.base.commit}",) if pair.base else ()
        expected = git(folder, "log", "--format=%H", pair.to.commit, *excluded).splitlines()
        assert [history.name(number) for number in in_log_order(history, pair.commits)] == expected


@pytest.mark.parametrize("seed", range(3))
def test_the_release_before_is_the_highest_merged_tag(tmp_path: Path, seed: int) -> None:
    """`git tag --merged` of a release's parents names the one that it follows."""
    folder = make_history(tmp_path / "graph.git", random_graph(100 + seed, 60))
    repo = GitRepo(folder)
    found = releases_in(repo.dated_tags(), "v{version}")
    history = History(repo.walk(past.commit for past in found), (past.commit for past in found))
    for pair in pairs(history, found):
        merged = set(git(folder, "tag", "--merged", pair.to.commit).splitlines())
        here = set(git(folder, "tag", "--points-at", pair.to.commit).splitlines())
        before = [
            past
            for past in found
            if past.tag in merged and past.channel in (None, pair.to.channel)
            if past.tag not in here or past.version.precedence < pair.to.version.precedence
        ]
        assert (pair.base and pair.base.tag) == (before[-1].tag if before else None)


def test_commits_are_read_as_git_log_reads_them(tmp_path: Path) -> None:
    """Encodings, a missing message, NULs' absence, broken bytes and `==FIELD==` come out as from `log`."""
    work = make_work(tmp_path / "work", make_remote(tmp_path / "remote.git"))
    for message in (
        "feat: plain\n\nbody\n",
        "",
        "fix: ==FIELD== \x01 \u202e",
        "fix: broken \udcff\udcfe",
        "x" * 300_000,
    ):
        work.commit(message)
    git(
        work.path,
        "-c",
        "i18n.commitEncoding=ISO-8859-1",
        "commit",
        "--allow-empty",
        "--quiet",
        "-F",
        "-",
        stdin=b"fix: caf\xe9",
    )
    repo = GitRepo(work.path)
    logged = repo.log("HEAD", since=None)
    names = [commit.id for commit in logged]
    assert tuple(repo.commits(names)) == logged
    assert logged[0].message == "fix: café"
    assert [commit.id for commit in repo.commits([names[2], names[0], names[2]])] == [names[2], names[0], names[2]]


def test_tags_come_with_their_commit_and_their_day(tmp_path: Path) -> None:
    """Annotated tags, and tags of tags, lead to the commit; tags of files and trees are left out."""
    work = make_work(tmp_path / "work", make_remote(tmp_path / "remote.git"))
    commit = work.commit("feat: a", {"file": "text"})
    work.tag("plain")
    work.tag("annotated", message="words\nand more")
    work.tag("nested", "annotated", message="around it")
    work.tag("file", "HEAD:file")
    work.tag("tree", "HEAD^{tree}", message="a tree")
    found = {tag.name: tag for tag in GitRepo(work.path).dated_tags()}
    assert {name: tag.commit for name, tag in found.items()} == dict.fromkeys(("plain", "annotated", "nested"), commit)
    assert found["plain"].at < found["annotated"].at < found["nested"].at


def test_configurations_of_many_commits_are_read_at_once(tmp_path: Path) -> None:
    """Each commit gets the files that it has, and none that it has not; a folder is no file."""
    work = make_work(tmp_path / "work", make_remote(tmp_path / "remote.git"))
    first = work.commit("feat: a", {"a": "one", "folder/b": "x"})
    second = work.commit("feat: b", {"a": "two", "c": b"\xff\n\n"})
    texts = list(GitRepo(work.path).texts([second, first, second], ["a", "c", "folder", "no such: file"]))
    assert texts == [{"a": b"two", "c": b"\xff\n\n"}, {"a": b"one"}, {"a": b"two", "c": b"\xff\n\n"}]


def test_a_history_that_is_cut_off_is_refused_with_the_cure(tmp_path: Path) -> None:
    """Past releases cannot be judged without their commits."""
    folder = make_history(tmp_path / "full.git", line([("feat: a", "v0.1.0"), ("fix: b", "v0.1.1")]))
    git(tmp_path, "clone", "--quiet", "--bare", "--depth=1", f"file://{folder}", "shallow.git")
    with pytest.raises(GitError, match="shallow") as caught:
        list(GitRepo(tmp_path / "shallow.git").walk(["HEAD"]))
    assert "--unshallow" in caught.value.advice


def test_a_missing_commit_is_an_error_with_a_cause(tmp_path: Path) -> None:
    """What git says on its error stream reaches the person."""
    folder = make_history(tmp_path / "one.git", [Made(message="feat: a")])
    with pytest.raises(GitError, match="cannot read the history"):
        list(GitRepo(folder).walk(["f" * 40]))
    with pytest.raises(GitError, match="a commit is missing"):
        list(GitRepo(folder).commits(["f" * 40]))


def test_a_stream_that_is_left_ends_its_git(tmp_path: Path) -> None:
    """Whoever stops reading leaves no process behind that fills a pipe."""
    folder = make_history(tmp_path / "long.git", line(f"fix: {number} {'x' * 500}" for number in range(3000)))
    repo = GitRepo(folder)
    commits = repo.commits(repo.log("HEAD", since=None)[0].id for _ in range(200_000))
    assert next(commits).message.startswith("fix: 2999")
    commits.close()  # type: ignore[attr-defined]
    left = [child.name() for child in psutil.Process().children(recursive=True) if child.name() == "git"]
    assert left == []


@given(
    st.lists(st.sampled_from([b"a", "ä€😀".encode(), b"\xff", b"\xe2\x82", b"\0", b"\0\0", b"\r\n"])), st.integers(1, 5)
)
def test_texts_do_not_depend_on_how_the_stream_is_cut(parts: list[bytes], size: int) -> None:
    """Decoded while it comes, each text is what the same bytes say by themselves, broken characters included."""
    whole = b"".join(parts)
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    by_itself = [record.decode(errors="replace") for record in records(chunks, b"\0")]
    assert list(texts(chunks, "\0")) == by_itself
