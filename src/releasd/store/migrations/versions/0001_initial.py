"""The first schema. Types are spelled out as the database knows them: history does not follow the code."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    _push()
    _job()
    _step()
    _build()
    _artifact()
    _event()
    _host_probe()
    _project_head()
    _append_only()


def _push() -> None:
    op.create_table(
        "push",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("old", sa.String(), nullable=True),
        sa.Column("new", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("uid", sa.Integer(), nullable=True),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_push"),
        sa.UniqueConstraint("project", "ref", "new", "source", name="uq_push_project_ref_new_source"),
    )


def _job() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("commit", sa.String(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("branch", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("bump", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("irrevocable", sa.Boolean(), nullable=False),
        sa.Column("approved", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("tag", sa.String(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state <> 'running' OR (owner IS NOT NULL AND lease_until IS NOT NULL)",
            name=op.f("ck_job_running_has_owner"),
        ),
        sa.CheckConstraint("state = 'running' OR owner IS NULL", name=op.f("ck_job_only_running_has_owner")),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'superseded')",
            name=op.f("ck_job_state"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.UniqueConstraint("project", "commit", "serial", name="uq_job_project_commit_serial"),
    )
    op.create_index(
        "ix_job_queued",
        "job",
        ["project"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "uq_job_one_fresh",
        "job",
        ["project"],
        unique=True,
        sqlite_where=sa.text("state = 'queued' AND NOT irrevocable"),
        postgresql_where=sa.text("state = 'queued' AND NOT irrevocable"),
    )
    op.create_index(
        "uq_job_one_live_version",
        "job",
        ["project", "version"],
        unique=True,
        sqlite_where=sa.text("version IS NOT NULL AND state IN ('queued', 'running')"),
        postgresql_where=sa.text("version IS NOT NULL AND state IN ('queued', 'running')"),
    )
    op.create_index(
        "uq_job_one_running",
        "job",
        ["project"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )


def _step() -> None:
    op.create_table(
        "step",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("retryable", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('started', 'succeeded', 'failed')", name=op.f("ck_step_state")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_step_job_id"),
        sa.PrimaryKeyConstraint("job_id", "name", name="pk_step"),
    )


def _build() -> None:
    op.create_table(
        "build",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('started', 'succeeded', 'failed')", name=op.f("ck_build_state")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_build_job_id"),
        sa.PrimaryKeyConstraint("job_id", "name", name="pk_build"),
    )


def _artifact() -> None:
    op.create_table(
        "artifact",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("build", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("sealed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_artifact_job_id"),
        sa.PrimaryKeyConstraint("job_id", "filename", name="pk_artifact"),
    )


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=True),
        sa.Column("job", sa.Integer(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("prev", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_event"),
        sa.UniqueConstraint("prev", name="uq_event_prev"),
    )
    op.create_index("ix_event_job", "event", ["job"], unique=False)


def _host_probe() -> None:
    op.create_table(
        "host_probe",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_host_probe"),
    )


def _project_head() -> None:
    op.create_table(
        "project_head",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("commit", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", name="pk_project_head"),
    )


def _append_only() -> None:
    """Let the database itself refuse to change the audit log."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION event_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the event table is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event "
            "FOR EACH STATEMENT EXECUTE FUNCTION event_append_only()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER event_no_{verb.lower()} BEFORE {verb} ON event "
            "BEGIN SELECT RAISE(ABORT, 'the event table is append-only'); END"
        )
