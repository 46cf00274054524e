"""What a release consists of, as its wheels' metadata and its lock files say it (Cargo.lock, uv.lock)."""

import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from email.message import Message
from email.parser import HeaderParser
from typing import Any, BinaryIO

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from releasd.core import toml

LOCKS = ("Cargo.lock", "uv.lock")
_METADATA_LIMIT = 4 << 20  # bytes, as in distfiles.py


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One package that a release is made of or asks for.

    Attributes:
        kind: "pypi" or "cargo", as in a package URL.
        version: None where only a requirement is known.
        sha256: of the package's archive; None where the lock file does not say.
        depends: the `ref` of each part that it needs itself.
    """

    kind: str
    name: str
    version: str | None
    sha256: str | None = None
    depends: tuple[str, ...] = ()

    @property
    def ref(self) -> str:
        """Return what stands for this part within one SBOM: its package URL."""
        return _ref(self.kind, self.name, self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a release needs, directly or not, and the `ref` of what it asks for itself."""

    parts: tuple[Part, ...]
    direct: tuple[str, ...]


def requirements(wheel: BinaryIO) -> str:
    """Return the metadata of a wheel that `check` has judged."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        with archive.open(name) as file:
            return file.read(_METADATA_LIMIT).decode("utf-8", "replace")


def headers(metadata: str) -> Message:
    """Return the metadata's fields."""
    return HeaderParser().parsestr(metadata)


def parts_of(distribution: str, metadata: str, locks: Mapping[str, bytes]) -> Parts:
    """Return what a distribution consists of: what lock files hold for its developers alone is left out.

    Where there is no uv.lock, what the metadata asks for has no version.
    """
    documents = [(path, toml.read(path, data.decode("utf-8", "replace"))) for path, data in sorted(locks.items())]
    crates = [part for path, document in documents if path.endswith("Cargo.lock") for part in _crates(document)]
    wheels = [part for path, document in documents if path.endswith("uv.lock") for part in _wheels(document)]
    own = canonicalize_name(distribution)
    asked = _requirements(headers(metadata).get_all("Requires-Dist", []))
    wanted = {canonicalize_name(one.name) for one in asked if "extra" not in str(one.marker or "")}
    locked = {part.name: part for part in wheels if part.name != own}
    loose = [Part(kind="pypi", name=name, version=None) for name in sorted(wanted - locked.keys())]
    direct = [ref for part in wheels if part.name == own for ref in part.depends]
    direct += [locked[name].ref for name in sorted(wanted & locked.keys())] + [part.ref for part in loose]
    direct += [part.ref for part in crates if part.sha256 is None]
    known = {part.ref: part for part in (*locked.values(), *loose, *crates)}
    direct = [ref for ref in dict.fromkeys(direct) if ref in known]
    return Parts(parts=_needed(known, direct), direct=tuple(direct))


def _needed(known: Mapping[str, Part], direct: Sequence[str]) -> tuple[Part, ...]:
    """Return the parts that can be reached, by `ref`, none depending on what is not there."""
    needed: set[str] = set()
    left = list(direct)
    while left:
        ref = left.pop()
        if ref in known and ref not in needed:
            needed.add(ref)
            left += known[ref].depends
    parts = (known[ref] for ref in sorted(needed))
    return tuple(replace(part, depends=tuple(sorted(needed.intersection(part.depends)))) for part in parts)


def _requirements(lines: Iterable[str]) -> Iterator[Requirement]:
    """Yield those that can be read; whether a wheel may hold others is for `check` and the index to say."""
    for line in lines:
        with suppress(InvalidRequirement):
            yield Requirement(line)


def _packages(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a lock file's packages, those with a name and a version, or none, that are texts."""
    found = document.get("package", [])
    listed = [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []
    return [
        entry for entry in listed if isinstance(entry.get("name"), str) and isinstance(entry.get("version"), str | None)
    ]


def _crates(document: Mapping[str, Any]) -> Iterator[Part]:
    """Yield Cargo.lock's packages. `dependencies` are `NAME`, `NAME VERSION` or `NAME VERSION (SOURCE)`."""
    packages = _packages(document)
    versions = {package["name"]: package.get("version") for package in packages}
    for package in packages:
        named = [str(line).split() for line in package.get("dependencies", [])]
        yield Part(
            kind="cargo",
            name=package["name"],
            version=package.get("version"),
            sha256=package.get("checksum"),
            depends=tuple(_ref("cargo", name, rest[0] if rest else versions.get(name)) for name, *rest in named),
        )


def _wheels(document: Mapping[str, Any]) -> Iterator[Part]:
    """Yield uv.lock's packages; groups of dependencies that only developers need stand apart there."""
    packages = _packages(document)
    versions = {package["name"]: package.get("version") for package in packages}
    for package in packages:
        needs = package.get("dependencies", [])
        yield Part(
            kind="pypi",
            name=package["name"],
            version=package.get("version"),
            depends=tuple(_ref("pypi", one["name"], one.get("version", versions.get(one["name"]))) for one in needs),
        )


def _ref(kind: str, name: str, version: str | None) -> str:
    return f"pkg:{kind}/{name}" + (f"@{version}" if version else "")
