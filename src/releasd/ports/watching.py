"""What the watcher needs of an index beyond what a release does."""

from typing import Protocol, runtime_checkable

from releasd.model import ListedFile


@runtime_checkable
class Listing(Protocol):
    """An index that can say all that it serves of a project. One that cannot is not watched."""

    def takes(self, filename: str) -> bool:
        """Return whether a release's file belongs here."""
        ...

    def all_files(self, distribution: str) -> tuple[ListedFile, ...]:
        """Return the files of all versions as listed now, unfiltered by caches; empty when there are none.

        Raises as `Index.files` does.
        """
        ...
