"""Built files on disk, by digest: `artifacts/<sha256>/<filename>`. What is in has been made durable first."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from releasd.errors import Permanent
from releasd.model import Artifact


class ArtifactFolder:
    """`ports.ArtifactStore` over a folder of the daemon's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, filename: str, data: bytes) -> Artifact:
        """Keep these bytes, durably, and return them as a file without a build."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".put-", dir=self._folder) as fresh:
            (Path(fresh) / filename).write_bytes(data)
            self.adopt(Path(fresh) / filename, sha256)
        return Artifact(filename=filename, sha256=sha256, size=len(data), build="", host="")

    def adopt(self, path: Path, sha256: str) -> None:
        """Move the file in, durably. The same file again changes nothing."""
        found = _digest(path)
        if found != sha256:
            raise Permanent(f"{path.name} has sha256 {found}, not {sha256} as it was built")
        place = self._folder / sha256 / path.name
        place.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        _sync(path)
        path.replace(place)
        for folder in (place.parent, self._folder):
            _sync(folder)

    def has(self, artifact: Artifact) -> bool:
        """Return whether the file is there with exactly the sealed bytes."""
        path = self.path(artifact)
        return path.is_file() and _digest(path) == artifact.sha256

    def path(self, artifact: Artifact) -> Path:
        """Return where the file is."""
        return self._folder / artifact.sha256 / artifact.filename

    def open(self, artifact: Artifact) -> BinaryIO:
        """Open the file for reading."""
        return self.path(artifact).open("rb")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
