"""The tables: made by migrations, kept by constraints, never touched by a reader or by an older releasd."""

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, insert, text, update
from sqlalchemy.exc import IntegrityError

from releasd.core.lifecycle import JOB_TRANSITIONS, IllegalTransition
from releasd.errors import UsageError
from releasd.model import JobState, StepName
from releasd.store import Store, open_store, rows, schema
from releasd.store.database import Database
from releasd.store.tables import job as job_table
from releasd.store.tables import metadata
from support.store import NOW, claim, enqueue, in_state, plan, run_steps, running, url_of


def ddl_of(url: str) -> dict[str, set[str]]:
    """Return the parts of the statements that make tables and indexes, in no order."""
    engine = create_engine(url)
    with engine.connect() as conn:
        found = conn.execute(
            text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type <> 'trigger'")
        ).all()
    engine.dispose()
    return {name: _parts(sql) for name, sql in found if name != "alembic_version"}


def _parts(sql: str) -> set[str]:
    """Return what stands between the outer commas: an added column stands on the line of the one before it."""
    parts, depth = [""], 0
    for char in " ".join(sql.split()):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 1:
            parts.append("")
        else:
            parts[-1] += char
    head, _, first = parts[0].partition("(")
    return {head.strip(), *(part.strip(" )") for part in (first, *parts[1:]))}


def test_the_migrations_make_exactly_the_tables_of_the_code(url: str, tmp_path: Path) -> None:
    """Alembic finds no difference, and neither does a look at every constraint and index, which Alembic leaves out."""
    open_store(url).close()
    engine = create_engine(url)
    with engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []
    engine.dispose()
    fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
    engine = create_engine(fresh)
    metadata.create_all(engine)
    engine.dispose()
    assert ddl_of(url) == ddl_of(fresh)


def test_the_code_knows_every_migration_in_order() -> None:
    """`schema.REVISIONS` is what lies in the folder, from the first to the head."""
    scripts = ScriptDirectory(str(schema.MIGRATIONS))
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(schema.REVISIONS)
    assert scripts.get_current_head() == schema.HEAD


@pytest.mark.parametrize("number", range(len(schema.REVISIONS)))
def test_every_migration_applies_to_what_the_one_before_made(url: str, number: int) -> None:
    """From an empty database to each revision, and from there to the head."""
    from alembic import command  # noqa: PLC0415 (as the product does)
    from alembic.config import Config  # noqa: PLC0415 (likewise)

    database = Database(url)
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with database.write() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, schema.REVISIONS[number])
    schema.ensure(database)
    with database.read() as conn:
        assert schema.revision(conn) == schema.HEAD
    database.close()


@pytest.mark.parametrize("name", schema.REVISIONS)
def test_every_migration_can_be_said_in_postgresql(name: str) -> None:
    """The statements compile for the larger database too, triggers included."""
    (path,) = (schema.MIGRATIONS / "versions").glob(f"{name}_*.py")
    spec = importlib.util.spec_from_file_location(f"migration_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    out = io.StringIO()
    options = {"as_sql": True, "output_buffer": out}
    with Operations.context(MigrationContext.configure(dialect_name="postgresql", opts=options)):
        module.upgrade()
    assert "CREATE TABLE" in out.getvalue() or "ALTER TABLE" in out.getvalue()
    assert "RAISE(ABORT" not in out.getvalue()


def test_opening_again_leaves_alembic_alone(url: str) -> None:
    """A start on a current database does not pay for migrations (a fifth of a second, ten megabytes)."""
    open_store(url).close()
    script = "import sys, releasd.store as s; s.open_store(sys.argv[1]).close(); print('alembic' in sys.modules)"
    env = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = (sys.executable, "-c", script, url)
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "False\n"


def test_a_newer_schema_is_refused_with_the_way_out(url: str) -> None:
    """An older releasd does not write into what it does not know."""
    with open_store(url) as store:
        enqueue(store)
    engine = create_engine(url)
    with engine.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for readonly in (False, True):
        with pytest.raises(UsageError, match="newer releasd") as refused:
            open_store(url, readonly=readonly)
        assert "newer releasd" in refused.value.advice


def test_a_database_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    """`status` before the first start says so and leaves no file."""
    with pytest.raises(UsageError, match="no releasd state at"):
        open_store(url_of(tmp_path), readonly=True)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_is_not_migrated_by_reading(tmp_path: Path) -> None:
    """A reader never makes tables."""
    (tmp_path / "releasd.db").touch()
    with pytest.raises(UsageError, match="needs"):
        open_store(url_of(tmp_path), readonly=True)
    assert (tmp_path / "releasd.db").stat().st_size == 0


def test_a_reader_sees_what_a_writer_commits_and_cannot_write(url: str, store: Store) -> None:
    """The command line looks on while the daemon works."""
    with open_store(url, readonly=True) as reader:
        job_id = enqueue(store)
        assert reader.job(job_id) == store.job(job_id)
        assert reader.head() == store.head()
        with pytest.raises(Exception, match="readonly"):
            enqueue(reader, 2)
    assert len(store.jobs()) == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://localhost/releasd", "cannot be kept in mysql"),
        ("postgresql+nosuchdriver://localhost/releasd", "nosuchdriver"),
        ("no url", "cannot be read"),
        ("sqlite:////nowhere/at/all/releasd.db", "unable to open"),
    ],
)
def test_a_store_that_cannot_be_opened_says_why(url: str, why: str) -> None:
    """Wrong database, missing driver, missing folder: a sentence each, and not a traceback."""
    with pytest.raises(UsageError, match=why):
        open_store(url)


def test_odd_characters_in_the_path_are_taken_literally(tmp_path: Path) -> None:
    """Blanks, percent signs and question marks are legal in a folder's name."""
    folder = tmp_path / "a b%20c#d"
    folder.mkdir()
    with open_store(url_of(folder)) as store:
        enqueue(store)
    with open_store(url_of(folder), readonly=True) as reader:
        assert len(reader.jobs()) == 1


def test_the_schema_allows_one_running_job_of_a_project(url: str, store: Store) -> None:
    """Even code that forgets to look cannot run two."""
    running(store, 1)
    second = enqueue(store, 2)
    force = {"state": JobState.RUNNING, "owner": "x", "lease_until": NOW}
    assert_refused(url, update(job_table).where(job_table.c.id == second).values(force), "UNIQUE")


def test_the_schema_allows_one_live_job_of_a_version(url: str, store: Store) -> None:
    """Two jobs never work on one version; a finished one does not count."""
    first = running(store, 1)
    store.set_plan(first.id, first.token, plan("1.0.0"), NOW)
    second = enqueue(store, 2)
    same = update(job_table).where(job_table.c.id == second).values(version="1.0.0")
    assert_refused(url, same, "UNIQUE")
    store.finish(first.id, first.token, JobState.FAILED, "", NOW)
    store.set_plan((job := claim(store)).id, job.token, plan("1.0.0"), NOW)


def test_the_schema_allows_one_queued_job_that_can_be_superseded(url: str, store: Store) -> None:
    """A second one is only let in when its tag was started."""
    first = running(store, 1)
    run_steps(store, first, StepName.CHECK)
    enqueue(store, 2)
    back = {"state": JobState.QUEUED, "owner": None, "lease_until": None}
    assert_refused(url, update(job_table).where(job_table.c.id == first.id).values(back), "UNIQUE")
    store.step_started(first.id, first.token, StepName.TAG, NOW)
    store.requeue(first.id, first.token, not_before=None, reason="", now=NOW)
    assert len(store.queue()) == 2


@pytest.mark.parametrize(
    "values",
    [
        {"state": "running"},
        {"state": "running", "owner": "me"},
        {"state": "running", "lease_until": NOW},
        {"owner": "me"},
        {"state": "lost"},
    ],
)
def test_the_schema_refuses_a_job_that_makes_no_sense(url: str, store: Store, values: dict[str, object]) -> None:
    """A running job has an owner and a lease, no other has an owner, and states are those of the model."""
    job_id = enqueue(store)
    assert_refused(url, update(job_table).where(job_table.c.id == job_id).values(values), "CHECK")


def test_the_schema_refuses_a_second_job_of_the_same_number_for_a_commit(url: str, store: Store) -> None:
    """(project, commit, serial) names one job."""
    job = running(store)
    store.finish(job.id, job.token, JobState.FAILED, "", NOW)
    engine = create_engine(url)
    with engine.begin() as conn:
        row = dict(conn.execute(job_table.select()).mappings().one()) | {"id": 99}
    engine.dispose()
    assert_refused(url, insert(job_table).values(row), "UNIQUE")


def assert_refused(url: str, statement: object, why: str) -> None:
    engine = create_engine(url)
    with pytest.raises(IntegrityError, match=why), engine.begin() as conn:
        conn.execute(statement)
    engine.dispose()


@pytest.mark.parametrize("target", list(JobState))
@pytest.mark.parametrize("current", list(JobState))
def test_a_job_moves_exactly_as_the_table_says(url: str, store: Store, current: JobState, target: JobState) -> None:
    """The one function that changes states refuses what is not in the table, and then writes nothing."""
    job_id = in_state(store, current).id
    head = store.head()
    database = Database(url)
    owner = {"owner": "me", "lease_until": NOW} if target is JobState.RUNNING else {}
    try:
        if target in JOB_TRANSITIONS[current]:
            with database.write() as conn:
                rows.move(conn, rows.get_brief(conn, job_id), target, now=NOW, reason="r", event="job.moved", **owner)
            assert store.job(job_id).state is target
            assert store.events_after(head[0])[0].event == "job.moved"
        else:
            with pytest.raises(IllegalTransition), database.write() as conn:
                rows.move(conn, rows.get_brief(conn, job_id), target, now=NOW, reason="r", event="job.moved", **owner)
            assert (store.job(job_id).state, store.head()) == (current, head)
    finally:
        database.close()
