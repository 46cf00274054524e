"""What only the real git can get wrong: odd repositories, odd names, odd surroundings, and odd callers."""

from pathlib import Path

import pytest

from releasd.adapters.git import GitRepo
from releasd.errors import GitError
from releasd.model import Tag
from support.gitrepo import ISOLATED, MAIN, Work, clone_of, git, make_remote, make_work, release_from


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ISOLATED.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return make_work(tmp_path / "work", make_remote(tmp_path / "remote.git"))


@pytest.fixture
def pushed(work: Work) -> Work:
    work.commit("feat: one", {"a": "1"})
    work.push()
    return work


@pytest.mark.parametrize(
    "message",
    [
        "fix: a\n\n==FIELD== b ==END==\n--- \nHash: deadbeef",
        "fix: crlf\r\n\r\nbody\r\n",
        "fix: %x00%H %n %B $(id) `id` \x1b[31mred\x01\x7f",
        "fix: \U0001f41b é\u2028separator",
        "# not a comment\n\n; 'quotes' \"too\"",
    ],
)
def test_no_message_breaks_the_log(work: Work, message: str) -> None:
    """Whatever a message holds, it comes back whole and its neighbours are untouched."""
    first = work.commit("feat: before")
    odd = work.commit(message)
    last = work.commit("feat: after")
    found = GitRepo(work.path).log(last, since=None)
    assert [(commit.id, commit.message) for commit in found] == [
        (last, "feat: after"),
        (odd, message.strip()),
        (first, "feat: before"),
    ]
    assert found[0].author == "Ada <ada@example.org>"


def test_a_message_that_is_no_utf8_is_readable(work: Work) -> None:
    """Bytes that are not UTF-8 are replaced, for the message goes into JSON; an empty message stays empty."""
    empty = work.commit("")
    raw = git(work.path, "cat-file", "commit", empty).encode() + b"\n\nfix: \xff\xfe\n"
    odd = git(work.path, "hash-object", "-t", "commit", "-w", "--stdin", stdin=raw)
    assert [commit.message for commit in GitRepo(work.path).log(empty, since=None)] == [""]
    assert [commit.message for commit in GitRepo(work.path).log(odd, since=None)] == ["fix: \ufffd\ufffd"]


def test_configuration_of_the_user_does_not_change_the_log(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures, colours, a pager, another encoding and replaced objects leave the answer as it is."""
    tip = work.commit("fix: é")
    plain = GitRepo(work.path).log(tip, since=None)
    config = work.path.parent / "gitconfig"
    config.write_text(
        "[log]\nshowSignature=true\n[color]\nui=always\n[core]\npager=false\n[i18n]\nlogOutputEncoding=latin1\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    git(work.path, "replace", tip, work.commit("feat!: another"))
    assert GitRepo(work.path).log(tip, since=None) == plain


def test_merge_commits_are_part_of_the_log(work: Work) -> None:
    """A merge is listed with both parents, and so is what it brought."""
    base = work.commit("feat: base")
    git(work.path, "checkout", "--quiet", "-b", "side")
    side = work.commit("fix: side")
    git(work.path, "checkout", "--quiet", "main")
    other = work.commit("fix: main")
    git(work.path, "merge", "--quiet", "--no-ff", "-m", "Merge side", "side")
    found = GitRepo(work.path).log("main", since=base)
    assert found[0].parents == (other, side)
    assert {commit.id for commit in found[1:]} == {side, other}


def test_a_long_history_is_read_whole(work: Work) -> None:
    """Ten thousand commits come back complete and in order."""
    work.commit("feat: start")
    tip = work.history(f"fix: number {number}" for number in range(10_000))
    found = GitRepo(work.path).log(tip, since=None)
    assert len(found) == 10_001
    assert [found[0].message, found[-1].message] == ["fix: number 9999", "feat: start"]


def test_every_kind_of_tag_names_its_commit(work: Work) -> None:
    """Light, annotated and nested tags give the commit; tags of files or of other histories are left out."""
    commit = work.commit("feat: one", {"a": "1"})
    work.tag("light")
    work.tag("noted", message="text")
    work.tag("nested", "noted", message="a tag of a tag")
    work.tag("deep", "nested", message="a tag of a tag of a tag")
    work.tag("file", "HEAD:a")
    work.tag('pkg/it\'s-"1.0"é', message="text")
    git(work.path, "checkout", "--quiet", "--orphan", "other")
    work.commit("feat: elsewhere")
    work.tag("elsewhere")
    names = ["deep", "light", "nested", "noted", 'pkg/it\'s-"1.0"é']
    assert GitRepo(work.path).tags_merged(commit) == tuple(Tag(name=name, commit=commit) for name in names)


def test_odd_file_names_are_read_and_listed(work: Work) -> None:
    """Globs, quotes, line ends, colons and non-ASCII in names are names, and submodules are no files."""
    names = ["*", "a b", 'q"uote', "line\nend", "é", ":colon", "-dash", "sub/[x]", "tab\there"]
    for name in names:
        (work.path / name).parent.mkdir(exist_ok=True)
    tip = work.commit("feat: odd", dict.fromkeys(names, "data"))
    git(work.path, "update-index", "--add", "--cacheinfo", f"160000,{tip},module")
    git(work.path, "commit", "--quiet", "-m", "chore: module")
    repo = GitRepo(work.path)
    assert sorted(repo.files("main")) == sorted(names)
    assert repo.read("main", [*names, "module", "gone\nmissing"]) == dict.fromkeys(names, b"data")


@pytest.mark.parametrize("name", ["with space", "quo'te\"", "-dash", "$(id)", "new\nline", "é", "100%", "a:b"])
def test_any_folder_name_works(tmp_path: Path, name: str) -> None:
    """A repository, its remote and the clone may be called anything."""
    folder = tmp_path / name
    work = make_work(folder / "work", make_remote(folder / "remote.git"))
    tip = work.commit("feat: one", {"a": "1"})
    work.push()
    repo = clone_of(work)
    assert repo.fetch("main") == tip
    updates = release_from(repo, tip)
    repo.push(updates, expect={MAIN: tip})
    assert git(work.remote, "rev-parse", "main") == updates[MAIN]
    assert GitRepo(work.path).resolve("HEAD") == tip


@pytest.mark.parametrize("ref", ["--all", "-x", "a..b", "HEAD^{tree}", "", "\n", "@{-1}"])
def test_odd_refs_are_no_options(pushed: Work, ref: str) -> None:
    """A ref that looks like an option or a range names no commit, and starts nothing."""
    assert GitRepo(pushed.path).resolve(ref) is None


def test_a_nul_in_a_name_is_a_git_error(pushed: Work) -> None:
    """A name that no git can have is answered like any other mistake."""
    with pytest.raises(GitError, match="NUL"):
        GitRepo(pushed.path).resolve("a\0b")


def test_head_may_be_on_a_branch_unborn_or_detached(work: Work) -> None:
    """The branch is known before its first commit, and None once HEAD is detached."""
    repo = GitRepo(work.path)
    assert repo.branch() == "main"
    assert repo.resolve("HEAD") is None
    with pytest.raises(GitError, match="there is no commit HEAD"):
        repo.tags_merged("HEAD")
    tip = work.commit("feat: one")
    git(work.path, "checkout", "--quiet", "--detach")
    assert repo.branch() is None
    assert repo.resolve("HEAD") == tip


def test_a_shallow_clone_is_refused_with_the_cure(pushed: Work, tmp_path: Path) -> None:
    """Cut-off history would give a wrong version, so tags are refused with the command that completes it."""
    pushed.commit("fix: two")
    pushed.push()
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{pushed.remote}", "shallow")
    repo = GitRepo(tmp_path / "shallow")
    assert repo.is_shallow()
    with pytest.raises(GitError, match="shallow") as caught:
        repo.tags_merged("HEAD")
    with pytest.raises(GitError, match="shallow"):
        repo.tag_names()
    git(tmp_path, *caught.value.advice.removeprefix("git ").split())
    assert repo.tags_merged("HEAD") == ()


@pytest.mark.parametrize("where", ["missing", "plain"])
def test_a_folder_that_is_no_repository_is_a_clear_error(tmp_path: Path, where: str) -> None:
    """Both a missing folder and a plain one are named, with what to do."""
    (tmp_path / "plain").mkdir()
    repo = GitRepo(tmp_path / where)
    for ask in (repo.branch, repo.is_shallow, lambda: repo.resolve("HEAD"), lambda: repo.tags_merged("HEAD")):
        with pytest.raises(GitError, match=where) as caught:
            ask()
        assert caught.value.advice


def test_worktrees_and_subfolders_are_repositories_too(pushed: Work, tmp_path: Path) -> None:
    """A linked worktree has its own HEAD; a folder inside a repository belongs to it."""
    git(pushed.path, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))
    assert GitRepo(tmp_path / "linked").branch() == "side"
    (pushed.path / "deep" / "er").mkdir(parents=True)
    assert GitRepo(pushed.path / "deep" / "er").read("HEAD", ["a"]) == {"a": b"1"}


def test_the_callers_git_variables_do_not_mislead(
    pushed: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Called from a hook, where GIT_DIR and others point elsewhere, we still see the repository that was named."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_NAMESPACE", "other")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.bare")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "nonsense")
    repo = clone_of(pushed)
    tip = repo.fetch("main")
    repo.push(release_from(repo, tip), expect={MAIN: tip})
    assert not (tmp_path / "elsewhere").exists()
