"""The pool that runs claimed jobs."""

from queue import SimpleQueue

from releasd.daemon.inbox import Inbox, JobEnded
from releasd.daemon.workers import Workers
from support.lab import Lab


def test_a_worker_is_free_once_its_end_is_told(lab: Lab) -> None:
    """The look that the end of a job wakes gives the worker its next job, and not the look after that."""
    lab.push()
    lab.enqueue()
    job = lab.claim()
    inbox: Inbox = SimpleQueue()
    workers = Workers(1, inbox)
    for _ in range(300):
        workers.start(job, lambda _: None)
        assert inbox.get(timeout=5) == JobEnded(job.id, job.token)
        assert workers.free == 1
    assert workers.close(5)
