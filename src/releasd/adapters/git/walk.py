"""Whole histories: every commit and every tag, streamed, in a number of processes that does not depend on theirs."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from releasd.adapters.git.stream import Streaming, records
from releasd.core.ancestry import Node
from releasd.core.semrel.jstext import trim
from releasd.errors import GitError
from releasd.model import Commit

_TAG_FIELDS = (
    "%(refname:lstrip=2)",
    "%(objectname)",
    "%(objecttype)",
    "%(*objectname)",
    "%(*objecttype)",
    "%(creatordate:unix)",
)
_AUTHOR = re.compile(rb"^author (.*>)", re.MULTILINE)
_ENCODING = re.compile(rb"^encoding (\S+)", re.MULTILINE)


class DatedTag(NamedTuple):
    """A tag, the commit that it points at, and when it was made: the tagger's time, else the committer's."""

    name: str
    commit: str
    at: int


class Walking(Streaming):
    """The part of a repository that looks at all of it."""

    def dated_tags(self) -> Iterator[DatedTag]:
        """Yield every tag of a commit, by name; tags of files and folders are left out."""
        chunks = self._stream(
            "for-each-ref", f"--format={'%00'.join(_TAG_FIELDS)}", "refs/tags", action="read the tags"
        )
        for line in records(chunks, b"\n"):
            name, target, kind, peeled, peeled_kind, at = line.decode(errors="replace").split("\0")
            if peeled_kind == "tag":  # a tag of a tag: git before 2.45 peels one layer here
                peeled, peeled_kind = self._peeled(target), "commit"
            if "commit" in (kind, peeled_kind) and (peeled or kind == "commit"):
                yield DatedTag(name, peeled or target, int(at or 0))

    def walk(self, tips: Iterable[str]) -> Iterator[Node]:
        """Yield every commit reachable from `tips`, which are full names, children before their parents.

        Raises `GitError` where history is cut off.
        """
        if self._git("rev-parse", "--is-shallow-repository", action="read history").strip() == b"true":
            raise GitError(
                f"{self.path}: the history is shallow, so past releases cannot be judged",
                advice=f"git -C {self.path} fetch --unshallow --tags",
            )
        chunks = self._stream(
            "rev-list",
            "--topo-order",
            "--parents",
            "--timestamp",
            "--stdin",
            action="read the history",
            requests=(f"{tip}\n".encode() for tip in tips),
        )
        for line in records(chunks, b"\n"):
            time, name, *parents = line.decode("ascii").split(" ")
            yield Node(name, tuple(parents), int(time))

    def touching_any(self, tips: Iterable[str], paths: Sequence[str]) -> frozenset[str]:
        """Return the names of the commits reachable from `tips` that touch `paths`, as `Reading.log` has them."""
        asked = (*dict.fromkeys(tips), "--", *paths)
        chunks = self._stream(
            "rev-list",
            "--full-history",
            "--stdin",
            action="read the history",
            requests=(f"{line}\n".encode() for line in asked),
        )
        return frozenset(line.decode("ascii") for line in records(chunks, b"\n"))

    def commits(self, names: Iterable[str]) -> Iterator[Commit]:
        """Yield the commits with these full names, in that order; a name may come again."""
        for kind, data in self._objects(f"{name}\n".encode() for name in names):
            if kind is None or kind[1] != b"commit":
                raise GitError(f"{self._where()}: a commit is missing", advice=f"git -C {self.path} fsck")
            yield _commit(kind[0].decode("ascii"), data)

    def texts(self, commits: Sequence[str], paths: Sequence[str]) -> Iterator[Mapping[str, bytes]]:
        """Yield for each commit the contents of those of `paths` that are files there; equal contents are shared."""
        asked = list(self._likely(commits, paths))
        chunks = self._stream(
            "cat-file",
            "--batch-check=%(objectname) %(objecttype)",
            "--buffer",
            action="read files",
            requests=(f"{commits[number]}:{path}\n".encode() for number, path in asked),
        )
        kinds = (line.rsplit(b" ", 1) for line in records(chunks, b"\n"))
        blobs = [name if kind == b"blob" else None for name, kind in kinds]
        wanted = list(dict.fromkeys(name for name in blobs if name is not None))
        contents = dict(zip(wanted, (data for _, data in self._objects(n + b"\n" for n in wanted)), strict=True))
        found: list[dict[str, bytes]] = [{} for _ in commits]
        for (number, path), blob in zip(asked, blobs, strict=True):
            if blob is not None:
                found[number][path] = contents[blob]
        return iter(found)

    def _likely(self, commits: Sequence[str], paths: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Yield commit and path where the root folder has such a name, or bytes that look like it.

        Asking git for each path in each commit would cost ten times as much as looking through the folders.
        """
        marks = [(path, b" %s\0" % path.partition("/")[0].encode()) for path in paths]
        trees = self._objects(f"{commit}^{{tree}}\n".encode() for commit in commits)
        for number, (_, tree) in enumerate(trees):
            yield from ((number, path) for path, mark in marks if mark in tree)

    def _objects(self, requests: Iterable[bytes]) -> Iterator[tuple[list[bytes] | None, bytes]]:
        """Yield name, kind and size, and the content, of every object asked for; None for one that is missing."""
        chunks = self._stream("cat-file", "--batch", "--buffer", action="read objects", requests=requests)
        take, line = _reader(chunks)
        while header := line():
            if header.endswith(b" missing"):
                yield None, b""
                continue
            found = header.split(b" ")
            data = take(int(found[2]))
            take(1)
            yield found, data

    def _peeled(self, tag: str) -> str:
        answer = self._ask("rev-parse", "--verify", "--quiet", f"{tag}^{{commit}}", action="peel a tag")
        return answer.stdout.decode().strip() if answer.status == 0 else ""


def _reader(chunks: Iterator[bytes]) -> tuple[Callable[[int], bytes], Callable[[], bytes]]:
    """Return a function that takes so many bytes from the chunks, and one that takes a line ("" at the end)."""
    buffer, at = b"", 0

    def more(size: int) -> bool:
        """Make `size` unread bytes available, or all there are."""
        nonlocal buffer, at
        parts = [buffer[at:]]
        have = len(parts[0])
        while have < size and (chunk := next(chunks, b"")):
            parts.append(chunk)
            have += len(chunk)
        buffer, at = b"".join(parts), 0
        return have >= size

    def take(size: int) -> bytes:
        nonlocal at
        if len(buffer) - at < size and not more(size):
            raise GitError("git ended in the middle of an object", advice="git fsck")
        at += size
        return buffer[at - size : at]

    def line() -> bytes:
        nonlocal at
        while (end := buffer.find(b"\n", at)) < 0:
            if not more(len(buffer) - at + 1):
                return b""
        start, at = at, end + 1
        return buffer[start:end]

    return take, line


def _commit(name: str, data: bytes) -> Commit:
    """Read a commit object as `git log --encoding=UTF-8` shows it."""
    head, _, message = data.partition(b"\n\n")
    named = _ENCODING.search(head)
    author = _AUTHOR.search(head)
    encoding = named[1].decode("ascii", "replace") if named else "utf-8"
    parents = tuple(line[7:].decode("ascii") for line in head.split(b"\n") if line.startswith(b"parent "))
    return Commit(
        id=name,
        message=trim(_decoded(message.partition(b"\0")[0], encoding)),
        parents=parents,
        author=_decoded(author[1], encoding) if author else "",
    )


def _decoded(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding, errors="strict" if encoding != "utf-8" else "replace")
    except (LookupError, ValueError):
        return raw.decode(errors="replace")
