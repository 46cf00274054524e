"""A project's sources, kept here as git objects, so that a release sends only what changed.

The store is a bare repository without history: the commits of some releases, each under refs/releasd/have, and their
files. Nothing in it is believed: its configuration is written anew at each use, and each object of the commit that is
asked for is hashed before it is used. Whatever is wrong makes the store anew, and in the end takes a plain tar.
"""

from __future__ import annotations

import fcntl
import io
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterable, Iterator, Mapping  # noqa: UP035 - also read by Python 3.8

from releasd.adapters.runner.checkout import ATTRIBUTES_FILE, Checkout, is_changing, time_of
from releasd.adapters.runner.folders import PRIVATE, remove
from releasd.adapters.runner.kept import drop_unused, kept_folder, size_of, take_lock
from releasd.adapters.runner.leash import CHUNK, OUTPUT, TICK, Leash
from releasd.adapters.runner.objects import FOLDER, SUBMODULE, Broken, Patient, content, entries

KEPT_COMMITS = 10  # releases whose files are kept
MOST_PACKS = 20  # packs, one of each release, before they are made one
LIMIT = 2 << 30  # bytes; a store that stays above is made anew
GIT_LIMIT = 600.0  # seconds for one git command
LOCK_LIMIT = 5.0  # seconds to wait for other builds of the project
HAVE = "refs/releasd/have"
NAME = re.compile(r"[0-9a-f]{40}")
# As in the daemon's own clone (adapters/git/repo.py), for the same bytes have to come out.
ATTRIBUTES = "* -export-ignore -export-subst\n"
CONFIG = """\
[core]
\trepositoryformatversion = 0
\tbare = true
\tautocrlf = false
\teol = lf
[gc]
\tauto = 0
[tar]
\tumask = 0022
"""


def _no_sink(_: str) -> Callable[[bytes], object]:
    return lambda _: None


def bring_sources(
    leash: Leash, spec: dict[str, Any], folder: Path, path: str, receive: Callable[[Leash, Path], bool]
) -> bool:
    """Tell the daemon what is here, take the rest, and have the files in `src`, or else in `source.tar`.

    Returns False when told to end instead.

    git is looked for on `path`; `receive` takes files into a folder until told to go.
    """
    store = _opened(leash, spec["objects"], folder, path) if spec["objects"] else None
    have = store.commits() if store else None
    leash.control(ready=str(folder), have=have)
    try:
        while receive(leash, folder):
            if store is None or have is None:
                return True
            try:
                if store.export(folder):
                    spec["source"] = None  # it is where it belongs
            except Broken as why:
                have = [] if store.renew() and have else None
                leash.control(sources="again", have=have, why=str(why))
            else:
                leash.control(sources="here")
                return True
        return False
    finally:
        if store is not None:
            store.close()


def trim_sources(leash: Leash, spec: dict[str, Any], workdir: Path, path: str) -> None:
    """Keep the stores small, where no other build is in the way."""
    if not spec["objects"]:
        return
    where = kept_folder(workdir, "objects")
    folder = where / f"{spec['objects']['project']}.git"
    fd = take_lock(leash, folder, fcntl.LOCK_EX, 0.0) if folder.exists() else None
    git = shutil.which("git", path=path)
    if fd is not None and git is not None:
        Store(leash, git, folder, fd, spec["objects"]["commit"]).trim()
    drop_unused(leash, where)


def _opened(leash: Leash, objects: dict[str, Any], folder: Path, path: str) -> Store | None:
    """Return the project's store, or None where there can be none; the build's output says why."""
    git = shutil.which("git", path=path)
    if git is None:
        return None
    try:
        where = kept_folder(folder.parent, "objects") / f"{objects['project']}.git"
        fd = take_lock(leash, where, fcntl.LOCK_SH, LOCK_LIMIT)
        if fd is None:
            return None
        store = Store(leash, git, where, fd, objects["commit"])
        store.lay_out()
    except OSError as error:
        leash.output(f"releasd: no sources can be kept on this host: {error}\n".encode())
        return None
    return store


class Store:
    """One project's objects, under a lock that the descriptor `fd` holds. `commit` is the one that is built."""

    def __init__(self, leash: Leash, git: str, folder: Path, fd: int, commit: str) -> None:
        self._leash = leash
        self._git_program = git
        self._folder = folder
        self._fd: int | None = fd
        self._commit = commit

    def close(self) -> None:
        """Let others in."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def lay_out(self) -> None:
        """Make what is missing, and write anew what says how git behaves."""
        for name in ("objects/pack", "objects/info", "info", HAVE):
            (self._folder / name).mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        for name, text in (("HEAD", "ref: refs/heads/none\n"), ("config", CONFIG), ("info/attributes", ATTRIBUTES)):
            _replace(self._folder / name, text)

    def commits(self) -> list[str]:
        """Return the commits whose files are here, the newest first."""
        names = [path for path in (self._folder / HAVE).iterdir() if NAME.fullmatch(path.name)]
        return [path.name for path in sorted(names, key=lambda path: -path.stat().st_mtime)]

    def export(self, task: Path) -> bool:
        """Take `source.pack` in, prove what is here, and put the commit's files in place; return whether they are.

        Where git has to write them, they are in `source.tar` instead, as is what the daemon sent itself. Raises
        `Broken`.
        """
        pack, part = task / "source.pack", task / "source.part"
        if (task / "source.tar").exists():
            return False
        try:
            with pack.open("rb") as file:
                self._git("index-pack", "--stdin", "--fix-thin", stdin=file)
            checkout = self._prove(task / "src")
            if checkout is None:
                with part.open("wb") as file:
                    self._git("archive", "--format=tar", self._commit, stdout=file)
                part.rename(task / "source.tar")
            _replace(self._folder / HAVE / self._commit, f"{self._commit}\n")
        except OSError as error:
            raise Broken(str(error)) from error
        finally:
            for path in (pack, part):
                if path.exists():
                    path.unlink()
        return checkout is not None

    def renew(self) -> bool:
        """Empty the store; return whether it can be used. Others that work in it are waited for, but not for long."""
        self.close()
        fd = take_lock(self._leash, self._folder, fcntl.LOCK_EX, LOCK_LIMIT)
        if fd is None:
            return False
        self._fd = fd
        try:
            remove(self._folder, self._leash.beat)
            self.lay_out()
        except OSError:
            return False  # the tar that comes next finds out what it is
        fcntl.flock(fd, fcntl.LOCK_SH)
        return True

    def trim(self) -> None:
        """Forget old releases; make few packs of many; remove the store where that cannot be done. Ends its use."""
        why: object = ""
        try:
            self._forget()
            if len(list((self._folder / "objects/pack").glob("*.pack"))) > MOST_PACKS or self._size() > LIMIT:
                _replace(self._folder / "shallow", "".join(f"{commit}\n" for commit in sorted(self.commits())))
                self._git("repack", "-a", "-d", "-q")
            why = "they take too much room" if self._size() > LIMIT else ""
        except (Broken, OSError) as error:
            why = error
        if why:
            self._leash.send(OUTPUT, f"releasd: the sources kept on this host are removed: {why}\n".encode())
            remove(self._folder, self._leash.beat)
        self.close()

    def _forget(self) -> None:
        for commit in self.commits()[KEPT_COMMITS:]:
            (self._folder / HAVE / commit).unlink()
        for left in (self._folder / "objects").glob("*/tmp_*"):  # a killed git's; nobody else is here
            left.unlink()

    def _size(self) -> int:
        return size_of(self._leash, self._folder)

    def _prove(self, src: Path) -> Checkout | None:
        """Prove that the commit and all that it is made of are here, each with the bytes that its name stands for.

        Returns what has written the files into `src` on the way; None where git has to.
        """
        (commit,) = self._contents([self._commit], b"commit")
        found = self._entries(commit.partition(b"\n")[0].partition(b" ")[2].decode("ascii", "replace"))
        blobs = sorted({name for mode, name in found.values() if mode not in (FOLDER, SUBMODULE)})
        at = time_of(commit)
        if at is None or self._is_changed_on_the_way(found):
            for _ in self._contents(blobs, b"blob"):
                pass
            return None
        checkout = Checkout(src, found, at)
        try:
            checkout.make_folders()
            for _ in self._contents(blobs, b"blob", checkout.sink):
                pass
            checkout.finish()
        except BaseException:
            checkout.undo(self._leash.beat)
            raise
        return checkout

    def _entries(self, root: str) -> dict[bytes, tuple[bytes, str]]:
        """Return all that is below a folder, by path."""
        found: dict[bytes, tuple[bytes, str]] = {}
        level = {b"": root}
        while level:
            names = sorted(set(level.values()))
            trees = {name: tree for tree, name in zip(self._contents(names, b"tree"), names)}  # noqa: B905 - Python 3.8
            below = {path + name: entry for path, tree in level.items() for name, entry in entries(trees[tree])}
            found.update(below)
            level = {path + b"/": name for path, (mode, name) in below.items() if mode == FOLDER}
        return found

    def _is_changed_on_the_way(self, found: Mapping[bytes, tuple[bytes, str]]) -> bool:
        """Return whether attributes may have git write other bytes than it keeps."""
        names = sorted({name for path, (_, name) in found.items() if path.rpartition(b"/")[2] == ATTRIBUTES_FILE})
        text = bytearray()
        for _ in self._contents(names, b"blob", lambda _: text.extend):
            pass
        return is_changing(bytes(text))

    def _contents(
        self, names: Iterable[str], kind: bytes, sink: Callable[[str], Callable[[bytes], object]] = _no_sink
    ) -> Iterator[bytes]:
        """Yield the content of each object, of a blob b"", for that goes to its sink.

        Raises `Broken` unless each is what it should be.
        """
        with tempfile.TemporaryFile() as request:
            request.write("".join(f"{name}\n" for name in names).encode())
            request.seek(0)
            process = self._start(("cat-file", "--batch", "--buffer"), request, subprocess.PIPE, subprocess.DEVNULL)
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            with process, io.BufferedReader(Patient(self._leash, process.stdout.fileno(), GIT_LIMIT), CHUNK) as answers:
                try:
                    for name in names:
                        yield content(answers, name, kind, sink(name))
                finally:
                    _end(process)

    def _git(self, *args: str, stdin: BinaryIO | None = None, stdout: BinaryIO | None = None) -> None:
        with tempfile.TemporaryFile() as errors:
            process = self._start(args, stdin or subprocess.DEVNULL, stdout or subprocess.DEVNULL, errors)
            limit = time.monotonic() + GIT_LIMIT
            try:
                while process.poll() is None:
                    if time.monotonic() > limit:
                        raise Broken(f"git {args[0]} took longer than {GIT_LIMIT:.0f} s")
                    self._leash.wait(TICK)
            finally:
                _end(process)
            if process.returncode:
                errors.seek(0)
                said = errors.read(2000).decode(errors="replace").strip()
                raise Broken(f"git {args[0]}: {said or f'exit status {process.returncode}'}")

    def _start(self, args: Iterable[str], stdin: Any, stdout: Any, stderr: Any) -> subprocess.Popen[bytes]:
        env = {
            "PATH": os.environ.get("PATH") or os.defpath,
            "LC_ALL": "C",
            "HOME": os.devnull,  # nobody's configuration but the store's own
            "XDG_CONFIG_HOME": os.devnull,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_DIR": str(self._folder),
        }
        command = (self._git_program, *args)
        return subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd="/", start_new_session=True
        )


def _replace(path: Path, text: str) -> None:
    """Write a small file whole, even where another build writes the same."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=".new")
    with os.fdopen(fd, "w") as file:
        file.write(text)
    Path(name).replace(path)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a git and its helpers, if it has not ended."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
