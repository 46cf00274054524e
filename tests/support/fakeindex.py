"""A package index in memory. What a test changes are plain attributes."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from releasd.core.simplepage import belongs
from releasd.errors import Conflict, ReleasdError
from releasd.model import Artifact, IndexRules, ListedFile
from releasd.ports import ServedFile, Sink


@dataclass
class FakeIndex:
    """A package index.

    Attributes:
        stored: digests by file name, as downloads have them.
        listing: digests as the listing has them, where they differ; None: the listing gives none.
        lag: so many looks pass before what was uploaded is listed.
        upload_error: raised by an upload, after the first `stores` files were taken (None: all).
        keeps: whether an upload stores anything.
        files_error, secret_error: raised by `files` and `check_secret`.
        doubts: why its address may be a wrong one.
        sizes: bytes by file name, where the listing tells them.
    """

    name: str = "pypi"
    rules: IndexRules = field(default_factory=IndexRules)
    stored: dict[str, str] = field(default_factory=dict)
    listing: dict[str, str | None] = field(default_factory=dict)
    yanked: set[str] = field(default_factory=set)
    lag: int = 0
    upload_error: ReleasdError | None = None
    stores: int | None = None
    files_error: ReleasdError | None = None
    secret_error: ReleasdError | None = None
    uploads: list[tuple[str, ...]] = field(default_factory=list)
    downloads: list[str] = field(default_factory=list)
    looks: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    doubts: str = ""
    kinds: tuple[str, ...] = (".whl", ".tar.gz")  # endings of what it takes
    asked: list[tuple[str, str]] = field(default_factory=list)
    _hidden: dict[str, int] = field(default_factory=dict)

    def put(self, artifact: Artifact) -> None:
        """Have it already."""
        self.stored[artifact.filename] = artifact.sha256

    def files(self, distribution: str, version: str) -> tuple[ServedFile, ...]:
        self.looks += 1
        self.asked.append((distribution, version))
        if self.files_error:
            raise self.files_error
        shown = [
            name for name in self.stored if belongs(name, distribution, version) and self._hidden.get(name, 0) <= 0
        ]
        self._hidden = {name: left - 1 for name, left in self._hidden.items()}
        return tuple(
            ServedFile(
                filename=name,
                sha256=self.listing.get(name, self.stored[name]),
                url=f"https://i/{name}",
            )
            for name in sorted(shown)
        )

    def all_files(self, distribution: str) -> tuple[ListedFile, ...]:
        self.looks += 1
        if self.files_error:
            raise self.files_error
        listed = {name: self.listing.get(name, digest) for name, digest in sorted(self.stored.items())}
        return tuple(
            ListedFile(
                filename=name,
                sha256=digest,
                url=f"https://i/{name}",
                yanked=name in self.yanked,
                size=self.sizes.get(name),
            )
            for name, digest in listed.items()
            if re.sub(r"[-_.]+", "-", name).lower().startswith(f"{distribution}-")
        )

    def doubt(self, distribution: str) -> str:
        return self.doubts

    def download_sha256(self, file: ServedFile) -> str:
        self.downloads.append(file.filename)
        return self.stored[file.filename]

    def upload(self, paths: Sequence[Path], sink: Sink) -> None:
        self.uploads.append(tuple(path.name for path in paths))
        for path in paths if self.stores is None else paths[: self.stores]:
            # most tests have no files: an artifact store's folder is named by the digest of what is in it
            found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else path.parent.name
            if self.stored.setdefault(path.name, found) != found:
                raise Conflict(f"{path.name} is there with other bytes")
            self._hidden[path.name] = self.lag
        sink(b"uploading\n")
        if self.upload_error:
            raise self.upload_error

    def install_options(self) -> tuple[str, ...]:
        return ("--default-index", "https://i/simple")

    def takes(self, filename: str) -> bool:
        return filename.endswith(self.kinds)

    def check_secret(self, distribution: str | None = None, now: datetime | None = None) -> None:
        if self.secret_error:
            raise self.secret_error
