"""What a person does to take a version out of use on an index, which has no API for it, and what that does.

The steps are those of the public index; other indexes that follow PEP 592 have the same mark elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from packaging.version import InvalidVersion, Version

from releasd.core.semver import parse_semver
from releasd.core.watching import Ledger, version_of
from releasd.model import ListedFile

Kind = Literal["public", "crates", "other"]
EFFECTS = (
    "Installers pass over a yanked version, unless somebody pins exactly it (`==`): those get it, and your reason.",
    "Its files stay, can be downloaded, and lock files that name them go on working. The same page undoes it.",
    "The version and its file names stay taken: nothing can be uploaded in its place, not even after deleting.",
    "Deleting breaks those who pinned it: only for what must not be downloaded at all, such as malware.",
    "Uploaded by a stranger: revoke the index's tokens first, for yanking stops nobody who holds one.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A file of the version on an index. By the ledger its `state` is "released", "other bytes" or "foreign".

    It is "unknown" where there is no ledger.
    """

    filename: str
    sha256: str | None
    state: str
    yanked: bool


def is_version(filename: str, version: str) -> bool:
    """Return whether a file's name says that version, in any spelling."""
    return is_same(version_of(filename), version)


def could_be(text: str) -> bool:
    """Return whether a text is a version at all, as Python or as tags spell one."""
    try:
        Version(text)
    except InvalidVersion:
        return parse_semver(text) is not None
    return True


def is_same(one: str, other: str) -> bool:
    """Return whether two texts are the same version."""
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def served(files: Iterable[ListedFile], ledger: Ledger | None) -> tuple[Served, ...]:
    """Return the files with their state by the ledger."""
    return tuple(
        Served(filename=file.filename, sha256=file.sha256, state=_state(file, ledger), yanked=file.yanked)
        for file in sorted(files, key=lambda file: file.filename)
    )


def _state(file: ListedFile, ledger: Ledger | None) -> str:
    if ledger is None:
        return "unknown"
    if file.filename not in ledger:
        return "foreign"
    return "released" if file.sha256 is None or file.sha256 in ledger[file.filename] else "other bytes"


def steps(index: str, distribution: str, version: str, reason: str, *, kind: Kind) -> tuple[str, ...]:
    """Return what is to be done on one index, in order."""
    why = f'give the reason "{reason}"' if reason else "give a reason: installers show it"
    if kind == "crates":
        command = f"cargo yank {distribution}@{version} --registry NAME"
        where = f"NAME is what your Cargo configuration calls {index} (leave it out for Cargo's own)"
        return (f"As an owner of {distribution}: `{command}`, where {where}. `--undo` takes it back.",)
    if kind == "public":
        return (
            f"Log in on {index} as an owner or maintainer of {distribution}.",
            f"Open the index's page of the project: Manage, then Releases, then {version}.",
            f"Options, Yank: type the version to confirm and {why}.",
        )
    return (
        f"Mark {distribution} {version} as yanked on {index} (PEP 592) as its own manual says, and {why}.",
        "An index without that mark (devpi, pypiserver) can only remove the files: those who pinned them fail then.",
    )
