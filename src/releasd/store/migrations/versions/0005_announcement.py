"""Who was told of a release, target by target."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "announcement",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("retryable", sa.Boolean(), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('succeeded', 'failed')", name=op.f("ck_announcement_state")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_announcement_job_id"),
        sa.PrimaryKeyConstraint("job_id", "target", name="pk_announcement"),
    )
