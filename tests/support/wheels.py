"""Tiny distributions, valid to the letter, made in a millisecond: no build backend, no network.

A wheel holds one module and a RECORD whose hashes are right; an sdist a PKG-INFO and a pyproject.toml. The same
arguments give the same bytes; another `body` gives other bytes under the same filename.
"""

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

_EPOCH = (2020, 2, 2, 0, 0, 0)


def make_wheel(folder: Path, name: str, version: str, *, tag: str = "py3-none-any", body: str = "") -> Path:
    """Write `NAME-VERSION-TAG.whl` into `folder` and return its path; it installs and imports."""
    stem = name.replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    files = {
        f"{stem}/__init__.py": f'__version__ = "{version}"\n{body}',
        f"{info}/METADATA": _metadata(name, version),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    path = folder / f"{stem}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in files.items():
            archive.writestr(zipfile.ZipInfo(member, _EPOCH), text)
    return path


def make_sdist(folder: Path, name: str, version: str, *, body: str = "") -> Path:
    """Write `NAME-VERSION.tar.gz` into `folder` and return its path."""
    stem = f"{name.replace('-', '_')}-{version}"
    files = {
        f"{stem}/PKG-INFO": _metadata(name, version) + body,
        f"{stem}/pyproject.toml": f'[project]\nname = "{name}"\nversion = "{version}"\n',
    }
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for member, text in files.items():
            entry = tarfile.TarInfo(member)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    path = folder / f"{stem}.tar.gz"
    path.write_bytes(gzip.compress(plain.getvalue(), mtime=0))
    return path


def sha256(path: Path) -> str:
    """Return the digest of a file, as indexes write it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _metadata(name: str, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: made by a test\n"


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
