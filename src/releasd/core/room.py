"""How much of what an index gives a whole project is left. The public one gives 10 GiB, and says so at the upload only.

Indexes that tell sizes do it in their JSON (PEP 700); of those that tell none nothing can be said.
"""

from collections.abc import Iterable

from releasd.core.judging.verdict import Problem
from releasd.model import Artifact, ListedFile

NEARLY = 0.9  # of the limit: from here on each release says so
_GB = 1 << 30


def judge(index: str, listed: Iterable[ListedFile], new: Iterable[Artifact], limit: int) -> tuple[Problem, ...]:
    """Return a problem where the new files and those that are there are more than `limit` bytes; nearly is a note.

    `listed` are the project's files of all versions; one without a size counts as nothing, so this is the least.
    """
    there = {file.filename: file.size for file in listed}
    if all(size is None for size in there.values()):
        return ()
    used = sum(size or 0 for size in there.values())
    added = sum(artifact.size for artifact in new if artifact.filename not in there)
    if used + added <= limit * NEARLY or not added:
        return ()
    what = f"{index} takes {_gb(limit)} GB of a project in all, has {_gb(used)}, and this release adds {_gb(added)}"
    fix = f"delete files of old versions there, or have {index} raise its limit and set max_project_gb to it"
    return (Problem(what, fix, is_note=used + added <= limit),)


def _gb(size: int) -> str:
    """Return a size in GB; a small one is not nothing."""
    return f"{max(size / _GB, 0.001):.3f}".rstrip("0").rstrip(".")
