"""What cargo may find compiled from an earlier build: crates that no commit of the project can have changed.

cargo takes a crate of the project for compiled where no file of it is newer than what it compiled. All files of a
release have its commit's time, so that tells nothing: another branch's release, or a clock that was ahead, and the code
of another commit would be released. Crates of registries and other repositories it tells by version and revision.
So before a build the compiled files of every crate are removed but those that Cargo.lock has from elsewhere and that
are nowhere in the sources, not even as a copy. What is not understood of the folder is removed too.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Iterator  # noqa: UP035 - also read by Python 3.8

from releasd.adapters.runner.leash import Leash
from releasd.adapters.runner.tree import drop, walk

DEEPEST = 2  # a profile's folder is target/PROFILE or target/PROCESSOR/PROFILE; what is kept is in these below it:
RECORDS = ".fingerprint"  # of what was compiled: a folder of the crate's name and a hash, which its files have as well
KINDS = (RECORDS, "build", "deps")
ENTRY = re.compile(r"(?:(?P<name>.+)-)?(?P<hash>[0-9a-f]{16})(?:\..*)?")
LOCKED = re.compile(rb'^\[\[package\]\]\r?\nname = "([^"]+)"\r?\nversion = "[^"]+"\r?\n(source = ")?', re.MULTILINE)
NAMED = re.compile(rb"""\bname["']?\s*=\s*["']([^"']+)["']""")  # more than packages: what is too much costs time only


def drop_own(leash: Leash, target: Path, sources: Path) -> None:
    """Leave in `target` what a build of `sources` may take for compiled."""
    foreign = foreign_crates(leash, sources)
    hashes = {entry for name, entry in _records(leash, target) if name in foreign}
    for parts, path, is_folder in walk(leash, target):
        if not _may_stay(parts, hashes, is_folder=is_folder):
            drop(leash, path)


def foreign_crates(leash: Leash, sources: Path) -> set[str]:
    """Return the names of the crates that Cargo.lock has from elsewhere, and of which nothing is in the sources."""
    foreign: set[str] = set()
    own: set[str] = set()
    for root, _, names in os.walk(sources):
        leash.beat()
        for name in {"Cargo.lock", "Cargo.toml"}.intersection(names):
            path = Path(root, name)
            text = path.read_bytes() if path.is_file() else b""
            if name == "Cargo.toml":
                own |= {crate.decode(errors="replace") for crate in NAMED.findall(text)}
                continue
            for crate, source in LOCKED.findall(text):
                (foreign if source else own).add(crate.decode(errors="replace"))
    return foreign - own


def _records(leash: Leash, target: Path) -> Iterator[tuple[str, str]]:
    """Yield the crate and the hash of each record."""
    for parts, _, _ in walk(leash, target):
        found = ENTRY.fullmatch(parts[-1]) if parts[-2:-1] == (RECORDS,) else None
        if found and found["name"]:
            yield found["name"], found["hash"]


def _may_stay(parts: tuple[str, ...], hashes: set[str], *, is_folder: bool) -> bool:
    kind = next((at for at, part in enumerate(parts[: DEEPEST + 1]) if part in KINDS), None)
    if not kind:  # in none of them, or in one that is in no profile's folder
        return is_folder and len(parts) <= DEEPEST and kind is None
    if len(parts) != kind + 2:
        return is_folder or len(parts) > kind + 2
    found = ENTRY.fullmatch(parts[-1])
    return bool(found and found["hash"] in hashes)
