"""Folders that builds have filled, gone through without following a link."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator  # noqa: UP035 - also read by Python 3.8

from releasd.adapters.runner.folders import remove
from releasd.adapters.runner.leash import Leash


def walk(leash: Leash, folder: Path) -> Iterator[tuple[tuple[str, ...], Path, bool]]:
    """Yield the parts and the path of everything below, folders before what is in them, and whether it is one."""
    todo: list[tuple[str, ...]] = [()]
    while todo:
        leash.beat()
        at = todo.pop()
        place = folder.joinpath(*at)
        if not place.is_dir():
            continue  # removed by whom it was yielded to
        for entry in sorted(os.scandir(place), key=lambda entry: entry.name):
            parts = (*at, entry.name)
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_folder:
                todo.append(parts)
            yield parts, Path(entry.path), is_folder


def drop(leash: Leash, path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        remove(path, leash.beat)
    elif path.is_symlink() or path.exists():
        path.unlink()
