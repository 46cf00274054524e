"""Each loss of anything that a host ran for a job, not of builds alone. Counts that are under way begin anew."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "loss",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_loss_job_id"),
        sa.PrimaryKeyConstraint("job_id", "part", "number", name="pk_loss"),
    )
    op.drop_column("build", "losses")
