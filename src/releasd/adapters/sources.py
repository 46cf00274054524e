"""The daemon's side of sources on their way to a host: a pack of what the host lacks, or one tar of everything."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from releasd.adapters.conversation import LOOK_EVERY
from releasd.adapters.runner import leash as wire
from releasd.ports import Cache, Objects, Task

Frames = Iterator[tuple[bytes, bytes]]


def kept_name(name: str) -> str:
    """Return a file name for what a host keeps of a project: two names never share one, whatever the file system."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower())[:40].strip("-")
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def objects_question(objects: Objects | None) -> dict[str, str] | None:
    """Return what the runner is told of sources that may come as git objects."""
    return None if objects is None else {"project": kept_name(objects.project), "commit": objects.commit}


def cache_question(cache: Cache | None) -> dict[str, str] | None:
    """Return what the runner is told of a cache."""
    return (
        None
        if cache is None
        else {"mode": cache.mode, "project": kept_name(cache.project), "target": kept_name(cache.target)}
    )


def input_frames(task: Task) -> Frames:
    """Yield the frames that bring a task's inputs."""
    for path in task.inputs:
        yield from _file(f"inputs/{path.name}", path)


def source_frames(task: Task, have: Sequence[str] | None) -> Frames:
    """Yield the frames that bring a task's sources.

    Args:
        task: what is run.
        have: the commits that the host has; None where it keeps none, or could not use what it has.
    """
    if task.objects is not None and have is not None:
        yield wire.PUT, json.dumps("source.pack").encode()
        for chunk in task.objects.pack([str(name) for name in have]):
            yield wire.DATA, chunk
    elif task.source is not None:
        yield from _file("source.tar", task.source)


def patient(frames: Frames) -> Iterator[tuple[bytes, bytes] | None]:
    """Yield the frames as they come, and None now and then: git may search for minutes before a pack's first byte."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="frames") as pool:
        while True:
            coming = pool.submit(next, frames, None)
            while not wait((coming,), LOOK_EVERY).done:
                yield None
            frame = coming.result()
            if frame is None:
                return
            yield frame


def _file(name: str, path: Path) -> Frames:
    yield wire.PUT, json.dumps(name).encode()
    with path.open("rb") as file:
        while chunk := file.read(wire.CHUNK):
            yield wire.DATA, chunk
