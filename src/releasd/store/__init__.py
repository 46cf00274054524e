"""The store: the only SQL. One transaction for each method, each with its own events in the audit log.

Times come in as `now`, aware UTC: the store reads no clock. A write under a token that is no longer the job's raises
`Fenced` and changes nothing.
"""

from typing import Self

from releasd.store import schema
from releasd.store.announcements import Announcements
from releasd.store.builds import Builds
from releasd.store.database import Database
from releasd.store.deliveries import Deliveries
from releasd.store.events import Events
from releasd.store.hints import Hints
from releasd.store.hosts import Hosts
from releasd.store.jobs import Jobs
from releasd.store.journal import Journal
from releasd.store.placing import Placing
from releasd.store.queries import Queries
from releasd.store.queue import Queue
from releasd.store.values import BuildRecord, Enqueued, HostRecord, ProbeRecord, WaitingRecord, Watch, WatchRecord
from releasd.store.watching import Watching

__all__ = [
    "BuildRecord",
    "Enqueued",
    "HostRecord",
    "ProbeRecord",
    "Store",
    "WaitingRecord",
    "Watch",
    "WatchRecord",
    "open_store",
]


class Store(Hints, Queue, Jobs, Journal, Builds, Deliveries, Announcements, Placing, Queries, Events, Hosts, Watching):
    """Everything that is remembered. Lives as long as its database connections; safe to use from several threads."""

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(url: str, *, readonly: bool = False) -> Store:
    """Open the store at an SQLAlchemy URL; make or migrate the tables, or with `readonly` change nothing.

    Raises:
        UsageError: there is nothing to read, or it was written by a newer releasd.
    """
    database = Database(url, readonly=readonly)
    try:
        schema.ensure(database)
    except BaseException:
        database.close()
        raise
    return Store(database)
