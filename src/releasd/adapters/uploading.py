"""Several files to one index: the first alone, the others in batches at the same time, what a batch left one by one.

An uploader stops at the first file that is refused (publishing-facts.md §2); here every file is judged, and all that is
wrong is told together. What a batch of several sent before it stopped is skipped by the uploader itself.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from releasd.core.delivering import combined
from releasd.errors import Denied, ReleasdError, SecretError

Send = Callable[[Sequence[Path]], None]
Failures = dict[str, ReleasdError]  # by file name
_NO_CREDENTIAL = (Denied, SecretError)


def upload(paths: Sequence[Path], send: Send, *, parallel: int) -> None:
    """Send all files by `send`, which takes some of them and raises at the first that is not taken.

    Raises one error for all that were not taken (core/delivering.py, `combined`). Where a credential is refused, what
    was not begun by then is not begun any more.
    """
    failures = _alone(paths[:1], send)
    refused = next((error for error in failures.values() if isinstance(error, _NO_CREDENTIAL)), None)
    if refused:
        failures |= {path.name: refused for path in paths[1:]}
    else:
        with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="upload") as pool:
            for found in pool.map(lambda some: _batch(some, send), _batches(paths[1:], parallel)):
                failures |= found
    if failures:
        raise combined(failures)


def _batches(paths: Sequence[Path], count: int) -> list[Sequence[Path]]:
    return [paths[start::count] for start in range(min(count, len(paths)))]


def _batch(paths: Sequence[Path], send: Send) -> Failures:
    try:
        send(paths)
    except _NO_CREDENTIAL as error:
        return {path.name: error for path in paths}
    except ReleasdError as error:
        return {paths[0].name: error} if len(paths) == 1 else _alone(paths, send)
    return {}


def _alone(paths: Sequence[Path], send: Send) -> Failures:
    failures: Failures = {}
    for at, path in enumerate(paths):
        try:
            send([path])
        except _NO_CREDENTIAL as error:
            return failures | {each.name: error for each in paths[at:]}
        except ReleasdError as error:
            failures[path.name] = error
    return failures
