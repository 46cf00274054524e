"""Where a release goes: indexes, the secrets for them, and who is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from releasd.model import IndexRules
from releasd.ports.common import Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedFile:
    """A file as an index lists it. `sha256` is None where the index gives none; `url` is where its bytes are."""

    filename: str
    sha256: str | None
    url: str


class Index(Protocol):
    """A destination, with one place to put files and one to read them from. `rules` say what it takes.

    A package index, a folder or a bucket: steps know no difference.
    """

    name: str
    rules: IndexRules

    def takes(self, filename: str) -> bool:
        """Return whether a release's file belongs here."""
        ...

    def files(self, distribution: str, version: str) -> tuple[ServedFile, ...]:
        """Return the files of one version as listed now, unfiltered by caches; empty when there are none."""
        ...

    def download_sha256(self, file: ServedFile) -> str:
        """Fetch the bytes and return their digest."""
        ...

    def upload(self, paths: Sequence[Path], sink: Sink) -> None:
        """Upload exactly these files, in this order as far as one waits for another.

        Returning proves nothing: the caller reads the index afterwards. One file that is refused does not keep the
        others from being sent. Raises one `Denied`, `Conflict`, `Permanent` or `Transient` for all (`by_file`).
        """
        ...

    def install_options(self) -> tuple[str, ...] | None:
        """Return the options that make `uv pip install` take packages from here.

        None where uv cannot install from it, as from a private bucket: that its downloads have our bytes is then all
        that `verify` can prove.
        """
        ...

    def check_secret(self, distribution: str | None = None, now: datetime | None = None) -> None:
        """Prove that the token can be had, is shaped right and, by its own words, is for `distribution` at `now`.

        It is neither kept nor shown. Raises `SecretError`, or `Transient` when its place does not answer.
        """
        ...


@runtime_checkable
class Addressed(Protocol):
    """A destination that is read at an address of its own, which may be a wrong one that answers all the same."""

    def doubt(self, distribution: str) -> str:
        """Return why nothing shows yet that its address is right, "" where something does.

        Raises as `Index.files` does.
        """
        ...


class Secrets(Protocol):
    """Resolves a reference such as `env:NAME` at the moment of use."""

    def get(self, name: str) -> "Secret":
        """Return the secret registered under `name`. Raises `SecretError` (or `Transient`), never with the value."""
        ...


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that does not show itself: only `reveal` gives it, to the one call that needs it."""

    _value: str

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return "[redacted]"

    __str__ = __repr__


class Signer(Protocol):
    """The operator's SSH key. The same bytes always get the same signature."""

    def prove(self) -> None:
        """Raise `Permanent` or `Transient` unless the key is there, can be used and signs the same way each time."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the armoured SSH signature of `data`. Raises as `prove` does."""
        ...
