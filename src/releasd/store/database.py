"""Opening the database, and the only SQL that differs between databases.

SQLite: WAL, one writer at a time (`BEGIN IMMEDIATE`), and a commit is on the disk when it returns
(`synchronous=FULL`) unless the writer says that it need not be: a commit that is not waited for survives a SIGKILL
and may be lost only by a power cut, together with everything after it, never alone. The next durable commit puts
all earlier ones on the disk too. So only what the world sees has to be waited for (store/journal.py).

PostgreSQL: one writer at a time as well, by an advisory lock, because the audit log is one chain.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

from releasd.errors import DiskFull, Transient, UsageError

BUSY_TIMEOUT = 5.0  # seconds that a writer waits for another
WRITER_LOCK = 0x72656C65  # PostgreSQL's advisory lock of all writers: "rele"

_LAZY = {"releasd_write": True, "releasd_durable": False}
_DURABLE = {"releasd_write": True, "releasd_durable": True}


class Database:
    """An engine with two ways in: `read` and `write`. Safe to use from several threads."""

    def __init__(self, url: str, *, readonly: bool = False) -> None:
        parsed = _parsed(url)
        self.readonly = readonly
        if parsed.get_backend_name() == "sqlite":
            self._engine = _sqlite(parsed, readonly=readonly)
        else:
            self._engine = _postgresql(parsed, readonly=readonly)
        self._lazy = self._engine.execution_options(**_LAZY)
        self._durable = self._engine.execution_options(**_DURABLE)

    @property
    def is_shared(self) -> bool:
        """Return whether other daemons, with configurations of their own, may use this database too."""
        return self._engine.dialect.name != "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one moment of the database."""
        with _translated(), self._engine.connect() as conn:
            yield conn

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """Give the only writing connection; everything done with it is committed together, or not at all.

        Raises:
            Transient: another writer kept the database for longer than `BUSY_TIMEOUT`.
            DiskFull: the disk is full.
        """
        engine = self._durable if durable else self._lazy
        with _translated(), engine.begin() as conn:
            if conn.dialect.name == "postgresql":
                conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
            yield conn

    def flush(self) -> None:
        """Return when everything committed so far is on the disk."""
        with self.write() as conn:
            if conn.dialect.name == "sqlite":  # a commit that changed nothing would not be written
                conn.exec_driver_sql("PRAGMA user_version = 1")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        raise UsageError("the store's URL cannot be read", advice="For example: sqlite:////var/lib/x.db") from error


def _sqlite(url: URL, *, readonly: bool) -> Engine:
    path = Path(url.database or "")
    if readonly:
        if not path.is_file():
            raise UsageError(f"no releasd state at {path}", advice="Start the daemon once: releasd run")
        url = url.set(database=f"{path.resolve().as_uri()}", query={"mode": "ro", "uri": "true"})
    elif url.database not in {None, "", ":memory:"}:
        _make_private(path)
    arguments = {"timeout": BUSY_TIMEOUT, "isolation_level": None}
    engine = create_engine(url, connect_args=arguments, hide_parameters=True)
    event.listen(engine, "connect", _connected_readonly if readonly else _connected)
    event.listen(engine, "begin", _begin)
    return engine


def _make_private(path: Path) -> None:
    """Make a missing file for the owner and its group alone; SQLite gives its companions the same mode."""
    with suppress(OSError):  # SQLite is about to meet the same, and reports it
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))


def _postgresql(url: URL, *, readonly: bool) -> Engine:
    if url.get_backend_name() != "postgresql":
        raise UsageError(
            f"the store cannot be kept in {url.get_backend_name()}", advice="Use a sqlite or a postgresql URL."
        )
    options = {"postgresql_readonly": True} if readonly else {}
    try:
        return create_engine(url, pool_pre_ping=True, hide_parameters=True, execution_options=options)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise UsageError(f"the store's driver is not installed: {error}", advice="pip install psycopg") from error


def _connected(raw: sqlite3.Connection, _record: Any) -> None:
    raw.execute("PRAGMA journal_mode = WAL").close()
    raw.execute("PRAGMA synchronous = FULL").close()
    raw.execute("PRAGMA foreign_keys = ON").close()


def _connected_readonly(raw: sqlite3.Connection, _record: Any) -> None:
    raw.execute("PRAGMA query_only = ON").close()


def _begin(conn: Connection) -> None:
    """Start the transaction here: the driver's own way takes the write lock when it is too late to wait for it."""
    options = conn.get_execution_options()
    if not options.get("releasd_write"):
        conn.exec_driver_sql("BEGIN")
        return
    durable = bool(options["releasd_durable"])
    if conn.info.get("releasd_durable") is not durable:
        conn.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        conn.info["releasd_durable"] = durable
    conn.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        text = str(error.orig)
        if "disk is full" in text:
            raise DiskFull(f"the store: {text}", advice="Free space on the disk of the state folder.") from error
        if "unable to open" in text:
            advice = "Check the path in the URL, and that the folder exists and is yours."
            raise UsageError(f"the store: {text}", advice=advice) from error
        if "locked" in text:
            advice = "Another program keeps the database open for writing; end it."
            raise Transient(f"the store: {text}", advice=advice) from error
        if not isinstance(error.orig, sqlite3.Error):  # a server that is away, or was
            raise Transient(f"the store: {text}", advice="Check that the database server is running.") from error
        raise
