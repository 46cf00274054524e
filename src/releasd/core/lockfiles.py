"""Cargo.lock, uv.lock and poetry.lock: the entries of the project's own packages, moved to the new version.

The files are written by machines in one regular form, one `[[package]]` block after another, and can be megabytes
long; so the block is found by its first lines and only that block is read as TOML, before and after.
"""

import re
from collections.abc import Iterator, Sequence
from posixpath import dirname, join, normpath

from releasd.core import toml
from releasd.errors import ConfigError
from releasd.model import FileEdit

_BLOCK = re.compile(r"^\[\[package\]\][ \t]*\r?\n", re.MULTILINE)
_NAME = re.compile(r'^name[ \t]*=[ \t]*"([^"\n]*)"', re.MULTILINE)
_VERSION: toml.Path = ("package", 0, "version")


def cargo_edits(path: str, text: str, crates: Sequence[str], old: str, new: str) -> list[FileEdit]:
    """Return the edit of a Cargo.lock that has one of `crates` at `old`; none where the lock is behind already."""
    held = sorted(name for name, _ in _cargo_blocks(path, text, crates, old))
    return [FileEdit(path=path, kind=f"cargo-lock:{','.join(held)}", old=old, new=new)] if held else []


def apply_cargo(edit: FileEdit, text: str, crates: Sequence[str]) -> str:
    """Set the version of the project's own crates, which are those without a `source`.

    Where a name is locked twice, others depend on it as "name version": these lines move too.
    """
    after = text
    spans = [span for _, span in _cargo_blocks(edit.path, text, crates, edit.old)]
    if not spans:
        raise ConfigError(f"{edit.path} does not hold {', '.join(crates)} {edit.old}", advice="run: cargo update -w")
    for start, end in reversed(spans):
        after = after[:start] + _moved(edit, text[start:end]) + after[end:]
    depends = re.compile(rf'^(?P<before>[ \t]*"(?P<name>[^" \n]+) ){re.escape(edit.old)}(?=")', re.MULTILINE)
    return depends.sub(lambda line: line["before"] + edit.new if line["name"] in crates else line[0], after)


def uv_edits(path: str, text: str, name: str, new: str) -> list[FileEdit]:
    """Return the edit of a uv.lock that holds the project itself with a version; none for a dynamic one."""
    versions = [version for _, version in _uv_blocks(path, text, name)]
    return [FileEdit(path=path, kind=f"uv-lock:{name}", old=version, new=new) for version in versions[:1]]


def apply_uv(edit: FileEdit, text: str, names: Sequence[str]) -> str:
    """Set the version of the project's own entry."""
    for (start, end), _ in _uv_blocks(edit.path, text, names[0]):
        return text[:start] + _moved(edit, text[start:end]) + text[end:]
    raise ConfigError(f"{edit.path} has no entry for {names[0]}", advice="run: uv lock")


def poetry_edits(path: str, text: str, name: str, folder: str, new: str) -> list[FileEdit]:
    """Return the edit of a poetry.lock of another project that takes the one in `folder` from there.

    A project's own lock does not hold its version, and the lock's content hash does not cover it.
    """
    versions = [version for _, version in _poetry_blocks(path, text, name, folder)]
    return [FileEdit(path=path, kind=f"poetry-lock:{name},{folder}", old=old, new=new) for old in versions[:1]]


def apply_poetry(edit: FileEdit, text: str, names: Sequence[str]) -> str:
    """Set the version of the entry for the distribution `names[0]`, whose folder is the rest."""
    for (start, end), _ in _poetry_blocks(edit.path, text, names[0], ",".join(names[1:])):
        return text[:start] + _moved(edit, text[start:end]) + text[end:]
    raise ConfigError(f"{edit.path} has no entry for {names[0]}", advice="run: poetry lock")


def _moved(edit: FileEdit, block: str) -> str:
    return toml.replace_strings(edit.path, block, {_VERSION: (edit.old, edit.new)})


def _blocks(text: str) -> Iterator[toml.Span]:
    starts = [match.start() for match in _BLOCK.finditer(text)]
    yield from zip(starts, [*starts[1:], len(text)], strict=True)


def _cargo_blocks(path: str, text: str, names: Sequence[str], version: str) -> Iterator[tuple[str, toml.Span]]:
    for start, end in _blocks(text):
        named = _NAME.search(text, start, end)
        if named is not None and named[1] in names:
            package = toml.read(path, text[start:end])["package"][0]
            if package.get("version") == version and "source" not in package:
                yield package["name"], (start, end)


def _uv_blocks(path: str, text: str, name: str) -> Iterator[tuple[toml.Span, str]]:
    wanted = normalised(name)
    for start, end in _blocks(text):
        named = _NAME.search(text, start, end)
        if named is not None and normalised(named[1]) == wanted:
            package = toml.read(path, text[start:end])["package"][0]
            if {"editable", "virtual"} & package.get("source", {}).keys() and isinstance(package.get("version"), str):
                yield (start, end), package["version"]


def _poetry_blocks(path: str, text: str, name: str, folder: str) -> Iterator[tuple[toml.Span, str]]:
    wanted = normalised(name)
    for start, end in _blocks(text):
        named = _NAME.search(text, start, end)
        if named is not None and normalised(named[1]) == wanted:
            package = toml.read(path, text[start:end])["package"][0]
            source = package.get("source", {})
            place = normpath(join(dirname(path), str(source.get("url", ""))))
            if source.get("type") == "directory" and place == normpath(folder or "."):
                yield (start, end), str(package["version"])


def normalised(name: str) -> str:
    """Return a distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
