"""The tables of the watcher: what indexes serve, the alarms about it, and who was told of them."""

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Integer, String, Table, Text

from releasd.store.codec import Utc
from releasd.store.tables import metadata

# The looks at one distribution on one index. `since`: the first that succeeded; `looked_at`: the last one; `tried_at`:
# the last, whether it succeeded or not; `why` it did not, else "".
index_watch = Table(
    "index_watch",
    metadata,
    Column("project", String, primary_key=True),
    Column("index", String, primary_key=True),
    Column("distribution", String, primary_key=True),
    Column("since", Utc),
    Column("looked_at", Utc),
    Column("tried_at", Utc, nullable=False),
    Column("why", Text, nullable=False),
)

# Every file that was ever listed: model/watching.py, `WatchedFile`.
index_file = Table(
    "index_file",
    metadata,
    Column("project", String, primary_key=True),
    Column("index", String, primary_key=True),
    Column("distribution", String, primary_key=True),
    Column("filename", String, primary_key=True),
    Column("sha256", String(64)),
    Column("origin", String, nullable=False),
    Column("yanked", Boolean, nullable=False),
    Column("missed", Integer, nullable=False),
    Column("read_at", Utc),
    Column("wrong", String(64)),
    CheckConstraint("origin IN ('ledger', 'before', 'foreign')", name="origin"),
)

# What a person has to look at, until it is acknowledged. Never deleted.
index_alarm = Table(
    "index_alarm",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", String, nullable=False),
    Column("index", String, nullable=False),
    Column("distribution", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("filename", String, nullable=False),
    Column("version", String, nullable=False),
    Column("expected", String(64)),
    Column("found", String(64)),
    Column("closes_at", Utc),
    Column("at", Utc, nullable=False),
    Column("acknowledged_at", Utc),
    Column("acknowledged_by", String),
    Column("note", Text),
    CheckConstraint("kind IN ('foreign', 'listed', 'bytes', 'closing')", name="kind"),
)

# Whom an alarm was told to, or tried to. `retry_at` is when it is due again, None: it was told.
index_alarm_told = Table(
    "index_alarm_told",
    metadata,
    Column("alarm_id", ForeignKey("index_alarm.id"), primary_key=True),
    Column("target", String, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("retry_at", Utc),
    Column("at", Utc, nullable=False),
)
