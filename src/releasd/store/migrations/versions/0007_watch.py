"""What indexes serve, as it was last seen; the alarms about it, and who was told of them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "index_watch",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("index", sa.String(), nullable=False),
        sa.Column("distribution", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("looked_at", sa.BigInteger(), nullable=True),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("project", "index", "distribution", name="pk_index_watch"),
    )
    op.create_table(
        "index_file",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("index", sa.String(), nullable=False),
        sa.Column("distribution", sa.String(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("yanked", sa.Boolean(), nullable=False),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("origin IN ('ledger', 'before', 'foreign')", name=op.f("ck_index_file_origin")),
        sa.PrimaryKeyConstraint("project", "index", "distribution", "filename", name="pk_index_file"),
    )
    op.create_table(
        "index_alarm",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("index", sa.String(), nullable=False),
        sa.Column("distribution", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("expected", sa.String(64), nullable=True),
        sa.Column("found", sa.String(64), nullable=True),
        sa.Column("closes_at", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.String(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('foreign', 'listed', 'bytes', 'closing')", name=op.f("ck_index_alarm_kind")),
        sa.PrimaryKeyConstraint("id", name="pk_index_alarm"),
    )
    op.create_table(
        "index_alarm_told",
        sa.Column("alarm_id", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("retry_at", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["alarm_id"], ["index_alarm.id"], name="fk_index_alarm_told_alarm_id"),
        sa.PrimaryKeyConstraint("alarm_id", "target", name="pk_index_alarm_told"),
    )
