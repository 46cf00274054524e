"""The subject that semantic-release reads from git is the one that releasd makes of the message."""

import subprocess
from pathlib import Path

import pytest

from releasd.core.semrel.gitlog import subject_of
from support.tools import require_tool

MESSAGES = (
    "a", "a\nb\n\nc", "\n\n a  \n\tb \n \nc", "a\r\nb\r\n\r\nc", "a\n\u00a0\nb",
    "é\n\u3000\nc", "a\x0b\nb", "a\n\f\nb", "  x  y  ", "Merge x\nof y\n",
)  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES)
def test_subject_is_what_git_says(message: str, tmp_path: Path) -> None:
    """`git log --format=%s` and `subject_of` agree, whatever white space a message has."""
    git = require_tool("git")

    def run(*words: str, given: bytes = b"") -> bytes:
        command = (git, "-c", "user.name=a", "-c", "user.email=a@b.c", *words)
        return subprocess.run(command, cwd=tmp_path, input=given, capture_output=True, check=True, timeout=60).stdout

    run("init", "-q")
    tree = run("mktree").decode().strip()
    commit = run("commit-tree", tree, given=message.encode()).decode().strip()
    assert run("log", "-1", "--format=%s", commit).decode() == f"{subject_of(message)}\n"
