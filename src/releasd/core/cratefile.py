"""A `.crate` file, read: its manifest, lock and readme, and what a registry wants to be told of it.

Cargo sends a registry a summary of the manifest beside the file. Here it is made from the manifest inside the sealed
file, so that nothing of the repository is needed, or run, where the token is (the Cargo book, "Registry Web API"; a
test holds it against what `cargo publish` sends for the same crates). Read as a stream and bounded in memory.
"""

import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import join, normpath
from typing import Any, BinaryIO

from releasd.core import crates, toml
from releasd.core.judging.sdists import Bounded, TooLarge, members_of
from releasd.errors import Permanent

LIMIT = 10 << 20  # bytes; the public registry takes no larger file, and few others do
UNPACKED = 512 << 20  # bytes; the public registry's own limit
_TEXT = 4 << 20  # bytes of a member that is read
_KINDS = {"dependencies": "normal", "dev-dependencies": "dev", "build-dependencies": "build"}
_COMPARED = re.compile(r"\s*(?P<operator>[<>=~^]*)\s*(?P<version>\S+)\s*")


@dataclass(frozen=True, slots=True)
class CrateFile:
    """What a `.crate` file says of itself. `lock` is empty where it has none, `readme` None likewise."""

    name: str
    version: str
    manifest: Mapping[str, Any]
    lock: Mapping[str, Any]
    readme: str | None

    @property
    def package(self) -> Mapping[str, Any]:
        """Return the manifest's `[package]`."""
        return toml.table(self.manifest, "package")


def read(filename: str, file: BinaryIO) -> CrateFile:
    """Read a file that `check` found good. Raises `Permanent` where it is no crate, or another than its name says."""
    named = crates.split_filename(filename)
    if named is None:
        raise Permanent(f"{filename} is not named as a crate's file", advice="let `cargo package` name it")
    root = f"{named[0]}-{named[1]}"
    texts = _texts(filename, file, {f"{root}/Cargo.toml", f"{root}/Cargo.lock"})
    manifest = toml.read(f"{filename}: Cargo.toml", texts.get(f"{root}/Cargo.toml", ""))
    package = toml.table(manifest, "package")
    if (package.get("name"), package.get("version")) != named:
        raise Permanent(f"{filename} holds another crate than its name says", advice="let `cargo package` make it")
    readme = package.get("readme")
    path = normpath(join(root, readme)) if isinstance(readme, str) else ""
    text = _texts(filename, file, {path}).get(path) if path else None
    lock = toml.read(f"{filename}: Cargo.lock", texts.get(f"{root}/Cargo.lock", ""))
    return CrateFile(*named, manifest=manifest, lock=lock, readme=text)


def _texts(filename: str, file: BinaryIO, wanted: set[str]) -> dict[str, str]:
    """Return the texts of these members, where they are."""
    file.seek(0)
    found: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=Bounded(file, UNPACKED), mode="r:") as archive:
            for member in members_of(archive):
                content = archive.extractfile(member) if member.name in wanted and member.isfile() else None
                if content:
                    found[member.name] = content.read(_TEXT).decode("utf-8", "replace")
    except (tarfile.TarError, TooLarge, EOFError, OSError) as error:
        raise Permanent(f"{filename} cannot be read: {type(error).__name__}", advice="build it again") from None
    return found


def description(crate: CrateFile, *, index: str, is_public: bool) -> dict[str, Any]:
    """Return what a registry is told of a crate, as JSON values.

    `index` is the address of the registry's index; `is_public` says that it is Cargo's default one.
    """
    about = crate.package
    texts = ("description", "documentation", "homepage", "license", "repository", "links")
    return {
        "name": crate.name,
        "vers": crate.version,
        "deps": list(_dependencies(crate, index, is_public=is_public)),
        "features": dict(toml.table(crate.manifest, "features")),
        "authors": list(about.get("authors", ())),
        "readme": crate.readme,
        "readme_file": about.get("readme") if crate.readme is not None else None,
        "keywords": list(about.get("keywords", ())),
        "categories": list(about.get("categories", ())),
        "license_file": about.get("license-file"),
        "badges": dict(toml.table(crate.manifest, "badges")),
        "rust_version": about.get("rust-version"),
        **{key: about.get(key) for key in texts},
    }


def _dependencies(crate: CrateFile, index: str, *, is_public: bool) -> Iterator[dict[str, Any]]:
    for kind, target, key, spec in crates.dependency_tables(crate.manifest):
        name = str(spec.get("package", key))
        registry = _registry(crate, name, spec, index, is_public=is_public)
        yield {
            "name": name,
            "version_req": requirement(str(spec.get("version", "*"))),
            "features": list(spec.get("features", ())),
            "optional": bool(spec.get("optional", False)),
            "default_features": bool(spec.get("default-features", True)),
            "target": target,
            "kind": _KINDS[kind],
            **({"registry": registry} if registry else {}),
            **({"explicit_name_in_toml": key} if key != name else {}),
        }


def _registry(crate: CrateFile, name: str, spec: Mapping[str, Any], index: str, *, is_public: bool) -> str | None:
    """Return the address of the registry that a dependency comes from; None: the one that the crate goes to.

    A manifest does not name Cargo's default registry. Its address is in the lock file, which Cargo puts beside it.
    """
    named = spec.get("registry-index")
    if isinstance(named, str):
        return None if _plain(named) == _plain(index) else named
    if is_public:
        return None
    locked = {
        str(package["source"]).removeprefix("registry+")
        for package in crate.lock.get("package", ())
        if package.get("name") == name and str(package.get("source", "")).startswith("registry+")
    }
    if len(locked) == 1:
        return locked.pop()
    raise Permanent(
        f"{crate.name}: nothing says which registry its dependency {name} comes from",
        advice=f'for one of its own registry, write registry = "…" at {name} in Cargo.toml; package it with Cargo.lock',
    )


def _plain(index: str) -> str:
    return index.removeprefix("sparse+").rstrip("/")


def requirement(written: str) -> str:
    """Return a version requirement as Cargo sends it: `1.2` is `^1.2`."""
    return ", ".join(_comparator(part) for part in written.split(","))


def _comparator(part: str) -> str:
    match = _COMPARED.fullmatch(part)
    if match is None:
        return part.strip()
    version = re.sub(r"(?:\.[*xX])+$", ".*", match["version"])
    is_wild = version.endswith("*") or version in {"x", "X"}
    return f"{match['operator'] or ('' if is_wild else '^')}{'*' if version in {'x', 'X'} else version}"
