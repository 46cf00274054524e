"""One walk over history for many ranges at once: each commit and the paths that it changes."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from releasd.adapters.git.stream import Streaming, records

if TYPE_CHECKING:
    from releasd.core.touched import Changed

FRESH_AFTER = 100_000  # commits; a git that compares more grows by 40 MB for as many again
_SHORTEST_NAME = 40  # what `diff-tree` says of a path is one letter, so what is as long as this names a commit
_DIFF = ("--stdin", "-r", "-z", "--name-status", "--no-renames", "--ignore-submodules=none", "--always", "--root")


class Changes(Streaming):
    """The part of a repository that says what commits changed."""

    def changes(self, commit: str, *, since: Sequence[str]) -> Iterator["Changed"]:
        """Yield the commits reachable from `commit` and not from all of `since`, in the order of `log`."""
        from releasd.core.touched import Changed  # noqa: PLC0415 - only for several packages

        asked: deque[list[str]] = deque()  # commits with their parents, in the order of the answers
        answers = _answers(records(self._differences(self._requests(commit, self._common(since), asked)), b"\0"))
        for first in answers:
            name, *parents = asked.popleft()
            rest = [next(answers) for _ in parents[1:]]
            yield Changed(name, tuple(parents), (first, *rest))

    def _differences(self, requests: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the answers; each git is asked so much, for it forgets nothing that it has read."""
        for first in requests:
            some = chain((first,), islice(requests, FRESH_AFTER - 1))
            yield from self._stream("diff-tree", *_DIFF, action="read what commits changed", requests=some)

    def _requests(self, commit: str, bases: Sequence[str], asked: deque[list[str]]) -> Iterator[bytes]:
        """Yield what `diff-tree` is asked: a commit, or a merge with each of its parents."""
        walk = ("rev-list", "--parents", "--end-of-options", commit, *(f"^{base}" for base in bases), "--")
        for line in records(self._stream(*walk, action="read the history"), b"\n"):
            names = line.decode("ascii").split(" ")
            asked.append(names)
            name, *parents = names
            if len(parents) > 1:
                yield "".join(f"{name} {parent}\n" for parent in parents).encode()
            else:
                yield line[: len(name)] + b"\n"

    def _common(self, since: Sequence[str]) -> Sequence[str]:
        """Return the commits from which all is reachable that is reachable from each of `since`."""
        ends = tuple(dict.fromkeys(since))
        if len(ends) < 2:  # noqa: PLR2004 - the one itself
            return ends
        answer = self._ask("merge-base", "--octopus", "--all", *ends, action="find what the ranges have in common")
        if answer.status not in (0, 1):
            raise self._failure("find what the ranges have in common", answer.stderr)
        return answer.stdout.decode().split()


def _answers(tokens: Iterator[bytes]) -> Iterator[tuple[bytes, ...]]:
    """Yield the paths of each answer: a commit's name, and for each path a letter and the path."""
    if next(tokens, None) is None:
        return
    paths: list[bytes] = []
    for token in tokens:
        if len(token) >= _SHORTEST_NAME:
            yield tuple(paths)
            paths = []
        else:
            paths.append(next(tokens))
    yield tuple(paths)
