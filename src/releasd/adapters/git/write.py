"""Writing objects and refs into the daemon's own clone, without a work tree. The same input gives the same names."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath

from releasd.adapters.git.signatures import Signatures, ssh_options
from releasd.adapters.sshsign import sign
from releasd.errors import GitError

_FILE = "100644"
_FOLDER = "040000"
_EDITABLE = frozenset({_FILE, "100755"})


class Writing(Signatures):
    """The half of the port that makes commits, tags, refs of this clone, and archives."""

    def write_commit(self, *, parents: Sequence[str], files: Mapping[str, bytes], message: str, at: datetime) -> str:
        """Write a commit whose tree is the first parent's with `files` replaced; the same input gives the same name.

        A replaced file keeps its mode, a new one gets 100644. Raises `GitError` for a symbolic link, a folder or a
        submodule of that name.
        """
        with tempfile.TemporaryDirectory(prefix="releasd-index-") as folder:
            env = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
            if parents:
                self._git("read-tree", parents[0], action=f"read the tree of {parents[0]}", env=env)
            modes = self._modes(parents[0], files) if parents else {}
            entries = b"".join(self._entry(path, data, modes.get(path, _FILE)) for path, data in files.items())
            changed = self._ask("update-index", "-z", "--index-info", action="change files", env=env, stdin=entries)
            if changed.status or "Ignoring path" in changed.stderr:  # `../x` or `.git/x`: left out with exit status 0
                raise self._failure("change files", changed.stderr)
            tree = self._git("write-tree", action="write a tree", env=env).decode().strip()
        return self._commit(tree, parents, message, at)

    def _modes(self, commit: str, files: Mapping[str, bytes]) -> Mapping[str, str]:
        """Return the modes of `files` at `commit`. Raises `GitError` where a file stands in a new file's way."""
        if not files:
            return {}
        above = {str(folder) for path in files for folder in PurePosixPath(path).parents} - {".", "/"}
        # literal: a file may be called `*`
        asked = ("--literal-pathspecs", "ls-tree", "-z", "--full-tree", commit, "--", *files, *above)
        out = self._git(*asked, action="read file modes")
        rows = (row.split(b"\t", 1) for row in out.split(b"\0") if row)
        modes = {os.fsdecode(path): meta[:6].decode() for meta, path in rows}
        for folder in above & modes.keys():
            if modes[folder] != _FOLDER:
                raise GitError(f"{folder} is not a folder, so nothing can be written below it")
        return modes

    def _entry(self, path: str, data: bytes, mode: str) -> bytes:
        if mode not in _EDITABLE:
            raise GitError(
                f"{path} is not a regular file (mode {mode}), so it cannot be edited",
                advice="Name the file itself in the project's `version_files` or `changelog`.",
            )
        blob = self._git("hash-object", "-w", "--stdin", action=f"write {path}", stdin=data).strip()
        return b"%s %s\t%s\0" % (mode.encode(), blob, os.fsencode(path))

    def _commit(self, tree: str, parents: Sequence[str], message: str, at: datetime) -> str:
        name, email = self.identity
        date = f"@{_seconds(at)} +0000"
        env = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", name), ("EMAIL", email), ("DATE", date))
        }
        options = [option for parent in parents for option in ("-p", parent)]
        text = message.encode(errors="surrogateescape")
        begin = (*ssh_options(f"user.signingKey={self.signing_key}"), "commit-tree", "-S")
        command = begin if self.signing_key else ("commit-tree", "--no-gpg-sign")
        out = self._git(*command, *options, tree, action="write a commit", env=env, stdin=text)
        return out.decode().strip()

    def write_tag(self, *, name: str, commit: str, message: str, at: datetime) -> str:
        """Write an annotated tag object (no ref) and return its name; the same input gives the same name."""
        who, email = self.identity
        head = f"object {commit}\ntype commit\ntag {name}\ntagger {who} <{email}> {_seconds(at)} +0000\n\n"
        body = (head + message.rstrip("\n") + "\n").encode(errors="surrogateescape")
        if self.signing_key:
            body += sign(body, self.signing_key, "git")  # as `git tag --sign` does, which would make the ref as well
        return self._git("mktag", action=f"write tag {name}", stdin=body).decode().strip()

    def merge(self, ours: str, theirs: str, *, message: str, at: datetime) -> str | None:
        """Write a merge commit without a work tree; None on a conflict, or where the histories share nothing."""
        answer = self._ask("merge-tree", "--write-tree", "--no-messages", ours, theirs, action="merge")
        if answer.status == 1 or "unrelated histories" in answer.stderr:
            return None
        if answer.status:
            raise self._failure(f"merge {theirs} into {ours}", answer.stderr)
        return self._commit(answer.stdout.decode().strip(), (ours, theirs), message, at)

    def set_ref(self, ref: str, commit: str | None) -> None:
        """Point a ref of this clone at `commit`, or delete it. Idempotent."""
        change = ("-d", ref) if commit is None else (ref, commit)
        self._git("update-ref", "--no-deref", *change, action=f"set {ref}")

    def archive(self, commit: str, dest: Path) -> None:
        """Write a tar of `commit`'s tree to `dest`: tracked files only, submodules as empty folders.

        In a clone made by `clone_or_open` these are all tracked files with exactly their bytes; elsewhere the
        attributes export-ignore and export-subst have their way.
        """
        handle, name = tempfile.mkstemp(dir=dest.parent, prefix=f".{dest.name}.")
        os.close(handle)
        try:
            self._git("archive", "--format=tar", f"--output={name}", commit, action=f"archive {commit}")
            Path(name).replace(dest)
        finally:
            Path(name).unlink(missing_ok=True)


def _seconds(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError("a time without a time zone gives another commit on another machine")
    return int(at.timestamp())
