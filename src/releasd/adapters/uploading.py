"""Several files to one index: small releases in one go, larger ones in batches at the same time, each file judged.

An uploader stops at the first file that is refused (publishing-facts.md §2); here every file is judged, and all that is
wrong is told together. A file that was refused is not sent again; what a batch sent before it stopped is skipped by the
uploader itself. Of a file that the index says it has, its listing will tell whose bytes they are: that is no failure.
Where a credential is refused, or the index asks for time, nothing more is sent.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from releasd.core.delivering import combined, ends_all
from releasd.errors import Permanent, ReleasdError, Taken

Send = Callable[[Sequence[Path]], None]
Failures = dict[str, ReleasdError]  # by file name


def upload(paths: Sequence[Path], send: Send, *, batches: int) -> None:
    """Send all files by `send`, which takes some of them and raises at the first that is not taken.

    With more than one batch the first file goes alone: it makes the version on the index. Raises one error for all
    that were not taken (core/delivering.py, `combined`).
    """
    failures: Failures = {}
    if batches > 1:
        failures, paths = _batch(paths[:1], send), paths[1:]
    end = next((error for error in failures.values() if ends_all(error)), None)
    if end:
        failures |= {path.name: end for path in paths}
    else:
        with ThreadPoolExecutor(max_workers=batches, thread_name_prefix="upload") as pool:
            for found in pool.map(lambda some: _batch(some, send), _split(paths, batches)):
                failures |= found
    if failures:
        raise combined(failures)


def _split(paths: Sequence[Path], count: int) -> list[Sequence[Path]]:
    return [paths[start::count] for start in range(min(count, len(paths)))]


def _batch(paths: Sequence[Path], send: Send) -> Failures:
    """Send files together; one that is refused is left out, and what may pass is tried file by file."""
    failures: Failures = {}
    left = list(paths)
    while left:
        try:
            send(left)
        except ReleasdError as error:
            if ends_all(error):
                return failures | {path.name: error for path in left}
            # uv names the file that it stopped at.
            named = left if len(left) == 1 else [path for path in left if f"`{path.name}`" in error.message]
            if not named or (not isinstance(error, Permanent) and len(left) > 1):
                return failures | _alone(left, send)
            refused = named[0]
            left = [path for path in left if path is not refused]
            if not isinstance(error, Taken):
                failures[refused.name] = error
        else:
            return failures
    return failures


def _alone(paths: Sequence[Path], send: Send) -> Failures:
    failures: Failures = {}
    for at, path in enumerate(paths):
        try:
            send([path])
        except ReleasdError as error:
            if ends_all(error):
                return failures | {each.name: error for each in paths[at:]}
            if not isinstance(error, Taken):
                failures[path.name] = error
    return failures
