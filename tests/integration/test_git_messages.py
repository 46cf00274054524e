"""A commit's message is read from git as semantic-release reads it: trimmed as JavaScript trims."""

from pathlib import Path

import pytest

from releasd.adapters.git import GitRepo
from releasd.core.semrel.analysis import release_type
from releasd.core.semrel.options import Options
from support.gitrepo import git

# What git keeps at the ends of a message, and what is left of it: U+FEFF goes, U+0085 and the separators stay.
ENDS = [
    ("\ufefffeat: x", "feat: x", "minor"),
    ("\u3000feat: x\u2028", "feat: x", "minor"),
    ("\x1cfeat: x", "\x1cfeat: x", None),
    ("\x85feat: x", "\x85feat: x", None),
    ("feat: x\x85", "feat: x\x85", "minor"),
    ("feat: x\x1f\n", "feat: x\x1f", "minor"),
]


@pytest.mark.parametrize(("message", "read", "release"), ENDS)
def test_a_message_is_trimmed_as_javascript_trims(tmp_path: Path, message: str, read: str, release: str | None) -> None:
    """Python's `strip` takes other characters away, and then another version would come of it."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--bare")
    tree = git(folder, "mktree")
    commit = git(folder, "commit-tree", tree, stdin=message.encode())
    repo = GitRepo(folder)
    found = repo.log(commit, since=None)
    assert [each.message for each in found] == [read]
    assert tuple(repo.commits([commit])) == found
    assert release_type(found, Options(preset="angular")) == release
