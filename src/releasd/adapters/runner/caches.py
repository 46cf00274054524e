"""What tools may find again from an earlier build of the same target, and how that cannot spoil a release.

"deps" keeps downloads alone, and believes them little: before a build, a crate is kept where its bytes have a sha256
that the sources' Cargo.lock names, and everything else only as the last build that ended well left it. A wheel that
uv has unpacked may be added by a build, never changed. "full" keeps everything until a build fails, compiled files
too, but those of the project's own crates (compiled.py). What a build that failed, was cancelled or was killed left is
gone before the next. "none", and whoever finds the cache in use, gets an empty folder that goes with the build.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Iterator  # noqa: UP035 - also read by Python 3.8

from releasd.adapters.runner.compiled import drop_own
from releasd.adapters.runner.folders import PRIVATE, home, remove
from releasd.adapters.runner.kept import drop_if_free, drop_unused, kept_folder, longest_unused, size_of, take_lock
from releasd.adapters.runner.leash import OUTPUT, Leash
from releasd.adapters.runner.tree import drop, walk

# What "deps" keeps. Not cargo's unpacked sources and checkouts, nor what uv and pip built: any build can have made
# those what they are.
WANTED = (
    ("cargo", "registry", "cache"),
    ("cargo", "registry", "index"),
    ("cargo", "git", "db"),
    ("pip", "http*"),
    ("uv", "simple-*"),
    ("uv", "wheels-*", "pypi"),
    ("uv", "wheels-*", "index"),
    ("uv", "archive-*"),
)
# Kept whole or not at all: so many parts of the path name one thing.
WHOLE = ((("uv", "archive-*"), 3), (("cargo", "git", "db"), 4), (("cargo", "registry", "index"), 4))
CHECKSUM = re.compile(rb'^checksum = "([0-9a-f]{64})"', re.MULTILINE)
TARGET = "target"  # where cargo compiles to, with "full"
CARGO_CONFIG = ("config.toml", "config")  # a mirror's address, say; never its credentials


class Cache:
    """One build's cache. Use it as a context manager; set `is_good` once the build ended well.

    Attributes:
        mode: what is really kept: "none", "deps" or "full".
        folder: where it is, to be seen at this very path by the build; None for a task that has no cache.
        variables: what tells the tools of it.
    """

    def __init__(self, leash: Leash, mode: str, folder: Path | None, fd: int | None = None) -> None:
        self.mode = mode
        self.folder = folder
        self.variables = _variables(folder, mode) if folder else {}
        self.is_good = False
        self._leash = leash
        self._fd = fd
        self._before: dict[str, str] = {}

    def __enter__(self) -> Cache:  # noqa: PYI034 - Python 3.8 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd is not None and self.folder is not None:
            try:
                self._close(self.folder)
            except OSError as error:  # the build is what it is, and nobody returns to it; the next one finds no state
                self._leash.send(OUTPUT, f"releasd: the cache is not kept: {error}\n".encode())
            finally:
                os.close(self._fd)

    def prepare(self, sources: Path) -> None:
        """Remove what is not believed, before a build of `sources`."""
        if self.folder is None:
            return
        state = self.folder.with_name("state.json")
        if self._fd is not None and self.mode == "full" and not _read(state).get("is_good"):
            remove(self.folder, self._leash.beat)
        elif self._fd is not None and self.mode == "full":
            drop_own(self._leash, self.folder / TARGET, sources)
        elif self._fd is not None and self.mode == "deps":
            _sweep(self._leash, self.folder, _read(state).get("units", {}), _checksums(sources))
            self._before = _units(self._leash, self.folder)
        if self.mode == "full" and state.exists():
            state.unlink()  # until this build has ended well
        self.folder.mkdir(mode=PRIVATE, exist_ok=True)
        _copy_cargo_config(self.folder / "cargo")

    def _close(self, folder: Path) -> None:
        state = folder.with_name("state.json")
        if folder.is_symlink():  # nothing is believed of a build that puts a link there
            folder.unlink()
        elif self.is_good and self.mode == "deps":
            _prune(self._leash, folder)
            after = _units(self._leash, folder)
            changed = {unit for unit, sign in self._before.items() if _is_frozen(unit) and after.get(unit) != sign}
            units = {unit: sign for unit, sign in after.items() if unit not in changed}
            _write(state, {"units": units, "is_good": True, "size": size_of(self._leash, folder)})
        elif self.mode == "full" and not self.is_good:
            remove(folder, self._leash.beat)
        elif self.is_good:
            _write(state, {"is_good": True, "size": size_of(self._leash, folder)})


def open_cache(leash: Leash, spec: dict[str, Any], task: Path, image: str = "host") -> Cache:
    """Return the cache of a task, not yet prepared.

    `task` is its folder, `image` the digest of the container's image that it runs in, if it does.
    """
    asked = spec["cache"]
    if asked is None:
        return Cache(leash, "none", None)
    private = Cache(leash, "none", task / "cache")
    if asked["mode"] == "none":
        return private
    system = os.uname()
    place = (asked["project"], asked["target"], f"{system.sysname}-{system.machine}", image, asked["mode"])
    try:
        name = "+".join(re.sub(r"[^A-Za-z0-9._-]", "-", part)[-80:] for part in place)
        folder = kept_folder(task.parent, "caches") / name
        fd = take_lock(leash, folder, fcntl.LOCK_EX, 0.0)
        if fd is None:
            return private  # another build of this target runs here
        for path in (folder, folder / "files"):
            if path.is_symlink():  # a build's own doing
                path.unlink()
        folder.mkdir(mode=PRIVATE, exist_ok=True)
    except OSError as error:
        leash.output(f"releasd: no cache can be kept on this host: {error}\n".encode())
        return private
    return Cache(leash, asked["mode"], folder / "files", fd)


def trim_caches(leash: Leash, spec: dict[str, Any], workdir: Path) -> None:
    """Remove caches, the longest unused first, until all together take `cache_limit` bytes at most."""
    if spec["cache"] is None or not (workdir.parent / "caches").exists():
        return
    where = kept_folder(workdir, "caches")
    drop_unused(leash, where)
    folders = [folder for _, folder in longest_unused(where)]
    sizes = {folder: _read(folder / "state.json").get("size", 0) for folder in folders}
    total = sum(sizes.values())
    for folder in folders:
        if total <= spec["cache_limit"]:
            return
        if drop_if_free(leash, folder):
            total -= sizes[folder]


def _variables(folder: Path, mode: str) -> dict[str, str]:
    places = {"CARGO_HOME": "cargo", "UV_CACHE_DIR": "uv", "PIP_CACHE_DIR": "pip"}
    if mode == "full":
        places["CARGO_TARGET_DIR"] = TARGET
    # With links, who edits an installed file would edit the cache.
    return {**{name: f"{folder}/{place}" for name, place in places.items()}, "UV_LINK_MODE": "copy"}


def _copy_cargo_config(into: Path) -> None:
    into.mkdir(mode=PRIVATE, exist_ok=True)
    for name in CARGO_CONFIG:
        source, target = Path(home(), ".cargo", name), into / name
        if target.is_symlink() or target.exists():
            target.unlink()
        if source.is_file():
            shutil.copyfile(source, target)


def _sweep(leash: Leash, folder: Path, good: dict[str, str], checksums: set[str]) -> None:
    """Leave what is wanted, and is as it was when a build last ended well; crates by their sha256."""
    _prune(leash, folder)
    for unit, sign in _units(leash, folder).items():
        path = folder / unit
        is_crate = _matches(Path(unit).parts, WANTED[0])
        if not (_sha256(path) in checksums if is_crate else good.get(unit) == sign):
            drop(leash, path)
    _drop_dangling(leash, folder)


def _prune(leash: Leash, folder: Path) -> None:
    """Remove what is not wanted at all."""
    for parts, path, is_folder in walk(leash, folder):
        rows = [row for row in WANTED if _matches(parts[: len(row)], row)]
        if not rows or (not is_folder and all(len(parts) <= len(row) for row in rows)):
            drop(leash, path)
    linked = {os.path.basename(os.readlink(path)) for path in _links(leash, folder)}  # noqa: PTH119, PTH115
    for archive in folder.glob("uv/archive-*/*"):
        if archive.name not in linked:  # of a wheel that was built here
            drop(leash, archive)


def _drop_dangling(leash: Leash, folder: Path) -> None:
    """Remove what points to a wheel that is gone: uv takes such an entry for whole."""
    for link in list(_links(leash, folder)):
        if not link.exists():
            for path in link.parent.glob(link.name + "*"):
                drop(leash, path)


def _links(leash: Leash, folder: Path) -> Iterator[Path]:
    """Yield uv's links from the names of wheels to their unpacked files."""
    for parts, path, _ in walk(leash, folder):
        if _matches(parts[:2], ("uv", "wheels-*")) and path.is_symlink():
            yield path


def _units(leash: Leash, folder: Path) -> dict[str, str]:
    """Return what is here, each with a sign that changes with it: `ctime` is the kernel's, and not for tools to set."""
    digests: dict[str, Any] = {}
    for parts, path, is_folder in walk(leash, folder):
        if not is_folder:
            found = path.lstat()
            about = (parts, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_mode)
            digests.setdefault(_unit(parts), hashlib.sha256()).update(repr(about).encode())
    return {unit: digest.hexdigest() for unit, digest in digests.items()}


def _unit(parts: tuple[str, ...]) -> str:
    for row, length in WHOLE:
        if _matches(parts[: len(row)], row):
            return "/".join(parts[:length])
    return "/".join(parts)


def _is_frozen(unit: str) -> bool:
    """Return whether a build may add this and never change it."""
    return _matches(Path(unit).parts[:2], ("uv", "archive-*"))


def _matches(parts: tuple[str, ...], row: tuple[str, ...]) -> bool:
    """Return whether the parts of a path are as far as both go alike."""
    return all(fnmatchcase(part, pattern) for part, pattern in zip(parts, row))  # noqa: B905 - Python 3.8


def _checksums(sources: Path) -> set[str]:
    """Return the checksums of crates that the sources' Cargo.lock files name."""
    found: set[str] = set()
    for root, _, names in os.walk(sources):
        lock = Path(root, "Cargo.lock")
        if lock.name in names and lock.is_file() and not lock.is_symlink():
            found |= {checksum.decode() for checksum in CHECKSUM.findall(lock.read_bytes())}
    return found


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""


def _read(path: Path) -> dict[str, Any]:
    """Return what was written of a cache; nothing where that cannot be read, for then nothing of it is believed."""
    try:
        state = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _write(path: Path, state: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(state))
    part.replace(path)
