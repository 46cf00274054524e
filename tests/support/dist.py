"""Distributions in memory, right to the letter unless a test bends them."""

import base64
import hashlib
import io
import tarfile
import warnings
import zipfile
from collections.abc import Mapping, Sequence

NAME, VERSION = "my-demo", "1.2.0"
INFO = "my_demo-1.2.0.dist-info"
ROOT = "my_demo-1.2.0"
METADATA = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n"


def wheel_name(tag: str = "py3-none-any") -> str:
    """Return the file name of the wheel with that tag."""
    return f"my_demo-1.2.0-{tag}.whl"


def wheel(
    files: Mapping[str, str | bytes] | None = None,
    *,
    tags: Sequence[str] = ("py3-none-any",),
    metadata: str = METADATA,
    lies: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    twice: Sequence[str] = (),
    unlisted: Mapping[str, str] | None = None,
) -> io.BytesIO:
    """Return a wheel.

    Args:
        files: what it installs; default: a package.
        tags: the tags that its WHEEL file declares.
        metadata: its METADATA.
        lies: RECORD lines with another digest than the file's, or of files that are not there.
        without: members to leave out.
        twice: members to put in again.
        unlisted: members that RECORD does not name.
    """
    members: dict[str, bytes] = {
        name: data.encode() if isinstance(data, str) else data
        for name, data in (files if files is not None else {"my_demo/__init__.py": "x = 1\n"}).items()
    }
    members[f"{INFO}/METADATA"] = metadata.encode()
    members[f"{INFO}/WHEEL"] = ("Wheel-Version: 1.0\n" + "".join(f"Tag: {tag}\n" for tag in tags)).encode()
    digests = {name: _digest(data) for name, data in members.items()} | dict(lies or {})
    record = "".join(f"{name},{digest},\n" for name, digest in digests.items()) + f"{INFO}/RECORD,,\n"
    members[f"{INFO}/RECORD"] = record.encode()
    members |= {name: data.encode() for name, data in (unlisted or {}).items()}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of two members of one name, which is what some tests want
        for name in (*members, *twice):
            if name not in without:
                archive.writestr(zipfile.ZipInfo(name, (2020, 2, 2, 0, 0, 0)), members[name])
    made.seek(0)
    return made


def sdist(
    files: Mapping[str, str] | None = None, *, metadata: str | None = METADATA, links: Mapping[str, str] | None = None
) -> io.BytesIO:
    """Return an sdist with PKG-INFO (unless `metadata` is None) and `files`; `links` are symbolic."""
    members = dict(files or {f"{ROOT}/pyproject.toml": ""})
    if metadata is not None:
        members[f"{ROOT}/PKG-INFO"] = metadata
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, text in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
        for name, target in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    made.seek(0)
    return made


def _digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
