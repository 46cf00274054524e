"""Watches the refs of local repositories: a push is found with no hook at all.

One push makes some ninety events, and a ref arrives as a rename of its `.lock` file (hooks-and-queues-facts.md §3.3).
Only such a rename onto the watched branch, or onto `packed-refs`, is passed on, as a hint: git is asked afterwards.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from watchdog.events import FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from releasd.core.branchnames import is_glob
from releasd.daemon.inbox import Inbox, LookAt


class _BranchMoved(FileSystemEventHandler):
    def __init__(self, project: str, branches: Sequence[str], inbox: Inbox) -> None:
        self._hint = LookAt(project, "watch")
        self._wanted = (*(f"/refs/heads/{branch}" for branch in branches), "/packed-refs")
        self._any = any(map(is_glob, branches))
        self._inbox = inbox

    def on_moved(self, event: FileSystemEvent) -> None:
        """Pass on a rename onto a branch's file; where globs are wanted, onto that of any branch."""
        if not isinstance(event, FileMovedEvent):
            return
        path = str(event.dest_path)
        if path.endswith(self._wanted) or (self._any and "/refs/heads/" in path):
            self._inbox.put(self._hint)


class Watch:
    """Watches until closed. `folders` maps a project to (its git folder, names and globs of its branches)."""

    def __init__(self, folders: Mapping[str, tuple[Path, Sequence[str]]], inbox: Inbox) -> None:
        self._observer = Observer()
        for project, (folder, branches) in folders.items():
            handler = _BranchMoved(project, branches, inbox)
            heads = {(folder / "refs" / "heads" / branch).parent for branch in branches}
            for watched in (folder, *sorted(each for each in heads if each.is_dir())):
                self._observer.schedule(handler, str(watched), recursive=False, event_filter=[FileMovedEvent])
        self._observer.start()

    def close(self) -> None:
        """Stop watching."""
        self._observer.stop()
        self._observer.join(timeout=2.0)
