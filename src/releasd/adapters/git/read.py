"""Reading a repository: refs, tags, history and files. Nothing here changes anything."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from releasd.adapters.git.changes import Changes
from releasd.adapters.git.stream import texts
from releasd.core.semrel.jstext import trim
from releasd.core.walks import walked
from releasd.errors import GitError
from releasd.model import Commit, Tag

_LOG_FIELDS = ("%H", "%P", "%an <%ae>", "%B")  # no git object shows a NUL here: no message can break the framing
_LOG = (
    "-z",
    "--no-show-signature",
    "--no-color",
    "--no-decorate",
    "--encoding=UTF-8",
    f"--format={'%x00'.join(_LOG_FIELDS)}",
)
_FULL = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FULL_HISTORY = ("--full-history",)  # else git leaves side branches out that come to the same files
_LINK = b"120000"  # the mode of a symbolic link
_TAG_FIELDS = ("%(refname)", "%(objectname)", "%(*objectname)", "%(*objecttype)")


class Reading(Changes):
    """The half of the port that looks."""

    def resolve(self, ref: str) -> str | None:
        """Return the commit that `ref` names, or None."""
        answer = self._ask(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", action=f"resolve {ref}"
        )
        if answer.status == 0:
            return answer.stdout.decode().strip()
        if answer.status != 1:
            raise self._failure(f"resolve {ref}", answer.stderr)
        return None

    def is_shallow(self) -> bool:
        """Return whether history is cut off."""
        return self._git("rev-parse", "--is-shallow-repository", action="read history").strip() == b"true"

    def branch(self) -> str | None:
        """Return the branch that HEAD is on, born or not; None where HEAD is detached."""
        answer = self._ask("symbolic-ref", "--quiet", "--short", "HEAD", action="read HEAD")
        if answer.status not in (0, 1):
            raise self._failure("read HEAD", answer.stderr)
        return _text(answer.stdout).strip() or None

    def git_folder(self) -> str:
        """Return the folder that holds the refs, as an absolute path."""
        common = self._git("rev-parse", "--path-format=absolute", "--git-common-dir", action="find the refs")
        return common.decode(errors="surrogateescape").strip()

    def remote_urls(self) -> tuple[str, ...]:
        """Return the URLs of all remotes; empty where this is no repository."""
        answer = self._ask("config", "--get-regexp", r"^remote\..*\.url$", action="list the remotes")
        lines = answer.stdout.decode(errors="surrogateescape").splitlines()
        return tuple(line.partition(" ")[2] for line in lines)

    def tag_names(self) -> tuple[str, ...]:
        """Return the names of all tags, reachable or not, by name. Raises `GitError` where history is cut off.

        No object is looked at, so that 100,000 of them cost nothing much.
        """
        self._refuse_shallow()
        out = self._git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/tags", action="read the tags")
        return tuple(_text(out).splitlines())

    def tags_merged(self, commit: str, among: Sequence[str] | None = None) -> tuple[Tag, ...]:
        """Return the tags reachable from `commit`, by name: of those called `among`, or of all.

        Raises `GitError` where history is cut off.
        """
        if among is not None and not among:
            return ()
        if among is None:
            self._refuse_shallow()
        out = self._git(
            "for-each-ref",
            f"--merged={self._existing(commit)}",
            f"--format={'%00'.join(_TAG_FIELDS)}",
            *(["refs/tags"] if among is None else [f"refs/tags/{name}" for name in among]),
            action="read the tags",
        )
        return tuple(self._tag(*line.split("\0")) for line in _text(out).splitlines())

    def _refuse_shallow(self) -> None:
        if self.is_shallow():
            raise GitError(
                f"{self.path}: the history is shallow, so the last release cannot be known",
                advice=f"git -C {self.path} fetch --unshallow --tags",
            )

    def _tag(self, ref: str, target: str, peeled: str, peeled_type: str) -> Tag:
        if peeled_type == "tag":  # a tag of a tag: git before 2.45 peels one layer here
            peeled = self.resolve(ref) or peeled
        return Tag(name=ref.removeprefix("refs/tags/"), commit=peeled or target)

    def _existing(self, commit: str) -> str:
        """Return the full name of a commit; one that is given in full is believed, for git checks it again."""
        if _FULL.fullmatch(commit):
            return commit
        found = self.resolve(commit)
        if found is None:
            raise self._unknown(commit)
        return found

    def _unknown(self, commit: str) -> GitError:
        return GitError(
            f"{self.path}: there is no commit {commit}",
            advice=f"See what there is: git -C {self.path} log --all --oneline",
        )

    def branches(self) -> Mapping[str, str]:
        """Return the branches known here and their tips: the remote's as last fetched, else the ones made here."""
        out = self._git(
            "for-each-ref",
            "--format=%(objectname) %(refname)",
            "refs/heads",
            "refs/remotes/origin",
            action="list the branches",
        )
        rows = [line.split(" ", 1) for line in _text(out).splitlines()]
        found: dict[str, str] = {}
        for prefix in ("refs/heads/", "refs/remotes/origin/"):
            found |= {name.removeprefix(prefix): tip for tip, name in rows if name.startswith(prefix)}
        found.pop("HEAD", None)
        return found

    def trunk(self) -> str | None:
        """Return the remote's main branch, where this clone knows it."""
        answer = self._ask("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD", action="read origin/HEAD")
        return _text(answer.stdout).strip().removeprefix("origin/") or None

    def takes_no_tags(self) -> bool:
        """Return whether this clone was told to fetch no tags (`git clone --no-tags`)."""
        answer = self._ask("config", "--get", "remote.origin.tagOpt", action="read the configuration")
        return answer.stdout.strip() == b"--no-tags"

    def log(self, commit: str, *, since: str | None, paths: Sequence[str] = ()) -> Sequence[Commit]:
        """Return the commits reachable from `commit` and not from `since`, newest first, in git's default order.

        With `paths`, pathspecs, only those that touch them; a merge does where it differs from a parent in the range.
        Of very many the newest are kept, and git is asked for the others whenever they are gone through.
        """
        range_ = (commit, *((f"^{since}",) if since else ()), "--", *paths)
        limited = _FULL_HISTORY if paths else ()

        def walk(skip: int) -> Iterator[Commit]:
            options = (*limited, f"--skip={skip}", "--end-of-options", *range_)
            return self._commits(*options, action=f"read the history of {commit}")

        return walked(walk, lambda each: len(each.message))

    def listed(self, names: Sequence[str], *, keep: int) -> Sequence[Commit]:
        """Return the commits of these full names, in that order, as `log` does; no more than `keep` are kept."""

        def walk(skip: int) -> Iterator[Commit]:
            wanted = islice(names, skip, None)
            first = tuple(islice(wanted, 1))  # git takes HEAD where it is given none
            asked = (f"{name}\n".encode() for name in chain(first, wanted))
            options = ("--no-walk=unsorted", "--stdin")
            return self._commits(*options, action="read commits", requests=asked) if first else iter(())

        return walked(walk, lambda each: len(each.message), keep=keep)

    def _commits(self, *asked: str, action: str, requests: Iterable[bytes] = ()) -> Iterator[Commit]:
        chunks = self._stream("log", *_LOG, *asked, action=action, requests=requests)
        return _commits(texts(chunks, "\0"))

    def touching(self, commit: str, *, since: str | None, paths: Sequence[str]) -> frozenset[str]:
        """Return the names of the commits that `log` returns."""
        excluded = (f"^{since}",) if since else ()
        asked = ("rev-list", *_FULL_HISTORY, "--end-of-options", commit, *excluded, "--", *paths)
        return frozenset(_text(self._git(*asked, action=f"read the history of {commit}")).split())

    def read(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Return the contents of those of `paths` that are files at `commit`; a symbolic link gives its target."""
        root = self._existing(commit)
        asked = [path for path in paths if not path.startswith(("./", "../")) and "\0" not in path]
        requests = [f"{root}:{path}".encode(errors="surrogateescape") for path in asked]
        if not requests:
            return {}
        stdin = b"".join(request + b"\0" for request in requests)
        out = self._git("cat-file", "--batch", "-z", action="read files", stdin=stdin)
        found = {path: data for path, data in zip(asked, _blobs(out, requests), strict=True) if data is not None}
        if not found and self.resolve(root) is None:
            raise self._unknown(commit)
        return found

    def files(self, commit: str) -> Mapping[str, bool]:
        """Return the paths of all files at `commit`, and of each whether it is a symbolic link.

        Submodules are left out; bytes that are not UTF-8 are escaped.
        """
        # not --format: git 2.39 quotes its %(path) even with -z
        out = self._git("ls-tree", "-r", "-z", "--full-tree", commit, action="list files")
        rows = (row.split(b"\t", 1) for row in out.split(b"\0") if row)
        return {os.fsdecode(path): meta[:6] == _LINK for meta, path in rows if meta.split(b" ")[1] == b"blob"}

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Return whether `ancestor` is reachable from `commit`. Raises `GitError` where either is unknown."""
        answer = self._ask("merge-base", "--is-ancestor", ancestor, commit, action="compare commits")
        if answer.status not in (0, 1):
            raise self._failure(f"compare {ancestor} with {commit}", answer.stderr)
        return answer.status == 0

    def commit_time(self, commit: str) -> int:
        """Return the committer's time in seconds since the epoch, for SOURCE_DATE_EPOCH."""
        out = self._git(
            "log", "-1", "--no-show-signature", "--format=%ct", "--end-of-options", commit, "--", action="read a commit"
        )
        return int(out)


def _text(raw: bytes) -> str:
    """Decode what git wrote; a broken character is shown as U+FFFD, for these values go into JSON."""
    return raw.decode(errors="replace")


def _commits(fields: Iterator[str]) -> Iterator[Commit]:
    """Read what `log` asks for. A few people write a whole history, and a commit is named by its child before it."""
    authors: dict[str, str] = {}
    named: dict[str, str] = {}
    for name, above, author, message in zip(fields, fields, fields, fields, strict=False):
        parents = tuple([named.setdefault(parent, parent) for parent in above.split()])
        yield Commit(
            id=named.pop(name, name),
            message=trim(message),
            parents=parents,
            author=authors.setdefault(author, author),
        )


def _blobs(out: bytes, requests: Sequence[bytes]) -> Iterator[bytes | None]:
    """Read `cat-file --batch` answers: a line `<id> <type> <size>` and the data, or the request and ` missing`."""
    at = 0
    for request in requests:
        absent = request + b" missing\n"
        if out.startswith(absent, at):
            at += len(absent)
            yield None
            continue
        end = out.index(b"\n", at)
        _, kind, size = out[at:end].split(b" ")
        start, at = end + 1, end + 1 + int(size) + 1
        yield out[start : at - 1] if kind == b"blob" else None
