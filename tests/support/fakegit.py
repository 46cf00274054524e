"""An in-memory ports.Git for step tests. tests/contracts/test_git.py holds it to what the real one does."""

import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from releasd.core.packages import EXCLUDED, INCLUDED
from releasd.core.touched import Changed
from releasd.errors import GitError, ReleasdError, Replan
from releasd.model import Commit, Tag


@dataclass(frozen=True)
class Object:
    """A commit (`target` is None) or an annotated tag of `target`."""

    parents: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    message: str = ""
    at: int = 0
    target: str | None = None
    name: str = ""

    @property
    def id(self) -> str:
        """Return a name that depends on the content alone."""
        parts = (self.parents, sorted(self.files.items()), self.message, self.at, self.target, self.name)
        return hashlib.sha1(repr(parts).encode()).hexdigest()


@dataclass
class FakeRemote:
    """What all clones share: objects, and the remote's refs. Set `failure` to have every call to it raise that."""

    objects: dict[str, Object] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    failure: ReleasdError | None = None
    pushes: list[Mapping[str, str]] = field(default_factory=list)

    def add(self, made: Object) -> str:
        """Store an object and return its name."""
        self.objects[made.id] = made
        return made.id

    def commit(self, message: str, files: Mapping[str, bytes] | None = None, *, branch: str = "main") -> str:
        """Put a commit on top of `branch`, as a maintainer's push does."""
        ref = f"refs/heads/{branch}"
        parents = (self.refs[ref],) if ref in self.refs else ()
        before = self.objects[parents[0]].files if parents else {}
        at = 1_767_225_600 + 60 * len(self.objects)
        self.refs[ref] = self.add(Object(parents=parents, files={**before, **(files or {})}, message=message, at=at))
        return self.refs[ref]

    def tag(self, name: str, commit: str) -> None:
        """Tag `commit`, as a maintainer's push does."""
        self.refs[f"refs/tags/{name}"] = commit


class FakeGit:
    """A clone of a `FakeRemote`."""

    def __init__(self, remote: FakeRemote, *, current: str | None = "main") -> None:
        self.remote = remote
        self.refs: dict[str, str] = {}
        self.current = current
        self.signed: set[str] = set()  # the commits whose signature is good
        self.shallow = False

    def _reach(self) -> FakeRemote:
        if self.remote.failure:
            raise self.remote.failure
        return self.remote

    def _peel(self, name: str) -> str | None:
        made = self.remote.objects.get(name)
        return made.target or name if made else None

    def _commit(self, name: str) -> Object:
        found = self.resolve(name)
        if found is None:
            raise GitError(f"there is no commit {name}")
        return self.remote.objects[found]

    def resolve(self, ref: str) -> str | None:
        """Return the commit that `ref` names, or None."""
        names = (ref, f"refs/{ref}", f"refs/tags/{ref}", f"refs/heads/{ref}", f"refs/remotes/{ref}")
        return self._peel(next((self.refs[name] for name in names if name in self.refs), ref))

    def is_shallow(self) -> bool:
        """Return `self.shallow`."""
        return self.shallow

    def branch(self) -> str | None:
        """Return `self.current`."""
        return self.current

    def _reachable(self, *commits: str) -> set[str]:
        seen: set[str] = set()
        todo = [self._commit(commit).id for commit in commits]
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += self.remote.objects[name].parents
        return seen

    def tag_names(self) -> tuple[str, ...]:
        """Return the names of all tags, by name."""
        if self.shallow:
            raise GitError("the history is shallow", advice="git fetch --unshallow --tags")
        return tuple(ref[10:] for ref in sorted(self.refs) if ref.startswith("refs/tags/"))

    def tags_merged(self, commit: str, among: Sequence[str] | None = None) -> tuple[Tag, ...]:
        """Return the tags reachable from `commit`, by name."""
        inside = self._reachable(commit)
        tags = {name: self._peel(self.refs[f"refs/tags/{name}"]) for name in self.tag_names()}
        wanted = tags if among is None else tags.keys() & among
        return tuple(Tag(name=name, commit=to) for name, to in tags.items() if to in inside and name in wanted)

    def branches(self) -> Mapping[str, str]:
        """Return the branches fetched."""
        start = "refs/remotes/origin/"
        return {ref.removeprefix(start): name for ref, name in self.refs.items() if ref.startswith(start)}

    def trunk(self) -> str | None:
        """Return None."""
        return None

    def takes_no_tags(self) -> bool:
        """Return False."""
        return False

    def touching(self, commit: str, *, since: str | None, paths: Sequence[str]) -> frozenset[str]:
        """Return the names of the commits that `log` returns."""
        return frozenset(each.id for each in self.log(commit, since=since, paths=paths))

    def _differing(self, made: Object, parent: str | None) -> set[str]:
        """Return the paths that a commit changes over a parent."""
        before = self.remote.objects[parent].files if parent else {}
        return {path for path in {*before, *made.files} if before.get(path) != made.files.get(path)}

    def changes(self, commit: str, *, since: Sequence[str]) -> Iterator[Changed]:
        """Yield the commits reachable from `commit` and not from all of `since`, in the order of `log`."""
        hidden = set[str].intersection(*map(self._reachable, since)) if since else set()
        for each in self.log(commit, since=None):
            made = self.remote.objects[each.id]
            if each.id not in hidden:
                paths = tuple(self._differing(made, parent) for parent in made.parents or (None,))
                yield Changed(each.id, made.parents, tuple({path.encode() for path in some} for some in paths))

    def listed(self, names: Sequence[str], *, keep: int) -> tuple[Commit, ...]:
        """Return the commits of these names, in that order; all of them are kept."""
        del keep
        found = ((name, self.remote.objects[name]) for name in names)
        return tuple(Commit(id=name, message=made.message.strip(), parents=made.parents) for name, made in found)

    def _touches(self, made: Object, paths: Sequence[str]) -> bool:
        """Return whether a commit changes, over its first parent, a path below one of the folders `DIR/**`."""
        changed = self._differing(made, made.parents[0] if made.parents else None)
        wanted = [path.removeprefix(INCLUDED).removesuffix("**") for path in paths if path.startswith(INCLUDED)]
        out = [path.removeprefix(EXCLUDED).removesuffix("**") for path in paths if path.startswith(EXCLUDED)]
        return any(path.startswith(tuple(wanted)) and not path.startswith(tuple(out)) for path in changed)

    def log(self, commit: str, *, since: str | None, paths: Sequence[str] = ()) -> tuple[Commit, ...]:
        """Return the commits reachable from `commit` and not from `since`, newest first."""
        hidden = self._reachable(since) if since else set()
        todo, found = [self._commit(commit)], dict[str, Object]()
        while todo:  # as git walks: the youngest first of those whose child was seen
            made = max(todo, key=lambda each: each.at)
            todo.remove(made)
            if made.id not in hidden and made.id not in found:
                found[made.id] = made
                todo += [self.remote.objects[parent] for parent in made.parents]
        return tuple(
            Commit(id=name, message=made.message.strip(), parents=made.parents)
            for name, made in found.items()
            if not paths or self._touches(made, paths)
        )

    def read(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Return the contents of those of `paths` that exist at `commit`."""
        files = self._commit(commit).files
        return {path: files[path] for path in paths if path in files}

    def files(self, commit: str) -> Mapping[str, bool]:
        """Return the paths of all files at `commit`; none is a symbolic link."""
        return dict.fromkeys(sorted(self._commit(commit).files), False)

    def remote_refs(self, *patterns: str) -> Mapping[str, str]:
        """Return refs of the remote; patterns are full names."""
        refs = self._reach().refs
        peeled = {f"{ref}^{{}}": self._peel(name) or name for ref, name in refs.items() if self._peel(name) != name}
        found = {**refs, **peeled}
        return {ref: name for ref, name in found.items() if not patterns or ref.removesuffix("^{}") in patterns}

    def fetch(self, branch: str) -> str:
        """Fetch the branch and all tags; return the branch's tip."""
        refs = self._reach().refs
        if f"refs/heads/{branch}" not in refs:
            raise GitError(f"cannot fetch {branch}: " + ("no such branch" if refs else "the repository has no commits"))
        tags = {ref: name for ref, name in refs.items() if ref.startswith("refs/tags/")}
        kept = {ref: name for ref, name in self.refs.items() if not ref.startswith("refs/tags/")}
        heads = {
            ref.replace("heads", "remotes/origin", 1): to for ref, to in refs.items() if ref.startswith("refs/heads/")
        }
        self.refs = {**kept, **tags, **heads}
        return refs[f"refs/heads/{branch}"]

    def can_push(self, branch: str) -> None:
        """Raise what `remote.failure` says."""
        self._reach()

    def check_signature(self, commit: str, *, allowed: Path, revoked: Path | None) -> None:
        if commit not in self.signed:
            raise GitError(f"{commit[:12]} is not signed by anyone in {allowed}")

    def write_commit(self, *, parents: Sequence[str], files: Mapping[str, bytes], message: str, at: datetime) -> str:
        """Write a commit whose tree is the first parent's with `files` replaced."""
        before = self._commit(parents[0]).files if parents else {}
        tree = {**before, **files}
        made = Object(parents=tuple(parents), files=tree, message=message, at=int(at.timestamp()))
        return self.remote.add(made)

    def write_tag(self, *, name: str, commit: str, message: str, at: datetime) -> str:
        """Write an annotated tag object (no ref) and return its name."""
        target = self._commit(commit).id
        return self.remote.add(Object(target=target, name=name, message=message, at=int(at.timestamp())))

    def merge(self, ours: str, theirs: str, *, message: str, at: datetime) -> str | None:
        """Write a merge commit, or return None where both changed the same file differently."""
        common = self._reachable(ours) & self._reachable(theirs)
        if not common:
            return None
        base = max((self.remote.objects[name] for name in common), key=lambda made: made.at).files
        mine, other = self._commit(ours).files, self._commit(theirs).files
        tree = dict(mine)
        for path in base.keys() | other.keys():
            if other.get(path) in (base.get(path), mine.get(path)):
                continue
            if mine.get(path) != base.get(path):
                return None
            tree.pop(path, None)
            tree.update({path: other[path]} if path in other else {})
        made = Object(parents=(ours, theirs), files=tree, message=message, at=int(at.timestamp()))
        return self.remote.add(made)

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Return whether `ancestor` is reachable from `commit`."""
        return self._commit(ancestor).id in self._reachable(commit)

    def set_ref(self, ref: str, commit: str | None) -> None:
        """Point a ref of this clone at `commit`, or delete it."""
        if commit is None:
            self.refs.pop(ref, None)
        else:
            self.refs[ref] = self._commit(commit).id

    def push(self, updates: Mapping[str, str], *, expect: Mapping[str, str]) -> None:
        """Push all or nothing; `Replan` names the refs that moved or exist."""
        for ref, old in expect.items():
            if old and not self.is_ancestor(old, updates[ref]):
                raise GitError(f"{updates[ref]} for {ref} is not a descendant of {old}")
        refs = self._reach().refs
        moved = [ref for ref, new in updates.items() if refs.get(ref, "") not in (new, expect.get(ref, ""))]
        if moved:
            raise Replan(f"{', '.join(moved)} changed on the remote meanwhile")
        refs.update(updates)
        self.remote.pushes.append(dict(updates))

    def archive(self, commit: str, dest: Path) -> None:
        """Write a tar of `commit`'s tree to `dest`."""
        with tarfile.open(dest, "w") as tar:
            for path, data in self._commit(commit).files.items():
                info = tarfile.TarInfo(path)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))

    def pack(self, commit: str, have: Sequence[str]) -> Iterator[bytes]:
        """Yield something that is less where the files are there already; there is no git to read it."""
        there = {data for name in have if self._peel(name) for data in self._commit(name).files.values()}
        yield from (data for data in self._commit(commit).files.values() if data not in there)

    def commit_time(self, commit: str) -> int:
        """Return the commit's time in seconds since the epoch."""
        return self._commit(commit).at
