"""Installing the hook: in any kind of repository, beside any hook, and gone without a trace."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from releasd.adapters.hookfiles import install, remove, status
from releasd.adapters.share import read_share
from releasd.daemon.intake import Intake
from releasd.errors import GitError, Permanent
from support.pushes import HOOKS, SAD_STATES, Pair, git, pair, put, sad_socket

EARLIER = "#!/bin/sh\nexit 0\n"


@pytest.fixture
def made() -> Iterator[Pair]:
    with pair() as repositories:
        yield repositories


def test_the_packaged_hook_is_installed_byte_for_byte(made: Pair) -> None:
    """Executable, under the right name, with the keys that it reads."""
    for where, kind, folder in (
        (made.bare, "post-receive", made.bare / "hooks"),
        (made.clone, "reference-transaction", made.clone / ".git/hooks"),
    ):
        put(made, where)
        found = status(where)
        assert (found.kind, found.state, found.path, found.earlier) == (kind, "installed", folder / kind, None)
        assert (found.socket, found.spool) == (made.socket, made.spool)
        assert found.path.read_bytes() == (HOOKS / kind).read_bytes()
        assert os.access(found.path, os.X_OK)
        assert git(where, "config", "releasd.socket") == str(made.socket)


def test_installing_twice_is_installing_once(made: Pair) -> None:
    """Also over an earlier hook: ours is never kept as the earlier one, which would run without end."""
    (made.bare / "hooks/post-receive").write_text(EARLIER)
    first = put(made)
    assert put(made) == first
    assert first.earlier is not None
    assert first.earlier.read_text() == EARLIER
    files = {path.name for path in (made.bare / "hooks").iterdir() if not path.name.endswith(".sample")}
    assert files == {"post-receive", "post-receive.before-releasd"}
    assert git(made.bare, "config", "--get-all", "releasd.socket") == str(made.socket)


def test_removing_puts_everything_back(made: Pair) -> None:
    """The earlier hook under its name, no keys, no file of ours; twice is no error."""
    earlier = made.bare / "hooks/post-receive"
    earlier.write_text(EARLIER)
    earlier.chmod(0o700)
    put(made)
    for _ in range(2):
        found = remove(made.bare)
        assert (found.state, found.earlier, found.socket, found.spool) == ("foreign", None, None, None)
    assert earlier.read_text() == EARLIER
    assert earlier.stat().st_mode & 0o777 == 0o700
    put(made, made.clone)
    assert remove(made.clone).state == "missing"
    assert "[releasd" not in (made.clone / ".git/config").read_text()


def test_removing_after_our_hook_was_deleted_by_hand_brings_the_earlier_one_back(made: Pair) -> None:
    """Otherwise nobody would run it any more."""
    (made.bare / "hooks/post-receive").write_text(EARLIER)
    put(made).path.unlink()
    assert (remove(made.bare).state, status(made.bare).earlier) == ("foreign", None)
    assert (made.bare / "hooks/post-receive").read_text() == EARLIER


def test_status_tells_ours_from_old_and_foreign(made: Pair) -> None:
    """Old, not executable, someone else's, none: each has its word, and installing brings it up to date."""
    assert status(made.bare).state == "missing"
    hook = put(made).path
    hook.write_text(hook.read_text().replace("# releasd-hook 1", "# releasd-hook 0"))
    assert status(made.bare).state == "outdated"
    assert put(made).state == "installed"
    hook.chmod(0o644)
    assert status(made.bare).state == "outdated"
    hook.write_text(EARLIER)
    assert status(made.bare).state == "foreign"


def test_a_linked_earlier_hook_is_kept_as_a_link(made: Pair) -> None:
    """Hooks are often links into the project; the link moves, its target is not touched."""
    script = made.bare / "script"
    script.write_text(EARLIER)
    (made.bare / "hooks/post-receive").symlink_to("../script")
    assert put(made).state == "installed"
    assert (made.bare / "hooks/post-receive.before-releasd").readlink() == Path("../script")
    assert script.read_text() == EARLIER
    remove(made.bare)
    assert (made.bare / "hooks/post-receive").readlink() == Path("../script")


def test_two_hooks_in_the_way_are_both_kept(made: Pair) -> None:
    """Someone put a hook of his own over ours: nothing is overwritten, a person decides."""
    (made.bare / "hooks/post-receive").write_text(EARLIER)
    put(made)
    (made.bare / "hooks/post-receive").write_text("#!/bin/sh\nexit 7\n")
    with pytest.raises(Permanent, match="before-releasd"):
        put(made)
    assert (made.bare / "hooks/post-receive").read_text() == "#!/bin/sh\nexit 7\n"
    assert (made.bare / "hooks/post-receive.before-releasd").read_text() == EARLIER


@pytest.mark.parametrize("configured", ["githooks", "absolute"])
def test_the_hooks_folder_is_the_one_that_git_uses(made: Pair, configured: str) -> None:
    """core.hooksPath, relative to the work tree's top or absolute; also from a subfolder; a folder is made."""
    folder = made.clone / "githooks" if configured == "githooks" else made.clone.parent / "shared"
    git(made.clone, "config", "core.hooksPath", configured if configured == "githooks" else str(folder))
    (made.clone / "sub").mkdir()
    found = put(made, made.clone / "sub")
    assert (found.repository, found.path) == (made.clone, folder / "reference-transaction")
    assert found.state == "installed"
    made.push()
    assert len(made.spooled()) == 1


@pytest.mark.parametrize("shared", ["absolute", "../shared"])
def test_a_shared_hooks_folder_keeps_serving_the_others(made: Pair, shared: str) -> None:
    """Removing from one repository only makes the hook silent there."""
    git(made.clone, "config", "core.hooksPath", str(made.bare.parent / "shared") if shared == "absolute" else shared)
    put(made, made.clone)
    found = remove(made.clone)
    assert (found.state, found.socket) == ("installed", None)
    assert "releasd" not in made.push().stderr.replace(str(made.bare), "")
    assert made.spooled() == []


def test_a_linked_work_tree_shares_the_hook_of_its_repository(made: Pair) -> None:
    """Git runs the main repository's hooks in every work tree."""
    tree = made.clone.parent / "tree"
    git(made.clone, "worktree", "add", "-q", "-b", "side", str(tree))
    assert put(made, tree).path == made.clone / ".git/hooks/reference-transaction"
    assert status(made.clone).state == "installed"
    assert remove(tree).state == "missing"
    assert status(made.clone).state == "missing"


def test_push_options_are_switched_on_but_never_overruled(made: Pair) -> None:
    """`git push -o` fails outright without it; a repository that says no keeps its no."""
    assert put(made).push_options
    git(made.bare, "config", "receive.advertisePushOptions", "false")
    assert not put(made).push_options


def test_a_daemon_that_answers_is_seen(made: Pair) -> None:
    """Status asks the socket itself, and sends no hint."""
    hints: list[object] = []
    put(made)
    assert not status(made.bare).answering
    with Intake(made.socket, handle=lambda hint: str(hints.append(hint)), on_bad=hints.append):
        assert status(made.bare).answering
    assert hints == []


@pytest.mark.parametrize("state", SAD_STATES)
def test_a_socket_that_does_not_answer_is_told_from_one_that_does(made: Pair, state: str) -> None:
    """Whatever is wrong with the socket, status says no within seconds."""
    put(made)
    with sad_socket(made.socket, state):
        assert not status(made.bare).answering


@pytest.mark.parametrize("call", [status, remove])
def test_what_is_no_repository_is_refused(tmp_path: Path, call) -> None:  # noqa: ANN001 - one of two functions
    """With git's own reason and a command to see it."""
    with pytest.raises(GitError, match="not a git repository") as caught:
        call(tmp_path)
    assert caught.value.advice
    with pytest.raises(GitError):
        call(tmp_path / "missing")


def test_a_hooks_folder_that_cannot_be_written_is_refused(made: Pair) -> None:
    """Clearly, with what to look at; a file where the folder should be stops even root."""
    git(made.clone, "config", "core.hooksPath", "blocked")
    (made.clone / "blocked").write_text("")
    with pytest.raises(Permanent, match="cannot be changed") as caught:
        put(made, made.clone)
    assert "core.hooksPath" in caught.value.advice
    assert status(made.clone).socket is None


@pytest.mark.parametrize("path", ["hook.sock", "/run/a\nb", "/run/hook.sock "])
def test_a_path_that_the_hook_could_not_read_back_is_refused(made: Pair, path: str) -> None:
    """The shell reads one key and one value a line."""
    with pytest.raises(Permanent, match="absolute path on one line"):
        install(made.bare, socket=Path(path), spool=made.spool)
    assert status(made.bare).state == "missing"


def test_our_own_git_environment_does_not_lead_astray(made: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIT_DIR is set wherever a hook or an alias starts us."""
    monkeypatch.setenv("GIT_DIR", str(made.bare))
    assert status(made.clone).repository == made.clone


def test_a_file_that_is_not_packaged_is_an_error_of_the_installation() -> None:
    """Not a stray FileNotFoundError."""
    assert read_share("hooks/post-receive").startswith("#!/bin/sh\n# releasd-hook ")
    with pytest.raises(Permanent, match="hooks/post-checkout"):
        read_share("hooks/post-checkout")
