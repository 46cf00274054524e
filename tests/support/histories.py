"""Histories made by `git fast-import`: any graph of commits, or a million of them, in one process."""

import os
import random
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support.gitrepo import EPOCH, ISOLATED, git
from support.tools import require_tool


@dataclass(frozen=True, kw_only=True)
class Made:
    """A commit to be made. `parents` are positions of earlier ones; `at` is in seconds since the epoch.

    `files` are those that it adds or changes, with their texts.
    """

    message: str | bytes
    parents: Sequence[int] = ()
    at: int | None = None
    tags: Sequence[str] = field(default=())
    files: Mapping[str, str] = field(default_factory=dict)


def line(messages: Iterable[str | tuple[str, ...]]) -> Iterator[Made]:
    """Yield a straight history; a tuple is a message and the tags on it."""
    for number, each in enumerate(messages):
        message, *tags = each if isinstance(each, tuple) else (each,)
        yield Made(message=message, parents=[number - 1] if number else [], tags=tags)


def make_history(folder: Path, commits: Iterable[Made]) -> Path:
    """Make a bare repository in which main is the last of `commits`; returns its path."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = (require_tool("git"), "-C", str(folder), "fast-import", "--quiet", "--done")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env={**kept, **ISOLATED}) as process:
        assert process.stdin
        for part in _parts(commits):
            process.stdin.write(part)
        process.stdin.close()
        assert process.stderr
        errors = process.stderr.read()
    assert process.returncode == 0, errors.decode(errors="replace")
    return folder


def _parts(commits: Iterable[Made]) -> Iterator[bytes]:
    for number, made in enumerate(commits, 1):
        text = made.message.encode(errors="surrogateescape") if isinstance(made.message, str) else made.message
        at = EPOCH + 60 * number if made.at is None else made.at
        if not made.parents:
            yield b"reset refs/heads/main\n\n"  # else the branch's tip would become the parent
        yield b"commit refs/heads/main\nmark :%d\ncommitter Ada <ada@example.org> %d +0000\n" % (number, at)
        yield b"data %d\n%s\n" % (len(text), text)
        for place, parent in enumerate(made.parents):
            yield b"%s :%d\n" % (b"merge" if place else b"from", parent + 1)
        for path, text in made.files.items():
            yield b"M 644 inline %s\ndata %d\n%s\n" % (path.encode(), len(text.encode()), text.encode())
        yield b"".join(b"reset refs/tags/%s\nfrom :%d\n\n" % (name.encode(), number) for name in made.tags)
    yield b"done\n"


def random_graph(seed: int, size: int) -> list[Made]:
    """Return a graph with roots, merges, equal and skewed times, and release tags of two channels all over it."""
    dice = random.Random(seed)
    made: list[Made] = []
    for number in range(size):
        count = 0 if not number or dice.random() < 0.03 else 2 if dice.random() < 0.25 and number > 1 else 1
        count = 3 if count == 2 and dice.random() < 0.1 and number > 2 else count
        recent = range(max(0, number - 8), number)
        parents = dice.sample(recent, min(count, len(recent)))
        message = dice.choice(("feat: a", "fix: b", "docs: c", "feat!: d", "chore: e", "words"))
        tags = [_tag(dice) for _ in range(dice.choice((0, 0, 0, 1, 1, 2)))]
        at = EPOCH + 30 * (number // 3) + dice.choice((0, 0, 0, -400, 50))
        made.append(Made(message=f"{message} {number}", parents=parents, at=at, tags=tags))
    return made


def _tag(dice: random.Random) -> str:
    version = f"v{dice.randrange(3)}.{dice.randrange(4)}.{dice.randrange(4)}"
    return version + dice.choice(("", "", "", "-beta.1", "-beta.2", "-rc.1"))
