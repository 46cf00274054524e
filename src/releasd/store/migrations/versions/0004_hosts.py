"""Hosts that are drained or quarantined, builds that wait for a slot, and where builds of a project ran."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "host_state",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("drained", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("look_at", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("cores", sa.Integer(), nullable=False),
        sa.Column("load", sa.Float(), nullable=False),
        sa.CheckConstraint(
            "(failures = 0) = (since IS NULL) AND (failures = 0) = (look_at IS NULL)",
            name=op.f("ck_host_state_quarantine"),
        ),
        sa.PrimaryKeyConstraint("name", name="pk_host_state"),
    )
    op.create_table(
        "waiting_build",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("hosts", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_waiting_build_job_id"),
        sa.PrimaryKeyConstraint("job_id", "name", name="pk_waiting_build"),
    )
    op.create_table(
        "build_place",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("build", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("succeeded_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("project", "build", "host", name="pk_build_place"),
    )
    op.add_column("build", sa.Column("leash", sa.Float(), nullable=True))
    started = sa.text("state = 'started'")
    op.create_index("ix_build_started", "build", ["host"], unique=False, sqlite_where=started, postgresql_where=started)
