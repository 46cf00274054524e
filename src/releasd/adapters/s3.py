"""An S3-like store as a destination: `PREFIX/<project>/` with the files and a page (PEP 503).

An object of ours carries its sha256, and counts as there once the page lists it with that digest; so repeating an
upload that was cut off ends it. What the bytes really are, `download_sha256` tells.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from packaging.utils import canonicalize_name

from releasd.adapters.s3bucket import Bucket, Place, key_pair, require_library
from releasd.core import simplepage
from releasd.errors import Conflict, Permanent, Transient
from releasd.model import IndexRules, ListedFile
from releasd.ports import Secret, ServedFile, Sink

RULES = IndexRules(
    max_file_size=5 << 30, max_project_size=None, pypi_rules=False
)  # the most that a store takes in one request


class S3Index:
    """`ports.Index` over a bucket that is there already. `secret` is called at the moment of use and not kept."""

    def __init__(
        self,
        *,
        name: str,
        place: Place,
        prefix: str,
        secret: Callable[[], Secret],
        rules: IndexRules = RULES,
    ) -> None:
        self.name = name
        self.rules = rules
        self._place = place
        self._prefix = f"{prefix.strip('/')}/".lstrip("/")
        self._secret = secret

    def takes(self, filename: str) -> bool:
        """Return whether the file is a wheel or an sdist: no other says by its name which project's it is."""
        return simplepage.split(filename) is not None

    def files(self, distribution: str, version: str) -> tuple[ServedFile, ...]:
        """Return the files of one version as stored and listed now; None is the digest of what others put there."""
        bucket, folder = self._bucket(), self._folder(canonicalize_name(distribution))
        stored = sorted(name for name in bucket.names(folder) if simplepage.belongs(name, distribution, version))
        listed = simplepage.digests(bucket.read(folder + simplepage.PAGE)) if stored else {}
        found = {name: bucket.digest(folder + name) for name in stored}
        return tuple(
            ServedFile(filename=name, sha256=digest or None, url=f"s3://{self._place.bucket}/{folder}{name}")
            for name, digest in found.items()
            if digest is not None and digest in {"", listed.get(name)}
        )

    def all_files(self, distribution: str) -> tuple[ListedFile, ...]:
        """Return the files of all versions as stored (`ports.Listing`); None is the digest of what others put there."""
        project, bucket = canonicalize_name(distribution), self._bucket()
        folder = self._folder(project)
        names = sorted(name for name in bucket.names(folder) if simplepage.is_of(name, project))
        found = {name: bucket.digest(folder + name) for name in names}
        return tuple(
            ListedFile(filename=name, sha256=digest or None, url=f"s3://{self._place.bucket}/{folder}{name}")
            for name, digest in found.items()
            if digest is not None
        )

    def download_sha256(self, file: ServedFile) -> str:
        """Fetch the bytes and return their digest. A listed file that is not there yet is `Transient`."""
        return self._bucket().sha256_of(self._key(file.filename), f"{file.filename} on {self._place.what}")

    def upload(self, paths: Sequence[Path], sink: Sink) -> None:
        """Store exactly these files, never over others, then write the pages. Raises as the port says."""
        bucket = self._bucket()
        sums = {path: _digest(path) for path in paths}
        lacking = [path for path in paths if not self._has(bucket, path.name, sums[path])]
        for path in lacking:
            self._store(bucket, path, sums[path])
            sink(f"{path.name}: in {self._place.bucket}/{self._key(path.name)}\n".encode())
        for folder in {self._key(path.name).removesuffix(path.name) for path in paths}:
            _write_page(bucket, folder, {p.name: sums[p] for p in paths if self._key(p.name) == folder + p.name})

    def install_options(self) -> None:
        """Return None: uv cannot sign its way into a private bucket. The downloads prove the bytes."""

    def check_secret(self, distribution: str | None = None, now: datetime | None = None) -> None:  # noqa: ARG002
        """Prove that the key can be had and has both its parts, without keeping or showing it."""
        require_library()
        key_pair(self._secret())

    def _bucket(self) -> Bucket:
        return Bucket(self._place, self._secret())

    def _folder(self, project: str) -> str:
        return f"{self._prefix}{project}/"

    def _key(self, filename: str) -> str:
        named = simplepage.split(filename)
        if named is None or "/" in filename:
            raise Permanent(f"{filename} is no wheel and no sdist: index {self.name} does not know its project")
        return self._folder(named[0]) + filename

    def _has(self, bucket: Bucket, filename: str, sha256: str) -> bool:
        """Return whether the file is there with these bytes. Raises `Conflict` for others."""
        key = self._key(filename)
        digest = bucket.digest(key)
        if digest is None:
            return False
        if (digest or bucket.sha256_of(key, f"{filename} on {self._place.what}")) != sha256:
            raise Conflict(
                f"{self.name} has {filename} with other bytes than those built here",
                advice=f"find out who put it into the bucket {self._place.bucket}; releasd never replaces a file",
            )
        return True

    def _store(self, bucket: Bucket, path: Path, sha256: str) -> None:
        try:
            stored = bucket.create(self._key(path.name), path, sha256)
        except Transient:  # an answer that never came says nothing: the store is asked what it has
            if not self._has(bucket, path.name, sha256):
                raise
            return
        if not stored and not self._has(bucket, path.name, sha256):
            raise Transient(f"{self._place.what} is taking {path.name} from elsewhere as well")


def _write_page(bucket: Bucket, folder: str, new: Mapping[str, str]) -> None:
    """List everything that is stored, with the digests known from the page before, from `new`, or from the objects."""
    page = folder + simplepage.PAGE
    listed = simplepage.kept(bucket.read(page), bucket.names(folder))
    files = {name: new.get(name) or known or bucket.digest(folder + name) or None for name, known in listed.items()}
    bucket.write(page, simplepage.render(folder.rstrip("/").rpartition("/")[2], files))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
