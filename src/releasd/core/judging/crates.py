"""A `.crate` file's contents: one folder, the manifest as Cargo rewrites it, and nothing but what is in the repository.

The rules are the public registry's: at most 10 MB, regular files alone, below `NAME-VERSION/`, and a Cargo.toml that
says the same name and version. That members are tracked files is the lesson of xz, as for sdists. Nothing is unpacked
to disk.
"""

import tarfile
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import BinaryIO

from releasd.core import cratefile, crates
from releasd.core.judging.sdists import Bounded, TooLarge, digest_of, few, has_rest, members_of
from releasd.core.judging.verdict import Expected, Problem
from releasd.errors import ReleasdError

_AGAIN = "let `cargo package` make it, from a clean folder"
_MADE = frozenset({"Cargo.toml", "Cargo.lock", ".cargo_vcs_info.json"})  # by Cargo; Cargo.toml.orig is the tracked one


def judge(filename: str, file: BinaryIO, expected: Expected) -> Iterator[Problem]:
    """Yield what is wrong with a crate's file."""
    named = crates.split_filename(filename)
    if named is None:
        yield Problem("not a valid file name of a crate", "let `cargo package` name it")
        return
    yield from _named(named, expected)
    size = file.seek(0, 2)
    if size > cratefile.LIMIT:
        yield Problem(f"it has {size / (1 << 20):.1f} MB, a registry takes {cratefile.LIMIT >> 20}", "exclude files")
        return
    file.seek(0)
    try:
        yield from _contents("-".join(named), Bounded(file, cratefile.UNPACKED), expected)
    except TooLarge:
        yield Problem(f"it unpacks to more than {cratefile.UNPACKED >> 20} MB", "exclude files in Cargo.toml")
        return
    yield from _manifest(filename, file, expected)


def missing(filenames: list[str], expected: Expected) -> Iterator[Problem]:
    """Yield the problem that a release has which lacks crates that were planned."""
    there = {named[0] for filename in filenames if (named := crates.split_filename(filename))}
    if absent := [name for name in expected.crates if name not in there]:
        fix = f"let the build {crates.BUILD} package them, or remove them from crates"
        yield Problem(f"no build made the crates {', '.join(absent)}", fix)


def _named(named: tuple[str, str], expected: Expected) -> Iterator[Problem]:
    name, version = named
    if name not in expected.crates:
        yield Problem(f"the plan has no crate {name}", 'name it in crates, or give the build artifacts = ["*.whl"]')
    if version != expected.semver:
        fix = "let Cargo.toml inherit the workspace's version, or name it in version_files"
        yield Problem(f"its name says version {version}, the plan says {expected.semver}", fix)


def _contents(root: str, stream: Bounded, expected: Expected) -> Iterator[Problem]:
    digests: dict[str, str] = {}
    odd: list[str] = []
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for member in members_of(archive):
            first, _, path = member.name.partition("/")
            if first != root or not path or ".." in path.split("/") or path in digests or not member.isreg():
                odd.append(member.name)
            else:
                digests[path] = digest_of(archive, member)
        if has_rest(stream):
            yield Problem("there is more data after the end of the archive", _AGAIN)
    if odd:
        yield Problem(f"members twice, outside of {root}/, or no regular files: {few(odd)}", _AGAIN)
    yield from _compared(digests, expected)


def _compared(digests: Mapping[str, str], expected: Expected) -> Iterator[Problem]:
    """Yield what a crate holds and the release commit does not, under whatever path."""
    if expected.tracked is None:
        return
    known = frozenset(expected.tracked.values())
    strange = sorted(path for path, digest in digests.items() if digest not in known and path not in _MADE)
    strange = [path for path in strange if not any(fnmatchcase(path, each) for each in expected.generated)]
    if strange:
        fix = 'commit them, exclude them in Cargo.toml, or say that the build makes them: sdist_generated = ["…"]'
        yield Problem(f"it holds files that are not in the release commit: {few(strange)}", fix)


def _manifest(filename: str, file: BinaryIO, expected: Expected) -> Iterator[Problem]:
    """Yield where the manifest is not the one that Cargo publishes: no paths, and nothing left to a workspace."""
    try:
        crate = cratefile.read(filename, file)
    except ReleasdError as error:
        yield Problem(error.message, error.advice or _AGAIN)
        return
    local = [
        name
        for _, _, name, spec in crates.dependency_tables(crate.manifest)
        if not {"path", "git", "workspace"}.isdisjoint(spec)
    ]
    inherits = sorted(key for key, value in crate.package.items() if isinstance(value, dict) and "workspace" in value)
    if local or inherits:
        names = few([*local, *inherits])
        yield Problem(f"its Cargo.toml is not as Cargo publishes it: {names} lead out of the crate", _AGAIN)
    is_licensed = not {"license", "license-file"}.isdisjoint(crate.package)
    if expected.rules.pypi_rules and not (crate.package.get("description") and is_licensed):
        fix = "add description and license to Cargo.toml, or set pypi_rules = false for a registry without that rule"
        yield Problem("its Cargo.toml lacks description or license, which the public registry demands", fix)
