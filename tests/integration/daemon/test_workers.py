"""The pool that runs claimed jobs."""

from queue import SimpleQueue
from threading import Event
from typing import Any

from releasd.daemon.inbox import JobEnded, Message
from releasd.daemon.workers import Workers
from support.lab import Lab


class _Inbox:
    """Notes how many workers are free at the moment at which something is told."""

    def __init__(self) -> None:
        self.workers: Workers | None = None
        self.told: SimpleQueue[tuple[Message, int]] = SimpleQueue()

    def put(self, message: Message) -> None:
        """Take a message."""
        assert self.workers is not None
        self.told.put((message, self.workers.free))


def _run(lab: Lab, execute: Any) -> tuple[Message, int]:
    lab.push()
    lab.enqueue()
    inbox = _Inbox()
    workers = inbox.workers = Workers(1, inbox)  # type: ignore[arg-type] # only `put` is used of it
    started = Event()
    workers.start(lab.claim(), lambda job: (started.wait(60), execute(job))[1])
    started.set()
    told = inbox.told.get(timeout=60)
    assert workers.close(60)
    return told


def test_a_worker_is_free_when_its_end_is_told(lab: Lab) -> None:
    """The look that the end of a job wakes gives the worker its next job; else that would wait for the look after."""
    message, free = _run(lab, lambda _: None)
    assert isinstance(message, JobEnded)
    assert (message.defect, free) == (None, 1)


def test_a_defect_is_told_with_its_text(lab: Lab) -> None:
    """Nothing that ends an attempt, however it does, is silent."""

    def execute(_: object) -> None:
        raise KeyError("no")

    message, free = _run(lab, execute)
    assert isinstance(message, JobEnded)
    assert (message.defect, free) == ("KeyError: 'no'", 1)
