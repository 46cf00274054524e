"""Git, through the git program (2.38 or newer) and nothing else.

`run.py` starts processes, `failures.py` tells causes apart, `read.py`, `write.py` and `remote.py` are the three
halves of the port, `pack.py` packs for build hosts, `repo.py` joins them and makes the daemon's own clone. `walk.py`
looks at a whole history, of which `stream.py` never holds more than a part.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from releasd.adapters.git.repo import GitRepo, clone_or_open

__all__ = ["GitRepo", "clone_or_open"]


def __getattr__(name: str) -> Any:
    """Import what joins the halves when it is asked for: `releasd plan` needs `read` alone."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from releasd.adapters.git import repo  # noqa: PLC0415 - as above

    return getattr(repo, name)
