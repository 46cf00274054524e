"""A folder as a destination: `PATH/<project>/` with the files and a page, so that it is a simple index (PEP 503).

Any web server can show it, and uv and pip install from it as it is. A file appears whole, under a name that nobody
had: its bytes are on the disk before, and the name is made by a link, which never replaces. Between a file and the page
that lists it, the file's `.part` stays; a file that has one was left half done and counts as not there, so that
repeating an upload ends it.
"""

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from packaging.utils import canonicalize_name

from releasd.core import simplepage
from releasd.errors import Conflict, Denied, DiskFull, Permanent, ReleasdError, Transient
from releasd.model import IndexRules, ListedFile
from releasd.ports import ServedFile, Sink

EVERYTHING = IndexRules(max_file_size=1 << 40, max_project_size=None, pypi_rules=False)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})  # FAT and some network file systems
_PART = ".part"
_ABANDONED = 86400.0  # seconds; no upload takes so long
_CHUNK = 1 << 20  # bytes


class FolderIndex:
    """`ports.Index` over a folder that is there already: one that is not may be a disk that is not mounted."""

    def __init__(self, *, name: str, path: Path, rules: IndexRules = EVERYTHING) -> None:
        self.name = name
        self.rules = rules
        self._path = path

    def takes(self, filename: str) -> bool:
        """Return whether the file is a wheel or an sdist: no other says by its name which project's it is."""
        return simplepage.split(filename) is not None

    def files(self, distribution: str, version: str) -> tuple[ServedFile, ...]:
        """Return the files of one version with the digests of the bytes that are there now."""
        found = self._there(distribution, lambda name: simplepage.belongs(name, distribution, version))
        return tuple(ServedFile(filename=path.name, sha256=digest, url=path.as_uri()) for path, digest in found.items())

    def all_files(self, distribution: str) -> tuple[ListedFile, ...]:
        """Return the files of all versions, with the digests of the bytes that are there now (`ports.Listing`)."""
        project = canonicalize_name(distribution)
        found = self._there(project, lambda name: simplepage.is_of(name, project))
        return tuple(ListedFile(filename=path.name, sha256=digest, url=path.as_uri()) for path, digest in found.items())

    def _there(self, distribution: str, is_wanted: Callable[[str], bool]) -> dict[Path, str]:
        """Return the digests of the project's whole files that are wanted, in the order of their names."""
        folder = self._path / canonicalize_name(distribution)
        with self._causes():
            self._require()
            names = _names(folder)
            whole = (name for name in sorted(names) if is_wanted(name) and not any(_parts(name, names)))
            return {folder / name: _digest(folder / name) for name in whole}

    def download_sha256(self, file: ServedFile) -> str:
        """Return the digest of the file's bytes."""
        with self._causes():
            return _digest(self._place(file.filename))

    def upload(self, paths: Sequence[Path], sink: Sink) -> None:
        """Put exactly these files in, never over others; then write the pages. Raises as the port says."""
        with self._causes():
            self._require()
            self._refuse_others(paths)
            for path in paths:
                place = self._place(path.name)
                _make(place.parent)
                _put(path, place)
                sink(f"{path.name}: in {place.parent}\n".encode())
            for folder in {self._place(path.name).parent for path in paths}:
                _write_page(folder, [path for path in paths if self._place(path.name).parent == folder])

    def install_options(self) -> tuple[str, ...]:
        """Return the options that make `uv pip install` take packages from this folder and nowhere else."""
        return ("--default-index", self._path.as_uri())

    def check_secret(self, distribution: str | None = None, now: datetime | None = None) -> None:  # noqa: ARG002
        """Prove that this user may write here: a folder has no secret. Changes nothing."""
        with self._causes():
            self._require()
            if not os.access(self._path, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def _require(self) -> None:
        if not self._path.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _place(self, filename: str) -> Path:
        named = simplepage.split(filename)
        if named is None or "/" in filename:
            raise Permanent(f"{filename} is no wheel and no sdist: index {self.name} does not know its project")
        return self._path / named[0] / filename

    def _refuse_others(self, paths: Iterable[Path]) -> None:
        others = [path.name for path in paths if _is_other(path, self._place(path.name))]
        if others:
            raise Conflict(
                f"{self.name} has {', '.join(others)} with other bytes than those built here",
                advice=f"find out who put them into {self._path}; nothing there is ever replaced by releasd",
            )

    @contextmanager
    def _causes(self) -> Iterator[None]:
        """Turn the system's errors into ours, by cause."""
        try:
            yield
        except FileExistsError as error:  # somebody was quicker, with other bytes
            raise Conflict(
                f"{self.name} got {Path(error.filename or '').name} from elsewhere just now, with other bytes",
                advice=f"find out who writes into {self._path}",
            ) from None
        except OSError as error:
            raise self._failure(error) from None

    def _failure(self, error: OSError) -> ReleasdError:
        why = f"the folder {self._path} of {self.name}: {error.strerror or error}"
        if error.errno in _FULL:
            return DiskFull(why, advice=f"free some space: df -h {self._path}")
        if error.errno in _FORBIDDEN:
            return Denied(
                why,
                advice=f"let the daemon's user write into {self._path}; under systemd it also needs to stand in "
                "ReadWritePaths= (docs/destinations.md)",
            )
        if error.errno in _GONE and not self._path.is_dir():
            return Permanent(why, advice=f"mount it, or make it for the daemon's user: install -d {self._path}")
        return Transient(why, advice="It is tried again by itself.")


def _names(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - names are all that is wanted


def _parts(filename: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(f".{filename}.") and name.endswith(_PART)]


def _is_other(path: Path, place: Path) -> bool:
    return place.exists() and _digest(place) != _digest(path)


def _make(folder: Path) -> None:
    """Make a project's folder, readable for whoever serves it whatever the daemon's umask is."""
    if not folder.is_dir():
        if folder.exists():
            raise Conflict(f"{folder} is a file", advice="Move it away: the project's folder has its name.")
        folder.mkdir(exist_ok=True)
        folder.chmod(folder.stat().st_mode | 0o055)
        _sync(folder.parent)


def _put(path: Path, place: Path) -> None:
    """Give the file its name, whole and for good; a name that has the same bytes already is left alone.

    Its `.part` stays until the page is written. Raises `FileExistsError` for other bytes.
    """
    # What an earlier attempt placed needs no second copy: a disk that is full would get fuller by each attempt.
    if (place.exists() or not _placed(path, place)) and _is_other(path, place):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place))
    _sync(place.parent)


def _placed(path: Path, place: Path) -> bool:
    """Return whether the name was free and is the file's now; on failure nothing is left."""
    part = _part(place, path)
    try:
        _name(part, place)
    except OSError as error:
        part.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            return False
        raise
    return True


def _name(part: Path, place: Path) -> None:
    try:
        os.link(part, place)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename(part, place)


def _rename(part: Path, place: Path) -> None:
    """Do what a link does, but for the moment after the look; an empty `.part` stays, as the link's does."""
    if place.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place))
    _part(place, b"")
    _sync(place.parent)  # the mark is on the disk before the name
    part.rename(place)


def _part(place: Path, source: Path | bytes) -> Path:
    """Write the bytes beside `place`, durably, under a name of this attempt alone; on failure nothing is left."""
    part = place.with_name(f".{place.name}.{secrets.token_hex(4)}{_PART}")
    try:
        with part.open("xb") as file:
            for chunk in _chunks(source):
                file.write(chunk)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part


def _chunks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _write_page(folder: Path, new: Sequence[Path]) -> None:
    """List everything that is in the folder, then drop the marks of what was not listed yet."""
    page, names = folder / simplepage.PAGE, _names(folder)
    listed = simplepage.kept(page.read_bytes() if page.exists() else b"", names)
    fresh = {path.name for path in new}
    files = {name: known if known and name not in fresh else _digest(folder / name) for name, known in listed.items()}
    _part(page, simplepage.render(folder.name, files)).replace(page)
    _sync(folder)
    for part in _over(folder, fresh):
        part.unlink(missing_ok=True)


def _over(folder: Path, listed: Iterable[str]) -> Iterator[Path]:
    """Yield the `.part` files of `listed`, and those that a killed upload left long ago."""
    names = _names(folder)
    yield from (folder / part for name in listed for part in _parts(name, names))
    yield from (
        folder / name for name in names if name.startswith(".") and name.endswith(_PART) and _old(folder / name)
    )


def _old(path: Path) -> bool:
    return path.exists() and time.time() - path.stat().st_mtime > _ABANDONED


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
