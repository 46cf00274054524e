"""Bringing a database to the schema of this code. Alembic is imported only when there is something to do."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from releasd.errors import UsageError
from releasd.store.database import Database

REVISIONS = tuple(f"{number:04}" for number in range(1, 12))  # oldest first, as in migrations/versions
HEAD = REVISIONS[-1]
MIGRATIONS = Path(__file__).parent / "migrations"


def ensure(database: Database) -> None:
    """Migrate the database to `HEAD`, or check that it is there when it was opened for reading only.

    Raises:
        UsageError: the schema is newer than this code, or (reading only) not yet this code's.
    """
    with database.read() as conn:
        found = revision(conn)
    if found == HEAD:
        return
    if found is not None and found not in REVISIONS:
        raise UsageError(
            f"the state was written by a newer releasd (schema {found}; this one knows {HEAD})",
            advice="Install the newer releasd again, or give this one another state folder.",
        )
    if database.readonly:
        raise UsageError(
            f"the state has schema {found}, this releasd needs {HEAD}", advice="Start the daemon once: releasd run"
        )
    with database.write() as conn:
        _upgrade(conn)


def revision(conn: Connection) -> str | None:
    """Return the schema's revision, None in an empty database."""
    if not inspect(conn).has_table("alembic_version"):
        return None
    found = conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)


def _upgrade(conn: Connection) -> None:
    from alembic import command  # noqa: PLC0415 (0.2 s that only a migration needs)
    from alembic.config import Config  # noqa: PLC0415 (likewise)

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
