"""The small pool that runs claimed jobs. It tells the inbox when one has ended, however it ended."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial

from releasd.daemon.inbox import Inbox, JobEnded
from releasd.model import Job


class Workers:
    """At most `size` jobs at once; owned by the main thread, which alone submits and counts."""

    def __init__(self, size: int, inbox: Inbox) -> None:
        self.size = size
        self._inbox = inbox
        self._pool = ThreadPoolExecutor(max_workers=size, thread_name_prefix="job")
        self._running: set[Future[None]] = set()

    @property
    def free(self) -> int:
        """Return how many more jobs may be started."""
        self._running = {future for future in self._running if not future.done()}
        return self.size - len(self._running)

    def start(self, job: Job, execute: Callable[[Job], None]) -> None:
        """Run a claimed job in the pool."""
        future = self._pool.submit(execute, job)
        self._running.add(future)
        future.add_done_callback(partial(self._ended, job))

    def _ended(self, job: Job, future: Future[None]) -> None:
        """Tell the inbox, once the worker counts as free: the look that follows gives it the next job."""
        if future.cancelled():
            return  # never started: the pool is being closed
        error = future.exception()
        defect = f"{type(error).__name__}: {error}" if error else None
        self._inbox.put(JobEnded(job.id, job.token, defect))

    def close(self, timeout: float) -> bool:
        """Take no more; wait up to `timeout` seconds for what runs. Return whether all of it ended."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        return not wait(self._running, timeout=timeout).not_done
