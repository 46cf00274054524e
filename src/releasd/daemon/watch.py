"""Watches the refs of local repositories: a push is found with no hook at all.

One push makes some ninety events, and a ref arrives as a rename of its `.lock` file (hooks-and-queues-facts.md §3.3).
Only such a rename onto the watched branch, or onto `packed-refs`, is passed on, as a hint: git is asked afterwards.
"""

from collections.abc import Mapping
from pathlib import Path

from watchdog.events import FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from releasd.daemon.inbox import Inbox, LookAt


class _BranchMoved(FileSystemEventHandler):
    def __init__(self, project: str, branch: str, inbox: Inbox) -> None:
        self._hint = LookAt(project, "watch")
        self._wanted = (f"/refs/heads/{branch}", "/packed-refs")
        self._inbox = inbox

    def on_moved(self, event: FileSystemEvent) -> None:
        """Pass on a rename onto the branch's file."""
        if isinstance(event, FileMovedEvent) and str(event.dest_path).endswith(self._wanted):
            self._inbox.put(self._hint)


class Watch:
    """Watches until closed. `folders` maps a project to (its git folder, its branch)."""

    def __init__(self, folders: Mapping[str, tuple[Path, str]], inbox: Inbox) -> None:
        self._observer = Observer()
        for project, (folder, branch) in folders.items():
            handler = _BranchMoved(project, branch, inbox)
            self._observer.schedule(handler, str(folder), recursive=False, event_filter=[FileMovedEvent])
            heads = (folder / "refs" / "heads" / branch).parent
            if heads.is_dir():
                self._observer.schedule(handler, str(heads), recursive=False, event_filter=[FileMovedEvent])
        self._observer.start()

    def close(self) -> None:
        """Stop watching."""
        self._observer.stop()
        self._observer.join(timeout=2.0)
