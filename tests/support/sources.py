"""A repository with sources of every awkward kind, and hosts that build from it; for tests of what travels."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from releasd.adapters.git import GitRepo
from releasd.ports import Objects, Task, TaskResult
from support.gitrepo import Work, clone_of, git, make_remote, make_work
from support.hosts import Place

AWKWARD: dict[str, bytes] = {
    "pyproject.toml": b"[project]\nname = 'demo'\n",
    "src/demo/__init__.py": b"x = 1\n",
    "src/demo/data.bin": bytes(range(256)) * 40,
    "windows.bat": b"echo one\necho two\n",
    "ident.txt": b"$Id$\n",
    "left-out.txt": b"$Format:%H$\n",
    "empty": b"",
    "a file with spaces": b"1",
    "gr\u00fc\u00df.txt": b"2",
    ".gitattributes": b"left-out.txt export-ignore export-subst\n*.bin -diff\n",
    "vendored/.gitattributes": b"# lib\n*.h linguist-vendored\n",
    "vendored/lib.h": b"x",
    "vendored/copy-of-a-link-s-target": b"src",
    "*": b"3",
}
CHANGING = b"*.bat text eol=crlf\nident.txt ident\n"  # attributes by which git writes other bytes than it keeps
# Writes what is there into a file: kind, permissions, time and content of everything.
LISTING = """\
python3 - > "$RELEASD_OUT/listing.whl" <<'END'
import hashlib, os
for root, folders, names in os.walk('.'):
    for name in sorted(folders + names):
        path = os.path.join(root, name)
        stat = os.lstat(path)
        content = ''
        if os.path.islink(path):
            content = os.readlink(path)
        elif os.path.isfile(path):
            content = hashlib.sha256(open(path, 'rb').read()).hexdigest() + ' %d' % stat.st_mtime
        print(path.encode(), oct(stat.st_mode), content)
END
"""


@dataclass
class Sources:
    """A project's repository, and what was packed for hosts so far: the bytes of each pack, and what was there."""

    work: Work
    clone: GitRepo
    packs: list[int] = field(default_factory=list)
    haves: list[list[str]] = field(default_factory=list)

    def release(self, files: dict[str, bytes], message: str = "feat: more") -> str:
        """Commit, and return the commit as the daemon's clone has it."""
        self.work.commit(message, files)
        self.work.push()
        return self.clone.fetch("main")

    def task(self, place: Place, commit: str, script: str = LISTING, **changes: object) -> Task:
        """Return a task that builds `commit`."""
        tar = place.dest / f"{commit}.tar"
        place.dest.mkdir(exist_ok=True)
        self.clone.archive(commit, tar)
        objects = Objects(project="demo", commit=commit, pack=lambda have: self._packed(commit, have))
        return place.task(script, **{"source": tar, "objects": objects, **changes})

    def build(self, place: Place, commit: str, script: str = LISTING, **changes: object) -> TaskResult:
        """Run such a task; its output has to be empty, for then nothing was odd."""
        seen: list[bytes] = []
        result = place.host.run(self.task(place, commit, script, **changes), seen.append, lambda: False)
        assert (result.exit_status, b"".join(seen)) == (0, b"")
        return result

    def listing(self, place: Place, commit: str, **changes: object) -> bytes:
        """Build, and return what was there."""
        (output,) = self.build(place, commit, **changes).outputs
        return output.path.read_bytes()

    def told(self, place: Place, commit: str) -> tuple[bytes, str]:
        """Build where something is odd; return what was there, and the build's output."""
        seen: list[bytes] = []
        result = place.host.run(self.task(place, commit), seen.append, lambda: False)
        assert result.exit_status == 0
        return result.outputs[0].path.read_bytes(), b"".join(seen).decode()

    def _packed(self, commit: str, have: Sequence[str]) -> Iterator[bytes]:
        self.haves.append(list(have))
        self.packs.append(0)
        for chunk in self.clone.pack(commit, have):
            self.packs[-1] += len(chunk)
            yield chunk


def make_sources(folder: Path, *, changing: bool = False) -> tuple[Sources, str]:
    """Make the repository, and return it with its first commit: every awkward file, links and a submodule.

    `changing`: some files are to be written with other bytes than git keeps.
    """
    work = make_work(folder / "work", make_remote(folder / "remote.git"))
    for name, data in AWKWARD.items():
        path = work.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data + (CHANGING if changing and name == ".gitattributes" else b""))
    (work.path / "run.sh").write_text("#!/bin/sh\n")
    (work.path / "run.sh").chmod(0o755)
    (work.path / "link").symlink_to("src/demo/data.bin")
    (work.path / "folder-link").symlink_to("src")
    (work.path / "large.bin").write_bytes(b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(20_000)))
    git(work.path, "add", "--all")
    git(work.path, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},submodule")
    made = Sources(work, clone_of(work))
    return made, made.release({})


def store_of(place: Place) -> Path:
    """Return the one project's store that is kept on a host."""
    (store,) = (place.workdir.parent / "objects").glob("*.git")
    return store


def packs_of(place: Place) -> list[Path]:
    """Return the packs in it."""
    return sorted((store_of(place) / "objects/pack").glob("*.pack"))


def spoil(path: Path, at: int) -> None:
    """Change one byte of a file, whatever its permissions."""
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0xFF]))
        os.fsync(file.fileno())
